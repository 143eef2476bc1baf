"""The version state machine under anything that people, trainings, time and crashes may do to it, in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.mlops.keeper import registry
from tests.mlops.rolled import DEAF, TOPOLOGY, World, quick
from tests.models.simulated import Fault

from mainstay.domain.errors import MainstayError
from mainstay.domain.rollouts import UNDER_WAY, Rollout
from mainstay.mlops import Serving

NEXT = {
    "shadow": {"shadow", "canary", "refused"},
    "canary": {"canary", "live", "rolled_back"},
    "live": {"live"},
    "rolled_back": {"rolled_back"},
    "refused": {"refused"},
}
SCOPES = ("*", "service=b1", "tier=1")
FAULTS = [Fault(e, start, start + 12, slower=8) for start in range(40, 400, 30) for e in range(4)]


class Machine(RuleBasedStateMachine):
    """Effects are committed to the keeper record by record; a crash forgets everything since the last snapshot and
    replays the records after it, as the engine does."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="mainstay-test-")
        self.world = World(Path(self.folder.name), quick(), FAULTS)
        made = [self.world.register(calm_windows=n) for n in (4, 5)] + [self.world.register(**DEAF)]
        self.versions = ["edges@1", *made]
        self.before: dict[str, Rollout] = {}
        self.seen: dict[str, int] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    def _say(self, verb: str, by: str = "ada", **arguments: str) -> None:
        self.world.at_ms += 1
        try:
            self.world.say(verb, by=by, **arguments)
        except MainstayError:
            return  # refused: the invariants say that nothing has changed

    @rule(which=st.integers(0, 3), scope=st.sampled_from(SCOPES))
    def start(self, which: int, scope: str) -> None:
        self._say("rollout", challenger=self.versions[which], scope=scope)

    @rule(by=st.sampled_from(["ada", "grace"]))
    def validate(self, by: str) -> None:
        for name in list(self.world.serving.rollouts.state.rollouts):
            self._say("rollout", by=by, do="validate", id=name)

    @rule()
    def withdraw(self) -> None:
        for name in list(self.world.serving.rollouts.state.rollouts)[:1]:
            self._say("rollout", do="withdraw", id=name)

    @rule(which=st.integers(0, 3), role=st.sampled_from(["live", "shadow"]), scope=st.sampled_from(SCOPES))
    def deploy(self, which: int, role: str, scope: str) -> None:
        self._say("deploy", kind="edges", scope=scope, **{role: self.versions[which]})

    @rule(scope=st.sampled_from(SCOPES))
    def roll_back(self, scope: str) -> None:
        self._say("rollback", kind="edges", scope=scope)

    @precondition(lambda self: self.world.seq < 350)
    @rule()
    def time_passes(self) -> None:
        self.world.pass_windows(1, per_window=4)

    @rule()
    def crash(self) -> None:
        before = self.world.serving.describe()
        self.world.restart()
        assert self.world.serving.describe() == before

    @invariant()
    def exactly_one_version_is_live_in_each_scope(self) -> None:
        serving, kept = self.world.serving, self.world.keeper.serving
        for scope, deployment in serving.seat("edges").deployments.items():
            assert deployment.live is not None
            assert deployment.live not in (deployment.shadow, deployment.canary)
            assert not (deployment.shadow and deployment.canary)
            if deployment.name in kept:
                assert kept[deployment.name] == deployment, scope

    @invariant()
    def stages_follow_each_other(self) -> None:
        for name, now in self.world.rollouts.items():
            was = self.before.get(name)
            if was is not None:
                assert now.stage in NEXT[was.stage] | ({"live"} if was.stage == "shadow" else set()), name
                assert was.stage in UNDER_WAY or now == was
        self.before = dict(self.world.rollouts)

    @invariant()
    def nobody_unvalidated_decides(self) -> None:
        for one in self.world.serving.rollouts.state.rollouts.values():
            assert one.stage in UNDER_WAY
            if one.stage == "canary":
                assert one.validator
                assert one.validator != one.by

    @invariant()
    def who_is_under_way_stands_beside_the_champion(self) -> None:
        for one in self.world.serving.rollouts.state.rollouts.values():
            deployment = self.world.serving.deployment("edges", one.scope)
            beside = deployment.canary if one.stage == "canary" else deployment.shadow
            is_by_hand = beside != one.challenger
            assert is_by_hand or deployment.live != one.challenger


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def course(world: World, since: int, until: int) -> None:
    for step in range(since, until):
        if step == 0:
            world.start("edges@2")
        elif step == 3:
            world.say(do="validate", id=world.rollout().id, by="grace")
        elif step == 50:
            world.say("rollback", kind="edges")
        else:
            world.pass_windows(1, per_window=6)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The course that nobody killed."""
    world = World(tmp_path_factory.mktemp("whole"), quick(), FAULTS)
    world.register(calm_windows=4)
    course(world, 0, 60)
    return world


@pytest.mark.parametrize("stop", range(0, 60, 4))
def test_killed_after_any_record_it_goes_on_as_if_nothing_had_happened(tmp_path, whole, stop):
    """The store has what was committed, the snapshot is older: replay from it leads to the same deployments."""
    cut = World(tmp_path / "b", quick(), FAULTS)
    cut.register(calm_windows=4)
    course(cut, 0, stop)
    snapshot = cut.serving.snapshot()
    course(cut, stop, min(stop + 4, 60))  # committed, and then killed
    cut.serving = Serving(registry(cut.folder, cut.keeper), lambda: TOPOLOGY)
    assert cut.serving.deployment("edges") == cut.keeper.serving["edges"]
    cut.serving.restore(snapshot)
    again = World(tmp_path / "b", quick(), FAULTS)
    again.keeper, again.serving = cut.keeper, cut.serving
    replay(again, whole, stop)
    course(again, stop, 60)
    assert again.live() == whole.live()
    assert msgspec.msgpack.encode(again.rollout()) == msgspec.msgpack.encode(whole.rollout())
    assert again.serving.snapshot() == whole.serving.snapshot()


def replay(world: World, like: World, stop: int) -> None:
    """Put the world's clock and source of records where the snapshot was taken."""
    for step in range(stop):
        if step in (0, 3, 50):
            world.seq += 1
            continue
        for _ in range(6):
            next(world._windows)
            world.at_ms += 10_000
            world.seq += 1
    world.rollouts = {name: one for name, one in like.rollouts.items() if stop > 0}
