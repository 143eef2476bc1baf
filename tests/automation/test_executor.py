"""Plans run from approval to outcome on the real store and real DBOS, with a real program as target."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from tests.automation.world import ADA, NOW_MS, ROOT, plan, step

from mainstay.domain.errors import NotFound, Overloaded, Refused
from mainstay.domain.protocols import ActionResult
from mainstay.domain.runbooks import Step
from mainstay.domain.users import User

BACK = step("back", "redeploy", "payments", "--version", "v2")


def test_a_plan_that_helps_succeeds(world):
    world.heal_after(4)
    ended = asyncio.run(world.run(plan(step("one", "restart", "payments"), step("two", "clean", "payments"))))
    assert ended.status == "succeeded", ended.outcome
    assert world.spy.calls == ["restart payments", "clean payments"]
    assert [(s.phase, s.index, s.status) for s in world.control.steps("PLAN-1")] == [
        ("do", 0, "succeeded"), ("do", 1, "succeeded"), ("verify", 0, "succeeded"),
    ]  # fmt: skip
    [command] = world.commands
    assert (command.kind, command.subject, command.arguments["status"]) == ("plan-outcome", "PLAN-1", "succeeded")
    assert command.arguments["escalate"] == ""


def test_every_decision_is_in_the_ledger_and_names_what_it_rests_on(world):
    world.heal_after(4)
    made = plan()
    asyncio.run(world.run(made))
    entries = {entry.kind: entry for entry in world.control.ledger()}
    assert set(entries) == {"approval", "step", "verification"}
    assert entries["approval"].actor == "user:ada"
    assert f"plan-digest:{made.digest}" in entries["approval"].rests_on
    assert entries["verification"].rests_on == ("step:PLAN-1:do:0", "a1")
    assert entries["verification"].output["verified"] is True
    assert world.control.verify_ledger().first_bad is None


def test_a_plan_that_does_not_help_is_undone_and_escalates(world):
    ended = asyncio.run(world.run(plan(step("one", "redeploy", "payments"), undo=(BACK,))))
    assert ended.status == "undone"
    assert world.spy.calls == ["redeploy payments", "redeploy payments --version v2"]
    assert "still firing" in ended.outcome
    assert world.commands[0].arguments["escalate"] == "yes"
    verification = next(entry for entry in world.control.ledger() if entry.kind == "verification")
    assert verification.output["verified"] is False


def test_a_failed_step_ends_the_doing_and_is_undone_without_asking_the_signals(world):
    ended = asyncio.run(world.run(plan(step("one", "broken", "payments"), step("two"), undo=(BACK,))))
    assert ended.status == "undone"
    assert world.spy.calls == ["broken payments", "redeploy payments --version v2"]
    assert not [s for s in world.control.steps("PLAN-1") if s.phase == "verify"]


def test_undoing_can_fail_and_nothing_to_undo_is_said(world):
    ended = asyncio.run(world.run(plan(undo=(step("back", "broken"),))))
    assert (ended.status, "undoing failed" in ended.outcome) == ("failed", True)
    ended = asyncio.run(world.run(plan(id="PLAN-2")))
    assert (ended.status, "nothing to undo" in ended.outcome) == ("failed", True)
    assert [command.arguments["escalate"] for command in world.commands] == ["yes", "yes"]


def test_a_plan_whose_steps_or_undo_are_not_allowed_is_not_begun(world):
    for number, made in enumerate((plan(step("one", "format")), plan(undo=(step("back", "restart", "; rm -rf /"),)))):
        ended = asyncio.run(world.run(msgspec.structs.replace(made, id=f"PLAN-{number}")))
        assert ended.status == "expired"
        assert "cannot run" in ended.outcome
    assert world.spy.calls == []
    assert all(approval.used_ms is None for number in (0, 1) for approval in world.control.approvals(f"PLAN-{number}"))


def test_nothing_is_mended_that_is_no_longer_broken(world):
    world.heal()
    ended = asyncio.run(world.run(plan()))
    assert (ended.status, world.spy.calls) == ("expired", [])
    assert "nothing to mend" in ended.outcome
    assert world.commands[0].arguments == {
        "status": "expired", "says": ended.outcome, "incident": "INC-7", "runbook": "restart-service", "escalate": "",
    }  # fmt: skip


def test_an_action_that_raises_is_a_failed_step_and_counted(world):
    class Broken:
        name = "broken"

        def check(self, arguments):
            return []

        async def run(self, arguments, context):
            raise ZeroDivisionError("secret detail")

    world.actions["broken"] = Broken()
    ended = asyncio.run(world.run(plan(Step(name="one", action="broken"))))
    assert ended.status == "failed"
    assert "ZeroDivisionError" in ended.outcome
    assert "secret" not in ended.outcome


def test_what_is_not_approved_does_not_start(world):
    async def go():
        executor = world.executor()
        await executor.open()
        try:
            with pytest.raises(NotFound):
                await executor.start("PLAN-1")
            made = world.keep(plan())
            with pytest.raises(Refused, match="not approved"):
                await executor.start(made.id)
            world.keep(msgspec.structs.replace(made, status="approved"))  # a status is not an approval
            with pytest.raises(Refused, match="nobody has approved it"):
                await executor.start(made.id)
        finally:
            await executor.close()

    asyncio.run(go())
    assert world.spy.calls == []


def test_a_second_start_of_one_approval_runs_nothing_twice(world):
    world.heal_after(4)

    async def go():
        made = world.keep(plan())
        world.approvals.approve(made.id, ADA, made.digest)
        executor = world.executor()
        await executor.open()  # starts what is approved
        try:
            for _ in range(3):
                await executor.start(made.id)
            await executor.result(made.id)
            used = await executor.start(made.id)
            assert (used.by, used.used_ms is not None) == ("ada", True)
        finally:
            await executor.close()

    asyncio.run(go())
    assert world.spy.calls == ["restart payments"]


def test_a_yes_while_plans_cannot_run_yet_starts_once_and_is_no_error(world):
    """`open` finds it and starts it; whoever said yes waits, and hears under which approval it runs."""
    world.heal_after(4)

    async def go():
        made = world.keep(plan())
        said = world.approvals.approve(made.id, ADA, made.digest)
        executor = world.executor()
        waiting = asyncio.create_task(executor.start(made.id))
        await asyncio.sleep(0)
        await executor.open()
        try:
            started = await waiting
            ended = await executor.result(made.id)
        finally:
            await executor.close()
        return said, started, ended

    said, started, ended = asyncio.run(go())
    assert (started.id, ended.status, world.spy.calls) == (said.id, "succeeded", ["restart payments"])


def test_an_approval_given_before_a_restart_starts_after_it_unless_it_has_expired(world):
    made, late = world.keep(plan()), world.keep(plan(id="PLAN-2"))
    world.approvals.approve(late.id, ADA, late.digest)
    world.clock.at_ms += 900_000
    world.approvals.approve(made.id, ADA, made.digest)
    world.heal_after(4)

    async def go():
        executor = world.executor()
        await executor.open()
        try:
            await executor.result(made.id)
        finally:
            await executor.close()

    asyncio.run(go())
    assert world.control.plan("PLAN-1").status == "succeeded"
    assert world.control.plan("PLAN-2").status == "approved"
    assert world.spy.calls == ["restart payments"]


def test_a_plan_that_changes_while_it_runs_is_stopped(world):
    class Changes:
        name = "changes"

        def check(self, arguments):
            return []

        async def run(self, arguments, context):
            current = world.control.plan("PLAN-1")
            world.control.save_plan(msgspec.structs.replace(current, steps=(*current.steps, step("more", "scale"))))
            return ActionResult(is_done=True, says="changed")

    world.actions["changes"] = Changes()
    made = plan(Step(name="one", action="changes"), step("two", "restart"), undo=(BACK,))
    ended = asyncio.run(world.run(made))
    assert (ended.status, world.spy.calls) == ("failed", [])
    assert "not the one that was approved" in ended.outcome


def cut_off(world, made, *, status="started"):
    """As a kill between effect and record leaves it."""
    world.keep(made)
    approval = world.approvals.approve(made.id, ADA, made.digest)
    world.control.use_approval(approval.id, NOW_MS)
    world.keep(msgspec.structs.replace(made, status="running"))
    from mainstay.domain.runbooks import StepResult

    record = StepResult(plan=made.id, index=0, phase="do", name=made.steps[0].name, status=status, at_ms=NOW_MS)
    world.control.save_step(record)


async def reopened(world, plan_id="PLAN-1", answer=None):
    executor = world.executor()
    await executor.open()
    try:
        await executor.result(plan_id)
        if answer is not None:
            await executor.answer(plan_id, *answer[:1], was_done=answer[1])
        return await executor.result(plan_id)
    finally:
        await executor.close()


def test_what_is_approved_while_it_opens_starts_behind_that(world):
    """The door answers people before runbooks can run; nobody is turned away for it."""

    async def go():
        made = world.keep(plan(step("one", "broken")))
        executor = world.executor()
        world.approvals.approve(made.id, ADA, made.digest)
        early = asyncio.create_task(executor.start(made.id))
        await asyncio.sleep(0)
        assert not early.done()
        await executor.open()
        with contextlib.suppress(Refused):  # `open` itself may have been the first to start it
            await early
        try:
            return await executor.result(made.id)
        finally:
            await executor.close()

    assert asyncio.run(go()).status == "failed"
    assert world.spy.calls == ["broken"]


def test_a_step_that_was_cut_off_is_asked_about_and_never_repeated(world):
    """The file of the workflows is lost, too: the records of the steps are enough."""
    cut_off(world, plan(step("one"), step("two")))
    ended = asyncio.run(reopened(world))
    assert (ended.status, world.spy.calls) == ("unknown", [])
    assert world.commands[0].arguments["escalate"] == "yes"
    assert world.control.steps("PLAN-1")[0].status == "unknown"


def test_a_person_answers_it_was_done_and_the_plan_goes_on(world):
    world.heal_after(4)
    cut_off(world, plan(step("one", "restart"), step("two", "clean")))
    ended = asyncio.run(reopened(world, answer=(ADA, True)))
    assert (ended.status, world.spy.calls) == ("succeeded", ["clean"])
    answered = next(e for e in world.control.ledger() if e.id == "step:PLAN-1:do:0")
    assert answered.actor == "user:ada"


def test_a_person_answers_it_was_not_done_and_the_plan_is_undone(world):
    cut_off(world, plan(step("one"), step("two"), undo=(BACK,)))
    ended = asyncio.run(reopened(world, answer=(ADA, False)))
    assert (ended.status, world.spy.calls) == ("undone", ["redeploy payments --version v2"])


@pytest.mark.parametrize("by", [User(name="eve", role="viewer"), User(name="eve", role="admin", disabled=True)])
def test_only_who_could_have_approved_answers(world, by):
    cut_off(world, plan())
    with pytest.raises(Refused):
        asyncio.run(reopened(world, answer=(by, True)))
    assert world.control.plan("PLAN-1").status == "unknown"


@pytest.mark.parametrize(
    ("exit_as", "status", "calls"),
    [("restore", "succeeded", ["restore"]), ("broken", "succeeded", ["broken", "restart payments"])],
)
def test_a_step_with_a_probe_knows_what_became_of_it(world, exit_as, status, calls):
    """The probe's exit 0 says that it took effect; 1 that it did not, and then it is run."""
    world.heal_after(4)
    made = plan()
    with_ = {**made.steps[0].with_, "probe": {"verb": exit_as}}
    cut_off(world, msgspec.structs.replace(made, steps=(msgspec.structs.replace(made.steps[0], with_=with_),)))
    ended = asyncio.run(reopened(world))
    assert (ended.status, world.spy.calls) == (status, calls)


