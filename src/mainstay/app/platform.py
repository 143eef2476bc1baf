"""The running platform: every store, stage and door, joined."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mainstay.app.changes import ChangeDesk
from mainstay.app.clock import SystemClock
from mainstay.app.health import Health, Heartbeat
from mainstay.app.lines import log_lines, span_lines
from mainstay.app.mlops.rollouts import RolloutDesk
from mainstay.app.mlops.training import Training
from mainstay.app.mlops.watching import Watching
from mainstay.app.recorded import Recorded
from mainstay.app.silences import SilenceDesk
from mainstay.app.tickets import untold
from mainstay.app.wiring import wire
from mainstay.automation import Approvals, Executor, Policy, Requests, SignalVerifier, actions_of
from mainstay.domain.budget import BudgetState
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Labels
from mainstay.domain.errors import NotFound, Refused
from mainstay.domain.ledger import EntryKind
from mainstay.domain.models import ModelKind, ModelVersion, VersionRef
from mainstay.domain.outlook import OutlookState
from mainstay.domain.predictions import InProduction
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command, Lane
from mainstay.domain.runbooks import Approval, Plan, Runbook, Wish
from mainstay.domain.services import ServiceHealth
from mainstay.domain.signals import F64, I64, Series
from mainstay.domain.users import User
from mainstay.domain.verdicts import Verdict
from mainstay.domain.views import Audited, Explained, LogLine, Reperformed, SpanLine, Status
from mainstay.engine.aside import Aside
from mainstay.engine.local import LocalEngine, Pace
from mainstay.engine.snapshots import Snapshots
from mainstay.feedback import scorecard
from mainstay.ingest import IngestDoor, Newcomers
from mainstay.ingest.webhooks.signature import Secrets
from mainstay.ledger import Head, Verified, canonical
from mainstay.mlops.own.registering import OwnModels
from mainstay.mlops.recall import Recall, recall
from mainstay.mlops.timing import Meter
from mainstay.mlops.trust.heads import SignedHead, opened_head, sign_head
from mainstay.mlops.trust.signing import Envelope
from mainstay.outbox import Outbox, notification
from mainstay.outbox.heartbeat import limited, stalled
from mainstay.settings import Settings
from mainstay.store.backup import backup
from mainstay.store.control import Control
from mainstay.store.inbox import Inbox

EXPIRE_EVERY_NS = 3_600 * 10**9
"""Old decisions go a thousand rows a table at a time: an hour's worth of the busiest day, and no batch waits long."""


