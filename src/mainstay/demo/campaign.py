"""A campaign: many labelled faults in one shop, and what the platform beside it found of them."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.client import Client
from mainstay.demo.attribution import (
    LATE_S,
    NOISE,
    attribute,
    ended_s,
    final_incident,
    grouping_figures,
)
from mainstay.demo.run import Options, lab_of, settings_of
from mainstay.demo.story import rank
from mainstay.lab.campaign import Pace, conduct
from mainstay.lab.fault import Fault, Truth
from mainstay.lab.shop import Shop
from mainstay.process import PlatformProcess

LEARN_S = 95.0
"""Normal traffic before the first fault: as long as a demo gives the models."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A fault, the first incident for it that was not merged into another (None: missed), and the place of its cause
    among the suspects of that. The delay is until any was opened."""  # noqa: D205, D209

    fault: str
    service: str
    was_felt: bool
    incident: str | None = None
    delay_s: float | None = None
    rank: int | None = None

    @property
    def is_wrong(self) -> bool:
        return self.incident is not None and self.rank != 1


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
        seen = Seen(alerts_of(client), incidents_of(client))
    finally:
        platform.stop()
    return figures(done, seen, lab.shop, hours)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the platform had to say by the end: all alerts, and all incidents with their groupings."""

    alerts: Sequence[dict[str, Any]]
    incidents: Sequence[dict[str, Any]]


def alerts_of(client: Client) -> list[dict[str, Any]]:
    """Every alert, page by page."""
    found: list[dict[str, Any]] = []
    while page := client.get("alerts", limit=PAGE, **({"before": found[-1]["id"]} if found else {})):
        found += page
    return found


def incidents_of(client: Client) -> list[dict[str, Any]]:
    """Every incident in the order of opening."""
    found = [client.get(f"incidents/{row['id']}")["incident"] for row in client.get("incidents", limit=PAGE)]
    return sorted(found, key=lambda incident: incident["opened_ms"])


def figures(faults: Sequence[Fault], seen: Seen, shop: Shop, hours: float) -> dict[str, Any]:
    """What is printed: found and missed by kind, how late, the place of the cause, what was opened for nothing, and how
    well each incident holds what belongs to one fault."""  # noqa: D205, D209
    cause_of = attribute(seen.alerts, faults, shop)
    holds = incidents_by_fault(seen.incidents, cause_of, faults)
    found = [_found(fault, holds[fault.id]) for fault in faults]
    matched = {one["id"] for incidents in holds.values() for one in incidents}
    false = [one["id"] for one in seen.incidents if one["id"] not in matched]
    return {
        "faults": len(found),
        **_of(found),
        "recall_felt": _share([f.incident is not None for f in found if f.was_felt]),
        "false_incidents": len(false),
        "false_incidents_per_h": round(len(false) / hours, 2),
        **grouping_figures(cause_of, final_incident(seen.incidents)),
        "hours": round(hours, 2),
        "by_kind": {kind: _of([f for f in found if f.fault == kind]) for kind in sorted({f.fault for f in found})},
        "missed": [f"{f.fault} at {f.service}" for f in found if f.incident is None],
        "wrong_cause": [f"{f.fault} at {f.service}: {f.incident}, place {f.rank}" for f in found if f.is_wrong],
    }


def incidents_by_fault(
    incidents: Sequence[dict[str, Any]], cause_of: dict[str, str | None], faults: Sequence[Fault]
) -> dict[str, list[dict[str, Any]]]:
    """Per fault the incidents that hold an alert of it, and those without a known alert that opened while it alone
    lasted, in the order of opening."""  # noqa: D205, D209
    holds: dict[str, list[dict[str, Any]]] = {fault.id: [] for fault in faults}
    for incident in incidents:
        causes = {cause_of.get(grouping["alert"]) for grouping in incident.get("groupings", ())}
        named = causes - {None, NOISE}
        present = [f.id for f in faults if f.started_s <= incident["opened_ms"] / 1000 <= ended_s(f) + LATE_S]
        for fault in sorted(str(name) for name in named) if named else present[: 1 if len(present) == 1 else 0]:
            holds[fault].append(incident)
    return holds


def _found(fault: Fault, incidents: Sequence[dict[str, Any]]) -> Found:
    if not incidents:
        return Found(fault.fault, fault.service, bool(fault.was_felt))
    stands = next((one for one in incidents if not one.get("merged_into")), incidents[0])
    place = rank(stands["suspects"], {fault.service, *fault.cause.accepted})
    delay_s = max(0.0, incidents[0]["opened_ms"] / 1000 - fault.started_s)
    return Found(fault.fault, fault.service, bool(fault.was_felt), stands["id"], round(delay_s, 1), place)


def _of(found: Sequence[Found]) -> dict[str, Any]:
    delays = sorted(f.delay_s for f in found if f.delay_s is not None)
    return {
        "recall": _share([f.incident is not None for f in found]),
        "detection_delay_s_p50": round(statistics.median(delays), 1) if delays else None,
        "detection_delay_s_p95": _p95(delays),
        "ac1": _share([f.rank == 1 for f in found]),
        "ac3": _share([f.rank is not None and f.rank <= 3 for f in found]),
    }


def _share(of: Sequence[bool]) -> float | None:
    return round(sum(of) / len(of), 3) if of else None


def _p95(ordered: Sequence[float]) -> float | None:
    """The smallest that 95 % do not exceed.

    >>> _p95([1.0, 2.0, 3.0])
    3.0
    """
    return ordered[-(-len(ordered) * 95 // 100) - 1] if ordered else None
