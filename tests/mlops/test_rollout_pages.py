"""Pages of both versions are counted by what the correlator opens; who makes twice as many leaves by that alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest
from tests.mlops.rolled import TOPOLOGY, WINDOW_MS, World
from tests.mlops.test_gates import ROLLOUT
from tests.mlops.test_rollout import blind, canary
from tests.models.simulated import Fault

from mainstay.correlate.stage import Correlate
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.rollouts import Evidence, GatePolicy
from mainstay.domain.signals import Normal
from mainstay.mlops.rollouts.gates import judge

REAL = [Fault(edge, start, start + 8, slower=8) for edge, start in ((0, 60), (1, 112))]
RIPPLES = [Fault(edge, start, start + 8, slower=1.6) for edge, start in ((2, 36), (3, 86))]
DAY_S = 86_400.0


class Paged(World):
    """A world in which what is told becomes alerts, and the platform's own correlator makes incidents of them."""

    def __init__(self, folder: Path, policy: GatePolicy, faults: list[Fault]) -> None:
        super().__init__(folder, policy, faults)
        self.correlation = Correlate(self.serving)
        self.opened: dict[str, int] = {}
        self._alerts: dict[str, Alert] = {}

    def pass_windows(self, number: int, per_window: int = 12) -> None:
        for _ in range(number * per_window):
            self.at_ms += WINDOW_MS // per_window
            normal = dataclasses.replace(next(self._windows), at_ns=self.at_ms * 1_000_000)
            served = self.serving.score("edges", normal)
            effects = Effects(decided_seq=self._next())
            for told in served.scored.transitions:
                self._tell(told, told.by or served.decided_by, effects)
            self.correlation.apply(Normal(at_ns=normal.at_ns), TOPOLOGY, self.at_ms, effects)
            self.opened |= {one.id: one.opened_ms for one in effects.incidents.values()}
            self.serving.saw(effects)
            self._keep(effects)

    def _tell(self, told, by, effects: Effects) -> None:
        key = f"{told.subject}|{told.channel}"
        before = self._alerts.get(key)
        if told.firing:
            now = Alert(
                id=f"{key}:{self.at_ms}", fingerprint=key, entity=told.entity, name=told.name, severity="critical",
                status="firing", since_ms=self.at_ms, at_ms=self.at_ms, decided_by=by, subject=told.subject,
                channel=told.channel,
            )  # fmt: skip
        elif before is None:
            return
        else:
            now = msgspec.structs.replace(before, status="resolved", at_ms=self.at_ms, ended_ms=self.at_ms)
        self._alerts[key] = effects.alerts[now.id] = now


def end_of(world: Paged, parameters: dict[str, float]) -> Evidence:
    """What a challenger's canary of ten windows came to."""
    canary(world, world.register(**parameters))
    for _ in range(10):
        world.pass_windows(1)
        if world.rollout().stage != "canary":
            break
    return world.rollout().evidence


def test_twice_the_pages_at_the_same_recall_leaves_within_ten_windows_by_its_pages(tmp_path):
    world = Paged(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)), REAL + RIPPLES)
    seen = end_of(world, {"ratio": 1.25, "least_ms": 0.2, "latency_p": 1e-4})
    found = world.rollout()
    assert (found.stage, seen.champion_only) == ("rolled_back", 0)
    assert found.windows <= 10
    assert (seen.champion_would_page, seen.challenger_would_page, len(world.opened)) == (2, 4, 4)
    (reason,) = found.result.reasons
    assert reason.startswith("2 pages in")
    assert "(champion 2, challenger 4); 7 a week may be" in reason


def test_pages_that_only_the_champion_makes_are_the_challengers_missing(tmp_path):
    policy = blind(GatePolicy(canary_share=1.0, shadow_share=1.0))
    lax = msgspec.structs.replace(policy, canary=msgspec.structs.replace(policy.canary, missed_share=1.0))
    seen = end_of(Paged(tmp_path, lax, REAL), {"latency_p": 1e-300, "errors_p": 1e-300})
    assert (seen.champion_would_page, seen.challenger_would_page) == (2, 0)


def test_an_equal_challenger_makes_the_same_pages(tmp_path):
    world = Paged(tmp_path, blind(GatePolicy(canary_share=1.0, shadow_share=1.0)), REAL)
    seen = end_of(world, {"calm_windows": 3})
    assert world.rollout().stage == "canary"
    assert (seen.pages, seen.champion_would_page, seen.challenger_would_page) == (2, 2, 2)
    assert seen.lasted_s == pytest.approx(60 * world.rollout().windows, abs=60)


@pytest.mark.parametrize(
    ("extra", "lasted_s", "share", "is_sent_back"),
    [
        (1, 60.0, 1.0, False),  # one page is no rate
        (2, 600.0, 1.0, True),
        (2, 3_600.0, 1.0, False),
        (2, 14_400.0, 0.1, False),
        (2, 600.0, 0.1, True),
        (7, 7 * DAY_S, 1.0, False),  # the budget itself
        (14, 7 * DAY_S, 1.0, False),
        (40, 7 * DAY_S, 1.0, True),
        (2, 0.0, 1.0, False),
    ],
)
def test_how_soon_pages_of_its_own_are_too_many(extra, lasted_s, share, is_sent_back):
    seen = Evidence(both=400, pages=400, extra_pages=extra, lasted_s=lasted_s)
    policy = GatePolicy(canary_share=share)
    found = judge(msgspec.structs.replace(ROLLOUT, stage="canary"), seen, policy)
    assert (found.verdict == "failed") is is_sent_back, found
    figures = found.figures
    assert (figures["pages_champion"], figures["pages_challenger"]) == (400 - extra, 400)
    assert figures["pages_allowed"] == pytest.approx(7 * share * lasted_s / (7 * DAY_S))


def test_a_team_that_accepts_more_pages_says_so_in_its_policy():
    seen = Evidence(both=400, pages=400, extra_pages=2, lasted_s=600.0)
    gate = msgspec.structs.replace(GatePolicy().canary, extra_pages_per_week=700.0)
    policy = GatePolicy(canary=gate, canary_share=1.0)
    assert judge(msgspec.structs.replace(ROLLOUT, stage="canary"), seen, policy).verdict == "passed"
