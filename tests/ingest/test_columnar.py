"""Compiled readers: the wire format against Python's own, log records against protobuf's, and memory that ends."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.ingest.sender import NOW, plain

from mainstay.bench.damage import LONGEST, Guarded, bodies, damaged, same
from mainstay.bench.decode import decode as measure
from mainstay.domain.errors import BadInput
from mainstay.ingest import decode, remote_write
from mainstay.ingest.columnar import remote_write as samples
from mainstay.ingest.columnar import wire
from mainstay.ingest.columnar.lately import Lately
from mainstay.ingest.columnar.readers import Readers
from mainstay.ingest.columnar.ready import PAUSE_S, READY, Ready, bytes_of
from mainstay.ingest.limits import DAY_NS
from mainstay.ingest.otlp import logs, traces
from mainstay.ingest.wire import BYTES, fields, varint_of

READERS = READY.wait()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_a_number_is_read_as_it_was_written(value: int, rest: bytes) -> None:
    data = bytes_of(varint_of(value) + rest)
    assert wire.varint(data, 0, len(data)) == (value, len(data) - len(rest))
    assert wire.varint(data, 0, len(data) - len(rest) - 1)[1] == -1, "cut off"


def test_a_number_of_more_than_ten_bytes_is_odd() -> None:
    assert wire.varint(bytes_of(b"\xff" * 10 + b"\x01"), 0, 11)[1] == -1


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.binary(max_size=12))
def test_fields_are_those_of_the_other_reader(body: bytes) -> None:
    try:
        expected = [(one.number, one.wire_type, one.start, one.end) for one in fields(body, 0, len(body))]
    except BadInput:
        expected = None
    found, at = [], 0
    while 0 <= at < len(body):
        *one, at = wire.field(bytes_of(body), at, len(body))
        found.append((*one, at))
    if at >= 0:
        assert found == expected
    elif expected is not None:
        assert max(number for number, *_ in expected) >= 1 << 29, "only numbers that protobuf does not have are odd"


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.binary(max_size=6) | st.text(max_size=6).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_text_is_what_python_takes_for_utf8(raw: bytes) -> None:
    try:
        raw.decode()
        is_text = True
    except UnicodeDecodeError:
        is_text = False
    assert wire.is_text(bytes_of(raw), 0, len(raw)) == is_text
    assert wire.is_ascii(bytes_of(raw), 0, len(raw)) == raw.isascii()


def hashed(raw: bytes, first: int = 0, second: int = 0) -> int:
    return int(wire.digest(bytes_of(raw), 0, len(raw), (np.uint64(first), np.uint64(second))))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 2**64 - 1))
def test_a_hash_is_of_the_bytes_and_the_key(one: bytes, other: bytes, secret: int) -> None:
    data, key = bytes_of(one + other + one), (np.uint64(secret), np.uint64(7))
    first = wire.digest(data, 0, len(one), key)
    assert first == wire.digest(data, len(one + other), len(data), key) == hashed(one, secret, 7)
    if len(one) == len(other):
        assert wire.same(data, 0, len(one), data, len(one)) == (one == other)


def test_it_is_siphash_with_one_and_three_rounds() -> None:
    """Python hashes bytes by the same, with a key of zeros when `PYTHONHASHSEED` is 0."""
    said = [bytes(range(length)) for length in range(1, 70)]
    program = f"import sys; assert sys.hash_info.algorithm == 'siphash13'; print([hash(one) for one in {said}])"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    assert json.loads(ended.stdout) == [hashed(one) - ((hashed(one) >> 63) << 64) for one in said]
    key = (int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little"))
    assert hashed(b"", *key) == 0xABAC0158050FC4DC, "the first vector of the reference"


WORD = 2**64 - 1


def turned(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & WORD


def siphash_128(raw: bytes, key: tuple[int, int], rounds: tuple[int, int]) -> tuple[int, int]:
    """As the authors' `siphash.c` has it, with an output of 16 bytes."""
    v = [key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D ^ 0xEE, key[0] ^ 0x6C7967656E657261]
    v.append(key[1] ^ 0x7465646279746573)

    def mix(times: int) -> None:
        for _ in range(times):
            for a, b, by, far in ((0, 1, 13, True), (2, 3, 16, False), (0, 3, 21, False), (2, 1, 17, True)):
                v[a] = (v[a] + v[b]) & WORD
                v[b] = turned(v[b], by) ^ v[a]
                v[a] = turned(v[a], 32) if far else v[a]

    whole = raw + bytes(7 - len(raw) % 8) + bytes([len(raw) & 0xFF])
    for at in range(0, len(whole), 8):
        word = int.from_bytes(whole[at : at + 8], "little")
        v[3] ^= word
        mix(rounds[0])
        v[0] ^= word
    v[2] ^= 0xEE
    mix(rounds[1])
    first = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    mix(rounds[1])
    return first, v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_authors_vectors() -> None:
    key = int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")
    for raw, said in ((b"", "a3817f04ba25a8e66df67214c7550293"), (b"\0", "da87c1d86b99af44347659119b22fc45")):
        found = siphash_128(raw, key, (2, 4))
        assert b"".join(half.to_bytes(8, "little") for half in found).hex() == said


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=40), st.integers(0, WORD), st.integers(0, WORD))
def test_a_seal_is_siphash_128_with_one_and_three_rounds(raw: bytes, one: int, other: int) -> None:
    data = bytes_of(b"..." + raw + b".")
    found = wire.sealed(data, 3, 3 + len(raw), (np.uint64(one), np.uint64(other)))
    assert tuple(map(int, found)) == siphash_128(raw, (one, other), (1, 3))


