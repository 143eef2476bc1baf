"""The executor: starts approved plans, takes up what was cut off, and takes a person's answer when it had to ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mainstay.automation.approvals import Approvals
from mainstay.automation.course import Course, last_of, step_entry
from mainstay.automation.durable import Durable
from mainstay.automation.keeping import PlanStore, Submit, Verifier
from mainstay.domain.errors import NotFound, Refused
from mainstay.domain.protocols import Action, ActionContext, Clock
from mainstay.domain.runbooks import Approval, Plan, StepResult
from mainstay.domain.users import User

log = logging.getLogger(__name__)


class Executor:
    """Runs plans, each under one approval, each at most once.

    It is given no approval: it looks for one (`Approvals.usable`). One executor per process; its file is its own.

    Args:
        dbos_path: SQLite file of the durable workflows, beside the control store.
    """

    def __init__(
        self,
        control: PlanStore,
        actions: Mapping[str, Action],
        verifier: Verifier,
        clock: Clock,
        dbos_path: Path,
        *,
        approvals: Approvals,
        submit: Submit,
    ) -> None:
        self._control, self._actions, self._clock, self._approvals = control, actions, clock, approvals
        self._course = Course(control, actions, verifier, approvals=approvals, clock=clock, submit=submit)
        self._durable = Durable(dbos_path, self._course.run)

    @property
    def failures(self) -> int:
        """How often an action raised where it should have answered; for `/metrics`."""
        return self._course.failures

    async def open(self) -> None:
        """Begin: cut-off runs continue, and what was approved just before a crash starts now."""
        self._durable.open()
        for plan in await asyncio.to_thread(self._control.plans, status="running"):
            await self._take_up(plan)
        for plan in await asyncio.to_thread(self._control.plans, status="approved"):
            try:
                await self.start(plan.id)
            except Refused as refused:
                log.warning("not started: %s", refused)

    async def close(self) -> None:
        """Stop; runs continue at the next `open`."""
        await self._durable.close()

    async def start(self, plan_id: str) -> Approval:
        """Start an approved plan; returns the approval under which it runs.

        Raises:
            Refused: There is no approval under which it may run now.
            NotFound: There is no such plan.
        """
        plan = self._plan(plan_id)
        if plan.status != "approved":
            raise Refused(f"{plan.id} is {plan.status}, not approved")
        approval = self._approvals.usable(plan)
        await self._durable.start(approval.id, plan.id, approval.id, self._now_ms())
        return approval

    async def result(self, plan_id: str) -> Plan:
        """Wait for the plan's run to end; the plan as it is then."""
        approvals = [approval for approval in self._control.approvals(plan_id) if approval.decision == "approved"]
        if not approvals:
            raise Refused(f"{plan_id} was never approved")
        await self._durable.result(approvals[-1].id)
        return self._plan(plan_id)

    async def dry_run(self, plan: Plan) -> tuple[str, ...]:
        """What each step, the verification and the undo would do, in words. Nothing is touched, nothing is kept."""
        lines = []
        for part, steps in (("", plan.steps), ("undo: ", plan.undo)):
            for index, step in enumerate(steps):
                key = f"{plan.digest[:32]}/dry-run/{index}"
                context = ActionContext(plan.id, step.name, key, dry_run=True, timeout_s=step.timeout_s)
                result = await self._course.act(step, context)
                lines.append(f"{part}{step.name}: {'' if result.is_done else 'would fail: '}{result.says}")
        watched = plan.verify.entity or "the incident"
        within = f"within {plan.verify.within_s:g} s and stay so {plan.verify.quiet_s:g} s"
        lines.insert(len(plan.steps), f"verify: alerts of {watched} end {within}")
        return tuple(lines)

    async def answer(self, plan_id: str, by: User, *, was_done: bool) -> None:
        """A person who looked says whether the cut-off step took effect; the plan goes on, or is undone.

        Raises:
            Refused: The plan asks nothing, or this person could not have approved it.
        """
        plan = self._plan(plan_id)
        if plan.status != "unknown":
            raise Refused(f"{plan.id} is {plan.status}: it asks nothing")
        self._approvals.must_be_allowed("approve", by, plan)
        steps = self._control.steps(plan_id)
        asked = next(step for step in reversed(steps) if step.status == "unknown")
        last = last_of(steps, asked.phase, asked.index)
        if last is None or last.status != "unknown":
            raise Refused(f"{plan.id}: step {asked.name!r} was answered already")
        says = f"user:{by.name} says that it {'took' if was_done else 'did not take'} effect"
        status = "succeeded" if was_done else "failed"
        record: StepResult = msgspec.structs.replace(asked, status=status, says=says, at_ms=self._now_ms())
        entry = msgspec.structs.replace(step_entry(plan, record), actor=f"user:{by.name}")
        self._control.save_step(record, (entry,))
        self._control.save_plan(msgspec.structs.replace(plan, status="running", updated_ms=record.at_ms))
        await self._again(plan)

    async def _take_up(self, plan: Plan) -> None:
        """DBOS resumes its own; a run unknown to it (another version, a lost file) goes by the steps' records."""
        runs = [approval.id for approval in self._control.approvals(plan.id) if approval.used_ms is not None]
        for run in runs:
            for name in (run, *(f"{run}/{number}" for number in range(1, 1 + len(self._control.steps(plan.id))))):
                if await self._durable.is_going_on(name):
                    return
        await self._again(plan)

    async def _again(self, plan: Plan) -> None:
        used = [approval for approval in self._control.approvals(plan.id) if approval.used_ms is not None]
        if not used or used[-1].used_ms is None:
            log.error("%s runs without a used approval; it is left alone", plan.id)
            return
        number = 1 + len([step for step in self._control.steps(plan.id) if step.status != "started"])
        await self._durable.start(f"{used[-1].id}/{number}", plan.id, used[-1].id, used[-1].used_ms)

    def _plan(self, plan_id: str) -> Plan:
        plan = self._control.plan(plan_id)
        if plan is None:
            raise NotFound(f"there is no plan {plan_id[:80]}")
        return plan

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000
