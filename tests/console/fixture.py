"""What the fixture server answers, made from the domain's own structs: a small shop in trouble, and hostile strings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from mainstay.domain.alerts import Alert, Band, Evidence
from mainstay.domain.changes import Change
from mainstay.domain.entities import Edge, Entity
from mainstay.domain.incidents import Grouping, Incident, Risk, RiskPart, Suspect, TimelineEntry
from mainstay.domain.ledger import LedgerEntry
from mainstay.domain.models import Deployment, ModelVersion, VersionRef
from mainstay.domain.runbooks import Approval, Plan, Runbook, Step, StepResult, Verify
from mainstay.domain.users import User
from mainstay.domain.verdicts import Verdict
from mainstay.domain.views import Funnel, SourceHealth, StageHealth, Status, Watching

MINUTE = 60_000
METRICS = VersionRef("metrics", 2)
DIAGNOSER, CORRELATOR, PLANNER = (VersionRef(n, 1) for n in ("diagnoser", "correlator", "planner"))
NAMES = ("gateway", "checkout", "payments", "orders", "inventory", "catalog", "mailer", "search", "ledger-db", "orders-queue")
HOSTILE = "<img src=x onerror=\"window.__hacked=1\"><script>window.__hacked=1</script>\u202egnp.exe\u202c & \"quotes\" 'n'"
SERIES = "11529215046068469761"
AGREEMENT = {"agreement": 0.94, "both_alerts": 31, "live_only": 1, "shadow_only": 1, "decisions": 0, "same_decisions": 0, "errors": 0, "error": ""}
LONG = "very-long-name-" * 700  # 10.5 kB, as one word


def service(name: str) -> str:
    return f"service:prod/{name}"


@dataclass
class World:
    """Everything that the console can ask for, at one moment. Writes of the console are kept in `writes`."""

    now_ms: int
    status: Status
    incidents: list[Incident] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)
    approvals: list[Approval] = field(default_factory=list)
    steps: list[StepResult] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    versions: list[ModelVersion] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)
    runbooks: list[Runbook] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    writes: list[tuple[str, object]] = field(default_factory=list)


def a_status(now_ms: int, *, incidents: int, empty: bool = False) -> Status:
    if empty:
        return Status(version="0.1.0", now_ms=now_ms, started_ms=now_ms, watching=Watching(), funnel=Funnel(since_ms=now_ms))
    stages = ("ingest", "normalize", "detect", "correlate", "automation")
    return Status(
        version="0.1.0",
        now_ms=now_ms,
        started_ms=now_ms - 3 * 3_600_000,
        watching=Watching(series=12_344, entities=64, services=41, since_ms=now_ms - 3 * 3_600_000),
        funnel=Funnel(since_ms=now_ms - 86_400_000, signals=48_211, anomalies=312, alerts=57, incidents=incidents, not_paged=19),
        stages=tuple(StageHealth(name=name, last_ok_ms=now_ms) for name in stages),
        sources=(SourceHealth(source="otlp-metrics", requests=5400, records=41_022, last_ms=now_ms - 2000),),
        unplaced=2,
        disk_bytes=48_000_000,
    )


def an_incident(number: int, now_ms: int, **over: object) -> Incident:
    """A resolved one, cheap to make by the thousand."""
    since = now_ms - number * 7 * MINUTE
    name = NAMES[number % len(NAMES)]
    fields: dict[str, object] = {
        "id": f"INC-{20_000 - number}",
        "status": "resolved",
        "severity": ("major", "minor", "critical")[number % 3],
        "title": f"{name} slow after a deploy",
        "since_ms": since,
        "opened_ms": since + 20_000,
        "updated_ms": since + 4 * MINUTE,
        "resolved_ms": since + 4 * MINUTE,
        "decided_by": CORRELATOR,
        "entities": (service(name),),
        "suspects": (Suspect(entity=service(name), cause="deploy", probability=0.8, decided_by=DIAGNOSER, says="deploy"),),
        "risk": Risk(score=30 + number % 40, parts=(RiskPart(name="blast", points=30, says="one service"),)),
    }
    return Incident(**(fields | over))  # type: ignore[arg-type]


def the_incident(now_ms: int) -> Incident:
    """Payments is slow since a deploy; checkout and the gateway feel it."""
    since = now_ms - 6 * MINUTE
    evidence = (
        Evidence(id="E1", kind="change", ref="c1", says="deploy payments v42, 40 s before the trouble began", at_ms=since - 40_000, weight=0.9),
        Evidence(id="E2", kind="metric", ref=SERIES, says="latency p99 of payments far above what was expected", at_ms=since, weight=0.8),
        Evidence(id="E3", kind="alert", ref="a2", says="checkout waits for payments: p99 180 ms → 2.4 s", at_ms=since + 12_000, weight=0.7),
        Evidence(id="E4", kind="edge", ref=f"{service('checkout')}>{service('payments')}", says="the edge checkout → payments: own time of payments +2.1 s", at_ms=since + 15_000, weight=0.6),
        Evidence(id="E5", kind="log", ref="4711", says="new log line “retry pool exhausted after <*> ms”, 412 times", at_ms=since + 20_000, weight=0.4),
    )
    return Incident(
        id="INC-20214",
        status="open",
        severity="critical",
        title="payments slow: checkout fails",
        since_ms=since,
        opened_ms=since + 31_000,
        updated_ms=now_ms - 20_000,
        decided_by=CORRELATOR,
        summary="Payments became slow at once, 40 s after version v42 was deployed [E1]; its p99 latency rose from 180 ms to 2.4 s [E2]. "
        "Checkout and the gateway wait for it and time out [E3]; nothing that payments calls is slow [E4].",
        groupings=(
            Grouping(alert="a1", at_ms=since + 20_000, why="first", decided_by=CORRELATOR),
            Grouping(alert="a2", at_ms=since + 25_000, why="checkout calls payments", decided_by=CORRELATOR),
        ),
        entities=tuple(service(n) for n in ("payments", "checkout", "orders", "gateway")),
        suspects=(
            Suspect(entity=service("payments"), cause="deploy", probability=0.91, decided_by=DIAGNOSER, change="c1", evidence=("E1", "E2", "E4"), says="deploy payments v42"),
            Suspect(entity=service("ledger-db"), cause="database", probability=0.06, decided_by=DIAGNOSER, says="slow queries would look alike, but none is seen"),
            Suspect(entity=service("checkout"), cause="traffic", probability=0.02, decided_by=DIAGNOSER, evidence=("E3",)),
        ),
        evidence=evidence,
        critical_failure="checkout p99 180 ms → 2.4 s; 1,204 requests failed",
        impact=(service("checkout"), service("orders"), service("gateway")),
        risk=Risk(score=87, parts=(
            RiskPart(name="blast", points=40, says="4 of 41 services"),
            RiskPart(name="tier", points=30, says="payments is tier 1"),
            RiskPart(name="trend", points=17, says="still rising"),
        )),
        timeline=(
            TimelineEntry(at_ms=since - 40_000, kind="change", says="deploy payments v42 by ci", ref="c1"),
            TimelineEntry(at_ms=since, kind="signal", says="latency p99 of payments leaves its band"),
            TimelineEntry(at_ms=since + 20_000, kind="alert", says="latency of payments", ref="a1", decided_by=METRICS),
            TimelineEntry(at_ms=since + 25_000, kind="alert", says="latency checkout → payments", ref="a2", decided_by=VersionRef("edges", 1)),
            TimelineEntry(at_ms=since + 31_000, kind="decision", says="incident opened: one cause explains both alerts", decided_by=CORRELATOR),
            TimelineEntry(at_ms=since + 33_000, kind="decision", says="suspect: payments, deploy v42 (91 %)", decided_by=DIAGNOSER),
            TimelineEntry(at_ms=since + 34_000, kind="page", says="paged through Alertmanager"),
            TimelineEntry(at_ms=since + 40_000, kind="decision", says="plan proposed: roll back payments to v41", decided_by=PLANNER),
        ),
    )  # fmt: skip


def hostile_incident(now_ms: int) -> Incident:
    """Every string that comes from outside tries something."""
    since = now_ms - 50 * MINUTE
    return an_incident(
        0, now_ms, id="INC-20213", status="acknowledged", severity="major", title=HOSTILE + LONG, since_ms=since,
        opened_ms=since + 1000, resolved_ms=None, summary=HOSTILE + " [E1] " + LONG, critical_failure=HOSTILE + LONG,
        entities=("service:prod/" + HOSTILE, "service:prod/" + LONG), impact=("service:prod/" + HOSTILE, "service:prod/" + LONG),
        suspects=(Suspect(entity="service:prod/" + HOSTILE, cause="unknown", probability=0.4, decided_by=DIAGNOSER, says=HOSTILE + LONG, evidence=("E1",)),),
        evidence=(Evidence(id="E1", kind="log", ref="1", says=HOSTILE + LONG, at_ms=since),),
        timeline=(TimelineEntry(at_ms=since, kind="alert", says=HOSTILE + LONG, decided_by=VersionRef("rule/" + HOSTILE, 0)),),
        risk=Risk(score=40, parts=(RiskPart(name=HOSTILE, points=40, says=LONG),)), acknowledged_by=HOSTILE,
    )  # fmt: skip


def the_plan(now_ms: int, *, requested_by: str = "mainstay") -> Plan:
    return Plan(
        id="plan-1",
        incident="INC-20214",
        runbook="roll-back-deploy",
        title="Roll back payments to v41",
        parameters={"service": "payments", "version": "v41"},
        targets=(service("payments"),),
        steps=(Step(name="Redeploy payments v41", action="command", with_={"command": "shop", "args": ["deploy", "payments", "v41"]}, timeout_s=120),),
        undo=(Step(name="Redeploy payments v42", action="command", with_={"command": "shop", "args": ["deploy", "payments", "v42"]}),),
        verify=Verify(within_s=120, quiet_s=15, entity=service("payments")),
        risk_class="standard",
        decided_by=PLANNER,
        created_ms=now_ms - 5 * MINUTE,
        reason="The suspect is a deploy and the version before it is known.",
        dry_run=("would run: shop deploy payments v41 (is at v42)",),
        updated_ms=now_ms - 5 * MINUTE,
        requested_by=requested_by,
    )


def small_world(now_ms: int) -> World:
    """Three open incidents, one plan that waits, ten services, some past."""
    since = now_ms - 6 * MINUTE
    orders = an_incident(2, now_ms, id="INC-20212", status="open", severity="major", title="orders queue growing", resolved_ms=None,
                         entities=(service("inventory"), service("orders-queue")),
                         suspects=(Suspect(entity=service("inventory"), cause="queue", probability=0.78, decided_by=DIAGNOSER, says="consumer stopped"),),
                         risk=Risk(score=55, parts=(RiskPart(name="blast", points=20, says="2 services"), RiskPart(name="trend", points=35, says="growing"))))  # fmt: skip
    world = World(now_ms=now_ms, status=a_status(now_ms, incidents=3))
    world.incidents = [the_incident(now_ms), hostile_incident(now_ms), orders, *(an_incident(n, now_ms) for n in range(12, 40))]
    world.plans = {"plan-1": the_plan(now_ms)}
    world.entities = [Entity(id=service(n), kind="service", name=n, environment="prod", tier=1 + i % 3, owner="shop") for i, n in enumerate(NAMES)]
    world.entities.append(Entity(id="service:prod/" + HOSTILE, kind="service", name=HOSTILE))
    calls = (("gateway", "checkout"), ("checkout", "payments"), ("checkout", "orders"), ("payments", "ledger-db"), ("orders", "orders-queue"), ("inventory", "orders-queue"))
    world.edges = [Edge(caller=service(a), callee=service(b), seen_ms=now_ms) for a, b in calls]
    world.alerts = [
        Alert(id="a1", fingerprint="f1", entity=service("payments"), name="latency", severity="critical", status="firing", since_ms=since, at_ms=since + 20_000,
              decided_by=METRICS, subject=f"metric:{SERIES}", signal="latency", band=Band(low=0.15, high=0.22, value=2.4, unit="s"), p_value=1e-9),
        Alert(id="a2", fingerprint="f2", entity=service("checkout"), name="latency of checkout → payments", severity="major", status="firing", since_ms=since, at_ms=since + 25_000,
              decided_by=VersionRef("edges", 1), subject=f"edge:{service('checkout')}>{service('payments')}", signal="latency"),
        Alert(id="a3", fingerprint="f3", entity=service("search"), name="cpu", severity="minor", status="resolved", since_ms=since, at_ms=since, ended_ms=now_ms,
              decided_by=METRICS, suppressed=True, suppressed_why="over the page budget of 3 a week"),
    ]  # fmt: skip
    world.changes = [
        Change(id="c1", at_ms=since - 40_000, kind="deploy", subject="payments", entity=service("payments"), environment="prod", version="v42", previous_version="v41", author="ci", summary="new retry pool", source="lab"),
        Change(id="c0", at_ms=since - 3_600_000, kind="config", subject="search", entity=service("search"), summary=HOSTILE, author="ada", source="lab"),
    ]  # fmt: skip
    world.versions = [
        ModelVersion(ref=VersionRef(kind, n), kind=kind, algorithm=algorithm, artefact=f"{n}{'ab' * 31}c", created_ms=now_ms - 86_400_000 * (4 - n), created_by="mainstay",
                     why="priors set by hand" if n == 1 else "wider band for bursty series", parent=VersionRef(kind, n - 1) if n > 1 else None, parameters={"threshold": 4.5 + n})
        for kind, algorithm, most in (("metrics", "robust-season", 3), ("logs", "template-rate", 1), ("edges", "edge-latency", 1), ("correlator", "topology-time", 1), ("diagnoser", "earliest-deepest", 1), ("planner", "by-cause", 1))
        for n in range(1, most + 1)
    ]  # type: ignore[misc, arg-type, unused-ignore]  # fmt: skip
    world.deployments = [
        Deployment(kind=kind, live=VersionRef(kind, 2 if kind == "metrics" else 1), previous=VersionRef(kind, 1) if kind == "metrics" else None, shadow=VersionRef(kind, 3) if kind == "metrics" else None, since_ms=now_ms - 3_600_000)
        for kind in ("metrics", "logs", "edges", "correlator", "diagnoser", "planner")
    ]  # type: ignore[misc, arg-type, unused-ignore]  # fmt: skip
    world.ledger = [
        LedgerEntry(seq=n, id=f"e{n}", kind=kind, at_ms=since + n * 4000, actor="metrics@1" if kind == "alert" else "mainstay", subject=f"INC-{20214 - n % 3}",
                    output={"says": HOSTILE if n == 3 else "latency of payments", "severity": "critical"}, rests_on=("metrics@1", f"e{n - 1}"), inputs_digest="ab" * 32, previous="cd" * 32, hash=f"{n:02d}" * 32)
        for n, kind in enumerate(("version", "deployment", "alert", "alert", "grouping", "incident", "diagnosis", "plan", "page"), 1)
    ]  # type: ignore[misc, arg-type, unused-ignore]  # fmt: skip
    world.runbooks = [
        Runbook(name="roll-back-deploy", title="Roll back a bad deploy", causes=("deploy",), steps=world.plans["plan-1"].steps, undo=world.plans["plan-1"].undo, verify=Verify(), needs_change=True, risk_class="standard", description="When a deploy is the cause, put back what ran before."),
        Runbook(name="restart", title="Restart a service", causes=("memory", "cpu"), steps=(Step(name="Restart ${service}", action="command"),), verify=Verify()),
    ]  # fmt: skip
    world.users = [User(name="admin", role="admin", created_ms=now_ms - 86_400_000), User(name="ada", role="responder", created_ms=now_ms)]
    return world


def many_world(now_ms: int, count: int = 10_000) -> World:
    world = small_world(now_ms)
    world.incidents += [an_incident(n, now_ms) for n in range(40, count)]
    return world


def calm_world(now_ms: int) -> World:
    world = World(now_ms=now_ms, status=a_status(now_ms, incidents=0))
    world.users = [User(name="admin", role="admin")]
    return world


def points(now_ms: int, n: int = 360) -> dict[str, list[float | int | None]]:
    """A latency with its band: calm, then 2.4 s since six minutes ago; 5 s apart."""
    at = [now_ms - (n - i) * 5000 for i in range(n)]
    since = now_ms - 6 * MINUTE
    calm = [0.18 + 0.012 * math.sin(i / 9) + 0.006 * math.sin(i * 1.7) for i in range(n)]
    value = [c if t < since else min(2.4, c + (t - since) / 30_000) + 0.1 * math.sin(i) for i, (c, t) in enumerate(zip(calm, at, strict=True))]
    return {"at_ms": at, "value": value, "low": [c - 0.04 for c in calm], "high": [c + 0.05 for c in calm]}  # type: ignore[dict-item]
