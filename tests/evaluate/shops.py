"""Tiny recordings in the files and columns of the real ones, with a fault whose place is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DAY = datetime(2024, 3, 4, tzinfo=UTC)
SERVICES = ("front", "cart", "pay", "store", "mail", "ads", "users", "ship", "seat", "rent", "look", "tell")
POD = "-7d5c8f9b6d-x7k2p"


def table(path: Path, rows: list[dict[str, Any]], **types: Any) -> None:
    columns = {name: pa.array([row[name] for row in rows], types.get(name)) for name in rows[0]}
    pq.write_table(pa.table(columns), path)


def nezha(folder: Path, *, labels: bool = True, spans: bool = True) -> Path:
    """One case at 10:00 in which `pay` burns its processor, and one at 11:00 in which it loses its last line."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = [("Shop/1", 10), ("Shop/2", 11)]
    rows = [
        {"case": name, "system": "TrainTicket", "day": "2024-03-04", "minutes": f"{hour}_00,{hour}_01,{hour}_02"}
        | ({"root_cause_service": "pay"} if labels else {})
        for name, hour in cases
    ]
    table(folder / "cases.parquet", rows)
    metrics = [
        {
            "case": name, "entity": service + POD, "ts": DAY + timedelta(hours=hour, minutes=minute),
            "metric": "CpuUsageRate(%)",
            "value": 95.0 if (name, service) == ("Shop/1", "pay") and minute > 0 else 10.0 + minute % 3,
        }
        for name, hour in cases for service in SERVICES for minute in range(-4, 5)
    ]  # fmt: skip
    table(folder / "metrics.parquet", metrics, ts=pa.timestamp("us"))
    normal = [
        {"day": "2024-03-04", "entity": service + POD, "ts": DAY + timedelta(hours=9, minutes=minute),
         "metric": "CpuUsageRate(%)", "value": 10.0 + minute % 3, "system": "TrainTicket"}
        for service in SERVICES for minute in range(20)
    ]  # fmt: skip
    table(folder / "normal_metrics.parquet", normal, ts=pa.timestamp("us"))
    if spans:
        traces(folder, [*cases, ("normal/TrainTicket/2024-03-04", 9)])
    return folder


def traces(folder: Path, cases: list[tuple[str, int]]) -> None:
    """A request every five seconds from front to pay; each pay says two lines, but one in the fault of Shop/2."""
    found: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for name, hour in cases:
        for n in range(36):
            at = DAY + timedelta(hours=hour, seconds=5 * n)
            trace, broken = f"{hour:02x}{n:030x}", name == "Shop/2" and n >= 12
            for k, (service, parent, ms) in enumerate([("front", None, 30), ("front", 0, 12), ("pay", 1, 10)]):
                found.append({
                    "case": name, "minute": "", "trace_id": trace, "span_id": f"{hour:02x}{n:04x}{k:010x}",
                    "parent_id": "root" if parent is None else f"{hour:02x}{n:04x}{parent:010x}", "pod": service + POD,
                    "operation": f"/{service}{k}", "start": at + timedelta(milliseconds=k), "duration_us": ms * 1000,
                })  # fmt: skip
            for said in ("12:00:01 INFO Pay#31 begins", "12:00:01 INFO Pay#34 is done")[: 1 if broken else 2]:
                lines.append({
                    "case": name, "minute": "", "ts": at, "pod": f"pay{POD}", "container": "", "trace_id": trace,
                    "span_id": f"{hour:02x}{n:04x}{2:010x}", "message": said,
                })  # fmt: skip
    for file, kept in (("normal_%s", True), ("%s_TrainTicket", False)):
        for kind, rows in (("spans", found), ("logs", lines)):
            mine = [row for row in rows if row["case"].startswith("normal") is kept]
            table(folder / f"{file % kind}.parquet", mine, start=pa.timestamp("ns"), ts=pa.timestamp("ns"))


def petshop(folder: Path, *, labels: bool = True) -> Path:
    """One case with a normal time and one without; `pay` is slow and `front`, which calls it, complains."""
    folder.mkdir(parents=True, exist_ok=True)
    at = DAY + timedelta(hours=10)
    cases = [
        {"case": f"{scenario}/1", "scenario": scenario, "target_service": "front", "target_metric": "latency",
         "ts": at + timedelta(minutes=9)} | ({"root_cause_service": "pay"} if labels else {})
        for scenario in ("busy", "night")
    ]  # fmt: skip
    table(folder / "cases.parquet", cases, ts=pa.timestamp("us"))
    rows = [
        row
        for case in cases
        for step in range(5)
        for row in _samples(str(case["scenario"]), at, step, slow=step in (2, 3))
    ]
    table(folder / "metrics.parquet", rows, ts=pa.timestamp("us"))
    normal = [row for step in range(40) for row in _samples("busy", DAY, step, slow=False)]
    table(folder / "normal_metrics.parquet", normal, ts=pa.timestamp("us"))
    edges = [("front", "pay"), ("front", "cart"), ("pay", "store")]
    table(
        folder / "topology.parquet",
        [{"scenario": s, "row_service": a, "col_service": b} for s in ("busy", "night") for a, b in edges],
    )
    return folder


def _samples(scenario: str, since: datetime, step: int, *, slow: bool) -> list[dict[str, Any]]:
    found = []
    for service in SERVICES:
        latency = (0.5 if slow and service in ("front", "pay") else 0.1) * (1 + 0.01 * (step % 3))
        for metric, statistic, value in (
            ("latency", "Average", latency), ("availability", "Average", 100.0), ("requests", "Sum", 200.0),
        ):  # fmt: skip
            found.append({
                "case": f"{scenario}/1", "scenario": scenario, "ts": since + timedelta(minutes=5 * step),
                "service": service, "metric": metric, "statistic": statistic, "value": value,
            })  # fmt: skip
    return found
