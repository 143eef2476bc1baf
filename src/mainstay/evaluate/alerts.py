"""Alerts in, incidents out: how well the grouping holds the phases of labelled attacks, beside a plain session rule."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mainstay.app.mlops.deployed import deployed
from mainstay.correlate import Correlate
from mainstay.detect.book import Book
from mainstay.detect.rules import Rules
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.errors import BadInput
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.protocols import Models, Served
from mainstay.domain.signals import Normal
from mainstay.ingest.alertmanager.webhook import RESOLVE_TIMEOUT_MS, decode_posted
from mainstay.normalize import Normalizer

PROTOCOL = """\
alerts (ait_ads): every alert as an Alertmanager's client would post it (labels alertname and host, no severity, no
end: it ends after five minutes without a repeat), in the order of time (file order within a second), one record a
second and a tick every 5 s, through the rules of detection, the stage of correlation and the deployed correlator in its
shipped configuration, one for all scenarios; no topology is given, no cause is asked for. An alert's incident is the
one that it is in at the end (a merge counts); nothing that is decided at t uses anything after t. Attack alerts are
those whose time_label is not false_positive; pairwise precision, recall and F1 of the grouping are over all pairs of
them, the truth being (time_label, host); an alert without an incident is alone. suppressed_true: share of attack alerts
that ended in no incident. compression: 1 - incidents / alerts. *_plain_*: same host, gap of at most 300 s, same run."""

NORMAL = "false_positive"
TICK_MS = 5_000
PLAIN_GAP_MS = 300_000


@dataclass(frozen=True, slots=True)
class Recording:
    """One scenario, in file order: time (ms), alert name and host of each row, and its phase ("" without labels)."""

    scenario: str
    at_ms: Sequence[int]
    name: Sequence[str]
    host: Sequence[str]
    phase: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Grouped:
    """The incident of every row, in file order ("" ended in none), and the CPU that it took."""

    incident: Sequence[str]
    cpu_s: float


class GroupingOnly:
    """The deployed correlator; whoever asks for a cause is told that there is none."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def score(self, kind: Any, normal: Normal) -> Served:
        return self._models.score(kind, normal)

    def decide(self, kind: Any, inputs: Mapping[str, Any]) -> Decision:
        if kind == "correlator":
            return self._models.decide(kind, inputs)
        nothing: dict[str, Any] = {"suspects": [], "evidence": []}
        return Decision(decided_by=VersionRef("nobody", 0), inputs={}, output=nothing)


@dataclass
class Desk:
    """Detection's rules and the stage of correlation, fed record by record."""

    models: Models
    rules: Rules = field(default_factory=lambda: Rules(Book()))
    posted: dict[tuple[str, str], Alert] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    seq: int = 0

    def __post_init__(self) -> None:
        self._stage, self._normalizer = Correlate(self.models), Normalizer()

    def take(self, rows: Sequence[tuple[str, str]], at_ms: int) -> list[str]:
        """One record of (name, host); the alert that each row is told by."""
        self.seq += 1
        effects = Effects(decided_seq=self.seq)
        alerts = tuple(self._alert(name, host, at_ms) for name, host in rows)
        self.rules.apply(alerts, at_ms, effects)
        self._stage.apply(Normal(alerts=alerts), Topology(), at_ms, effects)
        told = [self._stage.alert_of(alert.fingerprint) for alert in alerts]
        self.waiting.update(name for name in told if name not in self.where)
        if effects.incidents:
            self._look(effects)
        return told

    def incident_of(self, alert: str) -> str:
        """Where an alert ended; "" in none."""
        name = self.where.get(alert, "")
        while name in self.merged:
            name = self.merged[name]
        return name

    def _look(self, effects: Effects) -> None:
        for incident in effects.incidents.values():
            if incident.status == "merged":
                self.merged[incident.id] = incident.merged_into
        for alert in list(self.waiting):
            name = self._stage.incident_of(alert)
            if name:
                self.where[alert] = name
                self.waiting.remove(alert)

    def _alert(self, name: str, host: str, at_ms: int) -> Alert:
        """What the door makes of it; only its times differ from the one before of that name on that host."""
        known = self.posted.get((name, host))
        if known is None:
            body = msgspec.json.encode([{"labels": {"alertname": name, "host": host}}])
            known = decode_posted(body, at_ms * 1_000_000).alerts[0]
            entity = self._normalizer.explain(known.labels).entity
            known = self.posted[name, host] = msgspec.structs.replace(known, entity=entity)
        return msgspec.structs.replace(
            known, id=f"{known.fingerprint}-{at_ms}", since_ms=at_ms, at_ms=at_ms, ended_ms=at_ms + RESOLVE_TIMEOUT_MS
        )


def run(data: Path, predictions: Path | None) -> dict[str, Any]:
    """Group every scenario; figures when there are labels, `alerts.parquet` when `predictions` is a folder.

    Raises:
        BadInput: No scenario in `data`; neither labels nor a folder for predictions.
    """
    files = sorted(data.glob("*.parquet")) or sorted((data / "alerts" / "ait_ads").glob("*.parquet"))
    if not files:
        raise BadInput(f"there is no scenario (*.parquet) in {data}; give the folder of the recordings")
    found: dict[str, Any] = {}
    tables = []
    with deployed() as platform:
        for recording in map(load, files):
            grouped = group(GroupingOnly(platform.serving), recording)
            tables.append(_table(recording, grouped))
            found |= {f"{recording.scenario}_{name}": value for name, value in figures(recording, grouped).items()}
            if recording.phase is None and predictions is None:
                raise BadInput(f"{data} has no labels: give --predictions, there is nothing else to report")
    if predictions is not None:
        pq.write_table(pa.concat_tables(tables), predictions / "alerts.parquet", compression="zstd")
    return found


