"""Disk is flat under a retention; memory is bounded under overload, and what was acknowledged is there, once."""

import pytest

from mainstay.bench.endurance import disk, overload
from mainstay.store.telemetry import Telemetry

SEGMENT_MB = 16.8
RSS_MB = 600


@pytest.mark.slow
def test_disk_is_flat(capsys):
    """Ten minutes in forty seconds: what was kept for eight seconds is sealed after four, and goes."""
    found = disk(40, retention_s=8, hot_s=4, snapshot_s=3, quota={"signals": 16 << 20})
    with capsys.disabled():
        print(f"\n{found}")
    assert found["telemetry_mb_last_half"] <= found["telemetry_mb_first_half"] * 1.5, found  # kept for ever: 2.3
    assert found["disk_mb_last_half"] <= found["disk_mb_first_half"] * 1.1 + SEGMENT_MB, found
    assert found["rss_mb"] < RSS_MB


@pytest.mark.slow
def test_ten_times_more_than_it_can_take(tmp_path, capsys):
    found = overload(tmp_path, 15, quota=8 << 20)
    with capsys.disabled():
        print(f"\n{found}")
    assert found["times_more"] >= 10, "it was never overloaded: the test shows nothing"
    assert found["rss_mb"] < RSS_MB
    telemetry = Telemetry(tmp_path / "platform" / "telemetry", retention_s=7 * 86_400)
    query = "SELECT count(*) FROM points JOIN series ON series.id = points.series WHERE metric LIKE 'bench_metric%'"
    [(samples,)] = telemetry._ask(lambda cursor: cursor.execute(query).fetchall())
    stored = {"samples": samples, "lines": telemetry.count("logs"), "spans": telemetry.count("spans")}
    telemetry.close()
    assert stored == found["acknowledged"]
