"""What a person sees when a sender is over its limit: the health of the platform, and a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ingest.sender import Sender
from tests.ingest.test_newcomers import names, write

from mainstay.app.platform import Platform
from mainstay.settings import Limits, Receiver, Settings


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    receiver = Receiver(webhook_url="http://127.0.0.1:9/hook")
    one = Platform(tmp_path / "data", Settings(limits=Limits(new_series_per_minute=10), receiver=receiver))
    one.start()
    yield one
    one.stop()


def test_a_flood_is_said_and_paged_once(platform: Platform) -> None:
    sender = Sender(inbox=platform.inbox)
    sender.door._newcomers = platform.ingest_door._newcomers
    sender.door.counts = platform.ingest_door.counts
    assert write(sender, names(0, 5)).status in (204, 400)
    platform._limits.look()
    assert platform.control.pages_due(2**62) == []
    assert write(sender, names(0, 60)).status == 400
    status = platform.status()
    [source] = [one for one in status.sources if one.source == "remote-write"]
    assert source.series_refused >= 40
    assert "more new series than it may" in source.says
    assert status.is_ready, "it goes on all the same"
    assert any("more new series" in stage.says for stage in status.stages if stage.name == "receive")
    platform._limits.look()
    platform._limits.look()
    [page] = platform.control.pages_due(2**62)
    assert page.body["event"] == "mainstay.over-limit"
    assert "remote-write" in page.body["says"]
    sender.close()
