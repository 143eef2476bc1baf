"""A fixed clock, and one of each thing that the control store keeps, for the tests of store and API."""

from __future__ import annotations

from mainstay.domain.alerts import Alert, Band, Evidence
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity
from mainstay.domain.incidents import Grouping, Incident, Suspect
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Deployment, ModelVersion, VersionRef
from mainstay.domain.pages import Page
from mainstay.domain.runbooks import Approval, Plan, Step, StepResult, Verify
from mainstay.domain.signals import Template
from mainstay.domain.verdicts import Label, Verdict

T0 = 1_790_000_000_000
METRICS, LOGS = VersionRef("metrics", 1), VersionRef("logs", 1)
CORRELATOR, DIAGNOSER, PLANNER = VersionRef("correlator", 1), VersionRef("diagnoser", 1), VersionRef("planner", 1)
BIG_ID = 2**64 - 3


class FixedClock:
    """Stands still until it is told to move."""

    def __init__(self, at_ms: int = T0) -> None:
        self.at_ms = at_ms

    def now_ns(self) -> int:
        return self.at_ms * 1_000_000


def alert(number: int = 1, **changed: object) -> Alert:
    values: dict[str, object] = {
        "id": f"A-{number}",
        "fingerprint": f"f{number}",
        "entity": "service:prod/payments",
        "name": "latency high",
        "severity": "major",
        "status": "firing",
        "since_ms": T0 + number,
        "at_ms": T0 + number + 5,
        "decided_by": METRICS,
        "subject": f"metric:{BIG_ID}",
        "band": Band(low=1.0, high=2.0, value=9.5, unit="ms"),
        "p_value": 1e-9,
    }
    return Alert(**{**values, **changed})  # type: ignore[arg-type]


def incident(number: int = 1, **changed: object) -> Incident:
    values: dict[str, object] = {
        "id": f"INC-{number}",
        "status": "open",
        "severity": "major",
        "title": "payments slow",
        "since_ms": T0 + number,
        "opened_ms": T0 + number,
        "updated_ms": T0 + number,
        "decided_by": CORRELATOR,
        "entities": ("service:prod/payments",),
        "groupings": (Grouping(alert="A-1", at_ms=T0, why="same entity", decided_by=CORRELATOR),),
        "suspects": (
            Suspect(
                entity="service:prod/payments", cause="deploy", probability=0.9, decided_by=DIAGNOSER, change="C-1"
            ),
        ),
        "evidence": (Evidence(id="E1", kind="metric", ref=str(BIG_ID), says="p95 rose", at_ms=T0),),
    }
    return Incident(**{**values, **changed})  # type: ignore[arg-type]


def plan(number: int = 1, **changed: object) -> Plan:
    values: dict[str, object] = {
        "id": f"P-{number}",
        "incident": "INC-1",
        "runbook": "roll-back",
        "title": "roll back payments",
        "parameters": {"service": "payments"},
        "targets": ("service:prod/payments",),
        "steps": (Step(name="do", action="http", with_={"url": "http://127.0.0.1/x", "nested": {"a": [1, 2.5]}}),),
        "undo": (),
        "verify": Verify(),
        "risk_class": "normal",
        "decided_by": PLANNER,
        "created_ms": T0 + number,
    }
    return Plan(**{**values, **changed})  # type: ignore[arg-type]


def approval(number: int = 1, **changed: object) -> Approval:
    values: dict[str, object] = {
        "id": f"AP-{number}",
        "plan": "P-1",
        "digest": plan().digest,
        "decision": "approved",
        "by": "user:ada",
        "at_ms": T0,
        "expires_ms": T0 + 60_000,
    }
    return Approval(**{**values, **changed})  # type: ignore[arg-type]


def step(index: int = 0, **changed: object) -> StepResult:
    values: dict[str, object] = {
        "plan": "P-1",
        "index": index,
        "phase": "do",
        "name": "do",
        "status": "started",
        "at_ms": T0 + index,
    }
    return StepResult(**{**values, **changed})  # type: ignore[arg-type]


def change(number: int = 1, **changed: object) -> Change:
    values: dict[str, object] = {
        "id": f"C-{number}",
        "at_ms": T0 - 1000 + number,
        "kind": "deploy",
        "subject": "payments",
        "entity": "service:prod/payments",
    }
    return Change(**{**values, **changed})  # type: ignore[arg-type]


def entry(number: int = 1, **changed: object) -> Entry:
    values: dict[str, object] = {
        "id": f"entry-{number}",
        "kind": "alert",
        "at_ms": T0 + number,
        "actor": "metrics@1",
        "subject": f"A-{number}",
        "output": {"score": 0.25 * number, "n": number},
        "rests_on": ("metrics@1",),
        "inputs": {"window": [1.5, 2.5, float(number)]},
    }
    return Entry(**{**values, **changed})  # type: ignore[arg-type]


def effects(seq: int = 1, number: int = 1) -> Effects:
    """A batch in which one of everything was decided."""
    entity = Entity(id="service:prod/payments", kind="service", name="payments", environment="prod")
    caller = Entity(id="service:prod/gateway", kind="service", name="gateway", environment="prod")
    page = Page(key=f"INC-{number}/webhook/open", receiver="webhook", incident=f"INC-{number}", body={}, created_ms=T0)
    verdict = Verdict(id=f"V-{number}", kind="not-anomaly", subject=f"A-{number}", by="user:ada", at_ms=T0)
    label = Label(
        id=f"L-{number}",
        model="metrics",
        version=1,
        subject=f"A-{number}",
        is_true=False,
        kind="alert",
        from_verdict=f"V-{number}",
        by="user:ada",
        at_ms=T0,
    )
    return Effects(
        decided_seq=seq,
        entities={entity.id: entity, caller.id: caller},
        edges={(caller.id, entity.id): Edge(caller=caller.id, callee=entity.id, seen_ms=T0)},
        templates={BIG_ID - 1: Template(id=BIG_ID - 1, text="retry <*>")},
        changes={f"C-{number}": change(number)},
        alerts={f"A-{number}": alert(number)},
        incidents={f"INC-{number}": incident(number)},
        plans={f"P-{number}": plan(number)},
        pages={page.key: page},
        verdicts={verdict.id: verdict},
        labels={label.id: label},
        entries=[entry(number)],
    )


def version(number: int = 1, model: str = "metrics") -> ModelVersion:
    return ModelVersion(
        ref=VersionRef(model, number), kind="metrics", algorithm="robust-season", artefact="ab" * 32, created_ms=T0
    )


def deployment(live: int = 1, shadow: int | None = None) -> Deployment:
    return Deployment(
        kind="metrics", live=VersionRef("metrics", live), shadow=VersionRef("metrics", shadow) if shadow else None
    )
