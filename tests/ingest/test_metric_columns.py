"""OTLP metrics, compiled: equal on every field to what protobuf's messages say, whatever a point is."""

from __future__ import annotations

import math
import struct
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.ingest.sender import NOW, plain

from mainstay.bench.damage import Guarded, bodies, damaged, same, told
from mainstay.domain.signals import HistogramPoint
from mainstay.ingest import decode
from mainstay.ingest.columnar import streams as keys
from mainstay.ingest.columnar.attributes import MOST_LABELS, ODD, PLAIN, UNREAD, pairs
from mainstay.ingest.columnar.ready import KEY, READY, bytes_of
from mainstay.ingest.limits import DAY_NS, MOST_ITEMS
from mainstay.ingest.otlp import metrics
from mainstay.ingest.otlp.points import STALE
from mainstay.ingest.otlp.streams import labels_at
from mainstay.ingest.wire import written

READERS = READY.wait()

texts = st.text(max_size=4)
plain_values = st.one_of(
    texts.map(lambda text: {"string_value": text}),
    st.booleans().map(lambda value: {"bool_value": value}),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: {"int_value": value}),
    st.floats().map(lambda value: {"double_value": value}),
    st.just({}),
)
values = st.one_of(
    plain_values,
    st.binary(max_size=3).map(lambda raw: {"bytes_value": raw}),
    st.lists(plain_values, max_size=2).map(lambda many: {"array_value": {"values": many}}),
    st.lists(st.builds(lambda k, v: {"key": k, "value": v}, texts, plain_values), max_size=2).map(
        lambda many: {"kvlist_value": {"values": many}}
    ),
)
attributes = st.lists(st.fixed_dictionaries({"key": st.sampled_from("abcü"), "value": values}), max_size=3)
doubles = st.floats() | st.sampled_from([0.0, -0.0, 1e308, math.nan, STALE])
exemplars = st.lists(
    st.fixed_dictionaries(
        {"filtered_attributes": st.just([{"key": "who", "value": {"string_value": "x"}}])},
        optional={"as_int": st.just(3), "time_unix_nano": st.just(5), "trace_id": st.binary(max_size=3)},
    ),
    max_size=2,
)
timed = {"time_unix_nano": st.sampled_from([NOW, NOW - 7])}
every = {
    "start_time_unix_nano": st.sampled_from([0, NOW - 9, NOW + 9, 2**64 - 1]),
    "attributes": attributes,
    "flags": st.integers(0, 3),
}
numbers = st.one_of(
    st.fixed_dictionaries({**timed, "as_double": doubles}, optional={**every, "exemplars": exemplars}),
    st.fixed_dictionaries({**timed, "as_int": st.integers(-(2**63), 2**63 - 1)}, optional=every),
    st.fixed_dictionaries({**timed, "flags": st.just(1)}, optional={"attributes": attributes}),
)
counts = st.integers(0, 2**53) | st.integers(0, 9)


