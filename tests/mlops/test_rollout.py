"""Rollouts: shadow, canary, live, by gates; what is bad leaves by itself; what people must say, two of them say."""

from __future__ import annotations

import msgspec
import pytest
from tests.mlops.keeper import Keeper, registry
from tests.mlops.rolled import DEAF, REF, TOPOLOGY, World, quick
from tests.models.simulated import Fault

from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadFile, BadInput, Refused
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.rollouts import Evidence, Gate, GatePolicy, Rollout
from mainstay.mlops import Serving
from mainstay.mlops.agreement import Agreement
from mainstay.mlops.rollouts.corroboration import Corroboration
from mainstay.mlops.rollouts.gates import read_policy, shipped_policy
from mainstay.mlops.rollouts.rolling import MOST_POINTS, coursed
from mainstay.mlops.seat import Second
from mainstay.mlops.timing import Took

FAULTS = [Fault(e, start, start + 16, slower=8) for start in range(60, 400, 36) for e in range(4)]
STANDARD = {
    "validation": {name: {"faults": 40, "detected": 38, "false_alarms": 2} for name in ("champion", "challenger")}
}


def test_nothing_goes_live_without_enough_evidence(tmp_path):
    world = World(tmp_path, GatePolicy(shadow_share=1.0))
    found = world.start(world.register(calm_windows=4))
    assert (found.stage, found.change) == ("shadow", "normal")
    world.pass_windows(12)
    assert world.rollout().stage == "shadow"
    assert "0 incidents, needs 20" in world.rollout().says
    assert world.live() == "edges@1"


def test_a_shadow_beside_it_does_not_change_since_when_the_live_version_decides(tmp_path):
    world = World(tmp_path, quick())
    before = world.serving.deployment("edges")
    world.at_ms += 60_000
    found = world.start(world.register(calm_windows=4))
    now = world.serving.deployment("edges")
    assert now.since_ms > before.since_ms
    assert now.live_since_ms == before.since_ms
    world.say(do="validate", id=found.id, by="grace")
    world.pass_windows(6)
    after = world.serving.deployment("edges")
    assert str(after.live) == str(found.challenger)
    assert after.live_since_ms == after.since_ms > now.since_ms


def test_a_normal_change_waits_for_a_validator_who_is_not_its_author(tmp_path):
    world = World(tmp_path, quick())
    found = world.start(world.register(calm_windows=4))
    world.pass_windows(3)
    assert world.rollout().stage == "shadow"
    assert "waits for a validator" in world.rollout().says
    for by in ("ada", "Ada"):
        with pytest.raises(Refused, match="somebody else"):
            world.say(do="validate", id=found.id, by=by)
    world.say(do="validate", id=found.id, by="grace")
    world.pass_windows(3)
    assert world.rollout().stage == "live"
    assert world.live() == str(found.challenger)
    stages = [entry.output["stage"] for entry in world.entries if entry.kind == "rollout"]
    assert stages == ["shadow", "shadow", "canary", "live"]


def test_the_author_of_a_version_does_not_validate_it_even_if_another_asked(tmp_path):
    world = World(tmp_path, quick())
    found = world.start(world.register(by="grace", calm_windows=4))
    with pytest.raises(Refused):
        world.say(do="validate", id=found.id, by="grace")


def test_a_standard_change_promotes_itself_and_the_version_before_shadows_for_a_day(tmp_path):
    world = World(tmp_path, quick())
    made = world.serving._registry.register(
        "edges", "edge-shift", {"calm_windows": 4}, by="mainstay", why="retrain", experiment="exp-1"
    )
    world.start(str(made.ref), change="standard", evidence=msgspec.json.encode(STANDARD).decode())
    world.pass_windows(4)
    assert world.rollout().stage == "live"
    deployment = world.serving.deployment("edges")
    assert (deployment.live, deployment.shadow, deployment.previous) == (
        made.ref,
        VersionRef("edges", 1),
        VersionRef("edges", 1),
    )
    assert deployment.shadow_until_ms - deployment.since_ms == 24 * 3_600_000
    world.at_ms += 25 * 3_600_000
    world.pass_windows(1)
    assert world.serving.deployment("edges").shadow is None


def test_standard_is_only_what_came_out_of_an_experiment(tmp_path):
    world = World(tmp_path, quick())
    assert world.start(world.register(calm_windows=4), change="standard").change == "normal"


def canary(world: World, challenger: str) -> Rollout:
    """A challenger that nobody looked at in shadow, in canary."""
    found = world.start(challenger)
    world.say(do="validate", id=found.id, by="grace")
    world.pass_windows(2)
    assert world.rollout().stage == "canary"
    return world.rollout()


