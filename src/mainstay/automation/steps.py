"""One step, at most once: `started` is durable before its action runs, its end after it.

A step that is found `started` without an end was cut off: its action is asked whether it took effect, and when that
cannot be told, a person is asked. It is never simply run again.
"""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol

import msgspec

from mainstay.automation.keeping import PlanStore
from mainstay.domain.ledger import Entry
from mainstay.domain.protocols import ActionContext, ActionResult, Clock
from mainstay.domain.runbooks import Plan, Step, StepResult

Phase = Literal["do", "undo", "verify"]
Status = Literal["started", "succeeded", "failed", "unknown"]


class Acts(Protocol):
    """Runs actions; whatever happens in them comes back as a result."""

    async def act(self, step: Step, context: ActionContext) -> ActionResult: ...
    async def probe(self, step: Step, context: ActionContext) -> bool | None: ...


class Steps:
    """Runs the steps of plans and keeps what they did."""

    def __init__(self, control: PlanStore, acts: Acts, clock: Clock) -> None:
        self._control, self._acts, self._clock = control, acts, clock

    async def run(self, plan: Plan, digest: str, phase: Phase, index: int) -> StepResult:
        """One step of the plan with this digest; if it has ended before, what it did then."""
        step = (plan.steps if phase == "do" else plan.undo)[index]
        last = self.last(plan.id, phase, index)
        if last is not None and last.status != "started":
            return last
        record = self.record(plan.id, phase, index, step.name)
        if plan.digest != digest:
            return await self.end(plan, record, "failed", "the plan is not the one that was approved: nothing was run")
        key = f"{digest[:32]}/{phase}/{index}"
        context = ActionContext(plan.id, step.name, key, dry_run=False, timeout_s=step.timeout_s)
        if last is None:
            await asyncio.to_thread(self._control.save_step, record)
        else:
            took_effect = await self._acts.probe(step, context)
            if took_effect is not False:
                return await self._found(plan, record, took_effect=took_effect)
        result = await self._acts.act(step, context)
        record = msgspec.structs.replace(record, output=result.output)
        return await self.end(plan, record, "succeeded" if result.is_done else "failed", result.says)

    def last(self, plan_id: str, phase: Phase, index: int) -> StepResult | None:
        """The record of one step, if it has begun."""
        steps = self._control.steps(plan_id)
        return next((step for step in steps if (step.phase, step.index) == (phase, index)), None)

    def record(self, plan_id: str, phase: Phase, index: int, name: str) -> StepResult:
        """That a step begins now."""
        at_ms = self._clock.now_ns() // 1_000_000
        return StepResult(plan=plan_id, index=index, phase=phase, name=name, status="started", at_ms=at_ms)

    async def end(
        self, plan: Plan, record: StepResult, status: Status, says: str, *, entry: Entry | None = None
    ) -> StepResult:
        """Keep how a step ended, with its line in the ledger."""
        at_ms = self._clock.now_ns() // 1_000_000
        record = msgspec.structs.replace(record, status=status, says=says, at_ms=at_ms)
        await asyncio.to_thread(self._control.save_step, record, (entry or step_entry(plan, record),))
        return record

    async def _found(self, plan: Plan, record: StepResult, *, took_effect: bool | None) -> StepResult:
        if took_effect:
            return await self.end(plan, record, "succeeded", "it was cut off; its probe finds that it took effect")
        says = f"step {record.name!r} was cut off: whether it took effect is not known, and it is not repeated"
        return await self.end(plan, record, "unknown", says)


def step_entry(plan: Plan, record: StepResult, actor: str = "mainstay") -> Entry:
    """The ledger's line about the end of a step; a person's answer to `unknown` is a line of its own."""
    name = f"step:{plan.id}:{record.phase}:{record.index}"
    return Entry(
        id=f"{name}:unknown" if record.status == "unknown" else name,
        kind="step",
        at_ms=record.at_ms,
        actor=actor,
        subject=plan.id,
        output={"name": record.name, "status": record.status, "says": record.says},
        rests_on=(f"plan:{plan.id}", f"plan-digest:{plan.digest}"),
    )
