"""Approvals: what makes a yes worthless. A state machine tries every order of doing things against one simple model."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.automation.world import ADA, ENTITY, NOW_MS, ROOT, FakeClock, plan, step, topology

from mainstay.automation import Approvals, Policy
from mainstay.domain.errors import NotFound, Refused
from mainstay.domain.users import User
from mainstay.store.control import Control

BOB = User(name="bob", role="approver")
RESPONDER = User(name="rita", role="responder")


def test_an_approval_names_plan_digest_person_and_time(world):
    made = world.keep(plan())
    approval = world.approvals.approve(made.id, ADA, made.digest, "go on")
    assert (approval.plan, approval.digest, approval.by, approval.comment) == (made.id, made.digest, "ada", "go on")
    assert approval.expires_ms - approval.at_ms == 15 * 60 * 1000
    assert world.control.plan(made.id).status == "approved"
    assert world.approvals.usable(world.control.plan(made.id)) == approval


def test_it_holds_for_nothing_but_the_plan_that_was_seen(world):
    made = world.keep(plan())
    with pytest.raises(Refused, match="not the plan that you saw"):
        world.approvals.approve(made.id, ADA, "0" * 64)
    world.approvals.approve(made.id, ADA, made.digest)
    for instead in (
        {"steps": (step("other"),)},
        {"parameters": {}},
        {"targets": ("service:lab/x",)},
        {"undo": made.steps},
    ):
        with pytest.raises(Refused, match="has changed"):
            world.approvals.usable(msgspec.structs.replace(made, **instead))


def test_it_expires(world):
    made = world.keep(plan())
    approval = world.approvals.approve(made.id, ADA, made.digest)
    world.clock.at_ms = approval.expires_ms - 1
    assert world.approvals.usable(made)
    world.clock.at_ms = approval.expires_ms
    with pytest.raises(Refused, match="has expired"):
        world.approvals.usable(made)
    assert not world.control.use_approval(approval.id, world.clock.at_ms)


def test_a_clock_that_went_back_does_not_make_it_valid_longer(world):
    made = world.keep(plan())
    world.approvals.approve(made.id, ADA, made.digest)
    world.clock.at_ms -= 1
    with pytest.raises(Refused, match="has expired"):
        world.approvals.usable(made)


def test_it_is_used_once(world):
    made = world.keep(plan())
    approval = world.approvals.approve(made.id, ADA, made.digest)
    assert world.control.use_approval(approval.id, NOW_MS)
    assert not world.control.use_approval(approval.id, NOW_MS)
    with pytest.raises(Refused, match="used already"):
        world.approvals.usable(made)


@pytest.mark.parametrize("name", ["ada", "user:ada", "Ada", " user:ADA "])
def test_nobody_approves_what_he_asked_for(world, name):
    made = world.keep(plan(requested_by=name))
    with pytest.raises(Refused, match="nobody-approves-what-he-asked-for"):
        world.approvals.approve(made.id, ADA, made.digest)
    assert world.approvals.approve(made.id, BOB, made.digest)


def test_who_asks_for_a_plan_after_somebody_approved_it_gains_nothing(world):
    made = world.keep(plan())
    world.approvals.approve(made.id, ADA, made.digest)
    with pytest.raises(Refused, match="only a proposed plan"):
        world.approvals.asked(world.control.plan(made.id), ADA)
    with pytest.raises(Refused, match="asked for it"):
        world.approvals.usable(msgspec.structs.replace(made, requested_by="user:ada"))


def test_asking_is_not_handed_on(world):
    """Else ada could ask, let bob ask after her, and approve."""
    made = world.approvals.asked(plan(), ADA)
    assert made.requested_by == "user:ada"
    with pytest.raises(Refused, match="asked for by"):
        world.approvals.asked(made, BOB)
    assert world.approvals.asked(made, ADA).digest == plan().digest


def test_a_no_is_final(world):
    made = world.keep(plan())
    world.approvals.approve(made.id, ADA, made.digest)
    world.approvals.reject(made.id, BOB, made.digest)
    for attempt in (
        lambda: world.approvals.usable(made),
        lambda: world.approvals.approve(made.id, ADA, made.digest),
    ):
        with pytest.raises(Refused, match="rejected"):
            attempt()


def test_a_yes_is_worth_nothing_once_its_giver_lost_the_right(world):
    known: dict[str, User] = {"ada": ADA}
    approvals = Approvals(world.control, Policy(), world.clock, user_of=known.get)
    made = world.keep(plan())
    approvals.approve(made.id, ADA, made.digest)
    assert approvals.usable(made)
    for instead, says in ((msgspec.structs.replace(ADA, disabled=True), "may not approve"), (None, "no longer a user")):
        known["ada"] = instead
        with pytest.raises(Refused, match=says):
            approvals.usable(made)


@pytest.mark.parametrize(
    ("by", "risk_class", "tier", "is_allowed"),
    [
        (User(name="v", role="viewer"), "standard", 4, False),
        (RESPONDER, "standard", 3, True),
        (RESPONDER, "standard", 2, False),
        (RESPONDER, "normal", 4, False),
        (BOB, "normal", 1, True),
        (BOB, "emergency", 1, False),
        (BOB, "emergency", 2, True),
        (BOB, "emergency", None, False),
        (ROOT, "emergency", 1, True),
        (User(name="x", role="admin", disabled=True), "standard", 4, False),
    ],
)
def test_who_may_approve_what_at_which_tier(tmp_path, by, risk_class, tier, is_allowed):
    from tests.automation.world import World

    world = World(tmp_path, tier=tier)
    made = world.keep(plan(risk_class=risk_class))
    if is_allowed:
        assert world.approvals.approve(made.id, by, made.digest)
    else:
        with pytest.raises(Refused, match="may not approve"):
            world.approvals.approve(made.id, by, made.digest)
        assert world.control.approvals(made.id) == []
    world.control.close()


def test_a_target_that_nobody_knows_is_treated_as_critical(world):
    made = world.keep(plan(risk_class="emergency", targets=(ENTITY, "service:lab/new")))
    with pytest.raises(Refused):
        world.approvals.approve(made.id, BOB, made.digest)


def test_a_plan_that_is_not_there(world):
    with pytest.raises(NotFound):
        world.approvals.approve("PLAN-9", ADA, "0" * 64)


PEOPLE = [
    User(name="ada", role="approver"), User(name="bob", role="approver"), User(name="root", role="admin"),
    User(name="vic", role="viewer"), User(name="off", role="admin", disabled=True),
]  # fmt: skip


class ApprovalMachine(RuleBasedStateMachine):
    """People ask, approve, reject, change the plan, wait and use, in any order; the model is a few plain facts."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.control = Control(Path(self.folder.name) / "control.db", self.clock)
        from mainstay.domain.effects import Effects

        effects = Effects(decided_seq=1)
        effects.entities.update(topology().entities)
        self.control.commit(effects)
        self.approvals = Approvals(self.control, Policy(), self.clock, expires_s=60)

    @initialize(requested_by=st.sampled_from(["mainstay", "user:ada", "user:root"]))
    def propose(self, requested_by):
        self.plan = plan(requested_by=requested_by)
        self.control.save_plan(self.plan)
        self.seen = {self.plan.digest}
        self.yes = None  # (digest, until_ms, by, is_used)
        self.is_rejected = False
        self.asked_by = requested_by

    def current(self):
        return self.control.plan(self.plan.id)

    @rule(by=st.sampled_from(PEOPLE), pick=st.integers(0, 9))
    def approve(self, by, pick):
        digest = sorted(self.seen)[pick % len(self.seen)]
        may = (
            by.role in ("approver", "admin")
            and not by.disabled
            and self.asked_by != f"user:{by.name}"
            and digest == self.current().digest
            and not self.is_rejected
            and self.current().status in ("proposed", "approved")
        )
        try:
            self.approvals.approve(self.plan.id, by, digest)
            assert may
            self.yes = [digest, self.clock.at_ms + 60_000, by.name, False]
        except Refused:
            assert not may
        self.clock.at_ms += 1

    @rule(by=st.sampled_from(PEOPLE))
    def reject(self, by):
        try:
            self.approvals.reject(self.plan.id, by, self.current().digest)
            assert by.role != "viewer"
            assert not by.disabled
            self.is_rejected = True
        except Refused:
            pass
        self.clock.at_ms += 1

    @rule(by=st.sampled_from(PEOPLE))
    def ask(self, by):
        try:
            self.control.save_plan(self.approvals.asked(self.current(), by))
            assert self.asked_by in ("mainstay", f"user:{by.name}")
            self.asked_by = f"user:{by.name}"
        except Refused:
            pass

    @rule(name=st.sampled_from(["one", "two"]))
    def change(self, name):
        changed = msgspec.structs.replace(self.current(), steps=(step(name, "restart", "payments"),))
        self.control.save_plan(changed)
        self.seen.add(changed.digest)

    @rule(seconds=st.integers(1, 70))
    def wait(self, seconds):
        self.clock.at_ms += seconds * 1000

    @rule()
    def use(self):
        """What the executor does: look it up, use it up."""
        is_good = self.is_good()
        try:
            approval = self.approvals.usable(self.current())
            assert is_good
            assert self.control.use_approval(approval.id, self.clock.at_ms)
            assert not self.control.use_approval(approval.id, self.clock.at_ms)
            self.yes[3] = True
        except Refused:
            assert not is_good

    def is_good(self):
        return (
            self.yes is not None
            and not self.is_rejected
            and self.yes[0] == self.current().digest
            and self.clock.at_ms < self.yes[1]
            and not self.yes[3]
            and self.asked_by != f"user:{self.yes[2]}"
        )

    @invariant()
    def usable_exactly_when_the_model_says_so(self):
        if not hasattr(self, "plan"):
            return
        try:
            self.approvals.usable(self.current())
            found = True
        except Refused:
            found = False
        assert found == self.is_good()

    def teardown(self):
        self.control.close()
        self.folder.cleanup()


