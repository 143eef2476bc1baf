"""A platform without a pipeline: the real control store, made-up telemetry, and a record of what it was told to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from tests.correlate.judges import Judges
from tests.mlops.keeper import serving
from tests.store.control_samples import BIG_ID, DIAGNOSER, T0, FixedClock
from tests.store.control_samples import plan as some_plan

from mainstay.api.platform import PlatformApi, Receive, Scope, Send
from mainstay.app.changes import ChangeDesk
from mainstay.app.mlops.rollouts import RolloutDesk
from mainstay.app.silences import SilenceDesk
from mainstay.correlate import Correlate
from mainstay.domain.budget import BudgetState
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Labels, Topology
from mainstay.domain.errors import NotFound, Overloaded, Refused
from mainstay.domain.ledger import EntryKind
from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.outlook import OutlookState
from mainstay.domain.predictions import InProduction
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Approval, Plan, Runbook, Wish
from mainstay.domain.services import ServiceHealth
from mainstay.domain.signals import Series
from mainstay.domain.users import User
from mainstay.domain.verdicts import Verdict
from mainstay.domain.views import (
    Audited,
    Explained,
    KeptTrace,
    LogLine,
    ParameterValues,
    Reperformed,
    SourceHealth,
    SpanLine,
    StageHealth,
    Status,
    TemplateCount,
    ValueCount,
    Watching,
)
from mainstay.domain.watching import BiasReport, InventoryRow, RecallMark, RiskScore, Standing
from mainstay.ledger import Head, Verified
from mainstay.mlops import Keys
from mainstay.mlops.recall import Recall, recall
from mainstay.mlops.timing import Meter
from mainstay.mlops.training.lineage import lineage
from mainstay.mlops.trust.heads import SignedHead, opened_head, sign_head
from mainstay.mlops.trust.signing import Envelope
from mainstay.settings import Settings
from mainstay.store.backup import Manifest, backup
from mainstay.store.control import Control


class FakeDoor:
    """Answers on one path, as the ingest door does."""

    def handles(self, path: str) -> bool:
        return path == "/v1/metrics"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"taken"})


class FakeTraining:
    """Nothing was trained, and nothing can be."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def request(self, name: str, asked: Any) -> Any:
        raise NotFound(f"there is no model {name!r}")

    def runs(self, kind: str | None = None, limit: int = 100) -> list[Any]:
        return []

    def run(self, name: str) -> Any:
        raise NotFound(f"there is no training run {name!r}")

    def experiments(self, model: str | None = None, limit: int = 100) -> list[Any]:
        return []

    def lineage(self, ref: VersionRef, limit: int = 1000) -> Any:
        version = self._control.version(ref)
        assert version is not None  # the route looked
        return lineage(version, self._control.versions(ref.model), None, self._control.ledger_stream, limit)


class FakeRecorded:
    """Two lines of one template were said."""

    def templates(self, entity: str, extent: tuple[int, int], limit: int) -> list[TemplateCount]:
        return [TemplateCount(id=7, text="took <*> ms", numbered="took <1> ms", lines=2)]

    def traces(self, entity: str, why: str, extent: tuple[int, int], limit: int) -> list[KeptTrace]:
        found = KeptTrace(trace_id="ab" * 16, start_ms=float(extent[0]), duration_ms=3.25, entity=entity,
                          name="GET /", spans=1, errors=0, why=why or "slow")  # fmt: skip
        return [found][:limit]

    def traces_of(self, name: str, limit: int) -> list[KeptTrace]:
        if name != "INC-1":
            raise NotFound(f"there is no incident {name!r}")
        return self.traces("service:prod/payments", "alert", (0, 1), limit)

    def values(self, template: int, number: int, extent: tuple[int, int], entity: str, limit: int) -> ParameterValues:
        if (template, number) != (7, 1):
            raise NotFound(f"there is no template {template}")
        return ParameterValues(
            template=7, text="took <*> ms", numbered="took <1> ms", number=1, lines=2, distinct=1, other_lines=0,
            values=(ValueCount(value="12", lines=2, last_ms=extent[1]),),
        )  # fmt: skip


class FakeServed:
    """Models in production of which nobody answers for any."""

    def is_overdue(self, name: str) -> bool:
        return False

    def card(self, standing: InProduction) -> str:
        return f"---\nmodel_name: {standing.entity}\n---\n"


