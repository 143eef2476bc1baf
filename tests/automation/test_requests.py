"""A runbook by hand: the same plan as always, but theirs who asked; and nothing gets past policy or parameters."""

import asyncio

import msgspec
import pytest
from tests.automation.test_approvals import BOB, RESPONDER
from tests.automation.world import ADA, ENTITY, ROOT, deploys, incident

from mainstay.automation import Requests, load_runbooks
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity
from mainstay.domain.errors import BadInput, NotFound, Refused
from mainstay.domain.runbooks import Wish
from mainstay.domain.users import User

BACK = Wish("roll-back-deploy")
OTHER = "service:lab/cart"


@pytest.fixture
def desk(world):
    effects = Effects(decided_seq=2, changes={change.id: change for change in deploys()})
    effects.entities[OTHER] = Entity(id=OTHER, kind="service", name="cart", environment="lab", tier=1)
    world.control.commit(effects)
    world._seq = 2
    return Requests(world.control, load_runbooks(), world.approvals, world.clock)


def test_what_is_left_out_comes_from_the_inventory(desk):
    made = desk.plan("INC-7", BACK, RESPONDER)
    assert made.parameters == {"service": "payments", "version": "v2", "previous_version": "v1"}
    assert (made.targets, made.status, made.requested_by) == ((ENTITY,), "proposed", "user:rita")
    assert str(made.decided_by) == "user/rita@0"
    assert made.reason == "rita asks for it"


def test_a_value_that_the_inventory_cannot_know_may_be_given(desk):
    made = desk.plan("INC-7", Wish("roll-back-deploy", "", {"previous_version": "v0.9"}), RESPONDER)
    assert made.steps[0].with_["arguments"] == ["payments", "--version", "v0.9"]


def test_another_entity_than_the_suspect(desk):
    made = desk.plan("INC-7", Wish("restart-service", OTHER), RESPONDER)
    assert (made.title, made.targets, made.suspect) == ("Restart cart", (OTHER,), OTHER)


@pytest.mark.parametrize(
    ("name", "wish", "error", "says"),
    [
        ("INC-9", BACK, NotFound, "no incident INC-9"),
        ("INC-7", Wish("make-coffee"), NotFound, "no runbook is named 'make-coffee'"),
        ("INC-7", Wish("restart-service", "service:lab/nobody"), NotFound, "no entity"),
        ("INC-7", Wish("roll-back-deploy", OTHER), BadInput, "needs version"),
        ("INC-7", Wish("restart-service", "", {"speed": "9"}), BadInput, "no parameter 'speed'; it has service"),
        ("INC-7", Wish("restart-service", "", {"service": "cart"}), BadInput, "name another entity"),
        ("INC-7", Wish("roll-back-deploy", "", {"previous_version": "--force"}), Refused, "may not stand in a plan"),
        ("INC-7", Wish("roll-back-deploy", "", {"previous_version": "v1;id"}), Refused, "may not stand in a plan"),
    ],
)
def test_a_wish_that_makes_no_sense_says_why(desk, name, wish, error, says):
    with pytest.raises(error, match=says):
        desk.plan(name, wish, RESPONDER)


def test_what_is_switched_off_is_not_done_by_hand_either_unless_it_is_forced(world, desk):
    wish = Wish("placebo")
    with pytest.raises(Refused, match="placebo is not enabled"):
        desk.plan("INC-7", wish, RESPONDER)
    forced = Requests(world.control, load_runbooks(force="placebo"), world.approvals, world.clock)
    assert forced.plan("INC-7", wish, RESPONDER).runbook == "placebo"


@pytest.mark.parametrize("by", [User(name="vic", role="viewer"), User(name="off", role="admin", disabled=True)])
def test_who_may_not_ask(desk, by):
    with pytest.raises(Refused, match="may not request"):
        desk.plan("INC-7", BACK, by)


def test_an_incident_that_is_over_or_has_no_suspect(world, desk):
    effects = Effects(decided_seq=3, incidents={"INC-7": msgspec.structs.replace(incident(), status="resolved")})
    effects.incidents["INC-8"] = msgspec.structs.replace(incident(), id="INC-8", suspects=())
    world.control.commit(effects)
    with pytest.raises(Refused, match="INC-7 is resolved"):
        desk.plan("INC-7", BACK, RESPONDER)
    with pytest.raises(BadInput, match="has no suspect"):
        desk.plan("INC-8", BACK, RESPONDER)
    assert desk.plan("INC-8", Wish("restart-service", ENTITY), RESPONDER).incident == "INC-8"


def test_the_same_runbook_again_is_another_plan(world, desk):
    first = desk.plan("INC-7", BACK, RESPONDER)
    world.clock.at_ms += 1
    again = desk.plan("INC-7", BACK, RESPONDER)
    assert first.id != again.id
    assert first.digest != again.digest


def test_what_is_proposed_already_becomes_theirs(world, desk):
    wished = desk.plan("INC-7", BACK, RESPONDER)
    proposed = world.keep(msgspec.structs.replace(wished, id="PLAN-1", requested_by="mainstay"))
    taken = desk.plan("INC-7", BACK, ADA)
    assert (taken.id, taken.digest, taken.requested_by) == (proposed.id, proposed.digest, "user:ada")
    world.keep(taken)
    with pytest.raises(Refused, match="was asked for by user:ada"):
        desk.plan("INC-7", BACK, BOB)


def test_it_runs_like_any_other_plan_with_the_yes_of_somebody_else(world, desk):
    made = world.keep(desk.plan("INC-7", BACK, ADA))
    with pytest.raises(Refused, match="nobody-approves-what-he-asked-for"):
        world.approvals.approve(made.id, ADA, made.digest)
    world.heal_after(4)
    ended = asyncio.run(world.run(made, ROOT))
    assert ended.status == "succeeded", ended.outcome
    assert world.spy.calls == ["redeploy payments --version v1"]
    assert {"approval", "step", "verification"} <= {entry.kind for entry in world.control.ledger()}
