"""The limit on new series: by sender and minute, those that are known pass, and a replay leaves out the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import cramjam
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from tests.ingest.prometheus_schema import write_request
from tests.ingest.sender import JSON, NOW, PROTOBUF, Kept, Sender
from tests.ingest.test_otlp import as_json, gauge, histogram, request

from mainstay.bench.damage import bodies, same
from mainstay.domain.errors import BadInput
from mainstay.domain.signals import I64, RawMetrics
from mainstay.ingest import Newcomers, decode, withheld
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.newcomers import MINUTE_NS, MOST_SEEN, Flags, Knows, Numbers
from mainstay.ingest.otlp import metrics
from mainstay.ingest.remote_write import decode_messages
from mainstay.normalize import Normalizer

READY.wait()
SENDER = ("default", "remote-write", "")


def nothing(_: RawMetrics, which: I64) -> Flags:
    """A pipeline that has seen no stream yet."""
    return np.zeros(len(which), np.bool_)


def among(first: int, end: int) -> Knows:
    """A pipeline that has seen the streams of these names."""
    known = set(names(first, end))
    return lambda raw, which: np.array([dict(raw.streams[at].labels)["id"] in known for at in which.tolist()])


class Clocked(Kept):
    """An inbox whose clock is turned by hand."""

    at_ns = NOW

    def now_ns(self) -> int:
        return self.at_ns


def samples(names: Iterable[str]) -> bytes:
    series = [({"__name__": "m", "id": name}, [(NOW // 1_000_000, 1.0)]) for name in names]
    return bytes(cramjam.snappy.compress_raw(write_request(*series).SerializeToString()))


def names(first: int, last: int) -> list[str]:
    return [f"n{number}" for number in range(first, last)]


def sender_of(most: int, in_all: int = MOST_SEEN) -> Sender:
    return Sender(inbox=Clocked(), newcomers=Newcomers(nothing, most, in_all))


def write(sender: Sender, some: Iterable[str], **headers: str) -> Any:
    return sender.post("/api/v1/write", samples(some), PROTOBUF, content_encoding="snappy", **headers)


def kept(sender: Sender) -> list[set[str]]:
    """The label `id` of every sample, record by record, as a replay reads them."""
    records = []
    for record in sender.kept.records:
        raw = decode(record.source, record.body, record.received_ns).metrics
        records.append({dict(raw.streams[at].labels)["id"] for at in raw.stream.tolist()})
    return records


def test_new_series_beyond_the_limit_are_refused_and_those_known_go_on():
    sender = sender_of(10)
    assert write(sender, names(0, 8)).status == 204
    answer = write(sender, names(0, 20))
    assert answer.status == 400
    assert b"the other samples are kept; refused 10 in all: 10: new series beyond 10 a minute" in answer.body
    assert write(sender, names(0, 10)).status == 204, "those that were let in"
    answer = write(sender, names(15, 17))
    assert answer.status == 400
    assert b"nothing is kept; refused 2 in all" in answer.body
    assert kept(sender) == [set(names(0, 8)), set(names(0, 10)), set(names(0, 10))]
    assert [record.source for record in sender.kept.records] == ["remote-write", "withheld", "remote-write"]
    assert sender.door.counts["series_refused_remote-write"] == 12
    assert sender.door.counts["refused_remote-write"] == 12
    sender.close()


def test_in_the_next_minute_more_come_in():
    sender = sender_of(10)
    assert write(sender, names(0, 15)).status == 400
    sender.kept.at_ns += MINUTE_NS
    assert write(sender, names(0, 20)).status == 204
    assert kept(sender)[-1] == set(names(0, 20))
    sender.close()


def test_what_is_known_is_asked_for_only_when_the_share_runs_low():
    """Half a minute's share comes in unasked; beyond it those that the pipeline has pass, and cost nothing."""
    asked = list[int]()

    def knows(raw: RawMetrics, which: I64) -> Flags:
        asked.append(len(which))
        return among(0, 100)(raw, which)

    sender = Sender(inbox=Clocked(), newcomers=Newcomers(knows, 10))
    assert write(sender, names(0, 5)).status == 204
    assert asked == []
    assert write(sender, names(0, 50)).status == 204
    assert asked == [45]
    answer = write(sender, names(100, 106))
    assert b"refused 1 in all" in answer.body, "never more than ten of which nobody looked"
    sender.kept.at_ns += MINUTE_NS
    assert write(sender, names(105, 106)).status == 204
    assert asked == [45, 6]
    sender.close()


