"""Incident prediction on recordings of the lab: the pipeline replayed, its own looks judged by what was broken when."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mainstay.app.mlops.deployed import deployed
from mainstay.app.wiring import Line, wire
from mainstay.domain.errors import BadInput
from mainstay.domain.outlook import OutlookPolicy
from mainstay.mlops.prediction import Looks, Seen, judged, scores_of
from mainstay.outlook.leading import FEATURES
from mainstay.replay import RecordedClock, batches, bring_keys, bring_versions
from mainstay.settings import Settings, load
from mainstay.store.inbox import read_records

HORIZON_S = 120.0
"""The lab's faults come every two or three minutes; in a real estate it is an hour (setting `outlook.horizon_s`)."""
LOOK_S = 5.0
PART = 0.6
PER_BATCH = 8
OVER_MS = 60_000
PROTOCOL = f"""Each recording (a folder with an inbox) is replayed through the pipeline, and every {LOOK_S:g} s
each service is looked at by the code that runs in the platform. An incident is a fault that the lab put in
(truth/truth.jsonl), at the service that it names; without that file, what the platform opened. A look while a fault
lasts, and a minute after, counts for nothing. Horizon {HORIZON_S:g} s. What was before the first {PART:.0%} of the
faults is learned from, the rest is judged; thresholds are from before. One alarm of a service per horizon; it is false
when no fault of it begins within. The recordings hold hours, so one false alarm a day means none. Faults of the lab
mostly come without a sign."""


class _Fault(msgspec.Struct):
    fault: str
    started_at: str
    accepted_causes: list[str]
    ended_at: str = ""


@dataclass
class Watched:
    """Looks of all recordings, one under the other."""

    service: list[int] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    usual: list[float] = field(default_factory=list)
    names: dict[tuple[int, str], int] = field(default_factory=dict)
    begins: dict[int, list[int]] = field(default_factory=dict)
    span_ms: list[tuple[int, int]] = field(default_factory=list)
    recordings: int = 0

    def place(self, recording: int, service: str) -> int:
        """The number of a service of a recording."""
        return self.names.setdefault((recording, service), len(self.names))


def run(data: Path, predictions: Path | None) -> dict[str, Any]:
    """Figures of learned weights, shipped weights and repeat offenders; `predictions` gets every look's probability.

    Raises:
        BadInput: There is no recording.
    """
    watched = Watched()
    for recording, folder in enumerate(_recordings(data)):
        _watch(watched, recording, folder)
    if not watched.at_ms:
        raise BadInput(f"{data}: no recording here: folders of `mainstay demo --record` or `mainstay lab campaign`")
    looks = Looks(np.array(watched.service), np.array(watched.at_ms), np.array(watched.rows), watched.begins)
    faults = sorted({at for begins in watched.begins.values() for at in begins})
    split_ms = faults[int(PART * len(faults))] if faults else watched.at_ms[0]
    hours = [_hours(watched, until_ms=split_ms), _hours(watched, since_ms=split_ms)]
    seen = Seen(
        looks, np.array(watched.usual), FEATURES, HORIZON_S, split_ms,
        days=max(hours[1] / 24, 1e-9), past_days=hours[0] / 24,
    )  # fmt: skip
    with deployed() as platform:
        if predictions is not None:
            live = platform.serving.deployment("predictor").live
            _write(watched, scores_of(platform.serving, live, looks, FEATURES), predictions / "prediction.csv")
        figures = judged(platform.serving, platform.registry, seen)
    return {
        "recordings": watched.recordings,
        "hours_learned": round(hours[0], 2),
        "hours_judged": round(hours[1], 2),
        "faults": len(faults),
        "horizon_s": HORIZON_S,
        **figures,
        "says": "too little to prove anything: the shipped predictor stays in shadow and pages nobody",
    }


def _recordings(data: Path) -> Iterator[Path]:
    """Folders with a platform's inbox, by the time of their first record."""
    found = [path.parent.parent for path in sorted(data.glob("**/platform/inbox")) if path.is_dir()]
    firsts = {folder: next(iter(read_records(folder / "platform" / "inbox")), None) for folder in found}
    kept = [(first.received_ns, str(folder), folder) for folder, first in firsts.items() if first is not None]
    return (folder for _, _, folder in sorted(kept))


