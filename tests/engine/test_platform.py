"""The platform without its doors: what it says of its health, and what becomes of people's commands."""

import asyncio
import resource
from dataclasses import replace

import pytest
from tests.engine.line import eventually
from tests.scenarios.recording import START_NS, Recording

from mainstay.app.health import Heartbeat
from mainstay.app.platform import Platform
from mainstay.domain.errors import NotFound, Overloaded, Refused
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Wish
from mainstay.domain.users import User
from mainstay.replay import RecordedClock
from mainstay.settings import Receiver, Settings


class Raises:
    """A stage that fails on every record."""

    def __init__(self, stage):
        self._stage = stage

    def apply(self, *_):
        raise ZeroDivisionError("a stage fails")

    def __getattr__(self, name):
        return getattr(self._stage, name)


@pytest.fixture
def platform(tmp_path):
    clock = RecordedClock()
    clock.at_ns = START_NS
    running = Platform(tmp_path / "data", Settings(tick_s=1000), clock)
    running.start()
    yield running
    running.stop()


def send(platform, *records):
    for record in records:
        platform.clock.at_ns = record.received_ns
        seq = platform.inbox.append(record.lane, record.source, record.body).result(10)
    platform.engine.decided(seq).result(60)


def command(platform, what, subject, **arguments):
    body = Command(kind=what, by="ada", at_ms=1, subject=subject, arguments=arguments).body()
    seq = platform.inbox.append("control", "command", body).result(10)
    platform.engine.decided(seq).result(60)


def test_a_calm_platform_is_ready(platform):
    send(platform, *Recording(5).records)
    status = platform.status()
    assert (status.is_ready, status.not_ready_why) == (True, "")
    assert [stage.is_ok for stage in status.stages] == [True, True]
    assert status.watching.services == 3
    assert platform.health.is_ok() == (True, "")


def test_a_record_set_aside_is_noted_and_the_platform_stays_ready(platform):
    stages = platform.line.pipeline._stages
    platform.line.pipeline._stages = replace(stages, detect=Raises(stages.detect))
    send(platform, *Recording(1).records)
    eventually(lambda: platform.health.is_ok()[0])
    status = platform.status()
    assert status.is_ready
    assert "2 records are set aside" in status.not_ready_why
    assert status.stages[0].errors == 4
    entries = [entry for entry in platform.control.ledger(limit=100) if entry.kind == "batch"]
    assert {entry.output["set_aside"] for entry in entries} == {1, 2}


def test_a_stage_that_keeps_failing_makes_it_unready(platform, tmp_path):
    platform.engine.failure = "ValueError: no"
    status = platform.status()
    assert (status.is_ready, status.not_ready_why) == (False, "ValueError: no")
    assert platform.health.is_ok() == (False, "ValueError: no")
    platform.engine.failure = ""


def test_the_heartbeat_cries_on_a_change_only():
    words, said = [(True, ""), (False, "stuck"), (False, "stuck"), (True, ""), (True, "")], []
    heartbeat = Heartbeat(lambda: words.pop(0), lambda says, *, is_over: said.append((says, is_over)))
    for _ in range(5):
        heartbeat.look()
    assert said == [("stuck", False), ("", True)]


def test_a_heartbeat_that_cannot_cry_looks_again():
    """A page is kept in a database, and its disk may be what is full."""
    room, said = [False, False, True], []

    def cry(says, *, is_over):
        if not room.pop(0):
            raise OSError(28, "No space left on device")
        said.append((says, is_over))
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Heartbeat(lambda: (False, "stuck"), cry, every_s=0.01).run())
    assert (room, said) == ([], [("stuck", False)])


def test_a_disk_that_takes_nothing_makes_it_unready_until_it_does(platform):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(Overloaded):
            platform.inbox.append("control", "tick", b"").result(10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    status = platform.status()
    assert not status.is_ready
    assert "did not take it" in status.not_ready_why
    assert [stage.is_ok for stage in status.stages] == [True, False]
    platform.inbox.append("control", "tick", b"").result(10)
    assert platform.health.is_ok() == (True, "")


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "merge", "split"])
def test_a_command_about_nothing_changes_nothing(platform, kind):
    command(platform, kind, "INC-none", into="INC-other", alert="A")
    assert platform.health.is_ok()[0]
    assert platform.control.incidents(limit=10) == []
    assert len(platform.engine.aside) == 0


def test_a_deployment_is_in_force_from_its_place_on(platform):
    [live] = [d for d in platform.control.deployments() if d.kind == "metrics"]
    assert live.live != VersionRef("nobody", 1)
    command(platform, "deploy", "metrics", kind="metrics", live=str(live.live), shadow="")
    assert [d.live for d in platform.control.deployments() if d.kind == "metrics"] == [live.live]


def test_a_command_that_cannot_be_read_is_set_aside(platform):
    seq = platform.inbox.append("control", "command", b"{").result(10)
    platform.engine.decided(seq).result(60)
    assert len(platform.engine.aside) == 1


def test_the_stalled_line_is_told_to_people(tmp_path):
    settings = Settings(tick_s=1000, receiver=Receiver(webhook_url="http://127.0.0.1:9/"))
    platform = Platform(tmp_path / "data", settings)
    platform._cry("no batch ended for 31 s", is_over=False)
    [page] = platform.control.pages_due(platform.clock.now_ns() // 1_000_000 + 1)
    assert "no batch ended for 31 s" in str(page.body)
    platform.start()
    platform.stop()


def test_a_runbook_by_hand_goes_through_the_order_of_records(platform):
    send(platform, *Recording(120, slow="orders", from_s=80, to_s=110).deploy("orders", 78).records)
    rita = User(name="rita", role="responder")
    wish = Wish("restart-service")
    made = asyncio.run(platform.request("INC-1", wish, rita))
    assert (made.title, made.requested_by, made.status) == ("Restart orders", "user:rita", "proposed")
    assert made.dry_run[0] == "restart: would fail: command 'shopctl' is not allowed (commands: none)"
    asked = [e for e in platform.control.ledger(limit=1000) if e.kind == "plan" and e.subject == made.id]
    assert [(e.actor, e.output["asked"]) for e in asked] == [("user:rita", "restart-service")]
    waiting = platform.control.plans("INC-1", "proposed")
    assert [plan.id for plan in waiting] == [made.id], "what was proposed is withdrawn"
    with pytest.raises(Refused, match="nobody-approves"):
        asyncio.run(platform.approve(made.id, made.digest, User(name="rita", role="admin"), ""))
    assert any(line.says == "rita asks for: Restart orders" for line in platform.control.incident("INC-1").timeline)
    bob = User(name="bob", role="admin")
    with pytest.raises(Refused, match="another plan waits"):
        asyncio.run(platform.request("INC-1", Wish("clean-disk"), bob))
    command(platform, "resolve", "INC-1")
    with pytest.raises(Refused, match="INC-1 is resolved"):
        asyncio.run(platform.request("INC-1", wish, rita))
    diagnosis = next(e for e in platform.control.ledger(limit=1000) if e.kind == "diagnosis")
    assert platform.reperform(diagnosis.id).is_same
    platform.control.expire(diagnosis.at_ms + 2 * 86_400_000, diagnosis.at_ms)
    with pytest.raises(NotFound, match=f"have expired: they are kept for 400 days. .* {diagnosis.inputs_digest}"):
        platform.reperform(diagnosis.id)
    assert platform.control.verify_ledger().is_whole
