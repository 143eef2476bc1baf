"""A disk without room under mixed traffic: senders are told, nothing acknowledged is lost, and it goes on by itself."""

import resource

import httpx
import pytest
from tests.durability.course import SETTINGS, settle
from tests.durability.senders import Senders, stored
from tests.engine.line import eventually

from mainstay.domain.errors import MainstayError
from mainstay.process import PlatformProcess

HARDLY_BYTES = 250_000
"""Small files fit; a checkpoint of DuckDB, in blocks of 256 KiB, does not: that ends its whole database."""


@pytest.fixture
def platform(tmp_path):
    process = PlatformProcess(tmp_path, SETTINGS)
    yield process
    process.stop()


@pytest.fixture
def senders(platform):
    admin = platform.start()
    sending = Senders(admin.post("tokens", {"kind": "ingest", "name": "senders"})["token"])
    sending.url = admin.url
    sending.start()
    yield sending
    sending.stop()


def room(platform, most_bytes=resource.RLIM_INFINITY):
    """No file of the platform grows beyond this any more: what a full disk does, without the rights to make one."""
    _, hard = resource.prlimit(platform.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(platform.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))


def more(senders, count):
    """Wait until so many more of each kind are acknowledged."""
    wanted = {kind: len(numbers) + count for kind, numbers in senders.acknowledged.items()}
    eventually(lambda: all(len(senders.acknowledged[kind]) >= least for kind, least in wanted.items()))


def metrics(senders):
    text = httpx.get(f"{senders.url}/metrics", headers=senders._headers).text
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_it_goes_on_when_there_is_room_again(platform, senders, tmp_path):
    admin = platform._client
    more(senders, 30)
    room(platform, HARDLY_BYTES)
    with pytest.raises(MainstayError):
        admin.post("backup", {"to": str(tmp_path / "backup")})
    room(platform, 0)
    eventually(lambda: sum(senders.refused.values()) > 100)
    ready = httpx.get(f"{senders.url}/readyz")
    assert (ready.status_code, ready.json()["ok"]) == (503, False)
    assert "File too large" in ready.json()["why"]
    found = eventually(lambda: (m := metrics(senders))['mainstay_stage_errors_total{stage="pipeline"}'] != "0" and m)
    assert (found["mainstay_ready"], found['mainstay_stage_ok{stage="receive"}']) == ("0", "0")
    room(platform)
    eventually(admin.is_ready, 90)
    more(senders, 30)
    senders.stop()
    settle(admin, lambda client: client.is_ready())
    assert admin.post("ledger/verify")["first_bad"] is None
    platform.stop()
    there = stored(platform.data)
    for kind, numbers in senders.acknowledged.items():
        assert not numbers - set(there[kind]), f"{kind}: acknowledged and lost"
        assert max(there[kind].values()) == 1, f"{kind}: more than once"
    assert {status for status, _ in senders.refused} == {503}
    assert all(after for _, after in senders.refused)
