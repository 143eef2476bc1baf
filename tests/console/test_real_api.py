"""The console against the real API: its gate, its cookie, its shapes, its stream; only the pipeline is not there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import uvicorn
from tests.api.fake_platform import FakePlatform
from tests.console import fixture
from tests.console.browser import Page

from mainstay.api import create_app
from mainstay.domain.effects import Effects
from mainstay.domain.signals import Series

PATHS = [
    "approvals",
    "alerts",
    "alerts/a1",
    "changes",
    "changes/c1",
    "outlook",
    "services",
    "models",
    "models/metrics",
    "runbooks",
    "ledger",
    "settings",
]


def world_in(platform: FakePlatform, now_ms: int) -> fixture.World:
    """The fixture's small world, put into the real control store."""
    world = fixture.small_world(now_ms)
    effects = Effects(decided_seq=1)
    for kept, rows in (
        (effects.incidents, world.incidents),
        (effects.alerts, world.alerts),
        (effects.changes, world.changes),
    ):
        kept.update({row.id: row for row in rows})
    effects.entities.update({entity.id: entity for entity in world.entities})
    effects.edges.update({(edge.caller, edge.callee): edge for edge in world.edges})
    effects.plans.update(world.plans)
    payments = fixture.service("payments")
    platform.known = [Series(slot=0, id=int(fixture.SERIES), entity=payments, metric=fixture.LATENCY, unit="s")]
    platform.control.commit(effects)
    for version in world.versions:
        platform.control.save_version(version)
    for deployment in world.deployments:
        platform.control.save_deployment(deployment)
    return world


@pytest.fixture
def served(tmp_path: Path, now_ms: int) -> Iterator[tuple[str, FakePlatform, fixture.World, str]]:
    platform = FakePlatform(tmp_path)
    world = world_in(platform, now_ms)
    platform.control.people.save_user("admin", "admin", by="mainstay")
    _, secret = platform.control.people.issue("user", "admin", by="mainstay")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(create_app(platform), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([free],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}", platform, world, secret
        server.force_exit = server.should_exit = True
        thread.join(10)
    platform.control.close()


def test_sign_in_look_at_every_page_approve_and_see_it_live(
    page: Page, served: tuple[str, FakePlatform, fixture.World, str]
) -> None:
    url, platform, world, secret = served
    page.call("Network.clearBrowserCookies")
    page.open(url, "sign in")
    page.problems.clear()  # the browser reports the 401 that made us show the form
    page.type(secret)
    page.key("Enter")
    page.shows("payments slow")
    page.shows("live")
    for path in PATHS:
        page.visit(path)
        assert page.js("document.querySelectorAll('main > .failure').length") == 0, path
    page.visit("ledger")
    page.js("[...document.querySelectorAll('button')].find(b => b.textContent.includes('Verify')).click()")
    page.shows("unbroken")
    page.visit("incidents/INC-20214")
    page.shows("the samples have expired")  # the fake's clock stands still in the past
    page.key("a")
    page.until("document.querySelector('dialog').open")
    page.key("Enter")
    page.shows("approved. the plan runs now")
    assert [a.by for a in platform.control.approvals("plan-1")] == ["admin"]
    page.visit("incidents")
    worse = msgspec.structs.replace(world.incidents[0], title="payments worse")
    platform.control.commit(Effects(decided_seq=2, incidents={worse.id: worse}))
    page.shows("payments worse")
    assert page.problems == []
