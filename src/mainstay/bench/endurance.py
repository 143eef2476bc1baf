"""What stays bounded: disk under a retention, memory under more than can be taken."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mainstay.bench.pour import Pour, Watch
from mainstay.client import Client
from mainstay.domain.errors import MainstayError
from mainstay.process import PlatformProcess

SETTLES_WITHIN_S = 300.0
FULL = 64 << 20
"""Bytes that the lane of signals may hold: so that full load is what the pipeline takes, not what the disk takes."""
FLAT = 1.1
"""The second half takes at most a tenth more than the first one took: files are sealed and dropped in steps."""


def disk(seconds: float, **settings: Any) -> dict[str, Any]:
    """Full load for some time with a short retention: what lies on disk in the first and in the last half."""
    settings = {"quota": {"signals": FULL}, **settings}
    with (
        tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder,
        _poured(PlatformProcess(Path(folder), settings), is_patient=True) as (_, pour, watch),
    ):
        time.sleep(seconds)
        watch.stop()
    first, last = watch.halves(watch.disk_mb)
    telemetry = watch.halves(watch.telemetry_mb)
    return {
        "disk_mb_first_half": first,
        "disk_mb_last_half": last,
        "flat": last <= first * FLAT,
        "disk_mb_max": round(max(watch.disk_mb), 1),
        "telemetry_mb_first_half": telemetry[0],
        "telemetry_mb_last_half": telemetry[1],
        "rss_mb": round(max(watch.rss_mb)),
        "acknowledged": dict(pour.acknowledged),
    }


def overload(folder: Path, seconds: float, quota: int = FULL, times: float = 10.0) -> dict[str, Any]:
    """Several times more than can be taken: how it is refused, what memory it takes, and that it is worked off.

    Args:
        folder: Where the platform runs; its data stay there.
        seconds: How long at least; at most four times as long.
        quota: Bytes that the lane of signals may hold.
        times: How many requests are offered for each that is taken.
    """
    began = time.monotonic()
    settings = {"quota": {"signals": quota}, "keep_traces": 1.0}  # so that every span can be counted
    with _poured(PlatformProcess(folder, settings), is_patient=False) as (client, pour, watch):
        time.sleep(seconds)
        while pour.offered < times * pour.taken and time.monotonic() < began + 4 * seconds:
            time.sleep(0.5)
        pour.stop()
        drained(client)
    return {
        "offered_requests": pour.offered,
        "taken_requests": pour.taken,
        "times_more": round(pour.offered / max(pour.taken, 1), 1),
        "rss_mb": round(max(watch.rss_mb)),
        "acknowledged": dict(pour.acknowledged),
    }


def drained(client: Client) -> None:
    """Wait until everything acknowledged is stored and scored."""
    until, calm = time.monotonic() + SETTLES_WITHIN_S, 0
    while calm < 15:  # for three seconds: a tick may just be on its way, and so may the last of the load
        calm = calm + 1 if client.get("status")["inbox_records"]["all"] <= 5 else 0
        if time.monotonic() > until:
            raise MainstayError(f"the load was not worked off within {SETTLES_WITHIN_S:.0f} s")
        time.sleep(0.2)


@contextmanager
def _poured(platform: PlatformProcess, *, is_patient: bool) -> Iterator[tuple[Client, Pour, Watch]]:
    client = platform.start()
    watch = Watch(platform.pid, platform.data)
    token = client.post("tokens", {"kind": "ingest", "name": "bench"})["token"]
    pour = Pour(client.url, token, is_patient=is_patient, senders=1 if is_patient else 4)
    try:
        pour.start()
        yield client, pour, watch
    finally:
        pour.stop()
        watch.stop()
        platform.stop()
