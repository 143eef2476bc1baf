"""The page budget over the API: promised, observed, held back, missed, learned, undone; and an alert in words."""

from __future__ import annotations

import msgspec
import pytest
from tests.api.conftest import Client
from tests.api.fake_platform import FakePlatform
from tests.store import control_samples as some
from tests.store.control_samples import T0

from mainstay.api import budget
from mainstay.domain.budget import BudgetState, LearnedBar, TeamBudget
from mainstay.domain.verdicts import Verdict

BAR = LearnedBar(
    id="f1", entity="service:prod/payments", name="latency high", channel="level", judged=4.0, needed=6.0, alert="A-1",
    verdict="V-9", by="ada", at_ms=T0, held=2,
)  # fmt: skip
STANDS = TeamBudget(team="default", promised=7.0, watched=12, reserved=1.0, places=6, used=2, level=None)


@pytest.fixture
def told(platform: FakePlatform) -> FakePlatform:
    """A held-back alert whose entity was in an incident five minutes later."""
    effects = some.effects(seq=2)
    held = some.alert(2, since_ms=T0 + 10_000, at_ms=T0 + 15_000, status="resolved", suppressed=True,
                      suppressed_by="budget", suppressed_why="page budget of team default")  # fmt: skip
    effects.alerts = {held.id: held}
    later = some.incident(2, opened_ms=T0 + 310_000, groupings=())
    effects.incidents = {later.id: later}
    word = Verdict(id="V-9", kind="not-anomaly", subject="A-1", by="ada", at_ms=T0)
    effects.verdicts = {word.id: word}
    platform.control.commit(effects)
    platform.clock.at_ms = T0 + 3_600_000
    platform.standing = BudgetState(at_ms=T0, teams=(STANDS,), learned=(BAR,), waiting=3, lost=1)
    return platform


def test_everything_at_once(viewer: Client, told: FakePlatform) -> None:
    page = viewer.get("budget")
    [team] = page["teams"]
    assert team["stands"] == msgspec.to_builtins(STANDS)
    assert (team["observed"]["limited"], team["observed"]["wrong"]) == (2, 1)
    assert team["observed"]["says"].startswith("promised at most 7 false pages a week; observed")
    assert page["learned"][0]["bar"]["verdict"] == "V-9"
    assert page["learned"][0]["says"].startswith("2 alerts held back since ada said")
    assert (page["waiting"], page["lost"], page["floors"]) == (3, 1, [])


def test_what_was_held_back_is_listed_with_the_miss(viewer: Client, told: FakePlatform) -> None:
    page = viewer.get("budget")
    assert page["held_count"] == len(page["held"])
    [row] = [row for row in page["held"] if row["alert"]["id"] == "A-2"]
    assert row["alert"]["suppressed_by"] == "budget"
    assert row["missed"]["says"] == "incident INC-2 opened 5 min 0 s after it began"
    assert page["missed_count"] == 1
    assert viewer.get("budget", limit=1)["held_count"] == page["held_count"]


def test_when_there_is_more_than_is_looked_through_it_says_so(
    viewer: Client, told: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = viewer.get("budget")
    assert whole["is_cut"] is False
    effects = some.effects(seq=3)
    effects.alerts = {f"A-{n}": some.alert(n, id=f"A-{n}", suppressed=True) for n in range(10, 14)}
    told.control.commit(effects)
    monkeypatch.setattr(budget, "MOST", 3)
    page = viewer.get("budget")
    assert (page["is_cut"], len(page["held"])) == (True, 3)
    assert page["held_count"] == whole["held_count"] + 4


def test_before_the_first_tick_there_is_the_promise_of_the_settings(viewer: Client) -> None:
    [team] = viewer.get("budget")["teams"]
    assert (team["team"], team["stands"]["promised"], team["stands"]["watched"]) == ("default", 7, 0)


def test_an_alert_in_words(viewer: Client, told: FakePlatform) -> None:
    alert = viewer.get("alerts/A-1")
    assert alert["band"]["unit"] == "ms"
    words = alert["explanation"]
    assert (words["expected"], words["came"]) == ("1–2 ms", "9.5 ms")
    assert words["rarity"] == "less than once in 100 years for this series"
    assert words["decided_by"] == "metrics@1"
    assert words["learned"]["id"] == "f1"
    assert words["if_wrong"] == "mainstay incidents verdict A-1 not-anomaly"
    assert viewer.get("alerts/A-2")["explanation"]["held_back"] == "page budget of team default"


def test_what_was_learned_is_undone_by_a_responder_and_by_nobody_below(
    clients: dict[str, Client], told: FakePlatform
) -> None:
    clients["viewer"].post("budget/learned/f1/undo", status=403)
    assert clients["responder"].post("budget/learned/f1/undo", status=202) == {"seq": 1}
    [command] = told.told
    assert (command.kind, command.subject, command.by) == ("suppress", "f1", "responder")
    clients["responder"].post("budget/learned/unknown/undo", status=404)


def test_the_figures_of_the_budget_are_metrics(viewer: Client, told: FakePlatform) -> None:
    text = viewer.ask("GET", "/metrics").text
    for line in (
        "mainstay_alerts_waiting 3",
        "mainstay_alerts_lost_total 1",
        'mainstay_page_places_used{team="default"} 2.0',
        'mainstay_pages_promised_per_week{team="default"} 7.0',
        "mainstay_learned_conditions 1",
        "mainstay_learned_held 2",
    ):
        assert line in text


def test_what_models_take_is_a_metric_by_version(viewer: Client) -> None:
    text = viewer.ask("GET", "/metrics").text
    for line in (
        'mainstay_model_calls_total{kind="metrics",version="metrics@2"} 4',
        'mainstay_model_items_total{kind="metrics",version="metrics@2"} 400',
        'mainstay_model_cpu_seconds_total{kind="metrics",version="metrics@2"} 0.5',
        'mainstay_model_call_p95_seconds{kind="metrics",version="metrics@2"} 0.3',
    ):
        assert line in text