def test_hashes_of_another_key_are_others() -> None:
    assert len({hashed(b"__name__", *key) for key in ((0, 0), (1, 0), (0, 1), (1, 1))}) == 4


@pytest.mark.parametrize("secret", [0, 1, 2**63, 0x0123456789ABCDEF])
def test_blocks_that_undo_each_other_under_a_weaker_hash_do_not_meet(secret: int) -> None:
    """Each pair of words, changed so, left a hash by xor, multiply and shift as it was, whatever its seed."""
    change = struct.pack("<2Q", 2**63 ^ 2**31, 2**63 ^ 2**34)
    plain_block = bytes(16)
    found = {hashed(b"".join(blocks), secret, 5) for blocks in product((plain_block, change), repeat=10)}
    assert len(found) == 1024


def test_hashes_that_crowd_one_place_make_a_body_odd() -> None:
    """Hashes cannot be made to meet; so the table is given them."""
    hashes, table = np.full(1100, 3, np.uint64), np.full(4096, -1, np.int32)
    data = bytes_of(b"".join(number.to_bytes(2, "big") for number in range(1100)))
    start = np.arange(0, 2200, 2)
    numbers = [samples._numbered(data, start, start + 2, hashes, table, new) for new in range(1100)]
    assert numbers[: wire.MOST_PROBES] == list(range(wire.MOST_PROBES))
    assert set(numbers[wire.MOST_PROBES + 1 :]) == {-1}


