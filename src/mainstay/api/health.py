"""Is it up, is it ready, how does it fare: for people, for probes, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody

from mainstay.api.parameters import Platform
from mainstay.api.platform import PlatformApi
from mainstay.domain.budget import BudgetState
from mainstay.domain.errors import BadInput
from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.views import Status
from mainstay.ledger import Head
from mainstay.mlops.timing import Meter, p95_ms

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`ok`, or why not."""

    ok: bool
    why: str = ""


class To(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to: an absolute path on the machine of the platform."""

    to: str


class BackedUp(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied. Keep the ledger's head elsewhere: with it, truncation is seen."""

    to: str
    files: int
    bytes: int
    decided_seq: int
    head: Head | None


@get("/status", role="viewer", sync_to_thread=True)
def show_status(platform: Platform) -> Status:
    """What is watched, the funnel, and the health of stages and sources."""
    return platform.status()


@post("/backup", role="admin", status_code=201)
async def make_backup(platform: Platform, data: JSONBody[To]) -> BackedUp:
    """Copy everything into an empty folder on the server, while it runs."""
    if not Path(data.to).is_absolute():
        raise BadInput(f"the folder must be an absolute path; got {data.to[:200]!r}")
    made = await platform.backup(Path(data.to))
    return BackedUp(to=data.to, files=made.files, bytes=made.bytes, decided_seq=made.decided_seq, head=made.head)


@get("/healthz", role="anyone", sync_to_thread=False)
def is_alive() -> Health:
    """The process answers."""
    return Health(ok=True)


@get("/readyz", role="anyone", sync_to_thread=True)
def is_ready(platform: Platform) -> Response[Health]:
    """Every stage runs: 200; otherwise 503 with the reason."""
    status = platform.status()
    health = Health(ok=status.is_ready, why=status.not_ready_why)
    return Response(health, status_code=200 if status.is_ready else 503)


@get("/metrics", role="metrics", sync_to_thread=True, include_in_schema=False)
def show_metrics(platform: Platform) -> Response[str]:
    """Our own figures in Prometheus' text format; with a viewer's or an ingest token."""
    return Response("".join(_lines(platform)), media_type=METRICS_TYPE)


def _lines(platform: PlatformApi) -> Iterable[str]:
    status = platform.status()
    counts = platform.control.incident_counts()
    yield from _metric("build_info", "gauge", "Version of Mainstay.", [({"version": status.version}, 1)])
    yield from _metric("start_time_seconds", "gauge", "Start of the process.", [({}, status.started_ms / 1000)])
    yield from _metric("resident_memory_bytes", "gauge", "Memory of the process.", [({}, resident_bytes())])
    yield from _metric("ready", "gauge", "Whether every stage runs.", [({}, int(status.is_ready))])
    for name, says in (("requests", "Requests taken."), ("records", "Items taken."), ("refused", "Items refused.")):
        rows = [({"source": one.source}, getattr(one, name)) for one in status.sources]
        yield from _metric(f"ingest_{name}_total", "counter", says, rows)
    beyond = [({"source": one.source}, one.series_refused) for one in status.sources]
    yield from _metric("new_series_refused_total", "counter", "New series beyond the limit of their sender.", beyond)
    stages = status.stages
    yield from _metric(
        "stage_ok", "gauge", "Whether a stage works.", [({"stage": s.name}, int(s.is_ok)) for s in stages]
    )
    yield from _metric(
        "stage_lag_seconds", "gauge", "How far a stage is behind.", [({"stage": s.name}, s.lag_s) for s in stages]
    )
    yield from _metric(
        "stage_errors_total", "counter", "Failures of a stage.", [({"stage": s.name}, s.errors) for s in stages]
    )
    for name, unit in (("inbox_records", status.inbox_records), ("inbox_bytes", status.inbox_bytes)):
        yield from _metric(name, "gauge", "Waiting in the inbox.", [({"lane": lane}, n) for lane, n in unit.items()])
    yield from _metric("refused_total", "counter", "Items refused at the doors since start.", [({}, status.refused)])
    yield from _metric("unplaced_label_sets", "gauge", "Label sets without an entity.", [({}, status.unplaced)])
    yield from _metric("series", "gauge", "Time series watched.", [({}, status.watching.series)])
    yield from _metric("entities", "gauge", "Entities watched.", [({}, status.watching.entities)])
    yield from _metric("decided_seq", "counter", "Last record whose effects are committed.", [({}, status.decided_seq)])
    yield from _metric("disk_bytes", "gauge", "Telemetry on disk.", [({}, status.disk_bytes)])
    yield from _metric("incidents", "gauge", "Incidents by status.", [({"status": s}, n) for s, n in counts.items()])
    yield from _metric("alerts_24h", "gauge", "Alerts of the last 24 hours.", [({}, status.funnel.alerts)])
    yield from _budget(platform.budget())
    yield from _models(platform.meters())
    yield from _metric("console_streams", "gauge", "Clients listening live.", [({}, len(platform.control.feed))])


def _models(meters: Mapping[VersionRef, tuple[ModelKind, Meter]]) -> Iterable[str]:
    rows = [({"kind": str(kind), "version": str(ref)}, meter) for ref, (kind, meter) in meters.items() if meter.calls]
    for name, says in (("calls", "Calls of a live model."), ("items", "What it looked at.")):
        yield from _metric(f"model_{name}_total", "counter", says, [(n, getattr(one, name)) for n, one in rows])
    cpu, p95 = [(n, one.cpu_s) for n, one in rows], [(n, p95_ms(list(one.walls_s)) / 1e3) for n, one in rows]
    yield from _metric("model_cpu_seconds_total", "counter", "Processor time of a live model.", cpu)
    yield from _metric("model_call_p95_seconds", "gauge", "Of its last 512 calls, 95 of 100 took no longer.", p95)


def _budget(state: BudgetState) -> Iterable[str]:
    teams = [({"team": one.team}, one) for one in state.teams]
    yield from _metric("alerts_waiting", "gauge", "New alerts that a storm makes wait.", [({}, state.waiting)])
    yield from _metric("alerts_lost_total", "counter", "New alerts beyond what may wait.", [({}, state.lost)])
    promised, used = [(t, s.promised) for t, s in teams], [(t, float(s.used)) for t, s in teams]
    yield from _metric("pages_promised_per_week", "gauge", "False pages a week at most.", promised)
    yield from _metric("page_places_used", "gauge", "Places of the page budget that are taken.", used)
    held = sum(bar.held for bar in state.learned)
    yield from _metric("learned_conditions", "gauge", "Conditions judged no anomaly.", [({}, len(state.learned))])
    yield from _metric("learned_held", "gauge", "Alerts held back by what was learned.", [({}, held)])


def _metric(name: str, kind: str, says: str, rows: Iterable[tuple[Mapping[str, str], float]]) -> Iterable[str]:
    yield f"# HELP mainstay_{name} {says}\n# TYPE mainstay_{name} {kind}\n"
    for labels, value in rows:
        pairs = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
        yield f"mainstay_{name}{{{pairs}}} {value}\n" if pairs else f"mainstay_{name} {value}\n"


def escaped(text: str) -> str:
    r"""A label value as Prometheus reads it.

    >>> escaped('a"b\\' + chr(10))
    'a\\"b\\\\\\n'
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resident_bytes() -> int:
    """Memory that this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


V1_ROUTES = [show_status, make_backup]
ROOT_ROUTES = [is_alive, is_ready, show_metrics]