def test_in_all_a_sender_brings_no_more_however_long_it_takes():
    sender = sender_of(10, in_all=15)
    assert write(sender, names(0, 10)).status == 204
    sender.kept.at_ns += MINUTE_NS
    answer = write(sender, names(5, 20))
    assert b"refused 5 in all: 5: new series beyond 10 a minute or 15 in all from one sender" in answer.body
    sender.kept.at_ns += MINUTE_NS
    assert write(sender, names(14, 16)).status == 400
    assert write(sender, names(0, 15)).status == 204, "what it brought goes on"
    assert write(sender, names(100, 110), authorization="Bearer acme").status == 204, "and others do"
    assert kept(sender) == [set(names(0, 10)), set(names(5, 15)), {"n14"}, set(names(0, 15)), set(names(100, 110))]
    sender.close()


def test_those_that_the_pipeline_has_come_in_and_count():
    """After a restart: 12 are known, and 15 are allowed in all."""
    newcomers = Newcomers(among(0, 12), 10, 15)
    sender = Sender(inbox=Clocked(), newcomers=newcomers)
    assert write(sender, names(0, 12)).status == 204, "known ones pass, whatever is left"
    assert write(sender, names(12, 20)).status == 400
    assert write(sender, names(0, 15)).status == 204
    assert kept(sender) == [set(names(0, 12)), set(names(12, 15)), set(names(0, 15))]
    sender.close()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.booleans()), max_size=8), st.integers(0, 20))
def test_never_more_than_in_all_unless_they_were_known(turns: list[tuple[int, int, bool]], in_all: int) -> None:
    newcomers, let_in, now_ns = Newcomers(nothing, 9, in_all), set[int](), NOW
    for first, count, is_later in turns:
        now_ns += MINUTE_NS * is_later
        some = range(first, first + count)
        raw = decode("remote-write", bytes(cramjam.snappy.decompress_raw(samples(names(first, first + count)))), NOW)
        refused = newcomers.refused(SENDER, raw.metrics, now_ns)
        flags = [False] * count if refused is None else refused.tolist()
        assert not any(flag and one in let_in for one, flag in zip(some, flags, strict=True)), "known ones always pass"
        let_in |= {one for one, flag in zip(some, flags, strict=True) if not flag}
        assert len(let_in) <= in_all


def test_senders_do_not_disturb_each_other():
    sender = sender_of(10)
    assert write(sender, names(0, 30)).status == 400
    assert write(sender, names(100, 110), authorization="Bearer acme").status == 204
    answer = sender.post("/v1/metrics", request("metrics", [gauge(1.0, id="a")]).SerializeToString(), PROTOBUF)
    assert (answer.status, answer.body) == (200, b"")
    sender.close()


def test_what_the_pipeline_knows_is_not_new():
    """After a restart the door remembers nothing; what was there before must not be refused."""
    normalizer = Normalizer()
    body = samples(names(0, 50))
    normalizer.apply(decode("remote-write", bytes(cramjam.snappy.decompress_raw(body)), NOW), NOW)
    restored = Normalizer()
    restored.restore(normalizer.snapshot())
    sender = Sender(inbox=Clocked(), newcomers=Newcomers(restored.knows, 5))
    assert write(sender, names(0, 50)).status == 204
    answer = write(sender, names(45, 60))
    assert b"refused 5 in all" in answer.body
    sender.close()


@pytest.mark.parametrize("reads", [decode, lambda _, body, at_ns: decode_messages(body, at_ns)])
def test_whichever_reader_it_was_the_same_are_known(reads):
    normalizer = Normalizer()
    known, body = (bytes(cramjam.snappy.decompress_raw(samples(some))) for some in (names(0, 50), names(40, 60)))
    normalizer.apply(decode("remote-write", known, NOW), NOW)
    raw = reads("remote-write", body, NOW).metrics
    which = np.array([0, 5, 9, 10, 19])
    assert normalizer.knows(raw, which).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("is_json", [False, True])
def test_otlp_says_it_as_a_partial_success(is_json):
    sender = sender_of(2)
    items = [gauge(1.0, id=f"n{n}") for n in range(4)]
    items.append(histogram(attributes=[{"key": "id", "value": {"string_value": "h"}}], bucket_counts=[1]))
    items.append(gauge(1.0, at_ns=5, id="bad"))
    message = request("metrics", items)
    body, content_type = (as_json(message), JSON) if is_json else (message.SerializeToString(), PROTOBUF)
    answer = sender.post("/v1/metrics", body, content_type)
    assert answer.status == 200
    if is_json:
        partial = json.loads(answer.body)["partialSuccess"]
        count, says = int(partial["rejectedDataPoints"]), partial["errorMessage"]
    else:
        told = ExportMetricsServiceResponse.FromString(answer.body).partial_success
        count, says = told.rejected_data_points, told.error_message
    assert count == 4, "two gauges and the histogram beyond the limit, and the one of 1970"
    assert "3: new series beyond 2 a minute" in says
    assert "before 2000" in says
    assert kept(sender) == [{"n0", "n1"}]
    sender.close()


