"""A platform under mixed traffic that is killed again and again, and what must be true of it afterwards."""

import contextlib
import statistics
import time

from mainstay.app.clock import SystemClock
from mainstay.domain.models import VersionRef
from mainstay.domain.runbooks import Plan, Step, Verify
from mainstay.process import PlatformProcess
from mainstay.store.control import Control
from tests.durability.senders import Senders, stored

SETTINGS = {"tick_s": 1.0, "snapshot_s": 2.0}
BETWEEN_KILLS_S = 0.7


class Course:
    """Kills a platform `kills` times, each time just after one more plan was approved.

    Args:
        env: Environment of the platform.
        after_kill: Called while nothing runs.
    """

    def __init__(self, folder, kills, env=None, after_kill=lambda: None, **settings):
        self.kills, self._after_kill = kills, after_kill
        self.platform = PlatformProcess(folder, {**SETTINGS, **settings}, env=env)
        self.recovered_s = []
        self._prepare()

    def _prepare(self):
        """Plans that wait, as a pipeline would have left them."""
        self.platform.data.mkdir(mode=0o700, parents=True)
        control = Control(self.platform.data / "control.db", SystemClock())
        for number in range(self.kills):
            control.save_plan(plan(number))
        control.close()

    def run(self):
        admin = self.platform.start()
        admin.post("users", {"name": "grace", "role": "approver"})
        approver = admin.post("tokens", {"kind": "user", "user": "grace"})["token"]
        self.senders = Senders(admin.post("tokens", {"kind": "ingest", "name": "senders"})["token"])
        self.senders.url = admin.url
        self.senders.start()
        try:
            for number in range(self.kills):
                time.sleep(BETWEEN_KILLS_S)
                approve(admin.as_user(approver), f"PLAN-{number}")
                admin = self._kill_and_start()
            time.sleep(1)
        finally:
            self.senders.stop()
        self._judge(admin)

    def _kill_and_start(self):
        self.platform.kill()
        self._after_kill()
        began = time.monotonic()
        admin = self.platform.start()
        self.recovered_s.append(time.monotonic() - began)
        self.senders.url = admin.url
        return admin

    def _judge(self, admin):
        """Everything that was acknowledged is there, each thing once."""
        settle(admin)
        plans = [admin.get(f"plans/PLAN-{number}") for number in range(self.kills)]
        ledger = admin.post("ledger/verify")
        self.platform.stop()
        found = stored(self.platform.data)
        for kind, numbers in self.senders.acknowledged.items():
            assert len(numbers) > self.kills, f"{kind}: too few were acknowledged to show anything"
            lost = sorted(numbers - set(found[kind]))
            assert not lost, f"{kind}: acknowledged and lost: {lost}"
            assert not {n: c for n, c in found[kind].items() if c > 1}, f"{kind}: more than once"
        for one in plans:
            assert [a["decision"] for a in one["approvals"]] == ["approved"], one
            assert one["status"] not in {"proposed", "approved", "running"}, one
        assert ledger["first_bad"] is None
        self._pages()
        counts = {kind: len(numbers) for kind, numbers in self.senders.acknowledged.items()}
        median = statistics.median(self.recovered_s)
        print(f"\n{self.kills} kills, acknowledged {counts}, recovered in {median:.1f} s (median), "
              f"{max(self.recovered_s):.1f} s (worst)")  # fmt: skip

    def _pages(self):
        """Each plan's notice is one page, however often the platform was killed in the middle of it."""
        control = Control(self.platform.data / "control.db", SystemClock())
        try:
            keys = [page.key for number in range(self.kills) for page in control.pages(f"PLAN-{number}")]
        finally:
            control.close()
        assert len(keys) == len(set(keys)) <= self.kills


def plan(number):
    step = Step(name="tell", action="notify", with_={"text": f"plan {number}"})
    return Plan(
        id=f"PLAN-{number}", incident="INC-0", runbook="tell", title="tell", parameters={}, targets=("service:test/x",),
        steps=(step,), undo=(), verify=Verify(within_s=1, quiet_s=0), risk_class="standard",
        decided_by=VersionRef("planner", 1), created_ms=time.time_ns() // 1_000_000,
    )  # fmt: skip


def approve(approver, name):
    with contextlib.closing(approver):
        approver.post(f"plans/{name}/approve", {"digest": approver.get(f"plans/{name}")["digest"]})


def settle(client, seconds=90):
    """Wait until all that came was worked off and no plan runs."""
    until = time.monotonic() + seconds
    calm = 0
    while calm < 5:
        assert time.monotonic() < until, f"it was not worked off in time: {client.get('status')}"
        running = [p for p in client.get("plans", limit=100) if p["status"] in {"approved", "running"}]
        calm = calm + 1 if client.get("status")["inbox_records"]["all"] < 3 and not running else 0
        time.sleep(0.3)