@st.composite
def classic(draw: st.DrawFn) -> dict[str, Any]:
    point = draw(
        st.fixed_dictionaries(timed, optional={**every, "count": counts, "exemplars": exemplars, "min": doubles})
    )
    bounds = sorted(draw(st.sets(st.floats(allow_nan=False), max_size=4)))
    if bounds or draw(st.booleans()):
        point["explicit_bounds"] = bounds
        point["bucket_counts"] = draw(st.lists(counts, min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    return point | draw(st.fixed_dictionaries({}, optional={"sum": doubles}))


buckets = st.fixed_dictionaries(
    {}, optional={"offset": st.integers(-(2**31), 2**31 - 1) | st.integers(-90, 90), "bucket_counts": st.lists(
        st.integers(0, 300), max_size=5)},
)  # fmt: skip
exponentials = st.fixed_dictionaries(
    timed,
    optional={
        **every, "count": counts, "sum": doubles, "scale": st.integers(-10, 20), "zero_count": st.integers(0, 9),
        "positive": buckets, "negative": buckets, "exemplars": exemplars, "max": doubles, "zero_threshold": doubles,
    },
)  # fmt: skip
quantiles = st.fixed_dictionaries({}, optional={"quantile": st.floats() | st.floats(0, 1), "value": doubles})
summaries = st.fixed_dictionaries(
    timed,
    optional={
        **every,
        "count": st.integers(0, 2**64 - 1),
        "sum": doubles,
        "quantile_values": st.lists(quantiles, max_size=3),
    },
)
temporality = st.integers(0, 2)


def points(of: st.SearchStrategy[Any], **said: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"data_points": st.lists(of, max_size=3)}, optional=said)


kinds = st.one_of(
    points(numbers).map(lambda data: {"gauge": data}),
    points(numbers, aggregation_temporality=temporality, is_monotonic=st.booleans()).map(lambda data: {"sum": data}),
    points(classic(), aggregation_temporality=temporality).map(lambda data: {"histogram": data}),
    points(exponentials, aggregation_temporality=temporality).map(lambda data: {"exponential_histogram": data}),
    points(summaries).map(lambda data: {"summary": data}),
    st.just({}),
)
named = st.fixed_dictionaries(
    {"name": st.sampled_from(["m", "größe", "m_sum"])},
    optional={"unit": texts, "description": texts, "metadata": st.just([{"key": "a"}])},
)
metric_lists = st.lists(st.builds(lambda name, kind: {**name, **kind}, named, kinds), max_size=4)
scopes = st.fixed_dictionaries(
    {"metrics": metric_lists}, optional={"scope": st.just({"name": "s"}), "schema_url": texts}
)
groups = st.fixed_dictionaries(
    {"scope_metrics": st.lists(scopes, max_size=2)},
    optional={"resource": attributes.map(lambda some: {"attributes": some}), "schema_url": texts},
)


def body_of(*entries: dict[str, Any]) -> bytes:
    return ExportMetricsServiceRequest(resource_metrics=list(entries)).SerializeToString()


def of(*some: dict[str, Any]) -> bytes:
    return body_of({"scope_metrics": [{"metrics": list(some)}]})


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(groups, max_size=3))
def test_points_are_read_as_protobuf_reads_them(entries: list[dict[str, Any]]) -> None:
    body = body_of(*entries)
    found, expected = metrics.decode_columns(READERS, body, NOW), metrics.decode_messages(body, NOW)
    assert not expected.refused, "all of it is good"
    assert found is not None, "what is usual and good is understood"
    assert same(found, expected)
    assert same(expected, found)


def gauge(**changed: Any) -> dict[str, Any]:
    return {"name": "m", "gauge": {"data_points": [{"time_unix_nano": NOW, "as_double": 1.0, **changed}]}}


GOOD = gauge(attributes=[{"key": "good"}])
WIDE = [{"key": f"k{n}"} for n in range(MOST_LABELS + 1)]


@pytest.mark.parametrize(
    "item",
    [
        gauge(time_unix_nano=0),
        gauge(time_unix_nano=NOW + 2 * DAY_NS),
        gauge(attributes=[{"key": ""}]),
        gauge(attributes=[{"key": "k" * 1025}]),
        gauge(attributes=[{"key": "a", "value": {"string_value": "x" * 65_537}}]),
        gauge(attributes=[{"key": "a", "value": {"bytes_value": b"x" * 65_000}}]),
        gauge(attributes=WIDE),
        {"name": "m", "gauge": {"data_points": [{"time_unix_nano": NOW}]}},
        {**GOOD, "name": ""},
        {**GOOD, "name": "x" * 1025},
        {**GOOD, "unit": "x" * 1025},
        {"name": "m", "histogram": {"data_points": [{"time_unix_nano": NOW, "bucket_counts": [1, 2]}]}},
        {"name": "m", "histogram": {"data_points": [
            {"time_unix_nano": NOW, "bucket_counts": [1, 2, 3], "explicit_bounds": [1, 1]}]}},
        {"name": "m", "histogram": {"data_points": [
            {"time_unix_nano": NOW, "bucket_counts": [1, 2, 3], "explicit_bounds": [1, math.nan]}]}},
        {"name": "m", "histogram": {"data_points": [
            {"time_unix_nano": NOW, "bucket_counts": [2**53 + 1]}]}},
        {"name": "m", "histogram": {"data_points": [
            {"time_unix_nano": NOW, "bucket_counts": [1] * 2049, "explicit_bounds": range(2048)}]}},
        {"name": "m", "exponential_histogram": {"data_points": [{"time_unix_nano": NOW, "scale": 21}]}},
        {"name": "m", "exponential_histogram": {"data_points": [{"time_unix_nano": NOW, "zero_count": 2**64 - 1}]}},
        {"name": "m", "exponential_histogram": {"data_points": [
            {"time_unix_nano": NOW, "negative": {"bucket_counts": [2**53, 1]}}]}},
        {"name": "m", "exponential_histogram": {"data_points": [
            {"time_unix_nano": NOW, "positive": {"bucket_counts": [1] * 2049}}]}},
    ],
)  # fmt: skip
def test_an_odd_point_goes_to_the_reader_of_messages(item: dict[str, Any]) -> None:
    body = of(item, GOOD)
    assert metrics.decode_columns(READERS, body, NOW) is None
    assert plain(decode("otlp-metrics", body, NOW)) == plain(metrics.decode_messages(body, NOW))
    assert not metrics.decode_messages(of(GOOD), NOW).refused