texts = st.text(max_size=5)
values = st.one_of(
    texts.map(lambda text: {"string_value": text}),
    st.booleans().map(lambda value: {"bool_value": value}),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: {"int_value": value}),
    st.just({}),
    st.lists(texts, max_size=2).map(lambda many: {"array_value": {"values": [{"string_value": one} for one in many]}}),
)
pairs = st.lists(st.fixed_dictionaries({"key": st.text(min_size=1, max_size=3), "value": values}), max_size=3)
ids = st.one_of(st.just(b""), st.binary(min_size=16, max_size=16), st.binary(max_size=17), st.just(bytes(16)))
records = st.fixed_dictionaries(
    {"time_unix_nano": st.sampled_from([NOW, NOW - 5, 10**18])},
    optional={
        "observed_time_unix_nano": st.just(NOW), "severity_number": st.integers(0, 24), "severity_text": texts,
        "body": values, "attributes": pairs, "trace_id": ids, "span_id": st.binary(max_size=9),
        "event_name": texts, "flags": st.integers(0, 3), "dropped_attributes_count": st.integers(0, 3),
    },
)  # fmt: skip
scopes = st.fixed_dictionaries(
    {"log_records": st.lists(records, max_size=4)}, optional={"scope": st.just({"name": "s"}), "schema_url": texts}
)
groups = st.fixed_dictionaries(
    {"scope_logs": st.lists(scopes, max_size=2)},
    optional={"resource": pairs.map(lambda some: {"attributes": some}), "schema_url": texts},
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(groups, max_size=3))
def test_log_records_are_read_as_protobuf_reads_them(entries: list[dict[str, Any]]) -> None:
    body = ExportLogsServiceRequest(resource_logs=entries).SerializeToString()
    found = logs.decode_columns(READERS, body, NOW)
    expected = logs.decode_messages(body, NOW)
    if found is None:
        assert expected.refused, "what is usual and good is understood"
    else:
        assert plain(found) == plain(expected)


spans = st.fixed_dictionaries(
    {
        "trace_id": st.just(b"t" * 16), "span_id": st.just(b"s" * 8),
        "start_time_unix_nano": st.just(NOW - 5), "end_time_unix_nano": st.sampled_from([NOW, NOW - 5]),
    },
    optional={
        "trace_state": texts, "parent_span_id": st.sampled_from([b"", b"p" * 8]), "name": texts,
        "kind": st.integers(0, 5), "attributes": pairs, "flags": st.integers(0, 300),
        "status": st.fixed_dictionaries({}, optional={"code": st.integers(0, 2), "message": texts}),
        "events": st.lists(st.fixed_dictionaries({"name": texts, "attributes": pairs}), max_size=2),
        "links": st.just([{"trace_id": b"l" * 16}]), "dropped_events_count": st.integers(0, 2),
    },
)  # fmt: skip
span_scopes = st.fixed_dictionaries({"spans": st.lists(spans, max_size=4)}, optional={"schema_url": texts})
span_groups = st.fixed_dictionaries(
    {"scope_spans": st.lists(span_scopes, max_size=2)},
    optional={"resource": pairs.map(lambda some: {"attributes": some})},
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(span_groups, max_size=3))
def test_spans_are_read_as_protobuf_reads_them(entries: list[dict[str, Any]]) -> None:
    body = ExportTraceServiceRequest(resource_spans=entries).SerializeToString()
    found = traces.decode_columns(READERS, body, NOW)
    assert found is not None, "what is usual and good is understood"
    assert plain(found) == plain(traces.decode_messages(body, NOW))


GOOD = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "start_time_unix_nano": NOW, "end_time_unix_nano": NOW}


@pytest.mark.parametrize(
    "changed",
    [
        {"trace_id": b"t"}, {"span_id": bytes(8)}, {"parent_span_id": b"p"}, {"end_time_unix_nano": NOW - 1},
        {"kind": 6}, {"status": {"code": 3}}, {"attributes": [{"key": ""}]},
    ],
)  # fmt: skip
def test_an_odd_span_goes_to_the_reader_of_messages(changed: dict[str, Any]) -> None:
    groups = [{"scope_spans": [{"spans": [{**GOOD, **changed}, GOOD]}]}]
    body = ExportTraceServiceRequest(resource_spans=groups).SerializeToString()
    assert traces.decode_columns(READERS, body, NOW) is None
    assert plain(decode("otlp-traces", body, NOW)) == plain(traces.decode_messages(body, NOW))


