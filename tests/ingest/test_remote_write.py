"""Remote write: our reader against protobuf's own, and what becomes of bad series."""

from __future__ import annotations

import struct

import cramjam
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.prometheus_schema import WriteRequest, write_request
from tests.ingest.sender import NOW, PROTOBUF, Sender, plain

from mainstay.domain.errors import BadInput
from mainstay.ingest import decode
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.limits import DAY_NS
from mainstay.ingest.remote_write import decode_messages

MS = NOW // 1_000_000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
UP = {"__name__": "up", "job": "api"}


def send(sender: Sender, request) -> object:
    body = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
    return sender.post("/api/v1/write", body, PROTOBUF, content_encoding="snappy")


names = st.text(min_size=1, max_size=6).filter(lambda name: name != "__name__")
label_sets = st.dictionaries(names, st.text(min_size=1, max_size=6), max_size=5).map(
    lambda labels: {"__name__": "metric", **labels}
)
samples = st.lists(
    st.tuples(st.integers(MS - 10**9, MS + 80_000_000) | st.just(1_100_000_000_000), st.floats() | st.just(0.0)),
    max_size=3,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(label_sets, samples), max_size=6))
def test_it_reads_what_protobuf_wrote(series):
    body = write_request(*series).SerializeToString()
    decoded = decode("remote-write", body, NOW)
    expected = [(labels, at_ms, value) for labels, points in series for at_ms, value in points]
    metrics = decoded.metrics
    assert decoded.refused == 0
    if not expected:
        assert metrics is None
        return
    got = [metrics.streams[number] for number in metrics.stream]
    assert [{"__name__": s.name, **dict(s.labels)} for s in got] == [labels for labels, _, _ in expected]
    assert metrics.at_ns.tolist() == [at_ms * 1_000_000 for _, at_ms, _ in expected]
    wanted = np.array([value for _, _, value in expected])
    assert metrics.value.tobytes() == wanted.tobytes()


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_damaged_body_means_to_us_what_it_means_to_protobuf(data):
    series = (UP, [(MS, 1.0), (MS + 1, STALE)]), ({"__name__": "b", "x": "y"}, [(MS, 2.0)])
    body = bytearray(write_request(*series).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        decoded = decode("remote-write", bytes(body), NOW)
    except BadInput as error:
        decoded, why = None, str(error)
    try:
        oracle = WriteRequest.FromString(bytes(body))
    except DecodeError:
        return  # we may still have kept the good series beside a label that is not UTF-8
    if decoded is None:
        assert "wire type" in why, "only groups are refused that protobuf takes"
    elif not decoded.refused:
        assert pairs_of(decoded) == [
            ({pair.name: pair.value for pair in one.labels if pair.value}, sample.timestamp)
            for one in oracle.timeseries
            for sample in one.samples
        ]


def pairs_of(decoded) -> list[tuple[dict[str, str], int]]:
    metrics = decoded.metrics
    if metrics is None:
        return []
    streams = [metrics.streams[number] for number in metrics.stream]
    at_ms = (metrics.at_ns // 1_000_000).tolist()
    return [({"__name__": s.name, **dict(s.labels)}, at) for s, at in zip(streams, at_ms, strict=True)]


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    READY.wait()


def read_fast(body: bytes):
    return READY.wait().remote_write(body, NOW + DAY_NS)


def test_a_body_as_prometheus_writes_it_is_read_in_one_compiled_pass():
    series = (UP, [(MS, 1.0), (MS + 1, 0.0)]), ({"__name__": "b", "x": "é"}, [(MS, STALE)]), (UP, [(MS + 2, 2.0)])
    body = write_request(*series).SerializeToString()
    assert read_fast(body) is not None
    metrics = decode("remote-write", body, NOW).metrics
    assert metrics.keys is not None
    assert metrics.stream.tolist() == [0, 0, 1, 0]
    assert [stream.name for stream in metrics.streams] == ["up", "b"]
    assert metrics.streams[0:2] == list(metrics.streams)
    assert metrics.keys.data[metrics.keys.start[1] : metrics.keys.end[1]].count(b"b") == 1
    assert plain(decode("remote-write", body, NOW)) == plain(decode_messages(body, NOW))


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_the_compiled_reader_understands_is_what_the_reader_of_messages_reads(data):
    one = (UP, [(MS, 1.0), (MS + 1, STALE)]), ({"__name__": "ü", "x": "y"}, [(MS, 2.0)]), ({"__name__": "c"}, [])
    body = bytearray(write_request(*one).SerializeToString() + data.draw(st.binary(max_size=8)))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    if read_fast(bytes(body)) is not None:
        assert plain(decode("remote-write", bytes(body), NOW)) == plain(decode_messages(bytes(body), NOW))


@pytest.mark.parametrize(
    "odd",
    [
        write_request(({"__name__": "m", "b": "", "a": "x"}, [(MS, 1.0)])).SerializeToString()[::-1],
        write_request((UP, [(1, 1.0)])).SerializeToString(),
        write_request(({"job": "x"}, [(MS, 1.0)])).SerializeToString(),
        write_request(({"__name__": "m", "job": "y" * 65_537}, [(MS, 1.0)])).SerializeToString(),
        write_request(({"__name__": "m", **{f"l{n:03}": "x" for n in range(256)}}, [(MS, 1.0)])).SerializeToString(),
        write_request((UP, [(MS, 1.0)])).SerializeToString()[:-1],
    ],
)
def test_what_is_odd_goes_to_the_reader_of_messages(odd):
    assert read_fast(odd) is None


def test_nan_and_stale_markers_are_kept_to_the_bit(sender, kept):
    assert send(sender, write_request((UP, [(MS, STALE), (MS, float("nan"))]))).status == 204
    bits = decode("remote-write", kept.records[0].body, NOW).metrics.value.view(np.uint64)
    assert bits[0] == 0x7FF0000000000002
    assert np.isnan(bits.view(np.float64)).all()


@pytest.mark.parametrize(
    ("labels", "at_ms", "reason"),
    [
        ({"job": "x"}, MS, "empty metric name"),
        ({"__name__": "", "job": "x"}, MS, "empty metric name"),
        ({"__name__": "m", "": "x"}, MS, "empty label name"),
        ({"__name__": "m", **{f"l{n}": "x" for n in range(10_000)}}, MS, "more than 256 labels"),
        (UP, -3_600_000, "before 2000"),
        (UP, MS // 1000, "before 2000"),
        (UP, 253_402_300_799_000, "in the future"),
        (UP, -(2**63), "before 2000"),
        (UP, 2**63 - 1, "in the future"),
    ],
)
def test_bad_series_are_refused_with_their_count_and_good_ones_kept(sender, kept, labels, at_ms, reason):
    answer = send(sender, write_request((labels, [(at_ms, 1.0)]), ({"__name__": "good"}, [(MS, 2.0)])))
    assert answer.status == 400  # not sent again by Prometheus
    assert b"the other samples are kept; refused 1 in all" in answer.body
    assert reason.encode() in answer.body
    assert len(kept.records) == 1
    decoded = decode("remote-write", kept.records[0].body, NOW)
    assert [stream.name for stream in decoded.metrics.streams if stream.name == "good"] == ["good"]
    assert decoded.metrics.value.tolist() == [2.0]
    answer = send(sender, write_request((labels, [(at_ms, 1.0)])))
    assert (answer.status, len(kept.records)) == (400, 1)
    assert b"nothing is kept" in answer.body


def test_bad_utf8_and_a_label_twice_are_refused(sender):
    body = write_request(({"__name__": "m", "job": "XX"}, [(MS, 1.0)]), (UP, [(MS, 1.0)])).SerializeToString()
    decoded = decode("remote-write", body.replace(b"XX", b"\xff\xfe"), NOW)
    assert (decoded.refused, decoded.refused_reason) == (1, "1: label that is not UTF-8")
    twice = write_request(({"__name__": "m", "a": "1", "b": "2"}, [(MS, 1.0)]), (UP, [(MS, 1.0)])).SerializeToString()
    decoded = decode("remote-write", twice.replace(b"\x01b", b"\x01a"), NOW)
    assert decoded.refused_reason == "1: label name given twice"


def test_native_histograms_are_refused_with_what_to_do(sender):
    request = write_request((UP, [(MS, 1.0)]))
    request.timeseries.add().histograms.add(sum=1.0)
    assert b"send_native_histograms: false" in send(sender, request).body


def test_metadata_alone_is_taken_and_nothing_kept(sender, kept):
    request = WriteRequest()
    request.metadata.add(metric_family_name="up")
    assert send(sender, request).status == 204
    assert kept.records == []


def test_labels_behind_samples_are_labels_too():
    ordered = write_request((UP, [(MS, 1.0)])).timeseries[0].SerializeToString()
    label = b"\x0a\x05\x0a\x01z\x12\x00"
    body = b"\x0a" + bytes([len(ordered) + len(label)]) + ordered + label
    [stream] = decode("remote-write", body, NOW).metrics.streams
    assert stream.labels == (("job", "api"),)  # an empty value is no label
