"""Live events as a browser gets them: raw ASGI, so that a connection can stay open, lag, and break."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.api.conftest import Prepared
from tests.api.fake_platform import FakePlatform
from tests.store import control_samples as some

from mainstay.api import live


class Browser:
    """One open connection to the stream."""

    def __init__(self, app: Any, token: str, **headers: str) -> None:
        self._app = app
        named = {"authorization": f"Bearer {token}", "host": "127.0.0.1", **headers}
        self._scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/api/v1/stream", "raw_path": b"/api/v1/stream", "query_string": b"", "root_path": "",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
            "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8080), "extensions": {},
        }  # fmt: skip
        self._gone = asyncio.Event()
        self._asked = False
        self._news = asyncio.Condition()
        self.status = 0
        self.kind = ""
        self.text = ""
        self.task = asyncio.ensure_future(app(self._scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._news:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.kind = dict(message["headers"]).get(b"content-type", b"").decode()
            self.text += message.get("body", b"").decode()
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._gone.set()  # as a server does: after the last byte there is nothing to receive but the end
            self._news.notify_all()

    async def sees(self, text: str) -> None:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: text in self.text)

    async def leave(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self.task, 20)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))  # type: ignore[arg-type]


def test_changes_are_told_by_name_and_id_only(app: Any, platform: FakePlatform, prepared: Prepared) -> None:
    async def story() -> None:
        browser = Browser(app, prepared.tokens["viewer"])
        await browser.sees(": hello")
        assert (browser.status, browser.kind.partition(";")[0]) == (200, "text/event-stream")
        effects = some.effects(seq=2)
        effects.incidents = {"INC-7": some.incident(7, title="a secret\n\nevent: evil")}
        await asyncio.to_thread(platform.control.commit, effects)
        await browser.sees('event: incident\ndata: {"kind":"incident","id":"INC-7"}\n\n')
        assert "secret" not in browser.text
        assert len(platform.control.feed) == 1
        await browser.leave()
        assert len(platform.control.feed) == 0

    run(story)


def test_who_comes_back_gets_what_was_missed(app: Any, platform: FakePlatform, prepared: Prepared) -> None:
    async def story() -> None:
        platform.control.feed.publish([("incident", "INC-1"), ("incident", "INC-2"), ("incident", "INC-3")])
        first = platform.control.feed._kept[0].number
        browser = Browser(app, prepared.tokens["viewer"], last_event_id=str(first))
        await browser.sees("INC-3")
        assert "INC-2" in browser.text
        assert '"INC-1"' not in browser.text
        await browser.leave()
        for strange in ("1", str(first + 10**6)):
            lost = Browser(app, prepared.tokens["viewer"], last_event_id=strange)
            await lost.sees("event: reset")
            await lost.leave()
        odd = Browser(app, prepared.tokens["viewer"], last_event_id="²; drop")
        await odd.sees(": hello")
        await odd.leave()

    run(story)


def test_a_revoked_token_ends_the_stream(
    app: Any, platform: FakePlatform, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)

    async def story() -> None:
        browser = Browser(app, prepared.tokens["viewer"])
        await browser.sees("event: status")
        await browser.sees(": still here")
        platform.control.people.save_user("viewer", "viewer", by="t", disabled=True)
        await asyncio.wait_for(browser.task, 20)
        assert len(platform.control.feed) == 0

    run(story)


def test_a_closing_server_does_not_wait_for_its_listeners(app: Any, platform: FakePlatform, prepared: Prepared) -> None:
    async def story() -> None:
        browsers = [Browser(app, prepared.tokens["viewer"]) for _ in range(3)]
        for browser in browsers:
            await browser.sees(": hello")
        platform.control.feed.close()
        await asyncio.wait_for(asyncio.gather(*(browser.task for browser in browsers)), 20)

    run(story)


def test_an_event_cannot_be_broken_out_of() -> None:
    from mainstay.store.feed import Event

    told = live.written(Event(1, "incident", 'x\n\nevent: evil\ndata: "\r\u2028'))
    assert told.count(b"\n") == 4
    assert b"\nevent: evil" not in told
