"""A version stands, or it does not and says why; what rests on it then asks a human."""

import msgspec
import pytest
from tests.mlops.watching.scene import AT_MS, TOPOLOGY, entity

from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Grouping, Incident, Suspect
from mainstay.domain.models import Deployment, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.rollouts import Rollout
from mainstay.domain.runbooks import Plan, Verify
from mainstay.domain.watching import Finding
from mainstay.mlops.watching.health import DAY_MS, Health, governed
from mainstay.mlops.watching.standing import Standings, scopes_of, upstream_of

REF = VersionRef("metrics", 7)


def rollout(stage: str = "canary", scope: str = "service=cart", says: str = "") -> Rollout:
    at = {"champion": VersionRef("metrics", 6), "challenger": REF}
    return Rollout(id="RO-1", kind="metrics", scope=scope, stage=stage, says=says, **at)


def finding(scope: str = "*", measure: str = "data_drift", version: VersionRef = REF) -> Finding:
    figures = {"value": 0.6, "threshold": 0.3, "unit": "share", "since_ms": AT_MS, "at_ms": AT_MS}
    return Finding(id="F-1", measure=measure, kind="metrics", version=version, scope=scope, says="it moved", **figures)


def standings(*findings: Finding, health: Health | None = None, refused: str = "") -> Standings:
    return Standings(lambda: findings, lambda: health or Health(), lambda _: refused)


def after(*records, deployments=()) -> Health:
    health = Health()
    for record in records:
        health.saw(Effects(records={f"rollout:{record.id}": record}))
    health.saw(Effects(deployments={one.kind: one for one in deployments}))
    return health


def test_a_version_of_which_nothing_is_known_stands():
    assert standings().standing(REF, "*", AT_MS).is_sound


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (standings(finding()), "drifting"),
        (standings(finding(measure="accuracy")), "drifting"),
        (standings(health=after(rollout(scope="*"))), "canary"),
        (standings(health=after(rollout(), rollout(stage="rolled_back", says="too many pages"))), "rolled_back"),
        (standings(refused="altered"), "unverified"),
    ],
    ids=["drift", "accuracy", "canary", "rolled back", "unverified"],
)
def test_each_reason_is_named_and_says_which_version(given, reason):
    one = given.standing(REF, "*", AT_MS)
    assert (one.is_sound, one.reasons) == (False, (reason,))
    assert all("metrics@7" in says for says in one.says)


def test_slowness_keeps_no_version_from_standing():
    assert standings(finding(measure="runtime")).standing(REF, "*", AT_MS).is_sound


def test_another_versions_drift_is_not_its_own():
    assert standings(finding(version=VersionRef("metrics", 6))).standing(REF, "*", AT_MS).is_sound


def test_drift_of_one_service_concerns_that_service():
    one = standings(finding(scope="service=cart"))
    assert one.unsound([REF], scopes_of([entity("cart")], TOPOLOGY.entities), AT_MS)
    assert not one.unsound([REF], scopes_of([entity("search")], TOPOLOGY.entities), AT_MS)
    assert one.unsound([REF], ["*"], AT_MS)


def test_drift_of_a_tier_concerns_its_services():
    one = standings(finding(scope="tier=2"))
    assert one.unsound([REF], scopes_of([entity("cart")], TOPOLOGY.entities), AT_MS)
    assert not one.unsound([REF], scopes_of([entity("front")], TOPOLOGY.entities), AT_MS)


def test_a_canary_that_went_live_is_none():
    assert standings(health=after(rollout(), rollout(stage="live"))).standing(REF, "*", AT_MS).is_sound


def test_a_version_that_was_rolled_back_stands_again_when_it_is_deployed():
    back = rollout(stage="rolled_back")
    assert (
        standings(health=after(back, deployments=[Deployment(kind="metrics", live=REF)])).standing(REF, "*", 1).is_sound
    )


def test_a_version_that_was_rolled_back_from_one_service_stands_for_the_others():
    health = Health()
    health.took_back(REF, "service=cart", "too loud")
    health.took_back(VersionRef("metrics", 70), "*", "another one")
    one = standings(health=health)
    assert one.unsound([REF], scopes_of([entity("cart")], TOPOLOGY.entities), AT_MS)
    assert not one.unsound([REF], scopes_of([entity("search")], TOPOLOGY.entities), AT_MS)
    assert one.standing(REF, "service=cart", AT_MS).says == ("metrics@7 was rolled back in service=cart: too loud",)
    health.saw(Effects(deployments={"a": Deployment(kind="metrics", live=REF, scope="service=search")}))
    assert health.why_back(REF) == [("service=cart", "too loud")]
    health.saw(Effects(deployments={"a": Deployment(kind="metrics", live=REF, scope="service=cart")}))
    assert health.why_back(REF) == []


def test_the_users_own_rules_are_not_judged():
    assert standings(refused="unknown").unsound([VersionRef("rule/HighLatency", 0)], ["*"], AT_MS) == ()


def govern(known=None, at_ms=AT_MS, by="ada", **values):
    effects = Effects()
    arguments = {name: msgspec.json.encode(value).decode() for name, value in values.items()}
    governed(Command(kind="govern", by=by, at_ms=at_ms, subject="metrics", arguments=arguments), known, effects)
    return effects


def test_a_validation_that_ran_out_closes_automation():
    health = after()
    health.saw(govern(owner="bob", validator="ada", validated_ms=AT_MS, materiality="high"))
    one = standings(health=health)
    assert one.standing(REF, "*", AT_MS + 90 * DAY_MS).is_sound
    late = one.standing(REF, "*", AT_MS + 93 * DAY_MS)
    assert late.reasons == ("overdue",)
    assert late.says == ("the validation of metrics ran out 3 days ago",)


def test_what_is_not_named_stays_as_it_was():
    first = govern(owner="bob", purpose="latency").records["governance:metrics"]
    second = govern(first, validator="ada").records["governance:metrics"]
    assert (second.owner, second.purpose, second.validator) == ("bob", "latency", "ada")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"owner": "bob", "validator": "Bob"}, "cannot validate"),
        ({"colour": "red"}, "has no 'colour'"),
        ({"materiality": "vast"}, "vast"),
    ],
)
def test_what_makes_no_sense_is_refused(values, says):
    from mainstay.domain.errors import BadInput

    with pytest.raises(BadInput, match=says):
        govern(**values)


def test_everybody_in_the_chain_is_upstream():
    times = {"since_ms": 1, "opened_ms": 1, "updated_ms": 1}
    names = ("correlator", "grouping", "diagnoser", "planner", "metrics")
    correlator, grouping, diagnoser, planner, metrics = (VersionRef(name, 1) for name in names)
    incident = Incident(
        id="INC-1", status="open", severity="major", title="t", decided_by=correlator, **times,
        groupings=(Grouping(alert="a", at_ms=1, why="w", decided_by=grouping),),
        suspects=(Suspect(entity="e", cause="cpu", probability=1, decided_by=diagnoser),),
    )  # fmt: skip
    plan = Plan(
        id="P", incident="INC-1", runbook="r", title="t", parameters={}, targets=(), steps=(), undo=(),
        verify=Verify(), risk_class="normal", decided_by=planner, created_ms=1,
    )  # fmt: skip
    alert = type("Raised", (), {"decided_by": metrics})()
    assert upstream_of(incident, [alert], plan) == {correlator, grouping, diagnoser, planner, metrics}