def _watch(watched: Watched, recording: int, folder: Path) -> None:
    source = folder / "platform"
    clock = RecordedClock()
    with tempfile.TemporaryDirectory(prefix="mainstay-evaluate-") as name:
        own = Path(name)
        bring_keys(source, own)
        line = wire(own, _settings(folder), clock)
        try:
            bring_versions(source, own, line.control)
            looks = [look for part in _replayed(line, clock, source / "inbox") for look in part]
            faults = _faults(folder, line)
        finally:
            line.close()
    watched.recordings += 1
    lasting: dict[int, list[tuple[int, int]]] = {}
    known = {service for look in looks for service in look.services}
    for service, since, until in faults:
        if service in known:
            place = watched.place(recording, service)
            watched.begins.setdefault(place, []).append(since)
            lasting.setdefault(place, []).append((since, until + OVER_MS))
    for look in looks:
        for service, row, usual in zip(look.services, look.rows, look.usual, strict=True):
            place = watched.place(recording, service)
            if not any(since < look.at_ms <= until for since, until in lasting.get(place, ())):
                watched.service.append(place)
                watched.at_ms.append(look.at_ms)
                watched.rows.append(row)
                watched.usual.append(usual)
    if looks:
        watched.span_ms.append((looks[0].at_ms, looks[-1].at_ms))
    for begins in watched.begins.values():
        begins.sort()


def _replayed(line: Line, clock: RecordedClock, inbox: Path) -> Iterator[list[Any]]:
    """The looks of each batch of records."""
    for records in batches(read_records(inbox), PER_BATCH):
        clock.at_ns = records[-1].received_ns
        line.outlook.risks.looks.clear()
        line.pipeline.run(records)
        yield list(line.outlook.risks.looks)


def _settings(folder: Path) -> Settings:
    """Those of the recording, as far as they place and tier what it holds; the lab's time runs faster."""
    file, catalog = folder / "mainstay.yaml", folder / "catalog.yaml"
    found = load(file) if file.exists() else Settings()
    return msgspec.structs.replace(
        found,
        catalog=str(catalog) if catalog.exists() else "",
        runbooks=(),
        outlook=OutlookPolicy(risk_every_s=LOOK_S, horizon_s=HORIZON_S),
    )


def _faults(folder: Path, line: Line) -> list[tuple[str, int, int]]:
    """(entity, since, until) of what was broken: from the lab's truth, else from the incidents."""
    truth = folder / "truth" / "truth.jsonl"
    if not truth.exists():
        incidents = line.control.incidents(limit=10_000)
        return [(i.suspects[0].entity, i.opened_ms, i.resolved_ms or i.updated_ms) for i in incidents if i.suspects]
    named = {entity.name: entity.id for entity in line.normalizer.topology.entities.values()}
    found = []
    for text in truth.read_text().splitlines():
        fault = msgspec.json.decode(text, type=_Fault)
        entity = next((named[name] for name in fault.accepted_causes if name in named), "")
        since = _ms(fault.started_at)
        found.append((entity, since, _ms(fault.ended_at) if fault.ended_at else since + 2 * OVER_MS))
    return [one for one in found if one[0]]


def _ms(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def _hours(watched: Watched, since_ms: int = 0, until_ms: int = 1 << 62) -> float:
    spans = [(max(first, since_ms), min(last, until_ms)) for first, last in watched.span_ms]
    return sum(max(last - first, 0) for first, last in spans) / 3_600_000


def _write(watched: Watched, scores: np.ndarray[Any, np.dtype[np.float64]], file: Path) -> None:
    names = {place: name for name, place in watched.names.items()}
    lines = ["recording,service,at_ms,probability"]
    for place, at_ms, score in zip(watched.service, watched.at_ms, scores.tolist(), strict=True):
        recording, service = names[place]
        lines.append(f"{recording},{service},{at_ms},{score:.6f}")
    file.write_text("\n".join(lines) + "\n")