def blind(policy: GatePolicy) -> GatePolicy:
    """Its shadow gate lets everything pass."""
    gate = Gate(windows=1, cases=0, missed_share=1.0, extra_share=1.0, page_ratio=1e9, delay_s=1e9)
    return msgspec.structs.replace(policy, shadow=gate)


def test_a_deaf_canary_leaves_within_ten_windows_and_what_the_champion_found_was_told(tmp_path):
    world = World(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)), FAULTS)
    canary(world, world.register(**DEAF))
    windows = 0
    while world.rollout().stage == "canary" and windows < 10:
        world.pass_windows(1)
        windows += 1
    assert world.rollout().stage == "rolled_back"
    assert "missed" in world.rollout().says
    assert {by for firing, _, by in world.told if firing} == {"edges@1"}
    told = World(tmp_path / "alone", faults=FAULTS)
    told.pass_windows(2 + windows)
    assert [one for one in world.told if one[0]] == [one for one in told.told if one[0]]
    assert world.live() == "edges@1"
    assert world.serving.deployment("edges").canary is None


def test_a_trigger_happy_canary_leaves_and_what_only_it_told_is_over(tmp_path):
    ripples = [Fault(e, start, start + 10, slower=1.6) for start in range(30, 400, 24) for e in range(6)]
    world = World(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)), ripples)
    nervous = world.register(ratio=1.1, latency_p=1e-3, least_ms=0.1, calm_windows=1)
    canary(world, nervous)
    for _ in range(10):
        world.pass_windows(1)
        if world.rollout().stage != "canary":
            break
    assert world.rollout().stage == "rolled_back"
    assert "its alone" in world.rollout().says
    world.pass_windows(1)
    open_ = {subject: firing for firing, subject, _ in world.told}
    assert not any(open_.values())


class Agrees(Corroboration):
    """Somebody else says so, whatever it is."""

    def is_confirmed(self, condition: str, model: str) -> bool:
        return True


def test_what_only_a_canary_found_and_others_confirm_is_neither_for_nor_against_it(tmp_path):
    ripples = [Fault(e, start, start + 10, slower=1.6) for start in range(30, 400, 24) for e in range(6)]
    world = World(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)), ripples)
    world.serving.rollouts.state.corroboration = Agrees()
    canary(world, world.register(ratio=1.1, latency_p=1e-3, least_ms=0.1, calm_windows=1))
    world.pass_windows(6)
    found = world.rollout()
    assert (found.stage, found.evidence.challenger_only) == ("canary", 0)
    assert found.evidence.confirmed > 10
    assert found.result is not None
    assert found.result.figures["told"] == found.evidence.both


def test_a_canary_that_fails_leaves_at_once(tmp_path):
    world = World(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)))
    canary(world, world.register(calm_windows=4))
    world.serving.seat("edges").seconds["*"].model._edges = None
    world.pass_windows(1)
    assert world.rollout().stage == "rolled_back"
    assert "it failed" in world.rollout().says


def test_an_equal_challenger_is_not_sent_back(tmp_path):
    world = World(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)), FAULTS)
    canary(world, world.register(calm_windows=3))
    world.pass_windows(20)
    assert world.rollout().stage in {"canary", "live"}


def test_a_canary_decides_about_its_share_only_and_is_named(tmp_path):
    policy = blind(GatePolicy(canary_share=0.5, shadow_share=1.0))
    world = World(tmp_path, policy, FAULTS)
    found = canary(world, world.register(calm_windows=4))
    world.pass_windows(8)
    seat = world.serving.seat("edges")
    mine = {f"service:lab/b{i}" for i in range(6) if seat.sees("*", f"service:lab/b{i}")}
    assert 0 < len(mine) < 6
    by = {(subject.rpartition(">")[2], who) for firing, subject, who in world.told if firing}
    assert all(entity in mine for entity, who in by if who == str(found.challenger))
    assert any(who == str(found.challenger) for _, who in by)


def test_a_canary_that_knew_others_does_not_take_them_for_silent(tmp_path):
    """In its shadow it heard everybody; in canary it hears its share, and the rest talks on."""
    world = World(tmp_path, blind(GatePolicy(canary_share=0.5, shadow_share=1.0)))
    world.pass_windows(4)
    canary(world, world.register(calm_windows=4))
    world.pass_windows(4)
    assert world.told == []
    assert world.rollout().evidence.challenger_only == 0


def took(cpu_s: float) -> Took:
    return Took(cpu_s, 2 * cpu_s)


