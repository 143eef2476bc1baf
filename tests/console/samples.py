"""Incidents, a plan and a curve as the domain's own structs: a small shop in trouble, and hostile strings."""

from __future__ import annotations

import math

from mainstay.domain.alerts import Evidence
from mainstay.domain.incidents import Grouping, Incident, Risk, RiskPart, Suspect, TimelineEntry
from mainstay.domain.models import VersionRef
from mainstay.domain.runbooks import Plan, Step, Verify
from mainstay.feedback.scores import Score, rate

MINUTE = 60_000
METRICS = VersionRef("metrics", 2)
METRICS_SCORE = Score(
    ref=METRICS,
    right=32,
    wrong=5,
    missed=1,
    precision=rate("precision", 32, 37),
    recall=rate("recall", 32, 33),
    says="",
)
DIAGNOSER, CORRELATOR, PLANNER = (VersionRef(n, 1) for n in ("diagnoser", "correlator", "planner"))
NAMES = (
    "gateway",
    "checkout",
    "payments",
    "orders",
    "inventory",
    "catalog",
    "mailer",
    "search",
    "ledger-db",
    "orders-queue",
)
HOSTILE = (
    '<img src=x onerror="window.__hacked=1"><script>window.__hacked=1</script>\u202egnp.exe\u202c & "quotes" \'n\''
)
LATENCY = "http.server.request.duration.p99"
SERIES = "11529215046068469761"
AGREEMENT = {
    "agreement": 0.94,
    "both_alerts": 31,
    "live_only": 1,
    "shadow_only": 1,
    "decisions": 0,
    "same_decisions": 0,
    "errors": 0,
    "error": "",
}
LONG = "very-long-name-" * 700  # 10.5 kB, as one word


def service(name: str) -> str:
    return f"service:prod/{name}"


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
        "suspects": (
            Suspect(entity=service(name), cause="deploy", probability=0.8, decided_by=DIAGNOSER, says="deploy"),
        ),
        "risk": Risk(score=30 + number % 40, parts=(RiskPart(name="blast", points=30, says="one service"),)),
    }
    return Incident(**(fields | over))  # type: ignore[arg-type]


def _evidence(since: int) -> tuple[Evidence, ...]:
    return (
        Evidence(
            id="E1",
            kind="change",
            ref="c1",
            says="deploy payments v42, 40 s before the trouble began",
            at_ms=since - 40_000,
            weight=0.9,
        ),
        Evidence(
            id="E2",
            kind="metric",
            ref=SERIES,
            says="latency p99 of payments far above what was expected",
            at_ms=since,
            weight=0.8,
        ),
        Evidence(
            id="E3",
            kind="alert",
            ref="a2",
            says="checkout waits for payments: p99 180 ms → 2.4 s",
            at_ms=since + 12_000,
            weight=0.7,
        ),
        Evidence(
            id="E4",
            kind="edge",
            ref=f"{service('checkout')}>{service('payments')}",
            says="the edge checkout → payments: own time of payments +2.1 s",
            at_ms=since + 15_000,
            weight=0.6,
        ),
        Evidence(
            id="E5",
            kind="log",
            ref="4711",
            says="new log line “retry pool exhausted after <*> ms”, 412 times",
            at_ms=since + 20_000,
            weight=0.4,
        ),
    )


def _timeline(since: int) -> tuple[TimelineEntry, ...]:
    return (
        TimelineEntry(at_ms=since - 40_000, kind="change", says="deploy payments v42 by ci", ref="c1"),
        TimelineEntry(at_ms=since, kind="signal", says="latency p99 of payments leaves its band"),
        TimelineEntry(at_ms=since + 20_000, kind="alert", says="latency of payments", ref="a1", decided_by=METRICS),
        TimelineEntry(
            at_ms=since + 25_000,
            kind="alert",
            says="latency checkout → payments",
            ref="a2",
            decided_by=VersionRef("edges", 1),
        ),
        TimelineEntry(
            at_ms=since + 31_000,
            kind="decision",
            says="incident opened: one cause explains both alerts",
            decided_by=CORRELATOR,
        ),
        TimelineEntry(
            at_ms=since + 33_000, kind="decision", says="suspect: payments, deploy v42 (91 %)", decided_by=DIAGNOSER
        ),
        TimelineEntry(at_ms=since + 34_000, kind="page", says="paged through Alertmanager"),
        TimelineEntry(
            at_ms=since + 40_000,
            kind="decision",
            says="plan proposed: roll back payments to v41",
            decided_by=PLANNER,
        ),
    )


