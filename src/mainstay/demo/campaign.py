"""A campaign: many labelled faults in one shop, and what the platform beside it found of them."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mainstay.demo.run import Options, lab_of, settings_of
from mainstay.demo.story import rank
from mainstay.lab.campaign import Pace, conduct
from mainstay.lab.fault import Fault, Truth
from mainstay.process import PlatformProcess

LEARN_S = 95.0
"""Normal traffic before the first fault: as long as a demo gives the models."""
LATE_S = 30.0
"""An incident that opens this long after a fault's end is still of this fault: windows close behind time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A fault, the incident that was opened for it (None: missed), and the place of its cause among the suspects."""

    fault: str
    service: str
    was_felt: bool
    incident: str | None = None
    delay_s: float | None = None
    rank: int | None = None


def campaign(options: Options, faults: int, pace: Pace) -> dict[str, Any]:
    """Run platform and shop, do the faults, and compare what was opened with the truth.

    Nobody mends anything: each fault lasts until the campaign's patience ends.
    """
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mainstay-campaign-"))
    platform = PlatformProcess(folder, settings_of(options, folder, folder / "lab"))
    client = platform.start()
    lab = lab_of(options, folder, client)
    began_s = time.time()
    try:
        with lab:
            time.sleep(LEARN_S)
            done = conduct(lab, Truth(folder / "truth"), faults, pace)
        hours = (time.time() - began_s) / 3600
        rows = client.get("incidents", limit=1000)
        incidents = [client.get(f"incidents/{row['id']}")["incident"] for row in rows]
    finally:
        platform.stop()
    return figures(done, incidents, hours)


def figures(faults: Sequence[Fault], incidents: Sequence[dict[str, Any]], hours: float) -> dict[str, Any]:
    """What is printed: found and missed by kind, how late, the place of the cause, and what was opened for nothing."""
    opened = sorted(incidents, key=lambda incident: incident["opened_ms"])
    found = [_found(fault, opened) for fault in faults]
    matched = {one["id"] for fault in faults for one in _within(fault, opened)}
    false = [one["id"] for one in opened if one["id"] not in matched]
    return {
        "faults": len(found),
        **_of(found),
        "recall_felt": _share([f.incident is not None for f in found if f.was_felt]),
        "false_incidents": len(false),
        "false_incidents_per_h": round(len(false) / hours, 2),
        "hours": round(hours, 2),
        "by_kind": {kind: _of([f for f in found if f.fault == kind]) for kind in sorted({f.fault for f in found})},
        "missed": [f"{f.fault} at {f.service}" for f in found if f.incident is None],
    }


def _found(fault: Fault, opened: Sequence[dict[str, Any]]) -> Found:
    of_it = _within(fault, opened)
    if not of_it:
        return Found(fault.fault, fault.service, bool(fault.was_felt))
    first = of_it[0]
    place = rank(first["suspects"], {fault.service, *fault.cause.accepted})
    delay_s = first["opened_ms"] / 1000 - fault.started_s
    return Found(fault.fault, fault.service, bool(fault.was_felt), first["id"], round(delay_s, 1), place)


def _within(fault: Fault, opened: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Incidents that opened while the fault lasted, or just after."""
    until_s = datetime.fromisoformat(fault.ended_at).timestamp() + LATE_S
    return [one for one in opened if fault.started_s <= one["opened_ms"] / 1000 <= until_s]


def _of(found: Sequence[Found]) -> dict[str, Any]:
    delays = sorted(f.delay_s for f in found if f.delay_s is not None)
    return {
        "recall": _share([f.incident is not None for f in found]),
        "detection_delay_s_p50": round(statistics.median(delays), 1) if delays else None,
        "detection_delay_s_p95": _p95(delays),
        "root_cause_first": _share([f.rank == 1 for f in found]),
    }


def _share(of: Sequence[bool]) -> float | None:
    return round(sum(of) / len(of), 3) if of else None


def _p95(ordered: Sequence[float]) -> float | None:
    """The smallest that 95 % do not exceed.

    >>> _p95([1.0, 2.0, 3.0])
    3.0
    """
    return ordered[-(-len(ordered) * 95 // 100) - 1] if ordered else None
