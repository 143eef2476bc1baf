"""Streams known by a digest: one half finds, the other decides; a full table begins anew and changes no answer."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.normalize.senders import T0, S, decoded, prometheus

from mainstay.domain.signals import RawMetrics, StreamKeys
from mainstay.ingest import decode
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.wire import varint_of, written
from mainstay.normalize import Normalizer
from mainstay.normalize.memo import Memo
from mainstay.normalize.metrics.sightings import MOST_PROBES, UNSEEN, Sightings

READY.wait()


def keys_of(words: list[bytes], hashes: list[int] | None = None) -> StreamKeys:
    ends = np.cumsum([len(word) for word in words], dtype=np.int64)
    starts = ends - np.array([len(word) for word in words], np.int64)
    found = hashes or [sum(word) * 2654435761 + 1 for word in words]
    seals = [int.from_bytes(blake2b(word, digest_size=8).digest(), "big") for word in words]
    return StreamKeys(b"".join(words), starts, ends, np.array(found, np.uint64), np.array(seals, np.uint64))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.binary(min_size=1, max_size=6), max_size=8), max_size=8))
def test_it_is_a_dictionary(requests: list[list[bytes]]) -> None:
    sightings, model = Sightings(), dict[bytes, int]()
    for request in requests:
        words = list(dict.fromkeys(request))
        keys = keys_of(words)
        found = sightings.find(keys)
        assert found.tolist() == [model.get(word, UNSEEN) for word in words]
        unseen = np.flatnonzero(found == UNSEEN)
        numbers = np.arange(len(model), len(model) + len(unseen))
        sightings.put(keys, unseen, numbers)
        model |= {words[at]: int(number) for at, number in zip(unseen, numbers, strict=True)}
    assert len(sightings) == len(model)


def test_equal_hashes_are_not_equal_streams() -> None:
    words = [b"one", b"two", b"six"]
    keys = keys_of(words, [5, 5, 5])
    sightings = Sightings()
    sightings.put(keys, np.arange(3), np.array([10, 11, 12]))
    assert sightings.find(keys).tolist() == [10, 11, 12]
    assert sightings.find(keys_of([b"ten"], [5])).tolist() == [UNSEEN]


def test_hashes_that_crowd_one_place_begin_it_anew() -> None:
    """No look-up takes more than so many steps; who is not remembered is known by its digest all the same."""
    sightings = Sightings()
    words = [f"{number:05}".encode() for number in range(MOST_PROBES + 1)]
    fits, beyond = keys_of(words[:-1], [5] * MOST_PROBES), keys_of(words, [5] * len(words))
    sightings.put(fits, np.arange(MOST_PROBES), np.arange(MOST_PROBES))
    assert sightings.find(fits).tolist() == list(range(MOST_PROBES))
    assert sightings.find(beyond).tolist() == [*range(MOST_PROBES), UNSEEN]
    sightings.put(beyond, np.array([MOST_PROBES]), np.array([MOST_PROBES]))
    assert len(sightings) == 0
    assert set(sightings.find(beyond).tolist()) == {UNSEEN}
    sightings.put(keys_of([b"x"]), np.zeros(1, np.int64), np.array([9]))
    assert sightings.find(keys_of([b"x"])).tolist() == [9]


def test_it_grows_and_is_bounded_by_bytes() -> None:
    sightings = Sightings(most_bytes=1 << 19)
    for turn in range(10):
        words = [f"{turn}-{number}".encode() * 10 for number in range(2000)]
        keys = keys_of(words, [turn * 2000 + number + 1 for number in range(2000)])
        sightings.put(keys, np.arange(2000), np.arange(2000) + turn * 2000)
        assert sightings.find(keys).tolist() == list(range(turn * 2000, turn * 2000 + 2000))
        assert sightings.bytes < 1 << 20
    assert len(sightings) < 20_000, "it began anew"


def test_how_long_labels_are_takes_no_room() -> None:
    sizes = []
    for length in (1, 1000):
        sightings, words = Sightings(), [f"{number:04}".encode() * length for number in range(5000)]
        for part in range(0, 5000, 100):
            keys = keys_of(words[part : part + 100], list(range(part + 1, part + 101)))
            sightings.put(keys, np.arange(100), np.arange(100) + part)
        sizes.append(sightings.bytes)
    assert sizes[0] == sizes[1] < 5000 * 48


def test_what_has_no_room_at_all_is_not_kept() -> None:
    sightings = Sightings(most_bytes=30)
    sightings.put(keys_of([b"x" * 200]), np.zeros(1, np.int64), np.zeros(1, np.int64))
    assert len(sightings) == 0


def body(*labels: dict[str, str], at_ns: int = T0) -> bytes:
    out = b""
    for one in labels:
        pairs = (written(1, written(1, k.encode()) + written(2, v.encode())) for k, v in sorted(one.items()))
        out += written(1, b"".join(pairs) + written(2, b"\x10" + varint_of(at_ns // 10**6)))
    return out


ONE, TWO = {"__name__": "up", "job": "api", "n": "1"}, {"__name__": "up", "job": "api", "n": "2"}


def samples(normalizer: Normalizer, raw: RawMetrics, at_ns: int) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    batch = normalizer.apply(decoded(m=raw), at_ns).metrics
    assert batch is not None
    return [(normalizer.series[slot].metric, normalizer.series[slot].labels) for slot in batch.series]


def test_by_bytes_and_by_name_a_stream_is_the_same() -> None:
    normalizer = Normalizer()
    fast = decode("remote-write", body(ONE, TWO), T0).metrics
    assert fast is not None
    assert fast.keys is not None
    slow = RawMetrics(tuple(fast.streams), fast.stream, fast.start_ns, fast.at_ns + S, fast.value)
    assert samples(normalizer, fast, T0) == samples(normalizer, slow, T0 + S) == [
        ("up", (("n", "1"),)), ("up", (("n", "2"),)),
    ]  # fmt: skip
    assert len(normalizer.series) == 2
    assert slow.streams[0] == prometheus("up", job="api", n="1")


def test_a_restart_forgets_the_bytes_and_nothing_else() -> None:
    before, after = Normalizer(), Normalizer()
    first = decode("remote-write", body(ONE, TWO), T0)
    before.apply(first, T0)
    after.restore(before.snapshot())
    after.apply(decode("remote-write", body(TWO, ONE, at_ns=T0 + S), T0 + S), T0 + S)
    before.apply(decode("remote-write", body(TWO, ONE, at_ns=T0 + S), T0 + S), T0 + S)
    assert after.snapshot() == before.snapshot()


def test_streams_without_room_are_refused_each_time_and_others_go_on() -> None:
    normalizer = Normalizer(max_series=1)
    for turn in range(3):
        normal = normalizer.apply(decode("remote-write", body(ONE, TWO, at_ns=T0 + turn * S), T0 + S), T0 + S)
        assert normal.metrics is not None
        assert normal.metrics.series.tolist() == [0]
    assert normalizer.counts["series_refused"] == normalizer.counts["no_room"] == 3


def test_a_secret_in_a_label_is_in_no_snapshot() -> None:
    normalizer = Normalizer()
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ"
    normalizer.apply(decode("remote-write", body({**ONE, "n": secret}), T0), T0)
    assert normalizer.series[0].labels == (("n", "<secret>"),)
    assert secret.encode() not in normalizer.snapshot()


@pytest.mark.parametrize("size", [10, 1000])
def test_a_memo_holds_no_more_than_its_bytes(size: int) -> None:
    memo = Memo[int, str](most_bytes=2000)
    for number in range(100):
        memo.put(number, "x" * size, size)
        assert memo.get(number) == "x" * size
    assert sum(memo.get(number) is not None for number in range(100)) <= 2000 // size
    memo.put(-1, "y", 10_000)
    assert memo.get(-1) is None