def test_resources_that_are_refused_and_those_that_have_nothing() -> None:
    bad = {"attributes": [{"key": ""}]}
    assert (
        metrics.decode_columns(READERS, body_of({"resource": bad, "scope_metrics": [{"metrics": [GOOD]}]}), NOW) is None
    )
    body = body_of({"resource": bad}, {"scope_metrics": [{"metrics": [GOOD]}]})
    found = metrics.decode_columns(READERS, body, NOW)
    assert found is not None
    assert same(found, metrics.decode_messages(body, NOW))


def test_streams_are_known_by_everything_that_makes_them_one() -> None:
    point = {"time_unix_nano": NOW, "as_int": 1}
    some = [
        {"name": "m", "gauge": {"data_points": [point]}},
        {"name": "m", "unit": "s", "gauge": {"data_points": [point]}},
        {"name": "ms", "gauge": {"data_points": [point]}},
        {"name": "m", "sum": {"data_points": [point], "is_monotonic": True}},
        {"name": "m", "sum": {"data_points": [point], "is_monotonic": True, "aggregation_temporality": 1}},
        {"name": "m", "gauge": {"data_points": [{**point, "attributes": [{"key": "a"}]}]}},
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"string_value": "one"}}]}
    body = body_of({"scope_metrics": [{"metrics": some}]}, {"resource": resource, "scope_metrics": [{"metrics": some}]})
    twice = body + body
    found = metrics.decode_columns(READERS, twice, NOW)
    assert found is not None
    assert found.metrics.stream.tolist() == [*range(12), *range(12)]
    assert len(set(found.metrics.streams)) == len(found.metrics.keys.hash) == 12, "all of them have samples"
    assert same(found, metrics.decode_messages(twice, NOW))


def test_one_stream_said_in_two_ways_is_one_to_who_compares() -> None:
    a, b = {"key": "a", "value": {"int_value": 1}}, {"key": "b"}
    body = of(gauge(attributes=[a, b]), gauge(attributes=[b, a]))
    found, expected = metrics.decode_columns(READERS, body, NOW), metrics.decode_messages(body, NOW)
    assert (len(found.metrics.streams), len(expected.metrics.streams)) == (2, 1)
    assert same(found, expected)
    assert not same(metrics.decode_columns(READERS, of(gauge(attributes=[a, b]), gauge(attributes=[b])), NOW), expected)


def test_keys_do_not_depend_on_the_request() -> None:
    one, other = of(GOOD), of(gauge(), {**GOOD, "description": "another text"})
    first = metrics.decode_columns(READERS, one, NOW).metrics.keys
    second = metrics.decode_columns(READERS, other, NOW).metrics.keys
    assert first.data == second.data[second.start[1] : second.end[1]]
    assert first.hash[0] == second.hash[1] != second.hash[0]
    assert first.data[0] >= keys.FORM, "no key of remote write begins so"


def test_samples_are_numbered_before_histograms() -> None:
    whole = {"name": "h", "histogram": {"data_points": [{"time_unix_nano": NOW, "count": 3}]}}
    found = metrics.decode_columns(READERS, of(whole, GOOD, whole), NOW).metrics
    assert [stream.name for stream in found.streams] == ["m", "h"]
    assert len(found.keys.hash) == 1, "of those with samples"
    assert found.streams[0:2] == [found.streams[0], found.streams[1]]
    assert [point.stream for point in found.histograms] == [1, 1]
    first, second = found.histograms[0:2]
    assert first.counts == second.counts == (3,)
    assert isinstance(first, HistogramPoint)
    assert math.isnan(first.total)
    with pytest.raises(IndexError):
        found.histograms[2]
    expected = metrics.decode_messages(of(whole, GOOD, whole), NOW).metrics
    assert [stream.name for stream in expected.streams] == ["m", "h"]