@pytest.mark.parametrize(
    "record",
    [
        {"time_unix_nano": 1},
        {"time_unix_nano": NOW + 2 * DAY_NS},
        {},
        {"time_unix_nano": NOW, "severity_number": 25},
        {"time_unix_nano": NOW, "body": {"string_value": "x" * ((1 << 20) + 1)}},
        {"time_unix_nano": NOW, "attributes": [{"key": "", "value": {"string_value": "x"}}]},
    ],
)
def test_an_odd_record_goes_to_the_reader_of_messages(record: dict[str, Any]) -> None:
    groups = [{"scope_logs": [{"log_records": [record, {"time_unix_nano": NOW}]}]}]
    body = ExportLogsServiceRequest(resource_logs=groups).SerializeToString()
    assert logs.decode_columns(READERS, body, NOW) is None
    assert plain(decode("otlp-logs", body, NOW)) == plain(logs.decode_messages(body, NOW))


@pytest.mark.parametrize("name", ["samples", "records", "spans"])
def test_damaged_bodies_at_a_guard_page_mean_what_they_mean_to_the_other_reader(name: str) -> None:
    chance, guarded, whole = Random(7), Guarded(), bodies(name, 3, NOW)
    source, module = {
        "samples": ("remote-write", remote_write), "records": ("otlp-logs", logs), "spans": ("otlp-traces", traces),
    }[name]  # fmt: skip
    touch = {"samples": READERS.remote_write, "records": READERS.logs, "spans": READERS.traces}[name]
    understood = 0
    for _ in range(1500):
        body = damaged(whole, chance)
        with guarded.holds(body) as view:
            found = touch(view, NOW + DAY_NS)
        if found is not None:
            understood += 1
            assert same(decode(source, body, NOW), module.decode_messages(body, NOW))
    assert understood > 300


def test_the_guard_page_ends_a_process_that_reads_on() -> None:
    program = (
        "import ctypes; from mainstay.bench.damage import *; guarded = Guarded()\n"
        "start = ctypes.addressof(ctypes.c_char.from_buffer(guarded._map))\n"
        "print(ctypes.string_at(start + LONGEST - 1, 1)); ctypes.string_at(start + LONGEST, 1)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ended.stdout == b"b'\\x00'\n"
    assert ended.returncode < 0, "killed by a signal"


def test_a_body_ends_where_the_guard_begins() -> None:
    with Guarded().holds(b"abc") as view:
        assert bytes(view) == b"abc"
    with Guarded().holds(b"x" * LONGEST) as view:
        assert len(view) == LONGEST


def test_what_was_read_lately_is_bounded_by_bytes() -> None:
    read = list[bytes]()
    lately = Lately(lambda raw: read.append(raw) or raw.decode(), most_bytes=1000, cost=300, weight=0)
    assert [lately.of(raw) for raw in (b"a", b"b", b"c", b"a")] == ["a", "b", "c", "a"]
    assert len(read) == 3
    assert lately.of(b"d") == "d"
    assert len(lately) == 1, "full: it begins anew"
    big = Lately(len, most_bytes=1000)
    assert big.of(b"x" * 10_000) == 10_000
    assert len(big) == 0, "what has no room is read each time"


def test_until_they_are_compiled_nobody_waits() -> None:
    ready = Ready()
    first = ready.readers()
    assert first is None or first is ready.readers()
    assert ready.wait() is ready.readers()


def test_compiling_that_fails_is_told_and_tried_again_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    now_s, answers = [100.0], [OSError("no cache to write to"), READERS]

    def compiles() -> Readers:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ready = Ready(compiles, lambda: now_s[0])
    assert ready.readers() is None
    ready._thread.join()
    assert (ready.failures, ready.failure) == (1, "OSError: no cache to write to")
    assert "read message by message" in caplog.text
    now_s[0] += PAUSE_S - 1
    assert ready.readers() is None
    assert len(answers) == 1, "not before the pause is over"
    now_s[0] += 1
    ready.readers()
    ready._thread.join()
    assert ready.readers() is READERS
    assert (ready.failures, ready.failure) == (1, "")


def test_the_bench_compares_the_two_readers() -> None:
    figures = measure(turns=1)
    assert {"samples_per_s", "records_per_s", "samples_ratio", "records_ratio"} <= set(figures)


def test_wire_types_have_one_name() -> None:
    assert wire.BYTES == BYTES
