"""A campaign of changes: each is assessed before it is made, judged after, and both are compared with the truth."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.client import Client
from mainstay.demo.campaign import LEARN_S
from mainstay.demo.run import Options, lab_of, settings_of
from mainstay.ingest.cloudevents import id_of
from mainstay.lab.changing import ChangePace, Done, Intended, conduct_changes
from mainstay.process import PlatformProcess

SOURCE = "lab/deployer"
LAST_LOOK_S = 375.0
"""The last changes too are looked at three times: only then is their forecast scored."""
MOST = 1000


@dataclass(frozen=True, slots=True)
class Judged:
    """A change with what the platform said of it: `page` is what `changes show` shows."""

    done: Done
    page: dict[str, Any]
    forecast: str

    @property
    def is_harmful(self) -> bool:
        return bool(self.done.intended.fault)

    @property
    def verdict(self) -> str:
        return str((self.page.get("impact") or {}).get("verdict", ""))


def change_campaign(options: Options, count: int, pace: ChangePace) -> dict[str, Any]:
    """Run platform and shop, make the changes, and say how well they were foretold and judged."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mainstay-changes-"))
    platform = PlatformProcess(folder, settings_of(options, folder, folder / "lab"))
    client = platform.start()
    lab = lab_of(options, folder, client)
    asked: dict[int, str] = {}

    def assess(intended: Intended) -> None:
        planned = {"service": intended.service, "kind": intended.kind, "environment": lab.shop.environment}
        asked[intended.number] = client.post("changes/assess", planned)["id"]

    try:
        with lab:
            time.sleep(LEARN_S)
            (folder / "truth").mkdir(mode=0o700, exist_ok=True)
            done = conduct_changes(lab, folder / "truth" / "changes.jsonl", count, pace, assess)
            time.sleep(LAST_LOOK_S)
        judged = [Judged(one, page_of(client, one), asked[one.intended.number]) for one in done]
        rows, calibration = client.get("changes", limit=MOST), client.get("changes/calibration")
    finally:
        platform.stop()
    return figures(judged, rows, calibration)


def page_of(client: Client, done: Done) -> dict[str, Any]:
    """What the platform says of one change."""
    page: dict[str, Any] = client.get(f"changes/{id_of(SOURCE, done.change_id)}")
    return page


def figures(judged: Sequence[Judged], rows: Sequence[dict[str, Any]], calibration: dict[str, Any]) -> dict[str, Any]:
    """What is printed. Recall counts a harmful change without enough evidence as missed."""
    called = [one for one in judged if one.verdict == "harmful"]
    right = [one for one in called if one.is_harmful]
    harmful = [one for one in judged if one.is_harmful]
    mine = {one.page["change"]["id"] for one in judged}
    undone = [row for row in rows if row["id"] not in mine]
    delays = [(one.page["impact"]["judged_ms"] - one.page["change"]["at_ms"]) / 1000 for one in right]
    tally = calibration["placebos"]
    return {
        "changes": len(judged),
        "harmful": len(harmful),
        "precision": _ratio(len(right), len(called)),
        "recall": _ratio(len(right), len(harmful)),
        "called_harmful": len(called),
        "not_enough_evidence": sum(one.verdict == "not-enough-evidence" for one in judged),
        "not_judged": sum(not one.verdict for one in judged),
        "judged_after_s_p50": round(statistics.median(delays), 1) if delays else None,
        "undoings": len(undone),
        "undoings_called_harmful": sum(row["verdict"] == "harmful" for row in undone),
        **_forecasts(judged),
        "placebos": tally["judged"],
        "placebo_false_positive_rate": calibration["placebo_false_positive_rate"],
        "placebos_not_enough_evidence": tally["unsure"],
        "missed": [_named(one) for one in harmful if one.verdict != "harmful"],
        "false": [_named(one) for one in called if not one.is_harmful],
    }


def _forecasts(judged: Sequence[Judged]) -> dict[str, Any]:
    """Of the forecasts that were asked for before: were they bound and scored, and how good were they, by the truth."""
    forecasts = [one.page.get("forecast") or {} for one in judged]
    pairs = [(said["probability"], float(one.is_harmful)) for one, said in zip(judged, forecasts, strict=True) if said]
    rate = sum(came for _, came in pairs) / len(pairs) if pairs else 0.0
    return {
        "assessed_before": sum(said.get("id") == one.forecast for one, said in zip(judged, forecasts, strict=True)),
        "scored_after": sum(said.get("brier") is not None for said in forecasts),
        "brier_by_verdict": _mean([said["brier"] for said in forecasts if said.get("brier") is not None]),
        "brier_by_truth": _mean([(said - came) ** 2 for said, came in pairs]),
        "brier_of_known_rate": _mean(
            [
                (said["base"] - one.is_harmful) ** 2
                for one, said in zip(judged, forecasts, strict=True)
                if said.get("base") is not None
            ]
        ),
        "brier_of_base_rate": round(rate * (1 - rate), 4),
        "reliability_by_truth": [_bin(low, low + 0.2, pairs) for low in (0.0, 0.2, 0.4, 0.6, 0.8)],
    }


def _bin(low: float, high: float, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    within = [(said, came) for said, came in pairs if low <= said < high or said == high == 1.0]
    said, came = _mean([said for said, _ in within]), _mean([came for _, came in within])
    return {"from": low, "to": round(high, 1), "n": len(within), "said": said, "came": came}


def _named(one: Judged) -> str:
    says = (one.page.get("impact") or {}).get("says", "not judged")
    return f"{one.done.intended.fault or one.done.intended.kind} of {one.done.intended.service}: {one.verdict}: {says}"


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
