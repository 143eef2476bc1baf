"""What is told live: after the commit, each thing once, and nothing grows with a client that does not listen."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from tests.store import control_samples as some
from tests.store.control_samples import FixedClock

from mainstay.store.control import Control
from mainstay.store.feed import _KEPT, _WAITING, Event, Feed


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.id) for event in events]


def test_a_commit_is_told_after_it_is_true(tmp_path: Path) -> None:
    control = Control(tmp_path / "c.sqlite", FixedClock())

    async def listen() -> None:
        one = control.feed.subscribe()
        await asyncio.to_thread(control.commit, some.effects())
        events = await one.take(5)
        assert told(events) == [
            ("change", "C-1"), ("alert", "A-1"), ("incident", "INC-1"), ("plan", "P-1"), ("verdict", "A-1"),
        ]  # fmt: skip
        assert control.incident("INC-1") is not None
        await asyncio.to_thread(control.save_approval, some.approval())
        await asyncio.to_thread(control.save_step, some.step())
        assert told(await one.take(5)) == [("plan", "P-1")]
        await asyncio.to_thread(control.save_deployment, some.deployment())
        assert told(await one.take(5)) == [("model", "metrics")]
        await asyncio.to_thread(control.commit, some.effects())  # a replay
        assert await one.take(0.01) == []

    asyncio.run(listen())
    control.close()


def test_what_fails_is_not_told(tmp_path: Path) -> None:
    control = Control(tmp_path / "c.sqlite", FixedClock())

    async def listen() -> None:
        one = control.feed.subscribe()
        bad = some.effects()
        bad.entries = [some.entry(1, output={"x": object()})]
        with pytest.raises(TypeError):
            control.commit(bad)
        assert await one.take(0.01) == []

    asyncio.run(listen())
    control.close()


def test_several_changes_of_one_thing_are_one_event_with_the_newest_number() -> None:
    async def listen() -> None:
        feed = Feed()
        one = feed.subscribe()
        for name in ("a", "b", "a"):
            feed.publish([("incident", name)])
        assert await one.take(5) == [Event(2, "incident", "b"), Event(3, "incident", "a")]

    asyncio.run(listen())


def test_who_comes_back_gets_what_was_missed() -> None:
    async def listen() -> None:
        feed = Feed()
        for number in range(1, 6):
            feed.publish([("incident", str(number))])
        assert [event.number for event in await feed.subscribe(after=3).take(5)] == [4, 5]
        assert await feed.subscribe(after=5).take(0.01) == []
        assert await feed.subscribe().take(0.01) == []

    asyncio.run(listen())


def test_who_missed_more_than_is_kept_or_comes_from_another_process_loads_anew() -> None:
    async def listen() -> None:
        feed = Feed(first=1000)
        for number in range(_KEPT + 5):
            feed.publish([("incident", str(number % 7))])
        newest = 1000 + _KEPT + 5
        for after in (0, 999, 1003, newest + 1):
            assert await feed.subscribe(after).take(5) == [Event(newest, "reset", "")]
        assert len(await feed.subscribe(after=newest - 3).take(5)) == 3

    asyncio.run(listen())


def test_a_client_that_does_not_read_is_dropped_and_holds_nothing() -> None:
    async def listen() -> None:
        feed = Feed()
        slow, quick = feed.subscribe(), feed.subscribe()
        for number in range(_WAITING + 2):
            feed.publish([("incident", str(number))])
            if number % 100 == 0:
                await quick.take(5)
        assert (slow.is_ended, quick.is_ended, len(feed)) == (True, False, 1)
        assert await slow.take(5) == []
        feed.leave(slow)
        feed.leave(quick)
        assert len(feed) == 0

    asyncio.run(listen())


def test_publishing_from_threads_to_a_loop_that_has_ended_does_no_harm() -> None:
    feed = Feed()

    async def come_and_go() -> None:
        feed.subscribe()

    asyncio.run(come_and_go())
    threads = [threading.Thread(target=feed.publish, args=([("incident", str(n))],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(feed) == 0


def test_closing_ends_everybody() -> None:
    async def listen() -> None:
        feed = Feed()
        one = feed.subscribe()
        asyncio.get_running_loop().call_later(0.01, feed.close)
        assert await one.take(60) == []
        assert one.is_ended

    asyncio.run(listen())
