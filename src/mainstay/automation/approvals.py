"""Approvals: one person's yes to exactly one plan, kept here and nowhere else, for a short time, and used once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Literal

import msgspec

from mainstay.automation.keeping import PlanStore
from mainstay.automation.policy import Act, Policy, person
from mainstay.domain.errors import NotFound, Refused
from mainstay.domain.ledger import Entry
from mainstay.domain.protocols import Clock
from mainstay.domain.runbooks import Approval, Plan, PlanStatus
from mainstay.domain.users import User

APPROVABLE: tuple[PlanStatus, ...] = ("proposed", "approved", "expired")
BUSY: tuple[PlanStatus, ...] = ("approved", "running", "unknown")
HIGHEST_TIER, LOWEST_TIER = 1, 4


class Approvals:
    """Takes decisions about plans, and says whether a plan may run now.

    An approval is never an argument of a call that acts: the executor asks `usable`, which looks it up.

    Args:
        expires_s: How long a yes holds.
        user_of: The user as known now. With it, a yes is worth nothing once its giver lost the right to give it.
    """

    def __init__(
        self,
        control: PlanStore,
        policy: Policy,
        clock: Clock,
        *,
        expires_s: float = 900.0,
        user_of: Callable[[str], User | None] | None = None,
    ) -> None:
        self._control, self._policy, self._clock = control, policy, clock
        self._expires_ms = int(expires_s * 1000)
        self._user_of = user_of
        self._one_at_a_time = threading.Lock()

    def asked(self, plan: Plan, by: User) -> Plan:
        """Somebody wants this plan to run: as theirs, so that another person must approve it. Nothing is kept here.

        Raises:
            Refused: By policy, or because somebody else has asked for it already.
        """
        if plan.status != "proposed":
            raise Refused(f"{plan.id} is {plan.status}: only a proposed plan can be asked for")
        if person(plan.requested_by) not in ("mainstay", person(by.name)):
            raise Refused(f"{plan.id} was asked for by {plan.requested_by}: another person approves it")
        self.must_be_allowed("request", by, plan)
        return msgspec.structs.replace(plan, requested_by=f"user:{by.name}", updated_ms=self._now_ms())

    def approve(self, plan_id: str, by: User, digest: str, comment: str = "") -> Approval:
        """Say yes to the plan with this digest.

        Raises:
            Refused: The plan is another one by now, is over, or may not be approved by this person.
        """
        return self._decide("approved", plan_id, by, digest, comment)

    def reject(self, plan_id: str, by: User, digest: str, comment: str = "") -> Approval:
        """Say no to the plan with this digest: it will not run, whoever approved it before."""
        return self._decide("rejected", plan_id, by, digest, comment)

    def usable(self, plan: Plan) -> Approval:
        """The approval under which this plan may run now.

        Raises:
            Refused: There is none; the message says why.
        """
        decisions = sorted(self._control.approvals(plan.id), key=lambda approval: approval.at_ms)
        if not decisions:
            raise Refused(f"{plan.id}: nobody has approved it")
        last = decisions[-1]
        if any(approval.decision == "rejected" for approval in decisions):
            raise Refused(f"{plan.id}: it was rejected")
        if last.plan != plan.id or last.digest != plan.digest:
            raise Refused(f"{plan.id}: the plan has changed since {last.by} approved it")
        if last.used_ms is not None:
            raise Refused(f"{plan.id}: the approval by {last.by} was used already")
        if not last.at_ms <= self._now_ms() < last.expires_ms:
            raise Refused(f"{plan.id}: the approval by {last.by} has expired")
        if person(last.by) == person(plan.requested_by):
            raise Refused(f"{plan.id}: {last.by} asked for it and cannot approve it")
        self._giver_must_still_be_allowed(last, plan)
        return last

    def must_be_allowed(self, act: Act, by: User, plan: Plan) -> None:
        """Refused unless a policy lets this person do this."""
        ruling = self._policy.ruling(act, by, plan, self._tier(plan))
        if not ruling.is_allowed:
            raise Refused(f"{by.name} may not {act} {plan.id}: {ruling.says}")

    def _decide(
        self, decision: Literal["approved", "rejected"], plan_id: str, by: User, digest: str, comment: str
    ) -> Approval:
        with self._one_at_a_time:
            plan = self._plan(plan_id)
            if plan.status not in APPROVABLE:
                raise Refused(f"{plan.id} is {plan.status}: there is nothing to decide")
            if digest != plan.digest:
                raise Refused(f"{plan.id} is not the plan that you saw: its digest is {plan.digest[:12]}… now")
            if any(approval.decision == "rejected" for approval in self._control.approvals(plan.id)):
                raise Refused(f"{plan.id}: it was rejected")
            self.must_be_allowed("approve" if decision == "approved" else "reject", by, plan)
            if decision == "approved" and person(by.name) == person(plan.requested_by):
                raise Refused(f"{plan.id}: {by.name} asked for it and cannot approve it")
            if decision == "approved":
                self._nothing_else_may_run(plan)
            approval = self._approval(decision, plan, by, comment)
            if not self._control.answer_plan(approval, APPROVABLE, (_entry(approval, plan),)):
                raise Refused(f"{plan.id} changed while you answered: look at it again")
            return approval

    def _approval(self, decision: Literal["approved", "rejected"], plan: Plan, by: User, comment: str) -> Approval:
        now_ms = self._now_ms()
        name = hashlib.sha256(f"{plan.id} {plan.digest} {by.name} {decision} {now_ms}".encode()).hexdigest()[:16]
        return Approval(
            id=f"APR-{name}",
            plan=plan.id,
            digest=plan.digest,
            decision=decision,
            by=by.name,
            at_ms=now_ms,
            expires_ms=now_ms + self._expires_ms,
            comment=comment[:2000],
        )

    def _nothing_else_may_run(self, plan: Plan) -> None:
        """Two plans at once on one trouble or one target: nobody could tell which of them mended it, or broke it."""
        for status in BUSY:
            for other in self._control.plans(status=status):
                is_near = other.incident == plan.incident or set(other.targets) & set(plan.targets)
                if other.id != plan.id and is_near and self._holds(other):
                    ends = "say what its step did" if status == "unknown" else "wait for its end"
                    raise Refused(f"{other.id} ({other.title}) is {status}: {ends} before another one is approved")

    def _holds(self, plan: Plan) -> bool:
        """Whether a plan that is approved, running or unknown still will do something; an old yes does not."""
        if plan.status != "approved":
            return True
        try:
            self.usable(plan)
        except Refused:
            return False
        return True

    def _giver_must_still_be_allowed(self, approval: Approval, plan: Plan) -> None:
        if self._user_of is None:
            return
        user = self._user_of(approval.by)
        if user is None:
            raise Refused(f"{plan.id}: {approval.by}, who approved it, is no longer a user")
        self.must_be_allowed("approve", user, plan)

    def _tier(self, plan: Plan) -> int:
        """The most critical tier among the targets; what we do not know, we treat as critical."""
        tiers = {entity.id: entity.tier for entity in self._control.entities()}
        found = [tiers.get(target) or HIGHEST_TIER for target in plan.targets] or [HIGHEST_TIER]
        return min(max(min(found), HIGHEST_TIER), LOWEST_TIER)

    def _plan(self, plan_id: str) -> Plan:
        plan = self._control.plan(plan_id)
        if plan is None:
            raise NotFound(f"there is no plan {plan_id[:80]}")
        return plan

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def _entry(approval: Approval, plan: Plan) -> Entry:
    return Entry(
        id=f"approval:{approval.id}",
        kind="approval",
        at_ms=approval.at_ms,
        actor=f"user:{approval.by}",
        subject=plan.id,
        output={
            "decision": approval.decision,
            "digest": approval.digest,
            "expires_ms": approval.expires_ms,
            "comment": approval.comment,
        },
        rests_on=(f"plan:{plan.id}", f"plan-digest:{approval.digest}"),
    )