def test_a_flood_of_new_series_meets_the_limit_and_what_was_there_goes_on():
    """Bodies of 20,000 series each, a fifth of a million in a minute; a fifth of the default limit."""
    newcomers = Newcomers(nothing, 100_000)
    sender = Sender(inbox=Clocked(), newcomers=newcomers)
    known = names(0, 1000)
    assert write(sender, known).status == 204
    statuses = [write(sender, names(first, first + 20_000)).status for first in range(10_000, 210_000, 20_000)]
    assert statuses == [204] * 4 + [400] * 6
    assert write(sender, known).status == 204
    assert sender.door.counts["series_refused_remote-write"] == 201_000 - 100_000
    assert sum(map(len, kept(sender)[1:-1])) == 99_000
    sender.close()


def test_the_record_handed_over_is_what_a_replay_reads():
    sender = sender_of(3)
    body = bodies("points", 14, NOW)
    assert sender.post("/v1/metrics", body, PROTOBUF).status == 200
    [record] = sender.kept.records
    again = decode(record.source, record.body, record.received_ns)
    assert same(record.decoded.metrics, again.metrics)
    assert record.decoded.refused == again.refused > 0
    assert record.decoded.metrics.keys is None or len(record.decoded.metrics.keys.hash) == 3
    sender.close()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.data())
def test_both_readers_leave_out_the_same(count: int, data: st.DataObject) -> None:
    body = bodies("points", count, NOW)
    columns, messages = metrics.decode_columns(READY.wait(), body, NOW), metrics.decode_messages(body, NOW)
    size = len(messages.metrics.value) + len(messages.metrics.histograms)
    left_out = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    record = withheld.packed("otlp-metrics", body, NOW, left_out)
    one = withheld.decode(record, lambda *_: columns)
    other = withheld.decode(record, lambda *_: messages)
    assert (one.refused, one.metrics is None) == (int(left_out.sum()), bool(left_out.all()))
    assert same(one.metrics, other.metrics) if one.metrics else other.metrics is None


@pytest.mark.parametrize("body", [b"", b"\xff", msgspec.msgpack.encode(withheld.Withheld("x", 0, 0, b"", b""))])
def test_a_record_that_is_none_is_said(body):
    with pytest.raises(BadInput):
        decode("withheld", body, NOW)


def test_a_record_whose_body_has_another_number_of_samples_is_said():
    body = request("metrics", [gauge(1.0)]).SerializeToString()
    record = withheld.packed("otlp-metrics", body, NOW, np.zeros(2, np.bool_))
    with pytest.raises(BadInput, match="a record of 2 samples whose body has 1"):
        decode("withheld", record, NOW)


def test_nobody_can_send_to_what_is_withheld(sender, kept):
    for path in ("withheld", "/withheld", "/v1/withheld", ""):
        assert sender.post(path, b"x", PROTOBUF).status == 405
    assert kept.records == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 20), max_size=30), max_size=6))
def test_numbers_are_those_that_were_added(batches: list[list[int]]) -> None:
    numbers, seen = Numbers(), set[int]()
    for batch in batches:
        wanted = np.array(batch, np.uint64)
        assert numbers.has(wanted).tolist() == [number in seen for number in batch]
        numbers.add(wanted)
        seen |= set(batch)
        assert len(numbers) == len(seen), "each is kept once, however often it came"


def test_numbers_are_merged_and_bounded() -> None:
    numbers = Numbers(most=10_000)
    numbers.add(np.arange(6000, dtype=np.uint64))
    numbers.add(np.arange(6000, 7000, dtype=np.uint64))
    assert len(numbers) == 7000
    numbers.add(np.arange(50_000, 55_000, dtype=np.uint64))
    assert len(numbers) == 5000, "it began anew"


def test_the_normalizer_sees_the_same_whichever_reader_it_was() -> None:
    readers, states = READY.wait(), []
    for reads in (
        lambda body: metrics.decode_columns(readers, body, NOW),
        lambda body: metrics.decode_messages(body, NOW),
    ):
        normalizer, out = Normalizer(), []
        for turn in range(3):
            body = bodies("points", 70, NOW + turn * 10**10)
            normal = normalizer.apply(reads(body), NOW + turn * 10**10)
            out.append((normal.metrics.series.tolist(), normal.metrics.at_ns.tolist(), normal.metrics.value.tolist()))
        states.append((out, normalizer.snapshot(), normalizer.counts))
    assert states[0] == states[1]
