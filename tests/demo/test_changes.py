"""The figures of a campaign of changes, against its truth."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.demo.changes import SOURCE, Judged, figures, page_of
from mainstay.ingest.cloudevents import id_of
from mainstay.lab.changing import Done, Intended

NO_SCORE: dict[str, Any] = {"placebos": {"judged": 50, "harmful": 1, "unsure": 4}, "placebo_false_positive_rate": 0.02}


def judged(number: int, fault: str, verdict: str, probability: float = 0.5, *, is_asked: bool = True) -> Judged:
    done = Done(Intended(number, "pay", "deploy", fault), f"event-{number}", "2026-11-22T14:00:00Z")
    brier = (probability - (verdict == "harmful")) ** 2 if verdict in ("harmful", "harmless") else None
    page = {
        "change": {"id": f"change-{number}", "at_ms": 1_000},
        "impact": {"verdict": verdict, "judged_ms": 46_000, "says": "so"} if verdict else None,
        "forecast": {"id": f"forecast-{number}" if is_asked else "other", "probability": probability, "brier": brier},
    }
    return Judged(done, page, f"forecast-{number}")


def test_precision_and_recall_and_what_was_not_judged():
    found = figures(
        [
            judged(1, "bad-config", "harmful"),
            judged(2, "bad-config", "harmless"),
            judged(3, "bad-deploy-slow", "not-enough-evidence"),
            judged(4, "", "harmful"),
            judged(5, "", "harmless"),
            judged(6, "", ""),
        ],
        [{"id": "change-1", "verdict": "harmful"}, {"id": "change-77", "verdict": "harmful"}],
        NO_SCORE,
    )
    assert (found["changes"], found["harmful"], found["precision"], found["recall"]) == (6, 3, 0.5, 0.333)
    assert (found["not_enough_evidence"], found["not_judged"], found["judged_after_s_p50"]) == (1, 1, 45.0)
    assert (found["undoings"], found["undoings_called_harmful"]) == (1, 1)
    assert found["missed"] == [
        "bad-config of pay: harmless: so", "bad-deploy-slow of pay: not-enough-evidence: so",
    ]  # fmt: skip
    assert found["false"] == ["deploy of pay: harmful: so"]
    assert (found["placebos"], found["placebo_false_positive_rate"]) == (50, 0.02)


def test_forecasts_are_scored_by_the_verdict_and_by_the_truth():
    found = figures(
        [
            judged(1, "bad-config", "harmful", 0.9),
            judged(2, "", "harmful", 0.1),
            judged(3, "", "", 0.3, is_asked=False),
        ],
        [],
        NO_SCORE,
    )
    assert (found["assessed_before"], found["scored_after"]) == (2, 2)
    assert found["brier_by_verdict"] == pytest.approx((0.01 + 0.81) / 2)
    assert found["brier_by_truth"] == pytest.approx((0.01 + 0.01 + 0.09) / 3, abs=1e-4)
    assert found["brier_of_base_rate"] == pytest.approx(2 / 9, abs=1e-4)
    assert [one["n"] for one in found["reliability_by_truth"]] == [1, 1, 0, 0, 1]


def test_nothing_called_harmful_has_no_precision():
    found = figures([judged(1, "", "harmless")], [], NO_SCORE)
    assert (found["precision"], found["recall"], found["judged_after_s_p50"]) == (None, None, None)


def test_a_page_is_found_by_the_event_of_the_lab():
    class Client:
        def get(self, path: str) -> dict[str, Any]:
            return {"path": path}

    done = Done(Intended(1, "pay", "deploy"), "42", "")
    assert page_of(Client(), done) == {"path": f"changes/{id_of(SOURCE, '42')}"}  # type: ignore[arg-type]