def load(file: Path) -> Recording:
    """One scenario.

    Raises:
        BadInput: A column that the protocol needs is not there.
    """
    table = pq.read_table(file)
    missing = {"scenario", "ts", "name", "host"} - set(table.column_names)
    if missing or not table.num_rows:
        raise BadInput(f"{file} has {table.num_rows} rows and no column {', '.join(sorted(missing)) or 'missing'}")
    at_ms = table["ts"].cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).to_numpy()
    text = {name: [str(v) for v in table[name].to_pylist()] for name in ("scenario", "name", "host")}
    phase = [str(v) for v in table["time_label"].to_pylist()] if "time_label" in table.column_names else None
    return Recording(text["scenario"][0], at_ms.tolist(), text["name"], text["host"], phase)


def group(models: Models, recording: Recording) -> Grouped:
    """Play a scenario through detection's rules and the stage, and see where each alert ended."""
    order = np.argsort(np.asarray(recording.at_ms), kind="stable").tolist()
    desk, told = Desk(models), [""] * len(order)
    begun = time.process_time()
    for at_ms, rows in _records(order, recording.at_ms):
        names = desk.take([(recording.name[row], recording.host[row]) for row in rows], at_ms)
        for row, name in zip(rows, names, strict=True):
            told[row] = name
    incident = [desk.incident_of(name) for name in told]
    return Grouped(incident, time.process_time() - begun)


def figures(recording: Recording, grouped: Grouped) -> dict[str, Any]:
    """What was reached on one scenario, and what the plain rule reaches."""
    rows, incidents = len(recording.at_ms), len(set(grouped.incident) - {""})
    found: dict[str, Any] = {
        "alerts": rows,
        "incidents": incidents,
        "compression": round(1 - incidents / rows, 5),
        "cpu_s": round(grouped.cpu_s, 1),
        "alerts_per_cpu_s": round(rows / grouped.cpu_s),
    }
    if recording.phase is None:
        return found
    attack = [row for row, phase in enumerate(recording.phase) if phase != NORMAL]
    truth = [(recording.phase[row], recording.host[row]) for row in attack]
    session = plain(recording)
    ours = pairwise(truth, [grouped.incident[row] or f"alone {row}" for row in attack])
    simple = pairwise(truth, [session[row] for row in attack])
    alone = sum(not grouped.incident[row] for row in attack)
    return {
        **found,
        "attack_alerts": len(attack),
        **{f"pairwise_{name}": value for name, value in ours.items()},
        **{f"plain_{name}": value for name, value in simple.items()},
        "plain_compression": round(1 - len(set(session)) / rows, 5),
        "suppressed_true": round(alone / len(attack), 5) if attack else 0.0,
    }


def plain(recording: Recording) -> list[int]:
    """The plain rule: on one host, what follows within 300 s belongs together."""
    last: dict[str, int] = {}
    session: dict[str, int] = {}
    found = [0] * len(recording.at_ms)
    for row in np.argsort(np.asarray(recording.at_ms), kind="stable").tolist():
        host, at_ms = recording.host[row], recording.at_ms[row]
        if host not in last or at_ms - last[host] > PLAIN_GAP_MS:
            session[host] = row
        last[host] = at_ms
        found[row] = session[host]
    return found


def pairwise(truth: Sequence[Hashable], groups: Sequence[Hashable]) -> dict[str, float]:
    """Precision, recall and F1 over pairs: together in a group against together in truth.

    >>> pairwise("aab", [1, 1, 1])
    {'precision': 0.33333, 'recall': 1.0, 'f1': 0.5}
    """
    together = _pairs(Counter(zip(truth, groups, strict=True)))
    precision = together / max(_pairs(Counter(groups)), 1)
    recall = together / max(_pairs(Counter(truth)), 1)
    f1 = 2 * precision * recall / (precision + recall) if together else 0.0
    return {"precision": round(precision, 5), "recall": round(recall, 5), "f1": round(f1, 5)}


def _pairs(counts: Mapping[Any, int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())


def _records(order: Sequence[int], at_ms: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """One record per second that brought something, and the ticks between."""
    tick_ms = at_ms[order[0]]
    for now_ms, rows in groupby(order, key=lambda row: at_ms[row]):
        while tick_ms + TICK_MS < now_ms:
            tick_ms += TICK_MS
            yield tick_ms, []
        yield now_ms, list(rows)


def _table(recording: Recording, grouped: Grouped) -> pa.Table:
    rows = len(recording.at_ms)
    return pa.table({
        "scenario": pa.array([recording.scenario] * rows, pa.string()),
        "row": pa.array(range(rows), pa.int64()),
        "incident": pa.array([name or None for name in grouped.incident], pa.string()),
    })  # fmt: skip
