"""The course of a plan: authorised, done step by step, verified; undone when it did not help; asked when in doubt.

Each piece is run durably: after a crash the course goes on behind the last piece that ended. A piece that was cut off
runs again, and finds in the control store what it did before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from mainstay.automation.approvals import Approvals
from mainstay.automation.keeping import PlanStore, Submit, Verifier, alerts_of
from mainstay.automation.steps import Phase, Steps
from mainstay.domain.errors import Overloaded, Refused
from mainstay.domain.ledger import Entry
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Approval, Plan, PlanStatus, Step, StepResult

log = logging.getLogger(__name__)


class Durably(Protocol):
    """Runs a piece of the course and keeps its result, so that it is not run again after a crash."""

    def __call__(self, name: str, piece: Callable[..., Awaitable[Any]], *arguments: Any) -> Awaitable[Any]: ...


class Course:
    """Carries a plan from its approval to its outcome.

    Args:
        check: What is wrong with a step. Asked of all steps before the first one acts: a plan that cannot be carried
            out, or not be undone, is not begun.
        submit: Tells the pipeline how it ended (`plan-outcome`), for timeline, verdict and escalation.
    """

    def __init__(
        self,
        control: PlanStore,
        steps: Steps,
        verifier: Verifier,
        *,
        check: Callable[[Step], Sequence[str]],
        approvals: Approvals,
        clock: Clock,
        submit: Submit,
    ) -> None:
        self._control, self._steps, self._verifier = control, steps, verifier
        self._check, self._approvals, self._clock, self._submit = check, approvals, clock, submit

    async def run(self, plan_id: str, approval_id: str, started_ms: int, durably: Durably) -> PlanStatus:
        """The whole course; returns the plan's last status."""
        refused = await durably("authorise", self.authorise, plan_id, approval_id, started_ms)
        if refused:
            return await self._end(plan_id, "expired", refused, durably)
        digest = self._approval(plan_id, approval_id).digest
        status, says = await self._phase("do", plan_id, digest, durably)
        if status == "succeeded":
            is_true, says = await durably("verify", self.verify, plan_id)
            if is_true:
                return await self._end(plan_id, "succeeded", says, durably)
        if status == "unknown":
            return await self._end(plan_id, "unknown", says, durably)
        return await self._undo(plan_id, digest, says, durably)

    async def authorise(self, plan_id: str, approval_id: str, started_ms: int) -> str:
        """Use the approval up; "" when the plan may run, else why it may not."""
        plan, approval = self._plan(plan_id), self._approval(plan_id, approval_id)
        if approval.used_ms != started_ms:  # else it is this run that used it, and was cut off
            try:
                await asyncio.to_thread(self._use, plan, approval, started_ms)
            except Refused as refused:
                return str(refused)
        await asyncio.to_thread(self._save, plan_id, "running", "")
        return ""

    async def step(self, plan_id: str, digest: str, phase: Phase, index: int) -> tuple[str, str]:
        """One step, at most once: its status, and what it says."""
        done = await self._steps.run(self._plan(plan_id), digest, phase, index)
        return done.status, done.says

    async def verify(self, plan_id: str) -> tuple[bool, str]:
        """Ask the signals; the answer is kept as a step and in the ledger."""
        last = self._steps.last(plan_id, "verify", 0)
        if last is None:
            last = await self._verified(self._plan(plan_id))
        return last.status == "succeeded", last.says

    async def end(self, plan_id: str, status: PlanStatus, says: str) -> str:
        """Keep the outcome and tell the pipeline; a plan that ran and did not help asks for a person."""
        plan = await asyncio.to_thread(self._save, plan_id, status, says)
        escalate = "" if status in ("succeeded", "expired") else "yes"
        arguments = {"status": status, "says": says, "incident": plan.incident, "runbook": plan.runbook}
        arguments["escalate"] = escalate
        await self._told(
            Command(kind="plan-outcome", by="mainstay", at_ms=plan.updated_ms, subject=plan_id, arguments=arguments)
        )
        return status

    async def _told(self, command: Command) -> None:
        """An outcome that the pipeline never hears of calls nobody, and keeps the incident waiting for it for ever."""
        while True:
            try:
                await self._submit(command)
            except Overloaded as full:
                log.warning("the outcome of %s waits: %s", command.subject, full)
                await asyncio.sleep(full.retry_after_s)
            else:
                return

    async def _phase(self, phase: Phase, plan_id: str, digest: str, durably: Durably) -> tuple[str, str]:
        plan = self._plan(plan_id)
        says = ""
        for index in range(len(plan.steps if phase == "do" else plan.undo)):
            status, says = await durably(f"{phase} {index}", self.step, plan_id, digest, phase, index)
            if status != "succeeded":
                return status, says
        return "succeeded", says

    async def _undo(self, plan_id: str, digest: str, why: str, durably: Durably) -> PlanStatus:
        if not self._plan(plan_id).undo:
            return await self._end(plan_id, "failed", f"{why}; there is nothing to undo", durably)
        status, says = await self._phase("undo", plan_id, digest, durably)
        if status == "succeeded":
            return await self._end(plan_id, "undone", f"{why}; undone", durably)
        if status == "unknown":
            return await self._end(plan_id, "unknown", f"{why}; undoing: {says}", durably)
        return await self._end(plan_id, "failed", f"{why}; undoing failed: {says}", durably)

    async def _end(self, plan_id: str, status: PlanStatus, says: str, durably: Durably) -> PlanStatus:
        await durably("end", self.end, plan_id, status, says)
        return status

    async def _verified(self, plan: Plan) -> StepResult:
        verified = await self._verifier(plan)
        record = self._steps.record(plan.id, "verify", 0, "verify")
        alerts = [alert.id for alert in alerts_of(self._control, plan.incident)]
        done = [f"step:{plan.id}:do:{index}" for index in range(len(plan.steps))]
        entry = Entry(
            id=f"verification:{plan.id}",
            kind="verification",
            at_ms=record.at_ms,
            actor="mainstay",
            subject=plan.id,
            output={"verified": verified.is_true, "says": verified.says},
            rests_on=(*done, *alerts),
        )
        return await self._steps.end(
            plan, record, "succeeded" if verified.is_true else "failed", verified.says, entry=entry
        )

    def _use(self, plan: Plan, approval: Approval, started_ms: int) -> None:
        usable = self._approvals.usable(plan)
        if usable.id != approval.id:
            raise Refused(f"{plan.id}: the approval by {approval.by} was followed by another one")
        for step in (*plan.steps, *plan.undo):
            wrong = self._check(step)
            if wrong:
                raise Refused(f"{plan.id}: step {step.name!r} cannot run: {'; '.join(wrong)}")
        if not self._verifier.still_broken(plan):
            raise Refused(f"{plan.id}: no alert of {plan.incident} is firing any more; there is nothing to mend")
        if not self._control.use_approval(approval.id, started_ms):
            raise Refused(f"{plan.id}: the approval by {approval.by} was used already")

    def _save(self, plan_id: str, status: PlanStatus, outcome: str) -> Plan:
        at_ms = self._clock.now_ns() // 1_000_000
        plan = msgspec.structs.replace(self._plan(plan_id), status=status, outcome=outcome, updated_ms=at_ms)
        self._control.save_plan(plan)
        return plan

    def _plan(self, plan_id: str) -> Plan:
        plan = self._control.plan(plan_id)
        if plan is None:
            raise Refused(f"there is no plan {plan_id}")
        return plan

    def _approval(self, plan_id: str, approval_id: str) -> Approval:
        return next(approval for approval in self._control.approvals(plan_id) if approval.id == approval_id)
