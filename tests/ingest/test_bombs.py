"""Bodies that are small to send and large to hold: bounded in memory, and told so."""

from __future__ import annotations

import pytest
from tests.ingest.prometheus_schema import write_request
from tests.ingest.sender import JSON, NOW, PROTOBUF, plain
from tests.ingest.test_otlp import gauge, request

from mainstay.domain.errors import BadInput
from mainstay.ingest import decode
from mainstay.ingest.columnar import entries
from mainstay.ingest.columnar import remote_write as samples
from mainstay.ingest.columnar.ready import KEY, READY, bytes_of
from mainstay.ingest.limits import LATEST_NS, MOST_ITEMS
from mainstay.ingest.otlp import logs, metrics
from mainstay.ingest.otlp.requests import SLICE_BYTES
from mainstay.ingest.wire import written

EMPTY = b"\x12\x00"


def nested(items: bytes) -> bytes:
    return written(1, written(2, items))


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
def test_a_quarter_of_a_million_empty_items_are_too_many(sender, kept, signal):
    body = nested(EMPTY * 2_000_000)
    answer = sender.post(f"/v1/{signal}", body, PROTOBUF)
    assert answer.status == 413
    assert b"more than 250000 items" in answer.body
    assert kept.records == []


RECORD = nested(written(2, b"\x09" + NOW.to_bytes(8, "little")))
TOO_MANY = {
    "resources": RECORD + b"\x0a\x00" * 600_000,
    "scopes of one resource": RECORD + written(1, EMPTY * 600_000),
    "scopes of many resources": RECORD + written(1, EMPTY * 10_000) * 60,
}


@pytest.mark.parametrize("name", ["resources", "scopes of one resource", "scopes of many resources"])
def test_resources_and_scopes_are_counted_before_anything_is_made_room_for(name: str) -> None:
    is_good, owner, places, heads, scopes = entries.items(bytes_of(TOO_MANY[name]), MOST_ITEMS, 7)
    assert not is_good
    assert len(owner) == len(places) == len(heads) == len(scopes) == 0


@pytest.mark.parametrize("name", TOO_MANY)
def test_one_record_beside_a_great_many_empty_messages(sender, kept, name):
    READY.wait()
    answer = sender.post("/v1/logs", TOO_MANY[name], PROTOBUF)
    if name == "scopes of many resources":
        assert answer.status == 200, "in slices that are bounded"
    else:
        assert answer.status == 413
        assert b"send smaller batches" in answer.body
        assert kept.records == []


def test_fields_between_items_are_counted_over_the_whole_request():
    body = RECORD + written(1, b"\x1a\x00" * 1_100_000) * 2
    with pytest.raises(BadInput, match="more than 2000000 fields"):
        logs.decode_messages(body, NOW)


def test_just_as_many_resources_as_may_be():
    body = RECORD + b"\x0a\x00" * (MOST_ITEMS - 1)
    is_good, owner, _, heads, _ = entries.items(bytes_of(body), MOST_ITEMS, 7)
    assert (is_good, len(owner), len(heads)) == (True, 1, MOST_ITEMS)
    assert not entries.items(bytes_of(body + b"\x0a\x00"), MOST_ITEMS, 7)[0]


def test_empty_series_are_counted_before_anything_is_made_room_for(sender, kept):
    body = bytes_of(b"\x0a\x00" * 600_000)
    is_good, *columns = samples.read(body, KEY, 0, LATEST_NS // 1_000_000, MOST_ITEMS)
    assert not is_good
    assert [len(column) for column in columns] == [0] * 7
    with pytest.raises(BadInput, match="more than 250000 series"):
        decode("remote-write", bytes(body), NOW)


def test_one_metric_cannot_be_larger_than_a_metric_may_be(sender, kept):
    points = written(5, b"\x0a\x00" * 3_000_000)
    answer = sender.post("/v1/metrics", nested(written(2, points)), PROTOBUF)
    assert (answer.status, b"item larger than" in answer.body) == (400, True)
    points = written(5, b"\x0a\x00" * 300_000)
    assert sender.post("/v1/metrics", nested(written(2, b"\x0a\x01m" + points)), PROTOBUF).status == 413
    assert kept.records == []


def test_a_resource_cannot_be_larger_than_a_slice(sender):
    head = written(1, written(1, b"\x0a\x00" * 600_000))
    answer = sender.post("/v1/logs", written(1, head + written(2, written(2, b"\x10\x09"))), PROTOBUF)
    assert (answer.status, b"resource or scope larger" in answer.body) == (400, True)


def test_samples_of_one_series(sender):
    series = write_request(({"__name__": "up"}, [(NOW // 1_000_000, 1.0)])).timeseries[0].SerializeToString()
    sample = series[series.index(b"\x12\x10") :]
    with pytest.raises(BadInput, match="more than 250000 samples"):
        decode("remote-write", written(1, series + sample * 250_001), NOW)


def test_json(sender, kept):
    answer = sender.post("/v1/logs", b"[" + b"[]," * (6 << 20) + b"[]]", JSON)
    assert (answer.status, b"larger than 16777216" in answer.body) == (413, True)
    many = b"[" + b",".join([b'{"labels":{"a":"b"}}'] * 20_001) + b"]"
    assert sender.post("/api/v2/alerts", many, JSON).status == 413
    assert kept.records == []


@pytest.mark.parametrize("reads", [metrics.decode_messages, metrics.decode])
def test_a_large_request_in_slices_means_what_it_means_in_one_piece(reads):
    """Slices begin above 1 MiB; the same items in two requests of half the size are read in one piece."""
    READY.wait()
    items = [gauge(float(n), name=f"m{n % 50}", n=str(n), pad="x" * 200) for n in range(6000)]
    whole = request("metrics", items).SerializeToString()
    halves = [request("metrics", part).SerializeToString() for part in (items[:3000], items[3000:])]
    assert len(whole) > SLICE_BYTES > max(map(len, halves))
    decoded = reads(whole, NOW).metrics
    first, second = (reads(half, NOW).metrics for half in halves)
    assert decoded.value.tolist() == [*first.value.tolist(), *second.value.tolist()]
    assert [*decoded.streams] == [*first.streams, *second.streams]
    spoilt = whole.replace(b"m0", b"\xffm", 1)
    assert reads(spoilt, NOW).refused == 1
    assert len(reads(spoilt, NOW).metrics.value) == 5999
    with pytest.raises(BadInput, match="malformed"):
        reads(whole[:-1], NOW)


def test_quantiles_of_a_summary_are_bounded(sender, kept):
    point = written(1, b"\x19" + NOW.to_bytes(8, "little") + b"\x32\x00" * 300_000)
    body = nested(written(2, b"\x0a\x01m" + written(11, point)) * 4)
    answer = sender.post("/v1/metrics", body, PROTOBUF)
    assert (answer.status, b"more than 1000000 samples" in answer.body) == (413, True)
    assert kept.records == []


def test_two_scopes_and_two_resources_in_slices():
    lines = [{"time_unix_nano": NOW, "body": {"string_value": f"{n} " + "x" * 500}} for n in range(1500)]
    one, two = request("logs", lines, "one"), request("logs", lines, "two")
    body = one.SerializeToString() + two.SerializeToString()
    assert len(body) > SLICE_BYTES
    found = decode("otlp-logs", body, NOW).logs
    assert [dict(resource)["service.name"] for resource in found.resources] == ["one", "two"]
    assert found.resource.tolist() == [0] * 1500 + [1] * 1500
    assert plain(found.body[:1500]) == plain(found.body[1500:])
