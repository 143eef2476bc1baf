"""From incident to plan: facts of the inventory only, the same plan once, and nothing hostile gets through."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.automation.world import ENTITY, NOW_MS, FixedPlanner, deploys, incident, topology

from mainstay.automation import Inventory, load_runbooks, propose
from mainstay.automation.actions import Command
from mainstay.automation.parameters import SOURCES, checked, filled
from mainstay.automation.planning import History
from mainstay.domain.changes import Change
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.errors import Refused
from mainstay.settings import CommandRule

ROLL_BACK = {"runbook": "roll-back-deploy", "suspect": ENTITY, "parameters": {}, "why": "a deploy preceded it"}
HOSTILE = [
    "; rm -rf /", "--option", "-x", "a\nb", "a b", "$(id)", "`id`", "${service}", "a|b", "a&b", "a>b", "..", "../x",
    "a'b", 'a"b', "a\\b", "a\x00b", "", "a" * 10_000, "ä", "a\u2028b", "a\n", "\u202eabc", "*", "~root", "#x",
]  # fmt: skip


def proposed(output=ROLL_BACK, *, made=None, changes=None, entities=None, **more):
    inventory = Inventory.of(entities or topology(), deploys() if changes is None else changes)
    catalogue = more.pop("catalogue", None) or load_runbooks()
    return propose(made or incident(), catalogue, inventory, FixedPlanner(output), NOW_MS, **more)


def test_a_deploy_is_rolled_back_to_what_ran_before():
    plan, entry = proposed()
    assert plan.title == "Roll payments back to v1"
    assert plan.parameters == {"service": "payments", "version": "v2", "previous_version": "v1"}
    assert plan.steps[0].with_["arguments"] == ["payments", "--version", "v1"]
    assert plan.undo[0].with_["arguments"] == ["payments", "--version", "v2"]
    assert (plan.targets, plan.status, plan.requested_by) == ((ENTITY,), "proposed", "mainstay")
    assert str(plan.decided_by) == entry.actor == "planner@1"


def test_the_entry_can_be_taken_again_and_names_what_it_rests_on():
    plan, entry = proposed()
    assert entry.output == ROLL_BACK
    assert set(entry.inputs) == {"suspects", "runbooks", "inventory", "tried"}
    assert {"INC-7", "diagnoser@1", "c2", f"plan-digest:{plan.digest}"} <= set(entry.rests_on)
    assert any(name.startswith("runbook/roll-back-deploy:") for name in entry.rests_on)


def test_the_planner_sees_plain_values():
    planner = FixedPlanner(ROLL_BACK)
    propose(incident(), load_runbooks(), Inventory.of(topology(), deploys()), planner, NOW_MS)
    [inputs] = planner.asked
    assert inputs["inventory"][ENTITY]["change.previous_version"] == "v1"
    offer = next(o for o in inputs["runbooks"] if o["name"] == "roll-back-deploy")
    assert offer["needs_change"]
    assert offer["parameters"]["previous_version"] == "change.previous_version"


def test_the_real_planner_chooses_the_mend_of_each_cause():
    from mainstay.models.planning import Planner

    class Real(FixedPlanner):
        def decide(self, kind, inputs):
            self.output = Planner({}).decide(inputs)
            return super().decide(kind, inputs)

    chosen = {}
    for cause in ("deploy", "config", "memory", "cpu", "database", "dependency", "queue", "disk"):
        inventory = Inventory.of(topology(), deploys())
        plan, _ = propose(incident(cause), load_runbooks(), inventory, Real({}), NOW_MS)
        chosen[cause] = plan.runbook
    assert chosen == {
        "deploy": "roll-back-deploy", "config": "restore-configuration", "memory": "roll-back-deploy",
        "cpu": "stop-noisy-neighbour", "database": "release-database-lock", "dependency": "restart-service",
        "queue": "scale-consumers", "disk": "clean-disk",
    }  # fmt: skip
    no_deploy, _ = propose(incident("memory", change=None), load_runbooks(), inventory, Real({}), NOW_MS)
    assert no_deploy.runbook == "stop-leak"
    assert propose(incident("unknown"), load_runbooks(), inventory, Real({}), NOW_MS) is None
    placebo, _ = propose(incident("deploy"), load_runbooks(force="placebo"), inventory, Real({}), NOW_MS)
    assert placebo.runbook == "placebo"


def test_id_and_digest_are_the_same_after_a_replay_and_in_the_store(world):
    (first, _), (second, _) = proposed(), proposed(made=msgspec.structs.replace(incident(), updated_ms=NOW_MS + 5))
    assert (first.id, first.digest) == (second.id, second.digest)
    world.control.save_plan(first)
    assert world.control.plan(first.id).digest == first.digest
    assert proposed(history=History(known=[first.id])) is None


def test_what_was_tried_in_vain_is_told_to_the_planner():
    class Listening(FixedPlanner):
        def decide(self, kind, inputs):
            self.heard = inputs["tried"]
            return super().decide(kind, inputs)

    planner = Listening(ROLL_BACK)
    inventory = Inventory.of(topology(), deploys())
    propose(incident(), load_runbooks(), inventory, planner, NOW_MS, History(tried=["roll-back-deploy"]))
    assert planner.heard == ["roll-back-deploy"]


@pytest.mark.parametrize(
    "output",
    [
        {"runbook": None, "suspect": ENTITY, "parameters": {}, "why": "no runbook"},
        {**ROLL_BACK, "runbook": "format-disk"},
        {**ROLL_BACK, "runbook": "placebo"},
        {**ROLL_BACK, "suspect": "service:lab/other"},
        {**ROLL_BACK, "suspect": None},
        {**ROLL_BACK, "parameters": {"service": "other"}},
        {**ROLL_BACK, "parameters": {"previous_version": "v1; reboot"}},
        {},
    ],
)
def test_a_planner_that_names_something_else_is_not_followed(output):
    assert proposed(output) is None


def test_no_plan_without_a_suspect_or_for_what_is_over():
    for status in ("resolved", "merged"):
        assert proposed(made=msgspec.structs.replace(incident(), status=status)) is None
    assert proposed(made=msgspec.structs.replace(incident(), suspects=())) is None


def test_what_was_rolled_back_already_is_not_rolled_back_again():
    back = Change(
        id="c3", at_ms=NOW_MS, kind="rollback", subject="payments", entity=ENTITY, version="v1", previous_version="v2"
    )
    assert proposed(changes=(*deploys(), back)) is None


def test_a_first_deploy_has_nothing_to_go_back_to():
    [_, only] = deploys()
    assert proposed(changes=(msgspec.structs.replace(only, previous_version=""),)) is None


def test_the_version_before_is_one_that_nobody_left():
    ran = [
        ("d1", "deploy", "v1", ""),
        ("d2", "deploy", "v2", "v1"),
        ("d3", "rollback", "v1", "v2"),
        ("c2", "deploy", "v3", ""),
    ]
    changes = [
        Change(
            id=id_, at_ms=NOW_MS + at, kind=kind, subject="p", entity=ENTITY, version=version, previous_version=previous
        )
        for at, (id_, kind, version, previous) in enumerate(ran)
    ]
    facts = Inventory.of(topology(), reversed(changes)).facts(ENTITY, "c2")
    assert (facts["entity.version"], facts["change.previous_version"]) == ("v3", "v1")


def test_an_entity_says_its_version_when_no_deploy_was_seen():
    entity = Entity(id=ENTITY, kind="service", name="payments", attributes={"service.version": "v9"})
    assert Inventory.of(Topology(entities={ENTITY: entity}), ()).facts(ENTITY)["entity.version"] == "v9"


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_facts_make_no_plan(value):
    """Whoever can send a change event or name a service must not get a word into a command."""
    assert proposed(changes=deploys(good=value)) is None
    named = Topology(entities={ENTITY: Entity(id=ENTITY, kind="service", name=value)})
    assert proposed(entities=named) is None
    sick = f"service:lab/{value}"
    restart = {"runbook": "restart-service", "suspect": sick, "parameters": {}, "why": ""}
    assert proposed(restart, made=incident("dependency", entity=sick, change=None), entities=Topology()) is None


@given(st.sampled_from(sorted(SOURCES)), st.text(max_size=300))
@example("entity.name", "a\n")
def test_what_passes_is_one_plain_word_for_the_command_too(source, value):
    try:
        word = checked(source, value)
    except Refused:
        return
    assert word == value
    assert not word.startswith("-")
    assert word.isascii()
    assert not set(word) & set(" \t\r\n\0;|&$`'\"\\<>(){}[]*?!~#%^")
    assert (
        Command({"c": CommandRule(argv=("true",), verbs=("v",))}).check(
            {"command": "c", "verb": "v", "arguments": [word]}
        )
        == []
    )


def test_what_is_put_in_is_not_looked_at_again():
    assert filled("${a}", {"a": "${b}", "b": "x"}) == "${b}"