def the_incident(now_ms: int) -> Incident:
    """Payments is slow since a deploy; checkout and the gateway feel it."""
    since = now_ms - 6 * MINUTE
    return Incident(
        id="INC-20214",
        status="open",
        severity="critical",
        title="payments slow: checkout fails",
        since_ms=since,
        opened_ms=since + 31_000,
        updated_ms=now_ms - 20_000,
        decided_by=CORRELATOR,
        summary="Payments became slow at once, 40 s after version v42 was deployed [E1]; its p99 latency rose from "
        "180 ms to 2.4 s [E2]. "
        "Checkout and the gateway wait for it and time out [E3]; nothing that payments calls is slow [E4].",
        groupings=(
            Grouping(alert="a1", at_ms=since + 20_000, why="first", decided_by=CORRELATOR),
            Grouping(alert="a2", at_ms=since + 25_000, why="checkout calls payments", decided_by=CORRELATOR),
        ),
        entities=tuple(service(n) for n in ("payments", "checkout", "orders", "gateway")),
        suspects=(
            Suspect(
                entity=service("payments"),
                cause="deploy",
                probability=0.91,
                decided_by=DIAGNOSER,
                change="c1",
                evidence=("E1", "E2", "E4"),
                says="deploy payments v42",
            ),
            Suspect(
                entity=service("ledger-db"),
                cause="database",
                probability=0.06,
                decided_by=DIAGNOSER,
                says="slow queries would look alike, but none is seen",
            ),
            Suspect(
                entity=service("checkout"), cause="traffic", probability=0.02, decided_by=DIAGNOSER, evidence=("E3",)
            ),
        ),
        evidence=_evidence(since),
        critical_failure="checkout p99 180 ms → 2.4 s; 1,204 requests failed",
        impact=(service("checkout"), service("orders"), service("gateway")),
        risk=Risk(
            score=87,
            parts=(
                RiskPart(name="blast", points=40, says="4 of 41 services"),
                RiskPart(name="tier", points=30, says="payments is tier 1"),
                RiskPart(name="trend", points=17, says="still rising"),
            ),
        ),
        timeline=_timeline(since),
    )


def hostile_incident(now_ms: int) -> Incident:
    """Every string that comes from outside tries something."""
    since = now_ms - 50 * MINUTE
    return an_incident(
        0,
        now_ms,
        id="INC-20213",
        status="acknowledged",
        severity="major",
        title=HOSTILE + LONG,
        since_ms=since,
        opened_ms=since + 1000,
        resolved_ms=None,
        summary=HOSTILE + " [E1] " + LONG,
        critical_failure=HOSTILE + LONG,
        entities=("service:prod/" + HOSTILE, "service:prod/" + LONG),
        impact=("service:prod/" + HOSTILE, "service:prod/" + LONG),
        suspects=(
            Suspect(
                entity="service:prod/" + HOSTILE,
                cause="unknown",
                probability=0.4,
                decided_by=DIAGNOSER,
                says=HOSTILE + LONG,
                evidence=("E1",),
            ),
        ),
        evidence=(Evidence(id="E1", kind="log", ref="1", says=HOSTILE + LONG, at_ms=since),),
        timeline=(
            TimelineEntry(at_ms=since, kind="alert", says=HOSTILE + LONG, decided_by=VersionRef("rule/" + HOSTILE, 0)),
        ),
        risk=Risk(score=40, parts=(RiskPart(name=HOSTILE, points=40, says=LONG),)),
        acknowledged_by=HOSTILE,
    )


def the_plan(now_ms: int, *, requested_by: str = "mainstay") -> Plan:
    return Plan(
        id="plan-1",
        incident="INC-20214",
        runbook="roll-back-deploy",
        title="Roll back payments to v41",
        parameters={"service": "payments", "version": "v41"},
        targets=(service("payments"),),
        steps=(
            Step(
                name="Redeploy payments v41",
                action="command",
                with_={"command": "shop", "args": ["deploy", "payments", "v41"]},
                timeout_s=120,
            ),
        ),
        undo=(
            Step(
                name="Redeploy payments v42",
                action="command",
                with_={"command": "shop", "args": ["deploy", "payments", "v42"]},
            ),
        ),
        verify=Verify(within_s=120, quiet_s=15, entity=service("payments")),
        risk_class="standard",
        decided_by=PLANNER,
        created_ms=now_ms - 5 * MINUTE,
        reason="The suspect is a deploy and the version before it is known.",
        dry_run=("would run: shop deploy payments v41 (is at v42)",),
        updated_ms=now_ms - 5 * MINUTE,
        requested_by=requested_by,
    )


def points(now_ms: int, n: int = 360) -> dict[str, list[float | int | None]]:
    """A latency with its band: calm, then 2.4 s since six minutes ago; 5 s apart."""
    at = [now_ms - (n - i) * 5000 for i in range(n)]
    since = now_ms - 6 * MINUTE
    calm = [0.18 + 0.012 * math.sin(i / 9) + 0.006 * math.sin(i * 1.7) for i in range(n)]
    value = [
        c if t < since else min(2.4, c + (t - since) / 30_000) + 0.1 * math.sin(i)
        for i, (c, t) in enumerate(zip(calm, at, strict=True))
    ]
    return {"at_ms": at, "value": value, "low": [c - 0.04 for c in calm], "high": [c + 0.05 for c in calm]}  # type: ignore[dict-item]