def test_of_a_small_share_it_is_not_said_what_a_detector_costs():
    second = Second(REF, "canary", 1.0, None, Agreement())  # all of a small scope is few items, too
    second.race.ran(took(0.0001), took(0.001), is_all=False)
    assert second.race.figures() == {}
    second.race.ran(took(0.01), took(0.012), is_all=False)
    second.race.ran(took(0.0001), took(0.0002), is_all=True)
    figures = second.race.figures()
    assert [figures["champion_cpu_s"], figures["challenger_cpu_s"]] == pytest.approx([0.0101, 0.0122])
    assert [figures["champion_p95_ms"], figures["challenger_p95_ms"]] == pytest.approx([20.0, 24.0])


def test_one_command_takes_a_canary_back_and_the_next_takes_the_live_version_back(tmp_path):
    world = World(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)))
    two = world.register(calm_windows=4)
    world.say("deploy", kind="edges", live=two)
    canary(world, world.register(calm_windows=5))
    world.say("rollback", kind="edges")
    assert (world.rollout().stage, world.live()) == ("rolled_back", two)
    world.say("rollback", kind="edges")
    assert world.live() == "edges@1"


def test_a_second_rollout_of_one_scope_is_refused_and_says_why(tmp_path):
    world = World(tmp_path, quick())
    world.start(world.register(calm_windows=4))
    second = world.start(world.register(calm_windows=5))
    assert second.stage == "refused"
    assert "under way" in second.says
    assert str(world.serving.deployment("edges").shadow) == "edges@2"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"challenger": "edges@9"}, "edges@9"),
        ({"challenger": "metrics@1"}, "for metrics"),
        ({"challenger": "edges@1"}, "serves"),
        ({"challenger": "edges@2", "scope": "team=x"}, "a scope is"),
    ],
)
def test_a_rollout_that_cannot_be_is_kept_as_refused_and_the_deployment_is_untouched(tmp_path, arguments, says):
    world = World(tmp_path)
    world.register(calm_windows=4)
    before = world.serving.deployment("edges")
    found = world.start(**arguments)
    assert (found.stage, world.serving.deployment("edges")) == ("refused", before)
    assert says in found.says


def test_what_makes_no_sense_is_refused(tmp_path):
    world = World(tmp_path)
    with pytest.raises(BadInput, match="challenger"):
        world.say(challenger="edges")
    with pytest.raises(BadInput, match="knows start"):
        world.say(do="dance")
    with pytest.raises(BadInput, match="under way"):
        world.say(do="withdraw", id="nothing")


def test_an_edit_of_the_policy_needs_two_people(tmp_path):
    world = World(tmp_path)
    world.say(do="policy", policy="name: calmer\ncanary: {cases: 30}", file="mine.yaml")
    (waiting,) = world.serving.rollouts.state.proposed
    with pytest.raises(Refused, match="second person"):
        world.say(do="agree", id=waiting)
    assert world.serving.rollouts.state.policy == shipped_policy()
    world.say(do="agree", id=waiting, by="grace")
    assert world.serving.rollouts.state.policy.canary.cases == 30
    assert [entry.output["status"] for entry in world.entries] == ["proposed", "in_force"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\ncanary:\n  cases: many\n", "mine.yaml:3: expected `int`, got `str` \\(at canary.cases\\)"),
        ("name: x\nwindows: 3\n", "mine.yaml:2: .*unknown field `windows`; it has name, window_s, .*bench_hours$"),
        ("canary:\n  casez: 3\n", r"mine.yaml:2: .*unknown field `casez` \(at canary\); it has windows, .*even$"),
        ("canary:\n  even: maybe\n", "mine.yaml:2: expected `bool`, got `str`"),
        ("canary_share: 1.5", "mine.yaml:1: expected `float` <= 1"),
        ("shadow:\n  windows: 9\n  most_windows: 3\n", "mine.yaml:3: expected at least 9"),
        ("name: [", "mine.yaml:1: not YAML"),
    ],
)
def test_a_policy_that_does_not_validate_is_refused_with_its_line(tmp_path, text, says):
    with pytest.raises(BadFile, match=says):
        read_policy(text, "mine.yaml")
    world = World(tmp_path)
    with pytest.raises(BadFile, match=says):
        world.say(do="policy", policy=text, file="mine.yaml")
    assert world.serving.rollouts.state.policy == shipped_policy()