class FakeWatching:
    """Nothing has drifted, and every version stands."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.served = FakeServed()

    def drift(self, status: str | None = None, limit: int = 200) -> dict[str, Any]:
        return {"findings": [], "kinds": {}}

    def standing(self, ref: VersionRef, scope: str = "*") -> Standing:
        return Standing(version=ref, scope=scope, is_sound=True)

    def was_taken_back(self, ref: VersionRef, scope: str) -> bool:
        return False

    def risk(self, ref: VersionRef) -> RiskScore:
        return RiskScore(version=ref, value=0, parts=())

    def bias(self, ref: VersionRef, days: float = 28, *, with_replay: bool = False) -> BiasReport:
        return BiasReport(version=ref, since_ms=0, until_ms=1, status="too_few", rows=(), says="too few")

    def card(self, ref: VersionRef) -> str:
        return f"---\nmodel_name: {ref}\n---\n"

    def inventory(self) -> list[InventoryRow]:
        return []

    def mark(self, ref: VersionRef, by: str, why: str) -> dict[str, int]:
        return {"alert": 1}

    def marks(self, ref: VersionRef, status: str | None = None) -> list[RecallMark]:
        return []

    def review(self, mark: str, status: str, by: str) -> RecallMark:
        raise NotFound(f"nothing is marked under {mark!r}")

    def evidence(self, folder: Path, head: SignedHead) -> dict[str, int]:
        return {"cards": 0}

    def decisions(self, sample: int, seed: int) -> list[str]:
        return []


class FakePlatform:
    """What the API may ask for, over a real store in `directory`."""

    def __init__(self, directory: Path, settings: Settings | None = None) -> None:
        self.clock = FixedClock()
        self.directory = directory
        self.control = Control(directory / "control.db", self.clock)
        self.keys = Keys(directory / "keys")
        self.settings = settings or Settings()
        self.ingest_door = FakeDoor()
        self.told: list[Command] = []
        self.watching = FakeWatching(self.control)
        self.rolls = RolloutDesk(
            self.control, serving(directory / "serving"), self.command, self.clock, self.watching.bias
        )
        self.known = [Series(0, BIG_ID, "service:prod/payments", "http.server.request.duration.p95", unit="ms")]
        self.is_ready = True
        self.is_full = False
        self.standing = BudgetState()
        self.ahead = OutlookState()
        self.well: tuple[ServiceHealth, ...] = ()
        self.training = FakeTraining(self.control)
        self.recorded = FakeRecorded()
        self.own: Any = None
        self.kept: list[tuple[str, bytes]] = []
        self.withholding = Correlate(Judges())
        self.silences = SilenceDesk(self.control, self._withhold, self._decided, self.clock)
        self.changes = ChangeDesk(self.control, self._keep, self.command, self._decided, self.clock)

    def status(self) -> Status:
        return Status(
            version="0.1.0",
            now_ms=self.clock.at_ms,
            started_ms=T0,
            watching=Watching(series=1, entities=2, services=2, since_ms=T0),
            funnel=self.control.funnel(T0 - 86_400_000),
            stages=(StageHealth(name="detect", lag_s=0.5, last_ok_ms=T0),),
            sources=(SourceHealth(source='otlp"\n\\', requests=3, records=40, refused=1, last_ms=T0),),
            inbox_records={"signals": 7},
            is_ready=self.is_ready,
            not_ready_why="" if self.is_ready else "detect stalls",
        )

    def series(self, entity: str | None, metric: str | None, limit: int | None) -> list[Series]:
        return [one for one in self.known if entity in (None, one.entity) and metric in (None, one.metric)][:limit]

    def series_by_id(self, ids: Sequence[int | str]) -> list[Series]:
        return [one for one in self.known if one.id in {int(number) for number in ids}]

    def points(self, series_id: int, since_ms: int, until_ms: int) -> tuple[Any, Any]:
        at_ms = np.arange(since_ms, min(until_ms, since_ms + 5000) + 1, 1000, dtype=np.int64)
        return at_ms, np.where(np.arange(len(at_ms)) == 1, np.nan, 5.0)

    def bands(self, series_id: int, since_ms: int, until_ms: int) -> tuple[Any, Any, Any]:
        return np.array([since_ms + 2000]), np.array([1.0]), np.array([9.0])

    def logs(self, entity: str, since_ms: int, until_ms: int, limit: int) -> Sequence[LogLine]:
        return [LogLine(at_ms=until_ms, entity=entity, severity=17, body="<img onerror=x>")][:limit]

    def spans(self, trace_id: str) -> Sequence[SpanLine]:
        if trace_id != "ab" * 16:
            return []
        return [
            SpanLine(
                trace_id=trace_id, span_id="cd" * 8, parent_id="", entity="service:prod/payments", name="GET /",
                kind=2, is_error=False, start_ms=T0 + 0.5, duration_ms=3.25,
            )
        ]  # fmt: skip

    def explain(self, labels: Mapping[str, str]) -> Explained:
        return Explained(entity="", rule="", says=f"no rule knows {sorted(labels)}")

    def unplaced(self) -> Sequence[Labels]:
        return [(("job", "node"),)]

    def runbooks(self) -> Sequence[Runbook]:
        return []

    def in_production(self):
        few = InProduction(
            entity="model:prod/fraud", version="12", predictions=3, labelled=0, last_ms=1, is_known=False
        )
        return (few,)

    def agreement(self) -> Mapping[str, Any]:
        return {"metrics": {"judged": 2**60, "agreed": 7}}

    def meters(self) -> Mapping[VersionRef, tuple[ModelKind, Meter]]:
        return {VersionRef("metrics", 2): ("metrics", Meter(4, 400, 0.5, deque([0.1, 0.2, 0.1, 0.3])))}

    def budget(self) -> BudgetState:
        return self.standing

    def services(self) -> Sequence[ServiceHealth]:
        return self.well

    def outlook(self) -> OutlookState:
        return self.ahead

    def scorecard(self) -> Sequence[Any]:
        return [{"ref": VersionRef("metrics", 1), "right": 3, "wrong": 1, "precision": 0.75}]

    def reperform(self, entry_id: str) -> Reperformed:
        output = {"a": 2**63}
        return Reperformed(entry=entry_id, decided_by=DIAGNOSER, is_same=True, recorded=output, output=output)

    def signed_head(self) -> SignedHead:
        head = self.control.ledger_head()
        assert head is not None
        return sign_head(head, self.keys)

    def verify_ledger(self, head: Head | None, envelope: Envelope | None) -> Verified:
        return self.control.verify_ledger(opened_head(envelope, self.keys) if envelope else head)

    def audit_models(self) -> list[Audited]:
        return [Audited(version=v.ref, is_served=False, says="not signed") for v in self.control.versions()]

    def rotate_key(self, by: User) -> str:
        return self.keys.rotate(lambda before, now: None)

    def recall(self, ref: VersionRef, limit: int, kind: EntryKind | None = None) -> Recall:
        return recall(self.control.ledger_stream(), ref, limit, kind)

    async def command(self, command: Command) -> int:
        if self.is_full:
            raise Overloaded("the inbox is full", retry_after_s=7)
        self.told.append(command)
        return len(self.told)

    async def _withhold(self, command: Command) -> int:
        """Silences and their like go to the real stage, and what it decided to the real store."""
        seq = await self.command(command)
        effects = Effects(decided_seq=self.control.decided_seq + 1)
        self.withholding.command(command, Topology(), effects)
        self.control.commit(effects)
        return seq

    async def _keep(self, source: str, body: bytes) -> int:
        self.kept.append((source, body))
        return len(self.kept)

    async def _decided(self, seq: int) -> None:
        """Nothing decides here."""

    async def request(self, incident: str, wish: Wish, user: User) -> Plan:
        if wish.runbook != "roll-back":
            raise NotFound(f"no runbook is named {wish.runbook!r}")
        asked = some_plan(7, incident=incident, requested_by=f"user:{user.name}", parameters=wish.parameters)
        self.control.save_plan(asked)
        return asked

    async def approve(self, plan: str, digest: str, user: User, comment: str) -> Approval:
        return self._decide(plan, digest, user, comment, "approved")

    async def reject(self, plan: str, digest: str, user: User, comment: str) -> Approval:
        return self._decide(plan, digest, user, comment, "rejected")

    def _decide(self, plan: str, digest: str, user: User, comment: str, decision: Any) -> Approval:
        known = self.control.plan(plan)
        if known is None:
            raise NotFound(plan)
        if known.digest != digest:
            raise Refused("the plan has changed since you looked at it")
        approval = Approval(
            id=f"AP-{plan}", plan=plan, digest=digest, decision=decision, by=user.name, at_ms=self.clock.at_ms,
            expires_ms=self.clock.at_ms + 900_000, comment=comment,
        )  # fmt: skip
        self.control.save_approval(approval)
        return approval

    async def dry_run(self, plan: str) -> tuple[str, ...]:
        return (f"would do {plan}",)

    async def answer(self, plan: str, user: User, *, was_done: bool) -> None:
        self.answered = (plan, user.name, was_done)

    async def verdict(self, verdict: Verdict) -> Verdict:
        return msgspec.structs.replace(verdict, about=(DIAGNOSER,))

    async def backup(self, to: Path) -> Manifest:
        for name in ("inbox", "state"):
            (self.directory / name).mkdir(exist_ok=True)
        (self.directory / "state" / f"{self.control.decided_seq:020d}.state").write_bytes(b"state")
        return backup(self.directory, to)


def is_a_platform(fake: FakePlatform) -> PlatformApi:
    """mypy holds the fake against the protocol here."""
    return fake