class Platform:
    """Everything that runs, in one folder.

    Args:
        data: Made when it is not there; readable by its owner only.

    Raises:
        BadFile: A file that the settings name cannot be read.
        Refused: Another platform runs in this folder.
        Corrupt: A store is damaged; says which and where.
    """

    def __init__(self, data: Path, settings: Settings, clock: Clock | None = None) -> None:
        self.data, self.settings, self.clock = data, settings, clock or SystemClock()
        quota: dict[Lane, int] = {
            "signals": settings.quota.signals,
            "alerts": settings.quota.alerts,
            "control": settings.quota.control,
        }
        lock, keep = data / "lock", settings.keep_inbox
        self.inbox = Inbox(data / "inbox", clock=self.clock, quota=quota, keep=keep, lock=lock)
        self.line = wire(data, settings, self.clock)
        self.control: Control = self.line.control
        self.inbox.number_after(max(self.control.decided_seq, self.line.telemetry.applied_seq))
        self.new_admin_token = self.control.people.first_admin(data)
        pace = Pace(settings.tick_s, settings.snapshot_s)
        snapshots = Snapshots(data / "state")
        self.engine = LocalEngine(
            self.line.pipeline, self.inbox, snapshots, Aside(data / "aside"), pace, self._decided, self._upkeep
        )
        self.ingest_door = IngestDoor(
            inbox=self.inbox,
            authenticate=self.control.people.sender,
            current_alerts=lambda: self.line.correlate.marked([*self.line.detect.firing, *self.line.outlook.firing]),
            newcomers=Newcomers(
                self.line.normalizer.knows, settings.limits.new_series_per_minute, settings.limits.series_in_all
            ),
            secrets=Secrets.read(settings.webhooks.github_secret_file, settings.webhooks.gitlab_secret_file),
        )
        self.approvals = Approvals(
            self.control,
            Policy(),
            self.clock,
            expires_s=settings.approval_expires_s,
            user_of=self.control.people.user,
        )
        self.requests = Requests(self.control, self.line.catalogue, self.approvals, self.clock)
        self.executor = Executor(
            self.control,
            actions_of(settings.commands, self._notify, settings.http_targets),
            SignalVerifier(self.control, self.clock, self._last_heard_ms),
            self.clock,
            data / "workflows.db",
            approvals=self.approvals,
            submit=self.command,
        )
        durable = self.executor.durable
        self.training = Training(self.line, settings, self.clock, durable, self.command, data)
        self.watching = Watching(self.line, self.clock)
        self.rolls = RolloutDesk(self.control, self.line.serving, self.command, self.clock, self.watching.bias)
        self.outbox = Outbox(self.control, settings.receiver, self.clock)
        self.recorded = Recorded(self.line.telemetry, self.control)
        self.own = OwnModels(self.line.registry)
        self.changes = ChangeDesk(self.control, self._keep, self.command, self._until_decided, self.clock)
        self.silences = SilenceDesk(self.control, self.command, self._until_decided, self.clock)
        self.health = Health(self.line, self.inbox, self.engine, self.ingest_door, self.clock)
        self._heartbeat = Heartbeat(self.health.is_ok, self._cry)
        self._limits = Heartbeat(self.health.is_within_limits, self._cry_limit)
        self._tasks: list[asyncio.Task[None]] = []
        self._expire_at_ns = 0

    # -- life

    def start(self) -> None:
        """Restore the last state, replay what came after, and go on."""
        self.engine.start()

    def stop(self) -> None:
        """Save the state and close everything."""
        self.engine.stop()
        self.ingest_door.close()
        self.inbox.close()
        self.line.close()

    def start_delivering(self) -> None:
        """Begin to deliver pages, and to say so when the pipeline stands still; once, on the running event loop."""
        runs = self.outbox.run(), self._heartbeat.run(), self._limits.run()
        self._tasks = [asyncio.create_task(one) for one in runs]

    async def open_runs(self) -> None:
        """Run plans and trainings: what was cut off goes on, and what becomes due begins."""
        await self.executor.open()
        for command in untold(self.data, self.control, self._now_ms()):
            await self.command(command)
        await self.training.resume()
        self._tasks.append(asyncio.create_task(self.training.watch()))
        self._tasks.append(asyncio.create_task(self.rolls.measure()))

    async def stop_async(self) -> None:
        """Stop delivering; what is not delivered stays in the outbox."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.executor.close()

    def _decided(self, effects: Effects) -> None:
        self.health.count(effects)

    def _upkeep(self) -> None:
        now_ns = self.clock.now_ns()
        self.line.telemetry.expire(now_ns)  # before what needs room: on a full disk it makes some
        self.line.telemetry.seal(now_ns)
        if now_ns >= self._expire_at_ns:
            self._expire_at_ns = now_ns + EXPIRE_EVERY_NS
            now_ms = now_ns // 1_000_000
            self.control.expire(now_ms - int(self.settings.decisions_retention_s * 1000), now_ms)

    def _last_heard_ms(self, entity: str) -> int | None:
        return self.line.normalizer.last_heard_ms(entity)

    def _cry(self, says: str, *, is_over: bool) -> None:
        """The heartbeat's word goes straight to the outbox: the pipeline may be what stands still."""
        self.control.save_pages(stalled(says, self.settings.receiver, self.clock, is_over=is_over))

    def _cry_limit(self, says: str, *, is_over: bool) -> None:
        """A sender brings more new series than one may: who runs it is the one who can mend it."""
        self.control.save_pages(limited(says, self.settings.receiver, self.clock, is_over=is_over))

    def _notify(self, key: str, plan: str, text: str) -> None:
        self.control.save_pages(notification(key, plan, text, self.settings.receiver, self.clock))

    # -- what a person asks (`api.platform.PlatformApi`)

    def status(self) -> Status:
        """What is watched, how much came in, and whether every stage runs."""
        return self.health.status()

    def series(self, entity: str | None, metric: str | None, limit: int | None) -> Sequence[Series]:
        """By entity and metric; None is any."""
        return self.line.telemetry.catalogue.find(entity, metric, limit)

    def series_by_id(self, ids: Sequence[int | str]) -> Sequence[Series]:
        """Those of these series that are known."""
        return self.line.telemetry.catalogue.by_id(ids)

    def points(self, series_id: int, since_ms: int, until_ms: int) -> tuple[I64, F64]:
        """Samples of one series."""
        return self.line.telemetry.points(series_id, since_ms, until_ms)

    def bands(self, series_id: int, since_ms: int, until_ms: int) -> tuple[I64, F64, F64]:
        """What was expected of it."""
        return self.line.telemetry.bands(series_id, since_ms, until_ms)

    def logs(self, entity: str, since_ms: int, until_ms: int, limit: int) -> Sequence[LogLine]:
        """Log lines of one entity, newest first."""
        batch = self.line.telemetry.logs(entity, since_ms, until_ms, limit)
        kept = self.control.templates([int(number) for number in set(batch.template.tolist())])
        return log_lines(batch, {template.id: template.text for template in kept})

    def spans(self, trace_id: str) -> Sequence[SpanLine]:
        """The spans of one trace."""
        return span_lines(self.line.telemetry.spans(bytes.fromhex(trace_id)))

    def explain(self, labels: Mapping[str, str]) -> Explained:
        """Which entity a label set belongs to, and why."""
        found = self.line.normalizer.explain(labels)
        return Explained(entity=found.entity, rule=found.rule, says="; ".join(found.says))

    def unplaced(self) -> Sequence[Labels]:
        """Label sets that no rule could place."""
        return self.line.normalizer.unplaced

    def runbooks(self) -> Sequence[Runbook]:
        """What is loaded."""
        return list(self.line.catalogue)

    def meters(self) -> Mapping[VersionRef, tuple[ModelKind, Meter]]:
        """What each model that decides has taken since it serves."""
        return self.line.serving.meters()

    def agreement(self) -> Mapping[str, Any]:
        """Live and shadow versions, and how often they agreed."""
        return self.line.serving.describe()

    def in_production(self) -> Sequence[InProduction]:
        """How the models stand that users run."""
        return self.line.serving.in_production()

    def budget(self) -> BudgetState:
        """Where the page budgets stand and what was learned."""
        return self.line.detect.standing

    def services(self) -> Sequence[ServiceHealth]:
        """How each service is."""
        return self.line.services.standing

    def outlook(self) -> OutlookState:
        """What is ahead."""
        return self.line.outlook.standing

    def scorecard(self) -> Sequence[Any]:
        """Precision and recall per model version, with counts."""
        return scorecard(self.control.labels())

    def reperform(self, entry_id: str) -> Reperformed:
        """Take a recorded decision again from its frozen inputs."""
        entry = self.control.ledger_entry(entry_id)
        inputs = self.control.frozen(entry.inputs_digest) if entry is not None else None
        if entry is None:
            raise NotFound(f"there is no ledger entry {entry_id[:80]}")
        if inputs is None and entry.inputs_digest:
            kept_days = self.settings.decisions_retention_s / 86_400
            raise NotFound(
                f"the inputs of {entry.id} have expired: they are kept for {kept_days:g} days. Their sha256 was "
                f"{entry.inputs_digest}; a backup of that time holds them"
            )
        if inputs is None:
            raise NotFound(f"{entry.id} is a {entry.kind}: it froze no inputs, so there is nothing to take again")
        ref = VersionRef.parse(entry.actor)
        output = self.line.serving.reperform(ref, inputs)
        is_same = canonical(output) == canonical(entry.output)  # as the ledger wrote it: NaN is NaN, a tuple a list
        says = "the output is the same" if is_same else "the output differs from what was recorded"
        return Reperformed(
            entry=entry.id, decided_by=ref, is_same=is_same, recorded=entry.output, output=output, says=says
        )

    def vary(self, ref: VersionRef, parameters: Mapping[str, Any], by: User, why: str) -> ModelVersion:
        """Register a version like another one with other parameters."""
        return self.line.registry.vary(ref, parameters, by=by.name, why=why)

    def signed_head(self) -> SignedHead:
        """The ledger's head, signed by this platform's key."""
        head = self.control.ledger_head()
        if head is None:
            raise NotFound("the ledger is empty: there is no head yet")
        return sign_head(head, self.line.keys)

    def verify_ledger(self, head: Head | None, envelope: Envelope | None) -> Verified:
        """Walk the whole chain, against a head that was exported if there is one."""
        return self.control.verify_ledger(opened_head(envelope, self.line.keys) if envelope else head)

    def audit_models(self) -> list[Audited]:
        """Whether each version could be served."""
        return self.line.registry.audit()

    def rotate_key(self, by: User) -> str:
        """A new signing key; returns its id."""
        return self.line.registry.rotate_key(f"user:{by.name}", self.control.append)

    def recall(self, ref: VersionRef, limit: int, kind: EntryKind | None = None) -> Recall:
        """Everything that a version caused."""
        return recall(self.control.ledger_stream(), ref, limit, kind)

    async def command(self, command: Command) -> int:
        """Hand a command to the pipeline; durable when this returns."""
        return await asyncio.wrap_future(self.inbox.append("control", "command", command.body()))

    async def _keep(self, source: str, body: bytes) -> int:
        return await asyncio.wrap_future(self.inbox.append("alerts", source, body))

    async def _until_decided(self, seq: int) -> None:
        await asyncio.wrap_future(self.engine.decided(seq))

    async def request(self, incident: str, wish: Wish, user: User) -> Plan:
        """A runbook by hand: the plan, in the order of all records like everything that people say, and dry run."""
        asked = await asyncio.to_thread(self.requests.plan, incident, wish, user)
        arguments = {"plan": msgspec.json.encode(asked).decode(), "title": asked.title}
        seq = await self.command(
            Command(kind="request-plan", by=user.name, at_ms=self._now_ms(), subject=incident, arguments=arguments)
        )
        await asyncio.wrap_future(self.engine.decided(seq))
        kept = self.control.plan(asked.id)
        if kept is None or (kept.requested_by, kept.status) != (asked.requested_by, "proposed"):
            raise Refused(f"{incident} moved on while you asked: another plan waits or runs, or it is over")
        await self.dry_run(asked.id)
        return self.control.plan(asked.id) or kept

    async def approve(self, plan: str, digest: str, user: User, comment: str) -> Approval:
        """Record a yes to exactly this digest and start the plan."""
        approval = await asyncio.to_thread(self.approvals.approve, plan, user, digest, comment)
        await self._answered(plan, user, "approved")
        await self.executor.start(plan)
        return approval

    async def reject(self, plan: str, digest: str, user: User, comment: str) -> Approval:
        """Record a no."""
        approval = await asyncio.to_thread(self.approvals.reject, plan, user, digest, comment)
        await self._answered(plan, user, "rejected")
        return approval

    async def _answered(self, plan_id: str, user: User, status: str) -> None:
        plan = self.control.plan(plan_id)
        assert plan is not None  # it was just approved or rejected
        arguments = {"incident": plan.incident, "status": status, "runbook": plan.runbook, "says": f"by {user.name}"}
        await self.command(
            Command(kind="plan-outcome", by=user.name, at_ms=self._now_ms(), subject=plan_id, arguments=arguments)
        )

    async def answer(self, plan: str, user: User, *, was_done: bool) -> None:
        """A person looked whether a cut-off step took effect; the plan goes on from there."""
        await self.executor.answer(plan, user, was_done=was_done)

    async def dry_run(self, plan: str) -> tuple[str, ...]:
        """What each step would do, kept with the plan; nothing is touched."""
        found = self.control.plan(plan)
        if found is None:
            raise NotFound(f"there is no plan {plan[:80]}")
        says = await self.executor.dry_run(found)
        await asyncio.to_thread(self.control.note_dry_run, found.id, found.digest, says)
        return says

    async def verdict(self, verdict: Verdict) -> Verdict:
        """Record a judgement: durable when this returns, in force when the pipeline reaches it."""
        body = msgspec.json.encode(verdict).decode()
        command = Command(
            kind="verdict",
            by=verdict.by,
            at_ms=verdict.at_ms,
            subject=verdict.subject,
            arguments={"kind": verdict.kind, "target": verdict.target, "verdict": body},
        )
        seq = await self.command(command)
        await asyncio.wrap_future(self.engine.decided(seq))
        kept = [known for known in self.control.verdicts(verdict.subject) if known.id == verdict.id]
        return kept[0] if kept else verdict

    async def backup(self, to: Path) -> Any:
        """A consistent copy while running."""
        return await asyncio.to_thread(backup, self.data, to, self.line.telemetry)

    def _now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000