def test_what_was_measured_beside_the_pipeline_is_evidence(tmp_path):
    policy = msgspec.structs.replace(quick(), shadow=Gate(windows=1, cases=0, even=True))
    world = World(tmp_path, policy)
    found = world.start(world.register(calm_windows=4), change="standard")
    world.pass_windows(2)
    assert "not looked at yet" in world.rollout().says
    world.say(do="measured", id=found.id, even="worse", even_says="tier 2: recall 0.3, elsewhere 0.9")
    world.pass_windows(1)
    assert world.rollout().stage == "refused"
    assert "tier 2: recall 0.3, elsewhere 0.9" in world.rollout().says


def test_one_that_is_even_goes_on(tmp_path):
    policy = msgspec.structs.replace(quick(), shadow=Gate(windows=1, cases=0, even=True))
    world = World(tmp_path, msgspec.structs.replace(policy, standard_promotes_itself=True))
    found = world.start(world.register(calm_windows=4))
    world.say("rollout", by="bob", do="validate", id=found.id)
    figures = {"champion_cpu_s": "1.0", "challenger_cpu_s": "1.2", "champion_p95_ms": "3", "challenger_p95_ms": "4"}
    world.say(do="measured", id=found.id, even="none", even_says="no group fares worse", **figures)
    world.pass_windows(1)
    assert world.live() == str(found.challenger)
    shadowed = next(e for e in world.entries if e.kind == "rollout" and e.output["stage"] == "canary")
    assert "no group fares worse" in shadowed.output["says"]


def test_a_scope_has_its_own_version_and_the_most_specific_one_decides(tmp_path):
    world = World(tmp_path, faults=FAULTS)
    two, three = world.register(calm_windows=4), world.register(calm_windows=5)
    world.say("deploy", kind="edges", live=two, scope="tier=1")
    world.say("deploy", kind="edges", live=three, scope="service=b1")
    world.pass_windows(9)
    by = {(subject.rpartition(">")[2], who) for firing, subject, who in world.told if firing}
    wanted = {"service:lab/b0": "edges@1", "service:lab/b1": three, "service:lab/b2": "edges@1", "service:lab/b3": two}
    assert dict(by) == wanted
    world.say("rollback", kind="edges", scope="service=b1")
    assert (world.live("service=b1"), world.live("tier=1"), world.live()) == ("edges@1", two, "edges@1")


def question(*entities: str) -> dict:
    return {
        "suspects": [{"entity": f"service:lab/{one}", "cause": "unknown", "probability": 0.5} for one in entities],
        "runbooks": [], "tried": [], "inventory": {},
    }  # fmt: skip


def test_a_judge_of_a_scope_decides_what_lies_in_it_and_everywhere_what_spans_several(tmp_path):
    world = World(tmp_path)
    two = world.serving._registry.register("planner", "cause-match", {"prior_failed": 3.0}, by="ada", why="test")
    world.say("deploy", kind="planner", live=str(two.ref), scope="tier=1", why="dearer services")

    def asked(*entities):
        return str(world.serving.decide("planner", question(*entities)).decided_by)

    assert (asked("b1"), asked("b0"), asked("elsewhere")) == (str(two.ref), "planner@1", "planner@1")
    seat = world.serving.seat("planner")
    assert seat.shared(["service:lab/b1", "service:lab/b3"]) == "tier=1"
    assert seat.shared(["service:lab/b1", "service:lab/b0"]) == "*"
    assert seat.shared([]) == "*"
    decision = world.serving.decide("planner", question("b1"))
    assert world.serving.reperform(decision.decided_by, decision.inputs) == decision.output
    world.restart()
    assert (asked("b1"), asked("b0")) == (str(two.ref), "planner@1")
    world.say("rollback", kind="planner", scope="tier=1")
    assert asked("b1") == "planner@1"


def test_a_shadow_of_a_judge_in_a_scope_is_asked_there_only(tmp_path):
    world = World(tmp_path)
    two = world.serving._registry.register("planner", "cause-match", {"prior_failed": 3.0}, by="ada", why="test")
    world.say("deploy", kind="planner", shadow=str(two.ref), scope="service=b2")
    for name in ("b2", "b2", "b3"):
        assert str(world.serving.decide("planner", question(name)).decided_by) == "planner@1"
    second = world.serving.seat("planner").seconds["service=b2"]
    assert (second.agreement.decisions, second.agreement.same) == (2, 2)
    assert second.race.figures()["champion_cpu_s"] > 0


def test_what_compares_entities_with_each_other_has_no_scope(tmp_path):
    world = World(tmp_path)
    with pytest.raises(BadInput, match="versions for forecaster are deployed everywhere at once"):
        world.say("deploy", kind="forecaster", live="forecaster@1", scope="tier=1")