TestApprovalMachine = ApprovalMachine.TestCase
TestApprovalMachine.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.parametrize("status", ["approved", "running", "unknown"])
@pytest.mark.parametrize("near", [{"targets": ("service:lab/x",)}, {"incident": "INC-8"}])
def test_while_one_plan_is_under_way_no_other_of_its_incident_or_target_is_approved(world, status, near):
    first = world.keep(plan())
    world.approvals.approve(first.id, ADA, first.digest)
    world.control.save_plan(msgspec.structs.replace(first, status=status))
    other = world.keep(plan(id="PLAN-2", **near))
    with pytest.raises(Refused, match=f"PLAN-1 .* is {status}"):
        world.approvals.approve(other.id, ADA, other.digest)
    assert world.approvals.reject(other.id, ADA, other.digest)


@pytest.mark.parametrize("status", ["succeeded", "failed", "undone", "expired", "withdrawn", "rejected"])
def test_what_is_over_stands_in_nobodys_way(world, status):
    world.keep(plan(status=status))
    other = world.keep(plan(id="PLAN-2"))
    assert world.approvals.approve(other.id, ADA, other.digest)


def test_an_old_yes_that_was_never_used_stands_in_nobodys_way(world):
    first, other = world.keep(plan()), world.keep(plan(id="PLAN-2"))
    approval = world.approvals.approve(first.id, ADA, first.digest)
    world.clock.at_ms = approval.expires_ms
    assert world.approvals.approve(other.id, ADA, other.digest)
    assert world.approvals.usable(other)


def test_an_incident_elsewhere_is_no_reason_to_wait(world):
    first, other = world.keep(plan()), world.keep(plan(id="PLAN-2", incident="INC-8", targets=("service:lab/x",)))
    world.approvals.approve(first.id, ADA, first.digest)
    assert world.approvals.approve(other.id, ADA, other.digest)


def test_a_plan_withdrawn_while_it_is_answered_stays_withdrawn(world):
    """The pipeline withdraws between the look and the answer: the answer is refused, nothing is overwritten."""
    made = world.keep(plan())
    world.control.save_plan(msgspec.structs.replace(made, status="withdrawn"))
    approval = world.approvals._approval("approved", made, ADA, "")
    assert not world.control.answer_plan(approval, ("proposed",))
    assert world.control.plan(made.id).status == "withdrawn"
    assert not world.control.approvals(made.id)
