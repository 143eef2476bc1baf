"""The course of a plan: authorised, done step by step, verified; undone when it did not help; asked when in doubt.

The truth about steps is in the control store. Before a step acts, `started` is durable there; after it, its end. So a
step that is found `started` without an end was cut off: its action is asked whether it took effect, and when that
cannot be told, a person is asked. It is never simply run again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from mainstay.automation.approvals import Approvals
from mainstay.automation.keeping import PlanStore, Probing, Submit, Verifier, alerts_of
from mainstay.domain.errors import Refused
from mainstay.domain.ledger import Entry
from mainstay.domain.protocols import Action, ActionContext, ActionResult, Clock
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Approval, Plan, PlanStatus, Step, StepResult

log = logging.getLogger(__name__)
Phase = Literal["do", "undo"]
GRACE_S = 10.0
"""An action keeps its own time limit; this much later it is cut off from outside."""


class Durably(Protocol):
    """Runs a piece of the course and keeps its result, so that it is not run again after a crash."""

    def __call__(self, name: str, piece: Callable[..., Awaitable[Any]], *arguments: Any) -> Awaitable[Any]: ...


class Course:
    """Carries one plan after the other from approval to outcome. Its pieces may be repeated; their effects are not.

    Args:
        submit: Tells the pipeline how it ended (`plan-outcome`), for timeline, verdict and escalation.
    """

    def __init__(
        self,
        control: PlanStore,
        actions: Mapping[str, Action],
        verifier: Verifier,
        *,
        approvals: Approvals,
        clock: Clock,
        submit: Submit,
    ) -> None:
        self._control, self._actions, self._verifier = control, actions, verifier
        self._approvals, self._clock, self._submit = approvals, clock, submit
        self.failures = 0

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
        if approval.used_ms != started_ms:
            try:
                self._use(plan, approval, started_ms)
            except Refused as refused:
                return str(refused)
        await asyncio.to_thread(self._save, plan, "running", "")
        return ""

    async def step(self, plan_id: str, digest: str, phase: Phase, index: int) -> tuple[str, str]:
        """One step, at most once: its status, and what it says."""
        plan = self._plan(plan_id)
        last = self._last(plan_id, phase, index)
        if last is not None and last.status != "started":
            return last.status, last.says
        step = (plan.steps if phase == "do" else plan.undo)[index]
        if plan.digest != digest:
            result = ActionResult(is_done=False, says="the plan is not the one that was approved: nothing was run")
            return await self._ended(plan, phase, index, step, result)
        key = f"{digest[:32]}/{phase}/{index}"
        context = ActionContext(plan_id, step.name, key, dry_run=False, timeout_s=step.timeout_s)
        if last is None:
            await asyncio.to_thread(self._control.save_step, self._record(plan_id, phase, index, step, "started"))
        else:
            found = await self._probe(step, context)
            if found is not False:
                return await self._found(plan, phase, index, step, took_effect=found)
        return await self._ended(plan, phase, index, step, await self.act(step, context))

    async def act(self, step: Step, context: ActionContext) -> ActionResult:
        """Run the step's action; whatever it raises is a failed step, counted and logged."""
        action = self._actions.get(step.action)
        if action is None:
            return ActionResult(is_done=False, says=f"there is no action {step.action!r}")
        try:
            async with asyncio.timeout(context.timeout_s + GRACE_S):
                return await action.run(step.with_, context)
        except Exception as error:
            self.failures += 1
            log.exception("step %s of %s failed", step.name, context.plan)
            return ActionResult(is_done=False, says=f"{step.action} failed: {type(error).__name__}")

    async def verify(self, plan_id: str) -> tuple[bool, str]:
        """Ask the signals; the answer is kept as a step and in the ledger."""
        last = self._last(plan_id, "verify", 0)
        if last is not None:
            return last.status == "succeeded", last.says
        plan = self._plan(plan_id)
        verified = await self._verifier(plan)
        record = StepResult(
            plan=plan_id,
            index=0,
            phase="verify",
            name="verify",
            status="succeeded" if verified.is_true else "failed",
            at_ms=self._now_ms(),
            says=verified.says,
        )
        alerts = [alert.id for alert in alerts_of(self._control, plan.incident)]
        steps = [f"step:{plan_id}:do:{index}" for index in range(len(plan.steps))]
        entry = Entry(
            id=f"verification:{plan_id}",
            kind="verification",
            at_ms=record.at_ms,
            actor="mainstay",
            subject=plan_id,
            output={"verified": verified.is_true, "says": verified.says},
            rests_on=(*steps, *alerts),
        )
        await asyncio.to_thread(self._control.save_step, record, (entry,))
        return verified.is_true, verified.says

    async def end(self, plan_id: str, status: PlanStatus, says: str) -> str:
        """Keep the outcome and tell the pipeline; a plan that ran and did not help asks for a person."""
        plan = await asyncio.to_thread(self._save, self._plan(plan_id), status, says)
        arguments = {"status": status, "says": says, "incident": plan.incident, "runbook": plan.runbook}
        arguments["escalate"] = "" if status in ("succeeded", "expired") else "yes"
        await self._submit(
            Command(kind="plan-outcome", by="mainstay", at_ms=plan.updated_ms, subject=plan_id, arguments=arguments)
        )
        return status

    async def _phase(self, phase: Phase, plan_id: str, digest: str, durably: Durably) -> tuple[str, str]:
        plan = self._plan(plan_id)
        says = ""
        for index in range(len(plan.steps if phase == "do" else plan.undo)):
            status, says = await durably(f"{phase} {index}", self.step, plan_id, digest, phase, index)
            if status not in ("succeeded", "skipped"):
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

    def _use(self, plan: Plan, approval: Approval, started_ms: int) -> None:
        usable = self._approvals.usable(plan)
        if usable.id != approval.id:
            raise Refused(f"{plan.id}: the approval by {approval.by} was followed by another one")
        if not self._verifier.still_broken(plan):
            raise Refused(f"{plan.id}: no alert of {plan.incident} is firing any more; there is nothing to mend")
        if not self._control.use_approval(approval.id, started_ms):
            raise Refused(f"{plan.id}: the approval by {approval.by} was used already")

    async def _probe(self, step: Step, context: ActionContext) -> bool | None:
        action = self._actions.get(step.action)
        if not isinstance(action, Probing):
            return None
        try:
            async with asyncio.timeout(context.timeout_s + GRACE_S):
                return await action.probe(step.with_, context)
        except Exception:
            self.failures += 1
            log.exception("the probe of step %s of %s failed", step.name, context.plan)
            return None

    async def _found(
        self, plan: Plan, phase: Phase, index: int, step: Step, *, took_effect: bool | None
    ) -> tuple[str, str]:
        if took_effect:
            result = ActionResult(is_done=True, says="it was cut off; its probe finds that it took effect")
            return await self._ended(plan, phase, index, step, result)
        says = f"step {step.name!r} was cut off: whether it took effect is not known, and it is not repeated"
        return await self._keep(plan, self._record(plan.id, phase, index, step, "unknown", says=says))

    async def _ended(self, plan: Plan, phase: Phase, index: int, step: Step, result: ActionResult) -> tuple[str, str]:
        status: Literal["succeeded", "failed"] = "succeeded" if result.is_done else "failed"
        record = self._record(plan.id, phase, index, step, status, says=result.says)
        return await self._keep(plan, msgspec.structs.replace(record, output=result.output))

    async def _keep(self, plan: Plan, record: StepResult) -> tuple[str, str]:
        await asyncio.to_thread(self._control.save_step, record, (step_entry(plan, record),))
        return record.status, record.says

    def _record(
        self,
        plan_id: str,
        phase: Phase,
        index: int,
        step: Step,
        status: Literal["started", "succeeded", "failed", "unknown"],
        *,
        says: str = "",
    ) -> StepResult:
        return StepResult(
            plan=plan_id, index=index, phase=phase, name=step.name, status=status, at_ms=self._now_ms(), says=says
        )

    def _last(self, plan_id: str, phase: str, index: int) -> StepResult | None:
        return last_of(self._control.steps(plan_id), phase, index)

    def _save(self, plan: Plan, status: PlanStatus, outcome: str) -> Plan:
        plan = msgspec.structs.replace(plan, status=status, outcome=outcome, updated_ms=self._now_ms())
        self._control.save_plan(plan)
        return plan

    def _plan(self, plan_id: str) -> Plan:
        plan = self._control.plan(plan_id)
        if plan is None:
            raise Refused(f"there is no plan {plan_id}")
        return plan

    def _approval(self, plan_id: str, approval_id: str) -> Approval:
        return next(approval for approval in self._control.approvals(plan_id) if approval.id == approval_id)

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def last_of(steps: Sequence[StepResult], phase: str, index: int) -> StepResult | None:
    """The record of one step, if it has begun."""
    return next((step for step in steps if (step.phase, step.index) == (phase, index)), None)


def step_entry(plan: Plan, record: StepResult) -> Entry:
    """The ledger's line about the end of a step; an answer to `unknown` is a line of its own."""
    name = f"step:{plan.id}:{record.phase}:{record.index}"
    return Entry(
        id=f"{name}:unknown" if record.status == "unknown" else name,
        kind="step",
        at_ms=record.at_ms,
        actor="mainstay",
        subject=plan.id,
        output={"name": record.name, "status": record.status, "says": record.says},
        rests_on=(f"plan:{plan.id}", f"plan-digest:{plan.digest}"),
    )
