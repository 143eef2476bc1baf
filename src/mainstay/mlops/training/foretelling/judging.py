"""Training a predictor in the worker: may the looks be learned from, which ridge, and is it better than what serves?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from mainstay.domain.outlook import LEADING
from mainstay.domain.signals import F64, I64
from mainstay.domain.training import DatasetSnapshot, QualityReport, Span, Trial
from mainstay.mlops.training.foretelling.learning import (
    PART,
    RIDGES,
    Learned,
    Seen,
    held,
    learned,
    middle,
)  # fmt: skip
from mainstay.mlops.training.trial import Heard, worth
from mainstay.models.catalogue import build
from mainstay.models.prediction.fit import Bools, Looks

LEAST_LEARNED, LEAST_JUDGED = 20, 10
"""Incidents: with fewer to learn from weights are chance, with fewer to be judged by so is the judgement."""
LEAST_HORIZONS = 72
"""Three days for an hour: a budget of one false alarm a day says nothing of a few hours."""
MOST_GAP_SHARE, MOST_DUPLICATE_SHARE = 0.2, 0.05
GAP = 5.0
"""A pause between looks that is so many times the usual one is a gap."""
AT_ONCE = 5_000
DAY_MS = 86_400_000.0
Validation = dict[str, dict[str, float]]


def seen_of(rows: pa.Table, faults: tuple[Span, ...], until_ms: int) -> Seen | None:
    """The looks of a data set with what followed; None when nothing is in it that could be judged.

    Left out: looks by another definition of the indicators or for another horizon than the newest, looks at a service
    in trouble, and those whose horizon is not over. An incident that no such look came before is not asked for.
    """
    at_ms = rows["at_ns"].to_numpy() // 1_000_000
    if not len(at_ms):
        return None
    horizon_s = float(rows["horizon_s"][len(at_ms) - 1].as_py())
    is_of = (rows["view"].to_numpy() == LEADING.version) & (rows["horizon_s"].to_numpy() == horizon_s)
    is_calm = ~rows["in_trouble"].to_numpy(zero_copy_only=False)
    kept = is_of & is_calm & (at_ms + horizon_s * 1000 <= until_ms)
    if not kept.any():
        return None
    names, service = np.unique(rows["service"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    features = rows["features"].combine_chunks().filter(pa.array(kept)).flatten().to_numpy()
    values = np.asarray(features, np.float64).reshape(-1, len(LEADING.columns))
    looks = Looks(service[kept].astype(np.int64), at_ms[kept], values, {})
    begins = _begins(looks, names.tolist(), faults, horizon_s * 1000)
    looks = Looks(looks.service, looks.at_ms, looks.rows, begins)
    order = sorted(at for one in begins.values() for at in one)
    split_ms = order[int(PART * len(order))] if order else int(at_ms[-1])
    usual = rows["usual"].to_numpy()[kept]
    before = looks.at_ms < split_ms
    days, past_days = (max(watched_ms(looks.at_ms[part]) / DAY_MS, 1e-9) for part in (~before, before))
    return Seen(looks, usual, LEADING.columns, horizon_s, split_ms, days=days, past_days=past_days)


def _begins(looks: Looks, names: list[str], faults: tuple[Span, ...], horizon_ms: float) -> dict[int, list[int]]:
    """By service, its incidents that a look came before within the horizon."""
    place = {name: number for number, name in enumerate(names)}
    found: dict[int, list[int]] = {}
    at_of = {number: looks.at_ms[looks.service == number] for number in np.unique(looks.service).tolist()}
    for fault in sorted(faults, key=lambda one: one.since_ms):
        at_ms = at_of.get(place.get(fault.entity, -1))
        if at_ms is None:
            continue
        last = int(np.searchsorted(at_ms, fault.since_ms))  # the first look that is not before it
        if last and fault.since_ms - at_ms[last - 1] <= horizon_ms:
            begins = found.setdefault(place[fault.entity], [])
            if fault.since_ms not in begins:
                begins.append(fault.since_ms)
    return found


def watched_ms(at_ms: I64) -> float:
    """How long was watched: pauses that are no usual ones are not counted.

    >>> watched_ms(np.array([0, 60, 60, 120, 9_000, 9_060]))
    180.0
    """
    pauses = np.diff(np.unique(at_ms))
    if not len(pauses):
        return 0.0
    return float(pauses[pauses <= GAP * np.median(pauses)].sum())


def report(rows: pa.Table, seen: Seen | None) -> QualityReport:
    """Everything that is wrong with looks and incidents, each in a sentence."""
    if seen is None:
        says = f"no looks that could be judged: {rows.num_rows:,} rows, none of view {LEADING} whose horizon is over"
        return QualityReport(passed=False, problems=(says,), figures={"rows": float(rows.num_rows)})
    looks = seen.looks
    began = [at for one in looks.begins.values() for at in one]
    times = np.unique(looks.at_ms)
    past, later = (sum(at < seen.split_ms for at in began), sum(at > seen.split_ms for at in began))
    keys = rows.select(["service", "at_ns"]).group_by(["service", "at_ns"]).aggregate([])
    figures = {
        "rows": float(rows.num_rows),
        "looks": float(len(looks.at_ms)),
        "services": float(len(np.unique(looks.service))),
        "incidents": float(len(began)),
        "learned_from": float(past),
        "judged_by": float(later),
        "days": round(seen.past_days + seen.days, 3),
        "gap_share": round(1 - watched_ms(times) / max(float(times[-1] - times[0]), 1.0), 4),
        "duplicate_share": round(1 - keys.num_rows / max(rows.num_rows, 1), 4),
        "constant": float((looks.rows.max(axis=0) <= looks.rows.min(axis=0)).sum()),
        "not_finite": float((~np.isfinite(looks.rows)).any(axis=1).sum()),
        "leaked": float(_leaked(looks)),
    }
    problems = tuple(_problems(figures, seen))
    return QualityReport(passed=not problems, problems=problems, figures=figures)


def _problems(figures: dict[str, float], seen: Seen) -> list[str]:
    found = []
    if figures["learned_from"] < LEAST_LEARNED or figures["judged_by"] < LEAST_JUDGED:
        found.append(
            f"too few incidents: needs {LEAST_LEARNED} to learn from and {LEAST_JUDGED} to be judged by, has "
            f"{figures['learned_from']:.0f} and {figures['judged_by']:.0f} that were looked at before they began"
        )
    least_days = LEAST_HORIZONS * seen.horizon_s / 86_400
    if figures["days"] < least_days:
        found.append(f"too short: needs {least_days:.3g} days of looks, has {figures['days']:.3g}")
    if figures["gap_share"] > MOST_GAP_SHARE:
        found.append(f"gaps: nobody looked in {figures['gap_share']:.0%} of the time")
    if figures["duplicate_share"] > MOST_DUPLICATE_SHARE:
        found.append(f"duplicates: {figures['duplicate_share']:.0%} of the rows repeat another one's service and time")
    if figures["constant"] == len(seen.features):
        found.append("constant: no leading indicator of any service ever changed")
    if figures["not_finite"]:
        found.append(f"exploding: {figures['not_finite']:,.0f} looks hold what is no finite number")
    if figures["leaked"]:
        found.append(f"leakage: {figures['leaked']:,.0f} looks were made after the incident that they are to foretell")
    return found


def _leaked(looks: Looks) -> int:
    """Looks that stand in the moment of an incident of their service: they may have seen it."""
    return sum(
        int(np.isin(looks.at_ms[looks.service == service], begins).sum()) for service, begins in looks.begins.items()
    )


def foretold(
    algorithm: str, parameters: dict[str, Any], snapshot: DatasetSnapshot, rows: pa.Table, ridge: float | None = None
) -> tuple[QualityReport, list[Trial], dict[str, Any], Validation]:
    """Quality, trials, the parameters of the best, and its validation beside what serves and the repeat offender.

    Everybody has the lowest threshold that kept within the budget before the split, and is judged on what came after.
    """
    seen = seen_of(rows, snapshot.query.faults, snapshot.query.until_ms)
    quality = report(rows, seen)
    if seen is None or not quality.passed:
        return quality, [], {}, {}
    serving = said(algorithm, parameters, seen)
    found = {number: one for number, r in enumerate([ridge] if ridge else RIDGES, 1) if (one := learned(seen, r))}
    trials = [Trial(number=0, metrics=_figures(seen, serving, is_past=True))]
    trials += [
        Trial(number=number, knobs={"ridge": ridge or RIDGES[number - 1]}, metrics=_of_past(seen, one))
        for number, one in found.items()
    ]
    trials.sort(key=lambda one: (one.metrics["loss"], one.number))
    ranked = [Trial(number=t.number, knobs=t.knobs, metrics=t.metrics, rank=n) for n, t in enumerate(trials, 1)]
    best = found.get(ranked[0].number)
    given = best.parameters if best else parameters
    theirs = said(algorithm, given, seen) if best else serving
    validation = {
        "champion": _figures(seen, serving),
        "challenger": _figures(seen, theirs, best.parameters["threshold"] if best else None),
        "baseline": _figures(seen, seen.usual),
    }
    return quality, ranked, given, validation


def said(algorithm: str, parameters: dict[str, Any], seen: Seen) -> F64:
    """f64[looks]: the probabilities that a version with these parameters gives."""
    judge = build(algorithm, parameters)
    found: list[float] = []
    for first in range(0, len(seen.looks.at_ms), AT_ONCE):
        rows = seen.looks.rows[first : first + AT_ONCE].tolist()
        names = [str(number) for number in range(len(rows))]
        output = judge.decide({"features": list(seen.features), "services": names, "rows": rows})
        found += [output["probability"][name] for name in names]
    return np.array(found)


def _of_past(seen: Seen, one: Learned) -> dict[str, float]:
    return _worth(seen, one.scores, one.parameters["threshold"], seen.is_past, seen.past_days)


def _figures(seen: Seen, scores: F64, threshold: float | None = None, *, is_past: bool = False) -> dict[str, float]:
    if threshold is None:
        threshold = seen.threshold(scores[seen.is_past])
    which, days = (seen.is_past, seen.past_days) if is_past else (seen.is_later, seen.days)
    return _worth(seen, scores[which], threshold, which, days)


def _worth(seen: Seen, scores: F64, threshold: float, which: Bools, days: float) -> dict[str, float]:
    """The loss of a training (`trial.worth`) at the budget of false alarms, with recall and lead."""
    found = held(seen, scores, threshold, which)
    heard = Heard(found.incidents, (0.0,) * found.caught, found.false)
    figures = worth(heard, (0, int(days * DAY_MS * 1e6)), 7 * seen.false_per_day)
    del figures["delay_s"]
    recall = found.caught / found.incidents if found.incidents else 0.0
    lead_s = middle(found) or 0.0
    return {**figures, "recall": round(recall, 4), "false_per_day": round(found.false / days, 3), "lead_s": lead_s}