def test_scopes_do_not_change_what_is_found(tmp_path):
    world, alone = World(tmp_path / "a", faults=FAULTS), World(tmp_path / "b", faults=FAULTS)
    world.say("deploy", kind="edges", live=world.register(calm_windows=3), scope="environment=lab")
    world.pass_windows(9)
    alone.pass_windows(9)
    assert [one[:2] for one in world.told] == [one[:2] for one in alone.told]


def test_a_rollout_in_a_scope_touches_nobody_else(tmp_path):
    world = World(tmp_path, quick(), FAULTS)
    found = world.start(world.register(calm_windows=4), scope="service=b1")
    world.say(do="validate", id=found.id, by="grace")
    world.pass_windows(4)
    assert world.rollout().stage == "live"
    assert (world.live(), world.live("service=b1")) == ("edges@1", "edges@2")


def test_a_restart_at_any_record_changes_nothing(tmp_path):
    worlds = [World(tmp_path / str(i), blind(GatePolicy(canary_share=0.5, shadow_share=1.0)), FAULTS) for i in (0, 1)]
    for i, world in enumerate(worlds):
        found = world.start(world.register(**DEAF))
        world.say(do="validate", id=found.id, by="grace")
        for _ in range(40):
            world.pass_windows(1, per_window=3)
            if i:
                world.restart()
    assert worlds[0].told == worlds[1].told
    assert worlds[0].rollouts == worlds[1].rollouts
    assert worlds[0].serving.snapshot() == worlds[1].serving.snapshot()


def test_a_live_version_that_nobody_trusts_any_more_does_not_keep_the_platform_from_starting(tmp_path):
    keeper = Keeper()
    first = Serving(registry(tmp_path, keeper))
    two = first._registry.register("edges", "edge-shift", {"calm_windows": 4}, by="ada", why="test")
    effects = Effects()
    first.apply(Command(kind="deploy", by="ada", at_ms=1, subject="edges", arguments={"live": str(two.ref)}), effects)
    keeper.serving.update(effects.deployments)
    (tmp_path / "artefacts" / f"{two.artefact}.json").write_bytes(b"{}")
    again = Serving(registry(tmp_path, keeper), lambda: TOPOLOGY)
    again.restore(first.snapshot())
    assert again.deployment("edges").live == VersionRef("edges", 1)
    assert "edges@2 is not served, edges@1 decides in its place" in again.unserved["edges"]
    told = [entry for entry in keeper.entries.values() if "is not served" in str(entry.output.get("why", ""))]
    assert [entry.kind for entry in told] == ["deployment"]
    assert keeper.serving["edges"].live == VersionRef("edges", 1)


def test_the_way_back_does_not_need_what_it_leaves(tmp_path):
    world = World(tmp_path)
    three = world.register(calm_windows=5)
    world.say("deploy", kind="edges", live=three, scope="service=b1")
    world.pass_windows(1)
    digest = world.serving.known(VersionRef.parse(three)).artefact
    for file in [one for one in tmp_path.rglob("*") if one.is_file() and digest.rpartition(":")[2] in one.name]:
        file.chmod(0o600)
        file.write_bytes(b"damaged")
    world.say("rollback", kind="edges", scope="service=b1")
    assert world.live("service=b1") == "edges@1"
    world.pass_windows(1)


def test_the_course_shows_a_deaf_challenger_fall_behind_and_starts_anew_with_each_stage(tmp_path):
    world = World(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)), FAULTS)
    canary(world, world.register(**DEAF))
    while world.rollout().stage == "canary":
        world.pass_windows(1)
    course = world.rollout().course
    assert [one.stage for one in course] == sorted((one.stage for one in course), reverse=True)
    assert {one.stage for one in course} == {"shadow", "canary"}
    assert [one.at_ms for one in course] == sorted({one.at_ms for one in course})
    assert course[-1].champion >= 3
    assert course[-1].challenger == course[-1].both == 0


def test_a_long_course_is_kept_whole_and_coarser(tmp_path):
    rollout = Rollout(id="r", kind="planner", champion=REF, challenger=VersionRef("edges", 2))
    for window in range(1_000):
        evidence = Evidence(decisions=window, same=window // 2)
        rollout = msgspec.structs.replace(rollout, course=coursed(rollout, evidence, at_ms=window))
        assert len(rollout.course) <= MOST_POINTS
    assert (rollout.course[0].at_ms, rollout.course[-1].at_ms) == (0, 999)
    last = rollout.course[-1]
    assert (last.champion, last.challenger, last.both) == (999, 999, 499)
