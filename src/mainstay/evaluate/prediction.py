"""Incident prediction on recordings of the lab: the pipeline replayed, its own looks judged by what was broken when."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np

from mainstay.app.mlops.deployed import deployed
from mainstay.app.wiring import Line, wire
from mainstay.domain.errors import BadInput
from mainstay.domain.incidents import Incident, belongs_to
from mainstay.domain.outlook import OutlookPolicy, RiskLook
from mainstay.mlops.prediction import Looks, Seen, judged, scores_of
from mainstay.mlops.training.foretelling.learning import share
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
when no fault of it begins within. The recordings hold hours, so one false alarm a day means none. A fault of the lab
begins in the moment in which it is put in, so nothing can announce it. Beside that (`until_opened`) an incident is what
the platform opened of a fault, from then on: what grows (a leak, a queue) gives a sign between the two moments, and so
does what is felt before it is told. Not asked for is what was opened within a look of being put in."""


class _Fault(msgspec.Struct):
    fault: str
    started_at: str
    accepted_causes: list[str]
    ended_at: str = ""


class Fault(NamedTuple):
    """What was broken, where, when; and when the platform opened an incident of it (0: never)."""

    entity: str
    since_ms: int
    until_ms: int
    opened_ms: int = 0


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
    watched, opened = Watched(), Watched()
    delays_s: list[float] = []
    for recording, folder in enumerate(_recordings(data)):
        looks, faults = _watched(folder)
        take(watched, recording, looks, [(one.entity, one.since_ms, one.until_ms) for one in faults])
        foreseeable = [one for one in faults if one.opened_ms - one.since_ms >= LOOK_S * 1000]
        take(opened, recording, looks, [(one.entity, one.opened_ms, one.until_ms) for one in foreseeable])
        delays_s += [(one.opened_ms - one.since_ms) / 1000 for one in faults if one.opened_ms]
    if not watched.at_ms:
        raise BadInput(f"{data}: no recording here: folders of `mainstay demo --record` or `mainstay lab campaign`")
    seen = _seen(watched)
    with deployed() as platform:
        if predictions is not None:
            live = platform.serving.deployment("predictor").live
            _write(watched, scores_of(platform.serving, live, seen.looks, FEATURES), predictions / "prediction.csv")
        figures = judged(platform.serving, platform.registry, seen)
        until_opened = judged(platform.serving, platform.registry, _seen(opened))
    begun, foreseen = (sum(len(begins) for begins in one.begins.values()) for one in (watched, opened))
    return {
        "recordings": watched.recordings,
        "hours_learned": round(seen.past_days * 24, 2),
        "hours_judged": round(seen.days * 24, 2),
        "faults": begun,
        "horizon_s": HORIZON_S,
        **figures,
        "ceiling": {
            "before_they_are_put_in": 0.0,
            "opened_a_look_later": share(foreseen, begun),
            "opened": len(delays_s),
            "from_put_in_to_opened_s": median(delays_s) if delays_s else None,
        },
        "until_opened": until_opened,
        "says": "too little to prove anything: the shipped predictor stays in shadow and pages nobody",
    }


def _seen(watched: Watched) -> Seen:
    """Split in time at the fault at three fifths."""
    looks = Looks(np.array(watched.service), np.array(watched.at_ms), np.array(watched.rows), watched.begins)
    faults = sorted({at for begins in watched.begins.values() for at in begins})
    split_ms = faults[int(PART * len(faults))] if faults else watched.at_ms[0]
    hours = [_hours(watched, until_ms=split_ms), _hours(watched, since_ms=split_ms)]
    return Seen(
        looks, np.array(watched.usual), FEATURES, HORIZON_S, split_ms,
        days=max(hours[1] / 24, 1e-9), past_days=hours[0] / 24,
    )  # fmt: skip


def _recordings(data: Path) -> Iterator[Path]:
    """Folders with a platform's inbox, by the time of their first record."""
    found = [path.parent.parent for path in sorted(data.glob("**/platform/inbox")) if path.is_dir()]
    firsts = {folder: next(iter(read_records(folder / "platform" / "inbox")), None) for folder in found}
    kept = [(first.received_ns, str(folder), folder) for folder, first in firsts.items() if first is not None]
    return (folder for _, _, folder in sorted(kept))


def _watched(folder: Path) -> tuple[list[RiskLook], list[Fault]]:
    """The looks of a recording, and what was broken in it."""
    source = folder / "platform"
    clock = RecordedClock()
    with tempfile.TemporaryDirectory(prefix="mainstay-evaluate-") as name:
        own = Path(name)
        bring_keys(source, own)
        line = wire(own, _settings(folder), clock)
        try:
            bring_versions(source, own, line.control)
            looks = [look for part in _replayed(line, clock, source / "inbox") for look in part]
            return looks, _faults(folder, line)
        finally:
            line.close()


def take(watched: Watched, recording: int, looks: list[RiskLook], troubles: list[tuple[str, int, int]]) -> None:
    """Looks with what followed; `troubles`: (service, since, until)."""
    watched.recordings += 1
    lasting: dict[int, list[tuple[int, int]]] = {}
    known = {service for look in looks for service in look.services}
    for service, since, until in troubles:
        if service in known and since <= looks[-1].at_ms:  # a recording may end before the campaign
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


def _replayed(line: Line, clock: RecordedClock, inbox: Path) -> Iterator[list[RiskLook]]:
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


def _faults(folder: Path, line: Line) -> list[Fault]:
    """What was broken: from the lab's truth, else from the incidents."""
    truth = folder / "truth" / "truth.jsonl"
    incidents = line.control.incidents(limit=10_000)
    if not truth.exists():
        return [
            Fault(i.suspects[0].entity, i.opened_ms, i.resolved_ms or i.updated_ms, i.opened_ms)
            for i in incidents
            if i.suspects
        ]
    named = {entity.name: entity.id for entity in line.normalizer.topology.entities.values()}
    found = []
    for text in truth.read_text().splitlines():
        fault = msgspec.json.decode(text, type=_Fault)
        entity = next((named[name] for name in fault.accepted_causes if name in named), "")
        since = _ms(fault.started_at)
        until = _ms(fault.ended_at) if fault.ended_at else since + 2 * OVER_MS
        found.append(Fault(entity, since, until, opened_at(incidents, entity, since, until)))
    return [one for one in found if one.entity]


def opened_at(incidents: list[Incident], entity: str, since: int, until: int) -> int:
    """When the first incident that is about an entity was opened in some time or soon after; 0: none was."""
    of = [i.opened_ms for i in incidents if entity in {belongs_to(i), *i.entities} and since <= i.opened_ms]
    return min((at for at in of if at <= until + OVER_MS), default=0)


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
