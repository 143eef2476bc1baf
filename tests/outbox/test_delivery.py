"""Delivery to real receivers: at least once, in order, patient; open incidents are told again; secrets stay secret."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import logging

import msgspec
import pytest
from tests.automation.world import NOW_MS, FakeClock, incident
from tests.outbox.receivers import Alertmanager, Receiving

from mainstay.domain.effects import Effects
from mainstay.outbox import Outbox, escalation, pages_for
from mainstay.outbox.delivery import MOST_PER_MINUTE
from mainstay.outbox.pages import utc
from mainstay.settings import Receiver
from mainstay.store.control import Control


class Desk:
    """A control store, two receivers and an outbox."""

    def __init__(self, folder):
        self.clock = FakeClock()
        self.control = Control(folder / "control.db", self.clock)
        self.alertmanager, self.webhook = Alertmanager(), Receiving()
        secret = folder / "secret"
        secret.write_text("hunter2\n")
        self.receiver = Receiver(
            alertmanager_url=self.alertmanager.url,
            webhook_url=f"{self.webhook.url}/hook",
            webhook_secret_file=str(secret),
        )
        self.outbox = self.made()
        self.before = {}

    def made(self):
        return Outbox(self.control, self.receiver, self.clock)

    def turn(self, **fields):
        """The incident takes a turn; its pages commit with it, as the pipeline does."""
        after = msgspec.structs.replace(incident(), updated_ms=self.clock.at_ms, **fields)
        effects = Effects(decided_seq=self.control.decided_seq + 1)
        effects.incidents[after.id] = after
        pages = pages_for(after, self.before.get(after.id), self.receiver)
        effects.pages.update({page.key: page for page in pages})
        self.control.commit(effects)
        self.before[after.id] = after

    def keep(self, pages):
        for page in pages:
            self.control.mark_page(page)

    def deliver(self, rounds=1, wait_s=0.0):
        async def go():
            for _ in range(rounds):
                await self.outbox.deliver()
                self.clock.at_ms += int(wait_s * 1000)
            await self.outbox.close()

        asyncio.run(go())

    def firing(self):
        return self.alertmanager.firing(utc(self.clock.at_ms))

    def unsent(self):
        return [page.key for page in self.control.pages("INC-7") if page.sent_ms is None]

    def close(self):
        self.control.close()
        self.alertmanager.close()
        self.webhook.close()


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


def test_an_incident_reaches_both_and_the_ledger_knows(desk):
    desk.turn()
    desk.deliver()
    [alert] = desk.firing()
    assert alert["labels"]["mainstay_incident"] == "INC-7"
    assert desk.alertmanager.requests[0][0] == "/api/v2/alerts"
    assert desk.webhook.bodies[0]["event"] == "incident.opened"
    assert desk.unsent() == []
    assert {e.id for e in desk.control.ledger()} == {"page:INC-7/alertmanager/open", "page:INC-7/webhook/open"}


def test_the_webhook_is_signed_and_carries_its_key(desk):
    desk.turn()
    desk.deliver()
    path, headers, body = desk.webhook.requests[0]
    assert path == "/hook"
    assert headers["Idempotency-Key"] == "INC-7/webhook/open"
    assert headers["X-Mainstay-Signature"] == "sha256=" + hmac.new(b"hunter2", body, hashlib.sha256).hexdigest()


def test_without_its_secret_nothing_is_sent_unsigned(desk, tmp_path):
    (tmp_path / "secret").unlink()
    desk.turn()
    desk.deliver()
    assert desk.webhook.requests == []
    [page] = [p for p in desk.control.pages("INC-7") if p.sent_ms is None]
    assert page.error == "webhook_secret_file is empty or cannot be read"


def test_what_was_delivered_is_not_sent_again(desk):
    desk.turn()
    desk.deliver(rounds=5)
    desk.turn(title="other words")
    desk.deliver(rounds=5)
    assert len(desk.webhook.requests) == 1
    assert len(desk.alertmanager.requests) == 2  # the page, and the first refresh


def test_a_restart_sends_nothing_twice_and_what_was_committed_twice_stays_sent(desk):
    desk.turn()
    desk.deliver()
    seen = len(desk.webhook.requests)
    desk.before.clear()
    desk.turn()  # the same page again, as after a replay
    desk.outbox = desk.made()
    desk.deliver(rounds=3)
    assert len(desk.webhook.requests) == seen


@pytest.mark.parametrize("status", [0, 500, 503, 429, 400, 302])
def test_a_receiver_that_does_not_take_it_gets_it_later(desk, status):
    desk.turn()
    desk.alertmanager.status = desk.webhook.status = status
    desk.deliver(rounds=3)
    assert len(desk.unsent()) == 2
    assert len(desk.webhook.requests) == 1, "one attempt, then a pause"
    desk.alertmanager.status = desk.webhook.status = 200
    desk.clock.at_ms += 2_000
    desk.deliver()
    assert desk.unsent() == []
    assert len(desk.firing()) == 1


def test_the_pause_doubles_up_to_five_minutes(desk):
    desk.turn()
    desk.webhook.status = 500
    at = []

    async def twenty_five_minutes():
        for _ in range(1500):
            seen = len(desk.webhook.requests)
            await desk.outbox.deliver()
            if len(desk.webhook.requests) > seen:
                at.append(desk.clock.at_ms)
            desk.clock.at_ms += 1000
        await desk.outbox.close()

    asyncio.run(twenty_five_minutes())
    gaps = [(b - a) // 1000 for a, b in itertools.pairwise(at)]
    assert gaps[:8] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert set(gaps[9:]) == {300}


def test_one_receiver_that_is_down_does_not_hold_up_the_other(desk):
    desk.alertmanager.status = 0
    desk.turn()
    desk.deliver()
    assert len(desk.webhook.requests) == 1
    assert desk.unsent() == ["INC-7/alertmanager/open"]


def test_the_end_ends_every_alert_that_we_raised(desk):
    desk.turn(severity="minor")
    desk.deliver()
    desk.clock.at_ms += 1000
    desk.turn(severity="critical")
    desk.keep(escalation(incident(), "PLAN-1", "did not help", desk.clock.at_ms, desk.receiver))
    desk.deliver()
    assert sorted(a["labels"]["severity"] for a in desk.firing()) == ["critical", "critical"], "the minor one was ended"
    desk.clock.at_ms += 1000
    desk.turn(status="resolved", resolved_ms=desk.clock.at_ms)
    desk.deliver()
    assert desk.firing() == []
    assert [body["event"] for body in desk.webhook.bodies] == [
        "incident.opened", "incident.escalated", "incident.severity_raised", "incident.resolved",
    ]  # fmt: skip


def test_nobody_is_woken_for_what_was_over_before_it_could_be_told(desk):
    desk.alertmanager.status = 0
    desk.turn()
    desk.deliver()
    desk.clock.at_ms += 5_000
    desk.turn(status="resolved", resolved_ms=desk.clock.at_ms)
    desk.alertmanager.status = 200
    desk.alertmanager.requests.clear()
    desk.deliver(rounds=4, wait_s=10)
    [[told]] = desk.alertmanager.bodies
    assert told["endsAt"] <= utc(desk.clock.at_ms), "it may have heard of it before it hung up, so it hears the end"
    assert desk.unsent() == []
    assert not [e for e in desk.control.ledger() if e.id == "page:INC-7/alertmanager/open"], (
        "what was not sent is not on record"
    )
    assert [body["event"] for body in desk.webhook.bodies] == ["incident.opened", "incident.resolved"]


def test_pages_of_one_incident_arrive_in_their_order(desk):
    desk.webhook.status = 500
    desk.turn(severity="minor")
    desk.deliver()
    desk.clock.at_ms += 100
    desk.turn(severity="critical")
    desk.clock.at_ms += 100
    desk.turn(status="resolved")
    desk.webhook.status = 200
    desk.webhook.requests.clear()
    desk.deliver(rounds=6, wait_s=2)
    assert [body["event"] for body in desk.webhook.bodies] == [
        "incident.opened", "incident.severity_raised", "incident.resolved",
    ]  # fmt: skip


def test_what_is_open_is_told_again_so_that_alertmanager_does_not_forget_it(desk):
    desk.turn()
    desk.deliver(rounds=40, wait_s=30)
    assert len(desk.firing()) == 1
    assert 15 <= len(desk.alertmanager.requests) <= 22, "about once a minute"
    lasts = desk.firing()[0]["endsAt"]
    desk.clock.at_ms += 600_000  # and when we are gone, it ends by itself
    assert lasts < utc(desk.clock.at_ms)
    assert desk.firing() == []


def test_a_refresh_that_fails_is_tried_again_and_does_not_count_as_done(desk):
    desk.turn()
    desk.deliver()
    desk.alertmanager.status = 503
    desk.clock.at_ms += 61_000
    desk.deliver(rounds=2)
    desk.alertmanager.status = 200
    desk.deliver(rounds=3, wait_s=2)
    assert len(desk.firing()) == 1
    assert desk.outbox.counts["refreshed"] >= 2


def test_attempts_are_bounded_per_minute(desk):
    for number in range(MOST_PER_MINUTE + 30):
        desk.keep(escalation(incident(), f"PLAN-{number}", "x", NOW_MS, Receiver(webhook_url="http://x/")))
    desk.deliver(rounds=3)
    assert len(desk.webhook.requests) == MOST_PER_MINUTE
    desk.clock.at_ms += 61_000
    desk.deliver(rounds=2)
    assert len(desk.webhook.requests) == MOST_PER_MINUTE + 30


def test_neither_secret_nor_password_reaches_log_or_store(desk, caplog):
    desk.receiver = msgspec.structs.replace(desk.receiver, webhook_url="http://me:hunter2@127.0.0.1:9/x?token=hunter2")
    desk.outbox = desk.made()
    desk.turn()
    with caplog.at_level(logging.DEBUG):
        desk.deliver()
    assert "webhook: no answer" in caplog.text
    kept = msgspec.json.encode(desk.control.pages("INC-7")).decode()
    assert "hunter2" not in caplog.text + kept


def test_the_loop_survives_a_store_that_fails_and_stops_when_told(desk):
    class Failing:
        def __init__(self, control):
            self.control, self.left = control, 2

        def __getattr__(self, name):
            return getattr(self.control, name)

        def pages_due(self, now_ms, limit=100):
            self.left -= 1
            if self.left >= 0:
                raise OSError("disk I/O error")
            return self.control.pages_due(now_ms, limit)

    desk.turn()
    outbox = Outbox(Failing(desk.control), desk.receiver, desk.clock)

    async def go():
        task = asyncio.create_task(outbox.run(poll_s=0.01))
        while outbox.counts["sent"] < 2:  # noqa: ASYNC110 - the loop under test offers no event
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())
    assert outbox.counts["errors"] == 2
