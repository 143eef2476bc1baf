"""kill -9, again and again, under mixed traffic: what was acknowledged is there afterwards, each thing once."""

import signal
import time

import pytest

from mainstay.app.clock import SystemClock
from mainstay.domain.models import VersionRef
from mainstay.domain.runbooks import Plan, Step, Verify
from mainstay.process import PlatformProcess
from mainstay.store.control import Control
from tests.durability.senders import Senders, stored

KILLS = 20
RECOVERS_WITHIN_S = 5.0


def plan(number):
    step = Step(name="tell", action="notify", with_={"text": f"plan {number}"})
    return Plan(
        id=f"PLAN-{number}", incident="INC-0", runbook="tell", title="tell", parameters={}, targets=("service:test/x",),
        steps=(step,), undo=(), verify=Verify(within_s=1, quiet_s=0), risk_class="standard",
        decided_by=VersionRef("planner", 1), created_ms=time.time_ns() // 1_000_000,
    )  # fmt: skip


def prepare(folder):
    """A data folder with plans that wait, as a pipeline would have left them."""
    folder.mkdir(mode=0o700)
    control = Control(folder / "control.db", SystemClock())
    for number in range(KILLS):
        control.save_plan(plan(number))
    control.close()


def kill(platform):
    platform._process.send_signal(signal.SIGKILL)
    platform._process.wait()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills(tmp_path):
    settings = {"tick_s": 1.0, "snapshot_s": 2.0, "receiver": {"webhook_url": "http://127.0.0.1:9/"}}
    platform = PlatformProcess(tmp_path, settings)
    prepare(platform.data)
    admin = platform.start()
    admin.post("users", {"name": "grace", "role": "approver"})
    token = admin.post("tokens", {"kind": "ingest", "name": "senders"})["token"]
    approver = admin.as_user(admin.post("tokens", {"kind": "user", "user": "grace"})["token"])
    senders = Senders(token)
    senders.url = admin.url
    senders.start()
    recovered, approved = [], set()
    try:
        for number in range(KILLS):
            time.sleep(0.7)
            shown = approver.get(f"plans/PLAN-{number}")
            approver.post(f"plans/PLAN-{number}/approve", {"digest": shown["digest"]})
            approved.add(f"PLAN-{number}")
            kill(platform)
            began = time.monotonic()
            admin = platform.start()
            recovered.append(time.monotonic() - began)
            senders.url, approver = admin.url, type(approver)(tmp_path, admin.url, approver.token)
        time.sleep(1)
    finally:
        senders.stop()
    wait_until_decided(admin)
    plans = {one["id"]: admin.get(f"plans/{one['id']}") for one in admin.get("plans", limit=100)}
    ledger = admin.post("ledger/verify")
    platform.stop()
    found = stored(platform.data)
    for kind, numbers in senders.acknowledged.items():
        assert len(numbers) > KILLS, f"{kind}: too few were acknowledged to show anything"
        assert not numbers - set(found[kind]), f"{kind}: acknowledged and lost"
        assert not {n: c for n, c in found[kind].items() if c > 1}, f"{kind}: more than once"
    for name in approved:
        assert [a["decision"] for a in plans[name]["approvals"]] == ["approved"], name
        assert plans[name]["status"] not in {"proposed", "approved", "running"}, plans[name]
    assert ledger["first_bad"] is None
    assert once_per_key(platform.data)
    assert max(recovered) < RECOVERS_WITHIN_S, recovered


def wait_until_decided(client, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        status = client.get("status")
        running = [p for p in client.get("plans", limit=100) if p["status"] in {"approved", "running"}]
        if status["inbox_records"]["all"] < 3 and not running:
            time.sleep(2)
            return
        time.sleep(0.3)
    raise AssertionError("it was not worked off in time")


def once_per_key(data):
    """Each plan's notice is one page, however often the platform was killed in the middle of it."""
    control = Control(data / "control.db", SystemClock())
    try:
        keys = [page.key for number in range(KILLS) for page in control.pages(f"PLAN-{number}")]
    finally:
        control.close()
    return len(keys) == len(set(keys)) <= KILLS
