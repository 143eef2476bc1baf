"""A slice gives the records that a live sender would have left, and survives on disk or says that it did not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.prometheus_schema import write_request

from mainstay.domain.entities import labels_of
from mainstay.domain.errors import Corrupt
from mainstay.history.slices import Slice, Turn
from mainstay.ingest import decode

LABELS = [
    labels_of({"__name__": "http_requests_total", "job": "api", "code": "200"}),
    labels_of({"__name__": "up", "job": "api", "empty": ""}),
]


def made(samples, turns=(), since=0, until=120, labels=LABELS):
    """A slice of (series, second, value) samples."""
    ordered = sorted(samples)
    return Slice(
        since_ms=since * 1000,
        until_ms=until * 1000,
        tick_ms=15_000,
        labels=labels,
        series=np.array([s for s, _, _ in ordered], np.uint32).tobytes(),
        at_ms=np.array([at * 1000 for _, at, _ in ordered], np.int64).tobytes(),
        value=np.array([v for _, _, v in ordered], np.float64).tobytes(),
        turns=list(turns),
    )


def rows(metrics):
    return [
        (metrics.streams[s], int(at), float(v))
        for s, at, v in zip(metrics.stream, metrics.at_ns, metrics.value, strict=True)
    ]


BEGIN = 1_795_000_020  # the door takes no time before 2000
SAMPLE = st.tuples(st.integers(0, 1), st.integers(BEGIN + 1, BEGIN + 120), st.floats(allow_nan=False))


@settings(deadline=None)
@given(st.lists(SAMPLE, max_size=30, unique_by=lambda sample: sample[:2]))
def test_it_is_what_remote_write_brings(samples):
    """The oracle: the same samples as protobuf's own library writes them, through the door's own decoder."""
    one = made(samples, since=BEGIN, until=BEGIN + 120)
    ours = [row for r in one.records(0) if r.source == "remote-write" for row in rows(r.decoded.metrics)]
    theirs = []
    for number, at, value in sorted(samples, key=lambda sample: (sample[1], sample[0])):
        body = write_request((dict(LABELS[number]), [(at * 1000, value)])).SerializeToString()
        theirs += rows(decode("remote-write", body, (at + 1) * 10**9).metrics)
    assert ours == theirs


def test_the_order_of_records_is_that_of_time():
    turns = [Turn(at_ms=30_000, labels={"alertname": "A"}, since_ms=30_000, firing=True)]
    found = list(made([(0, 15, 1.0), (1, 15, 1.0), (0, 40, 2.0), (0, 30, 3.0)], turns, until=60).records(7))
    assert [(r.seq, r.received_ns // 10**9, r.source) for r in found] == [
        (8, 15, "remote-write"), (9, 15, "tick"),
        (10, 30, "remote-write"), (11, 30, "alertmanager-webhook"), (12, 30, "tick"),
        (13, 40, "remote-write"), (14, 45, "tick"), (15, 60, "tick"),
    ]  # fmt: skip


def test_time_passes_where_nothing_is_said():
    assert [r.source for r in made([], until=60).records(0)] == ["tick"] * 4


@pytest.mark.parametrize(
    ("turn", "status", "ended_ms"),
    [
        (Turn(at_ms=30_000 + 10**12, labels={"alertname": "A"}, since_ms=30_000 + 10**12, firing=True), "firing", None),
        (Turn(at_ms=60_000 + 10**12, labels={"alertname": "A"}, since_ms=30_000 + 10**12, firing=False), "resolved",
         60_000 + 10**12),
        (Turn(at_ms=60_000 + 10**12, labels={"alertname": "A"}, since_ms=30_000 + 10**12, firing=True,
              until_ms=90_000 + 10**12), "firing", 90_000 + 10**12),
    ],
)  # fmt: skip
def test_a_turn_is_an_alert_that_the_door_reads(turn, status, ended_ms):
    [record] = [r for r in made([], [turn], 10**9 + 1, 10**9 + 61).records(0) if r.lane == "alerts"]
    [alert] = decode(record.source, record.body, record.received_ns).alerts
    assert (alert.name, alert.status, alert.since_ms, alert.ended_ms) == ("A", status, turn.since_ms, ended_ms)


def test_it_is_kept_as_it_was(tmp_path):
    one = made([(0, 15, float("nan")), (1, 30, -1.5)])
    one.save(tmp_path / "a.slice")
    assert Slice.load(tmp_path / "a.slice") == one
    assert (tmp_path / "a.slice").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: b"", lambda raw: raw[:9] + b"\0" + raw[10:]])
def test_damage_is_said_with_what_to_do(tmp_path, damage):
    path = tmp_path / "a.slice"
    made([(0, 15, 1.0)]).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Corrupt, match="delete it"):
        Slice.load(path)