def test_a_request_without_points_holds_nothing() -> None:
    assert metrics.decode_columns(READERS, b"", NOW).metrics is None
    assert metrics.decode_columns(READERS, of({"name": "m", "gauge": {}}), NOW).metrics is None


def test_packed_numbers_that_come_in_two_pieces_or_unpacked_are_odd() -> None:
    point = b"\x19" + struct.pack("<Q", NOW)
    pieces = b"\x32\x00\x32\x08" + bytes(8)
    unpacked = b"\x31" + bytes(8)
    for more in (pieces, unpacked):
        item = b"\x0a\x01m" + written(9, written(1, point + more))
        body = written(1, written(2, written(2, item)))
        assert metrics.decode_columns(READERS, body, NOW) is None
        [found] = metrics.decode_messages(body, NOW).metrics.histograms
        assert (found.bounds, found.counts) == ((), (0,))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", PLAIN),
        (b"\x0a\x03\x0a\x01a", PLAIN),
        (b"\x0a\x07\x0a\x01a\x12\x02\x08\x01", ODD),  # a text that is written as a number
        (b"\x0a\x07\x0a\x01a\x12\x02\x18\x01", PLAIN),
        (b"\x0a\x07\x0a\x01a\x12\x02\x2a\x00", UNREAD),
        (b"\x0a\x06\x0a\x01a\x0a\x01b", ODD),
        (b"\x0a\x02\x12\x00", ODD),
        (b"\x0a\x05\x0a\x01a\x18\x01", ODD),
        (b"\x0a\x03\x0a\x01\xff", ODD),
        (b"\x0a\x04\x0a\x01a", ODD),
    ],
)
def test_what_a_run_of_attributes_is(raw: bytes, expected: int) -> None:
    assert pairs(bytes_of(raw), 0, len(raw)) == expected
    if expected == PLAIN:
        labels_at(raw)


def test_keys_that_take_too_much_room_are_odd() -> None:
    rows, places = np.zeros((2, 6), np.int64), np.zeros((1, 4, 2), np.int64)
    rows[:, 3] = keys.MOST_ARENA  # attributes as long as this, twice
    nothing = np.zeros(2, np.uint64), np.zeros((1, 3), np.int64), places, np.zeros(1, np.uint32)
    is_good, arena, *_ = keys.keyed(bytes_of(b"x"), rows, *nothing, np.zeros((1, 16), np.uint8), KEY)
    assert (bool(is_good), len(arena)) == (False, 0)


def test_empty_quantiles_and_points_are_counted_before_anything_is_made_room_for() -> None:
    point = b"\x19" + struct.pack("<Q", NOW) + b"\x32\x00" * 1_000_001
    item = b"\x0a\x01m" + written(11, written(1, point))
    assert READERS.metrics(written(1, written(2, written(2, item))), NOW) is None
    points_ = b"\x0a\x00" * (MOST_ITEMS + 1)
    assert READERS.metrics(written(1, written(2, written(2, b"\x0a\x01m" + written(5, points_)))), NOW) is None


def test_damaged_bodies_at_a_guard_page_mean_what_they_mean_to_the_other_reader() -> None:
    chance, guarded, whole = Random(7), Guarded(), bodies("points", 7, NOW)
    understood = 0
    for _ in range(2500):
        body = damaged(whole, chance)
        with guarded.holds(body) as view:
            found = READERS.metrics(view, NOW + DAY_NS)
        if found is not None:
            understood += 1
            found = metrics.decode_columns(READERS, body, NOW)
            assert found is None or same(found, metrics.decode_messages(body, NOW))
    assert understood > 300


def test_every_kind_of_point_is_in_the_body_of_the_bench() -> None:
    raw = metrics.decode_columns(READERS, bodies("points", 7, NOW), NOW).metrics
    assert {stream.kind for stream in raw.streams} == {"gauge", "counter", "histogram"}
    assert len(raw.histograms) == 2
    assert len(told(raw)[0]) == len(raw.streams)
