"""What the fixture server answers: whole worlds, made from the domain's own structs."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.console.samples import (
    AGREEMENT,
    DIAGNOSER,
    HOSTILE,
    LATENCY,
    METRICS,
    METRICS_SCORE,
    MINUTE,
    NAMES,
    SERIES,
    an_incident,
    hostile_incident,
    points,
    service,
    the_incident,
    the_plan,
)

from mainstay.domain.alerts import Alert, Band
from mainstay.domain.budget import LearnedBar
from mainstay.domain.changes import Change
from mainstay.domain.entities import Edge, Entity
from mainstay.domain.incidents import Incident, Risk, RiskPart, Suspect
from mainstay.domain.ledger import LedgerEntry
from mainstay.domain.models import Deployment, ModelVersion, VersionRef
from mainstay.domain.runbooks import Approval, Plan, Runbook, Step, StepResult, Verify
from mainstay.domain.users import User
from mainstay.domain.verdicts import Verdict
from mainstay.domain.views import Funnel, SourceHealth, SpanLine, StageHealth, Status, Watching

__all__ = [
    "AGREEMENT",
    "HOSTILE",
    "LATENCY",
    "METRICS",
    "METRICS_SCORE",
    "SERIES",
    "an_incident",
    "points",
    "service",
    "the_plan",
]


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
    traces: dict[str, list[SpanLine]] = field(default_factory=dict)
    writes: list[tuple[str, object]] = field(default_factory=list)


def a_status(now_ms: int, *, incidents: int, empty: bool = False) -> Status:
    if empty:
        return Status(
            version="0.1.0", now_ms=now_ms, started_ms=now_ms, watching=Watching(), funnel=Funnel(since_ms=now_ms)
        )
    stages = ("ingest", "normalize", "detect", "correlate", "automation")
    return Status(
        version="0.1.0",
        now_ms=now_ms,
        started_ms=now_ms - 3 * 3_600_000,
        watching=Watching(series=12_344, entities=64, services=41, since_ms=now_ms - 3 * 3_600_000),
        funnel=Funnel(
            since_ms=now_ms - 86_400_000, signals=48_211, anomalies=312, alerts=57, incidents=incidents, not_paged=19
        ),
        stages=tuple(StageHealth(name=name, last_ok_ms=now_ms) for name in stages),
        sources=(SourceHealth(source="otlp-metrics", requests=5400, records=41_022, last_ms=now_ms - 2000),),
        unplaced=2,
        disk_bytes=48_000_000,
    )


def small_world(now_ms: int) -> World:
    """Three open incidents, one plan that waits, ten services, some past."""
    orders = an_incident(
        2,
        now_ms,
        id="INC-20212",
        status="open",
        severity="major",
        title="orders queue growing",
        resolved_ms=None,
        entities=(service("inventory"), service("orders-queue")),
        suspects=(
            Suspect(
                entity=service("inventory"),
                cause="queue",
                probability=0.78,
                decided_by=DIAGNOSER,
                says="consumer stopped",
            ),
        ),
        risk=Risk(
            score=55,
            parts=(
                RiskPart(name="blast", points=20, says="2 services"),
                RiskPart(name="trend", points=35, says="growing"),
            ),
        ),
    )
    world = World(now_ms=now_ms, status=a_status(now_ms, incidents=3))
    world.incidents = [
        the_incident(now_ms),
        hostile_incident(now_ms),
        orders,
        *(an_incident(n, now_ms) for n in range(12, 40)),
    ]
    world.plans = {"plan-1": the_plan(now_ms)}
    for fill in (_services, _alerts, _changes, _models, _ledger, _runbooks):
        fill(world)
    world.users = [
        User(name="admin", role="admin", created_ms=now_ms - 86_400_000),
        User(name="ada", role="responder", created_ms=now_ms),
    ]
    return world


def _services(world: World) -> None:
    now_ms = world.now_ms
    world.entities = [
        Entity(id=service(n), kind="service", name=n, environment="prod", tier=1 + i % 3, owner="shop")
        for i, n in enumerate(NAMES)
    ]
    world.entities.append(Entity(id="service:prod/" + HOSTILE, kind="service", name=HOSTILE))
    calls = (
        ("gateway", "checkout"),
        ("checkout", "payments"),
        ("checkout", "orders"),
        ("payments", "ledger-db"),
        ("orders", "orders-queue"),
        ("inventory", "orders-queue"),
    )
    world.edges = [Edge(caller=service(a), callee=service(b), seen_ms=now_ms) for a, b in calls]


def _alerts(world: World) -> None:
    now_ms = world.now_ms
    since = world.now_ms - 6 * MINUTE
    world.alerts = [
        Alert(
            id="a1",
            fingerprint="f1",
            entity=service("payments"),
            name="latency",
            severity="critical",
            status="firing",
            since_ms=since,
            at_ms=since + 20_000,
            decided_by=METRICS,
            subject=f"metric:{SERIES}",
            signal="latency",
            band=Band(low=0.15, high=0.22, value=2.4, unit="s"),
            p_value=1e-9,
        ),
        Alert(
            id="a2",
            fingerprint="f2",
            entity=service("checkout"),
            name="latency of checkout → payments",
            severity="major",
            status="firing",
            since_ms=since,
            at_ms=since + 25_000,
            decided_by=VersionRef("edges", 1),
            subject=f"edge:{service('checkout')}>{service('payments')}",
            signal="latency",
        ),
        Alert(
            id="a3",
            fingerprint="f3",
            entity=service("search"),
            name="cpu",
            severity="minor",
            status="resolved",
            since_ms=since,
            at_ms=since,
            ended_ms=now_ms,
            decided_by=METRICS,
            suppressed=True,
            suppressed_why="over the page budget of 3 a week",
        ),
    ]


def a_bar() -> LearnedBar:
    """What a verdict taught of the latency of payments."""
    return LearnedBar(
        id="f1",
        entity=service("payments"),
        name="latency",
        channel="level",
        judged=4.0,
        needed=6.0,
        alert="a1",
        verdict="V-1",
        by="ada",
        at_ms=0,
        held=3,
    )


def _changes(world: World) -> None:
    since = world.now_ms - 6 * MINUTE
    world.changes = [
        Change(
            id="c1",
            at_ms=since - 40_000,
            kind="deploy",
            subject="payments",
            entity=service("payments"),
            environment="prod",
            version="v42",
            previous_version="v41",
            author="ci",
            summary="new retry pool",
            source="lab",
        ),
        Change(
            id="c0",
            at_ms=since - 3_600_000,
            kind="config",
            subject="search",
            entity=service("search"),
            summary=HOSTILE,
            author="ada",
            source="lab",
        ),
    ]


def _models(world: World) -> None:
    now_ms = world.now_ms
    world.versions = [
        ModelVersion(
            ref=VersionRef(kind, n),
            kind=kind,
            algorithm=algorithm,
            artefact=f"{n}{'ab' * 31}c",
            created_ms=now_ms - 86_400_000 * (4 - n),
            created_by="mainstay",
            why="priors set by hand" if n == 1 else "wider band for bursty series",
            parent=VersionRef(kind, n - 1) if n > 1 else None,
            parameters={"threshold": 4.5 + n},
        )
        for kind, algorithm, most in (
            ("metrics", "robust-season", 3),
            ("logs", "template-rate", 1),
            ("edges", "edge-latency", 1),
            ("correlator", "topology-time", 1),
            ("diagnoser", "earliest-deepest", 1),
            ("planner", "by-cause", 1),
        )
        for n in range(1, most + 1)
    ]
    world.deployments = [
        Deployment(
            kind=kind,
            live=VersionRef(kind, 2 if kind == "metrics" else 1),
            previous=VersionRef(kind, 1) if kind == "metrics" else None,
            shadow=VersionRef(kind, 3) if kind == "metrics" else None,
            since_ms=now_ms - 3_600_000,
        )
        for kind in ("metrics", "logs", "edges", "correlator", "diagnoser", "planner")
    ]


def _ledger(world: World) -> None:
    since = world.now_ms - 6 * MINUTE
    world.ledger = [
        LedgerEntry(
            seq=n,
            id=f"e{n}",
            kind=kind,
            at_ms=since + n * 4000,
            actor="metrics@1" if kind == "alert" else "mainstay",
            subject=f"INC-{20214 - n % 3}",
            output={"says": HOSTILE if n == 3 else "latency of payments", "severity": "critical"},
            rests_on=("metrics@1", f"e{n - 1}"),
            inputs_digest="ab" * 32,
            previous="cd" * 32,
            hash=f"{n:02d}" * 32,
        )
        for n, kind in enumerate(
            ("version", "deployment", "alert", "alert", "grouping", "incident", "diagnosis", "plan", "page"), 1
        )
    ]


def _runbooks(world: World) -> None:
    world.runbooks = [
        Runbook(
            name="roll-back-deploy",
            title="Roll back a bad deploy",
            causes=("deploy",),
            steps=world.plans["plan-1"].steps,
            undo=world.plans["plan-1"].undo,
            verify=Verify(),
            needs_change=True,
            risk_class="standard",
            description="When a deploy is the cause, put back what ran before.",
        ),
        Runbook(
            name="restart",
            title="Restart a service",
            causes=("memory", "cpu"),
            steps=(Step(name="Restart ${service}", action="command"),),
            verify=Verify(),
        ),
    ]


def many_world(now_ms: int, count: int = 10_000) -> World:
    world = small_world(now_ms)
    world.incidents += [an_incident(n, now_ms) for n in range(40, count)]
    return world


def calm_world(now_ms: int) -> World:
    world = World(now_ms=now_ms, status=a_status(now_ms, incidents=0))
    world.users = [User(name="admin", role="admin")]
    return world