def test_stopping_the_platform_while_a_plan_is_verified_resumes_it(world):
    """An orderly stop: nothing is recorded as failed, and the next start goes on with watching."""

    async def first():
        made = world.keep(plan())
        world.approvals.approve(made.id, ADA, made.digest)
        watching = asyncio.Event()
        world.clock.on_sleep.append(lambda _: watching.set())
        world.verifier._sleep = lambda _: (watching.set(), asyncio.sleep(3600))[1]
        executor = world.executor()
        await executor.open()
        await watching.wait()
        await executor.close()

    asyncio.run(first())
    assert world.control.plan("PLAN-1").status == "running"
    world.verifier._sleep = world.clock.sleep
    world.heal_after(4)
    ended = asyncio.run(reopened(world))
    assert (ended.status, world.spy.calls) == ("succeeded", ["restart payments"])


def test_admins_answer_too(world):
    world.heal_after(4)
    cut_off(world, plan())
    assert asyncio.run(reopened(world, answer=(ROOT, True))).status == "succeeded"


def test_two_people_who_answer_at_once_begin_one_run(world):
    world.heal_after(4)
    cut_off(world, plan(step("one"), step("two", "clean")))

    async def both():
        executor = world.executor()
        await executor.open()
        try:
            await executor.result("PLAN-1")
            answers = (executor.answer("PLAN-1", ADA, was_done=True), executor.answer("PLAN-1", ROOT, was_done=False))
            said = await asyncio.gather(*answers, return_exceptions=True)
            return said, await executor.result("PLAN-1")
        finally:
            await executor.close()

    said, ended = asyncio.run(both())
    assert said[0] is None
    assert isinstance(said[1], Refused)
    assert (ended.status, world.spy.calls) == ("succeeded", ["clean"])


def test_an_outcome_is_told_even_when_the_inbox_is_full_at_first(world):
    taken = world.submit
    refused = []

    async def full_at_first(command):
        if not refused:
            refused.append(command)
            raise Overloaded("the lane is full", retry_after_s=0)
        return await taken(command)

    world.submit = full_at_first
    ended = asyncio.run(world.run(plan(step("one", "broken"))))
    assert ended.status == "failed"
    assert [command.arguments["escalate"] for command in world.commands] == ["yes"]
    assert refused == world.commands
