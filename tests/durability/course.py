"""A platform under mixed traffic that is killed again and again, and what must be true of it afterwards."""

import contextlib
import statistics
import time
from collections import Counter

from tests.durability.senders import Senders, stored
from tests.outbox.receivers import Receiving

from mainstay.app.clock import SystemClock
from mainstay.domain.alerts import Alert
from mainstay.domain.incidents import Grouping, Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.runbooks import Plan, Step, Verify
from mainstay.process import PlatformProcess
from mainstay.store.control import Control
from mainstay.store.documents import ALERT, INCIDENT

SETTINGS = {"tick_s": 1.0, "snapshot_s": 2.0, "hot_s": 4.0, "keep_traces": 1.0}
"""Sealed early, so that some kills fall into sealing; every span is kept, so that each can be counted."""
BETWEEN_KILLS_S = 0.5
GOING_ON, TOLD = {"proposed", "approved", "running"}, ("do", "succeeded")


class Course:
    """Kills a platform `kills` times, each time just after one more plan was approved.

    Args:
        env: Environment of the platform.
        after_kill: Called while nothing runs.
    """

    def __init__(self, folder, kills, env=None, after_kill=lambda: None):
        self.kills, self._after_kill = kills, after_kill
        self._pager = Receiving()
        receiver = {"receiver": {"webhook_url": self._pager.url}}
        self.platform = PlatformProcess(folder, SETTINGS | receiver, env=env)
        self.recovered_s = []
        self._prepare()

    def _prepare(self):
        """Plans that wait, as a pipeline would have left them."""
        self.platform.data.mkdir(mode=0o700, parents=True)
        control = Control(self.platform.data / "control.db", SystemClock())
        for number in range(self.kills):
            control.save_plan(plan(number))
        with control._writing() as write:
            write.save(ALERT, [alarm(number) for number in range(self.kills)])
            write.save(INCIDENT, [trouble(number) for number in range(self.kills)])
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
            self.senders.stop()
            self._judge(admin)
        finally:
            self.senders.stop()
            self.platform.stop()
            self._pager.close()

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
        settle(admin, self._all_told)
        plans = self._plans(admin)
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
            assert one["status"] in {"failed", "unknown"}, one  # its alert goes on; a step cut off asks a person
        assert ledger["first_bad"] is None
        self._pages()

    @property
    def says(self):
        """The figures of the course."""
        counts = {kind: len(numbers) for kind, numbers in self.senders.acknowledged.items()}
        return (
            f"{self.kills} kills, acknowledged {counts}; "
            f"ready again after {self.median_s:.1f} s (median), {max(self.recovered_s):.1f} s (worst)"
        )

    @property
    def median_s(self):
        """From the start of the process to its word that it is ready."""
        return statistics.median(self.recovered_s)

    def _plans(self, admin):
        return [admin.get(f"plans/PLAN-{number}") for number in range(self.kills)]

    def _all_told(self, admin):
        """Whether every plan is over, and the notice of each that says it told somebody went out."""
        plans = self._plans(admin)
        tells = {one["id"] for one in plans for step in one["results"] if (step["phase"], step["status"]) == TOLD}
        return all(one["status"] not in GOING_ON for one in plans) and tells <= set(self._told())

    def _told(self):
        """How often each plan's notice went out."""
        return Counter(body["plan"] for body in self._pager.bodies if body["event"] == "notice")

    def _pages(self):
        """A page went out a second time only if a kill fell between its delivery and the note of it."""
        sent = Counter(headers["Idempotency-Key"] for _, headers, _ in self._pager.requests)
        assert len(sent) > self.kills / 2, "too few pages to show anything"
        assert sum(sent.values()) - len(sent) <= self.kills, sent


def target(number):
    """Each plan has a target and an incident of its own: of plans that touch the same, one at a time is approved."""
    return f"service:test/x{number}"


def alarm(number):
    return Alert(
        id=f"ALARM-{number}", fingerprint=f"ALARM-{number}", entity=target(number), name="Down", severity="critical",
        status="firing", since_ms=1, at_ms=1, decided_by=VersionRef("rule/Down", 0),
    )  # fmt: skip


def trouble(number):
    grouping = Grouping(alert=f"ALARM-{number}", at_ms=1, why="first", decided_by=VersionRef("correlator", 1))
    return Incident(
        id=f"INC-{number}", status="open", severity="critical", title=f"x{number} is down", since_ms=1, opened_ms=1,
        updated_ms=1, decided_by=VersionRef("correlator", 1), entities=(target(number),), groupings=(grouping,),
    )  # fmt: skip


def plan(number):
    step = Step(name="tell", action="notify", with_={"text": f"plan {number}"})
    return Plan(
        id=f"PLAN-{number}", incident=f"INC-{number}", runbook="tell", title="tell", parameters={},
        targets=(target(number),), steps=(step,), undo=(), verify=Verify(within_s=1, quiet_s=0),
        risk_class="standard", decided_by=VersionRef("planner", 1), created_ms=time.time_ns() // 1_000_000,
    )  # fmt: skip


def approve(approver, name):
    with contextlib.closing(approver):
        approver.post(f"plans/{name}/approve", {"digest": approver.get(f"plans/{name}")["digest"]})


def settle(client, is_over, seconds=90):
    """Wait until all that came was worked off, and it is over."""
    until = time.monotonic() + seconds
    while not (client.get("status")["inbox_records"]["all"] < 3 and is_over(client)):
        assert time.monotonic() < until, f"it was not worked off in time: {client.get('status')}"
        time.sleep(0.5)
