"""Whether a data set may be learned from. Each check that fails is a sentence, and stops the training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mainstay.domain.signals import I64
from mainstay.domain.training import DatasetSnapshot, QualityReport, Span
from mainstay.mlops.training.dataset import within
from mainstay.mlops.training.features import MINUTE_NS, Features
from mainstay.mlops.training.material import TABLES

TOO_FEW = "too few points"
LEAST_ROWS = 300
LEAST_MINUTES = {"entities": 60}
"""Ten for the others: detectors need a minute to warm up (that of entities twenty), and less tells nothing of false
alarms."""
MOST_GAP_SHARE = 0.2
MOST_DUPLICATE_SHARE = 0.05
MOST_CONSTANT_SHARE = 0.9
"""Many counters stand still on a calm system; when nine of ten do, nothing was measured."""
MOST_EXPLODING_SHARE = 0.05
EXPLODES = 1e4
"""A minute this many times its subject's usual size is a broken sender, not a fault: faults in recordings stay below
a thousand times."""
MINUTE_MS = 60_000
Flags = npt.NDArray[np.bool_]
_KEYS = {"points": ["series", "at_ns"], "edge_windows": ["caller", "callee", "until_ns"], "logs": []}


def report(snapshot: DatasetSnapshot, rows: pa.Table, features: Features, incidents: tuple[Span, ...]) -> QualityReport:
    """Everything that is wrong with a data set.

    `incidents` are as known now, less those that people confirmed: rows inside of them would teach that faults are
    normal.
    """
    table = TABLES[snapshot.query.kind]
    first, number = _subjects(features)
    minutes = np.unique(features.at_ns // MINUTE_NS)
    figures = {
        "rows": float(rows.num_rows),
        "subjects": float(len(first)),
        "minutes": float(len(minutes)),
        "gap_share": _gaps(minutes, snapshot.query.excluded),
        "duplicate_share": _duplicates(rows, table),
        "constant_share": float(np.mean(_constant(features, first, number))) if len(first) else 0.0,
        "exploding_share": float(np.mean(_exploding(features, number))) if len(first) else 0.0,
        "leaked_rows": float(within(rows, table, incidents).sum()) if incidents else 0.0,
    }
    figures = {name: round(value, 4) for name, value in figures.items()}
    problems = tuple(_problems(figures, features, first, number))
    return QualityReport(passed=not problems, problems=problems, figures=figures)


def _problems(figures: dict[str, float], features: Features, first: I64, number: I64) -> list[str]:
    found = []
    least = LEAST_MINUTES.get(features.view.name, 10)
    if figures["rows"] < LEAST_ROWS or figures["minutes"] < least:
        found.append(
            f"{TOO_FEW}: needs {LEAST_ROWS} rows over {least} minutes, "
            f"has {figures['rows']:,.0f} over {figures['minutes']:.0f}"
        )
    if figures["gap_share"] > MOST_GAP_SHARE:
        found.append(f"gaps: nothing at all was received in {figures['gap_share']:.0%} of the minutes")
    if figures["duplicate_share"] > MOST_DUPLICATE_SHARE:
        found.append(f"duplicates: {figures['duplicate_share']:.0%} of the rows repeat another one's subject and time")
    if figures["constant_share"] > MOST_CONSTANT_SHARE:
        found.append(
            f"constant: {figures['constant_share']:.0%} of the {figures['subjects']:.0f} subjects never change"
        )
    if figures["exploding_share"] > MOST_EXPLODING_SHARE:
        names = [features.subject[int(i)] for i in first[_exploding(features, number)][:3]]
        found.append(f"exploding: {figures['exploding_share']:.0%} of the subjects, among them {', '.join(names)}")
    if figures["leaked_rows"]:
        found.append(f"leakage: {figures['leaked_rows']:,.0f} rows lie inside incidents that nobody confirmed")
    return found


def _subjects(features: Features) -> tuple[I64, I64]:
    """Where each subject first stands, and the number of the subject of each row."""
    _, first, number = np.unique(np.array(features.subject, dtype=str), return_index=True, return_inverse=True)
    return first.astype(np.int64), number.astype(np.int64)


def _gaps(minutes: I64, excluded: tuple[Span, ...]) -> float:
    """Share of the minutes, from the first to the last, in which nothing was received and nothing was left out."""
    if not len(minutes):
        return 1.0
    everything = np.arange(minutes[0], minutes[-1] + 1)
    missing = np.setdiff1d(everything, minutes)
    for span in excluded:
        missing = missing[(missing < span.since_ms // MINUTE_MS) | (missing > span.until_ms // MINUTE_MS)]
    return len(missing) / len(everything)


def _duplicates(rows: pa.Table, table: str) -> float:
    keys = _KEYS[table]
    if not keys or not rows.num_rows:
        return 0.0  # two lines of one moment are two lines
    return 1.0 - int(rows.select(keys).group_by(keys).aggregate([]).num_rows) / int(rows.num_rows)


def _constant(features: Features, first: I64, number: I64) -> Flags:
    least, most = np.full(len(first), np.inf), np.full(len(first), -np.inf)
    lowest, highest = (1, 2) if features.view.columns[1] == "least" else (0, 0)
    np.minimum.at(least, number, features.rows[:, lowest])
    np.maximum.at(most, number, features.rows[:, highest])
    return np.asarray(most <= least)


def _exploding(features: Features, number: I64) -> Flags:
    """Subjects of which a minute is not finite, or absurdly far above what is usual of them."""
    size = np.abs(features.rows[:, 0])
    order = np.lexsort((size, number))
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    parts = np.split(size[order], starts[1:]) if len(starts) else []
    usual = np.array([max(float(np.median(part)), 1.0) for part in parts])
    most = np.array([part[-1] if np.isfinite(part).all() else np.inf for part in parts])
    return np.asarray(most > EXPLODES * usual)
