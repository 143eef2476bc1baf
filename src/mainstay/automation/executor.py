"""The executor: starts approved plans, takes up what was cut off, and takes a person's answer when it had to ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mainstay.automation.approvals import Approvals
from mainstay.automation.course import Course
from mainstay.automation.durable import Durable
from mainstay.automation.keeping import PlanStore, Probing, Submit, Verifier
from mainstay.automation.steps import Status, Steps, step_entry
from mainstay.domain.errors import NotFound, Refused
from mainstay.domain.protocols import Action, ActionContext, ActionResult, Clock
from mainstay.domain.runbooks import Approval, Plan, Step
from mainstay.domain.users import User

log = logging.getLogger(__name__)

GRACE_S = 10.0
"""An action keeps its own time limit; this much later it is cut off from outside."""


class Hands:
    """Runs actions. Whatever one raises is a failed step, logged and counted: one bad action stops no other plan."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = actions
        self.failures = 0

    def check(self, step: Step) -> Sequence[str]:
        """What is wrong with the step before it is tried, in words."""
        action = self._actions.get(step.action)
        return [f"there is no action {step.action!r}"] if action is None else action.check(step.with_)

    async def act(self, step: Step, context: ActionContext) -> ActionResult:
        """Run the step's action (or have it say what it would do)."""
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

    async def probe(self, step: Step, context: ActionContext) -> bool | None:
        """Whether a cut-off run of the step took effect; None when that cannot be told."""
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
        self._control, self._clock, self._approvals = control, clock, approvals
        self._hands = Hands(actions)
        steps = Steps(control, self._hands, clock)
        course = Course(
            control, steps, verifier, check=self._hands.check, approvals=approvals, clock=clock, submit=submit
        )
        self._durable = Durable(dbos_path, course.run)
        self._is_open = asyncio.Event()
        self._answering = asyncio.Lock()  # two people who answer at once must not begin two runs

    @property
    def failures(self) -> int:
        """How often an action raised where it should have answered; for `/metrics`."""
        return self._hands.failures

    @property
    def durable(self) -> Durable:
        """Where runs are kept; others may run beside plans (`Durable.also`, before `open`)."""
        return self._durable

    async def open(self) -> None:
        """Begin: cut-off runs continue, and what was approved just before a crash starts now.

        It takes a second, in which senders and people need not wait: what is approved meanwhile starts behind it.
        """
        await asyncio.to_thread(self._durable.load)
        self._durable.open()
        for plan in await asyncio.to_thread(self._control.plans, status="running"):
            await self._take_up(plan)
        for plan in await asyncio.to_thread(self._control.plans, status="approved"):
            try:
                await self._start(plan.id)
            except Refused as refused:
                log.warning("not started: %s", refused)
        self._is_open.set()

    async def close(self) -> None:
        """Stop; runs continue at the next `open`."""
        self._is_open.clear()
        await self._durable.close()

    async def start(self, plan_id: str) -> Approval:
        """Start an approved plan; returns the approval under which it runs.

        A yes that was given while we opened may have been found and started by `open` itself: then it runs already.

        Raises:
            Refused: There is no approval under which it may run now.
            NotFound: There is no such plan.
        """
        await self._is_open.wait()
        decisions = sorted(self._control.approvals(plan_id), key=lambda approval: approval.at_ms)
        if decisions and decisions[-1].decision == "approved" and await self._durable.is_known(decisions[-1].id):
            return decisions[-1]
        return await self._start(plan_id)

    async def _start(self, plan_id: str) -> Approval:
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
        last = await self._next_run(approvals[-1]) - 1
        if last >= 0:
            await self._durable.result(_run_id(approvals[-1], last))
        return self._plan(plan_id)

    async def dry_run(self, plan: Plan) -> tuple[str, ...]:
        """What each step, the verification and the undo would do, in words. Nothing is touched, nothing is kept."""
        lines = []
        for part, steps in (("", plan.steps), ("undo: ", plan.undo)):
            for index, step in enumerate(steps):
                key = f"{plan.digest[:32]}/dry-run/{index}"
                context = ActionContext(plan.id, step.name, key, dry_run=True, timeout_s=step.timeout_s)
                result = await self._hands.act(step, context)
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
        await self._is_open.wait()
        async with self._answering:
            await self._answer(plan_id, by, was_done=was_done)

    async def _answer(self, plan_id: str, by: User, *, was_done: bool) -> None:
        plan = self._plan(plan_id)
        if plan.status != "unknown":
            raise Refused(f"{plan.id} is {plan.status}: it asks nothing")
        self._approvals.must_be_allowed("approve", by, plan)
        status: Status = "succeeded" if was_done else "failed"
        says = f"user:{by.name} says that it {'took' if was_done else 'did not take'} effect"
        for asked in [step for step in self._control.steps(plan_id) if step.status == "unknown"]:
            record = msgspec.structs.replace(asked, status=status, says=says, at_ms=self._now_ms())
            entry = step_entry(plan, record, f"user:{by.name}")
            await asyncio.to_thread(self._control.save_step, record, (entry,))
        plan = msgspec.structs.replace(plan, status="running", updated_ms=self._now_ms())
        await asyncio.to_thread(self._control.save_plan, plan)
        await self._again(plan)

    async def _take_up(self, plan: Plan) -> None:
        """DBOS resumes its own; a run unknown to it (another version, a lost file) goes by the steps' records."""
        for approval in self._used(plan):
            for number in range(await self._next_run(approval)):
                if await self._durable.is_going_on(_run_id(approval, number)):
                    return
        await self._again(plan)

    async def _again(self, plan: Plan) -> None:
        """Another run under the approval that was used: it finds what the earlier ones did."""
        used = self._used(plan)
        if not used or used[-1].used_ms is None:
            log.error("%s runs without a used approval; it is left alone", plan.id)
            return
        number = await self._next_run(used[-1])
        await self._durable.start(_run_id(used[-1], number), plan.id, used[-1].id, used[-1].used_ms)

    async def _next_run(self, approval: Approval) -> int:
        number = 0
        while await self._durable.is_known(_run_id(approval, number)):
            number += 1
        return number

    def _used(self, plan: Plan) -> list[Approval]:
        return [approval for approval in self._control.approvals(plan.id) if approval.used_ms is not None]

    def _plan(self, plan_id: str) -> Plan:
        plan = self._control.plan(plan_id)
        if plan is None:
            raise NotFound(f"there is no plan {plan_id[:80]}")
        return plan

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def _run_id(approval: Approval, number: int) -> str:
    """One approval, one run; only what a crash or a question cut off has another number."""
    return approval.id if number == 0 else f"{approval.id}/{number}"
