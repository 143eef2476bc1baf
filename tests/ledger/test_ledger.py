"""The chain: whatever is done to it at whatever place, the first bad place is named."""

from __future__ import annotations

import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.ledger import Entry, LedgerEntry
from mainstay.ledger import GENESIS, Head, _writable, canonical, chain, digest, hash_of, verify

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def chain_of(count: int) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for number in range(1, count + 1):
        entry = Entry(
            id=f"e{number}", kind="alert", at_ms=number, actor="metrics@1", subject="s", output={"n": number * 0.1},
            rests_on=(f"e{number - 1}",), inputs={"n": number},
        )  # fmt: skip
        entries.append(chain(entries[-1] if entries else None, entry))
    return entries


WHOLE = chain_of(30)
places = st.integers(min_value=1, max_value=30)


def changed(entry: LedgerEntry, **fields: object) -> LedgerEntry:
    return msgspec.structs.replace(entry, **fields)


def rehashed(entry: LedgerEntry) -> LedgerEntry:
    return changed(entry, hash=hash_of(entry))


def test_a_whole_chain_holds() -> None:
    verified = verify(iter(WHOLE))
    assert (verified.count, verified.first_bad, verified.why) == (30, None, "")
    assert verified.head == Head(30, WHOLE[-1].hash)
    assert WHOLE[0].previous == GENESIS
    assert verify([]).is_whole


FIELDS: dict[str, object] = {
    "id": "other", "kind": "plan", "at_ms": 77, "actor": "nobody", "subject": "t", "output": {"n": -1},
    "rests_on": ("zero",), "inputs_digest": "00", "previous": "11" * 32, "hash": "22" * 32,
}  # fmt: skip


@given(place=places, field=st.sampled_from(sorted(FIELDS)))
def test_an_edit_is_found_at_its_entry(place: int, field: str) -> None:
    entries = list(WHOLE)
    entries[place - 1] = changed(entries[place - 1], **{field: FIELDS[field]})
    verified = verify(entries)
    assert (verified.first_bad, verified.count) == (place, place - 1)
    assert verified.why.startswith("edited")


@given(place=st.integers(min_value=1, max_value=29))
def test_an_edit_with_its_own_hash_made_to_fit_is_found_at_the_next_entry(place: int) -> None:
    entries = list(WHOLE)
    entries[place - 1] = rehashed(changed(entries[place - 1], actor="nobody"))
    verified = verify(entries)
    assert verified.first_bad == place + 1
    assert "rewritten" in verified.why


@given(place=st.integers(min_value=1, max_value=29))
def test_a_deletion_is_found_at_its_place(place: int) -> None:
    entries = [entry for entry in WHOLE if entry.seq != place]
    verified = verify(entries)
    assert verified.first_bad == place
    assert verified.why.startswith("deleted")


@given(first=places, second=places)
def test_a_swap_is_found_at_the_first_of_the_two(first: int, second: int) -> None:
    entries = list(WHOLE)
    entries[first - 1], entries[second - 1] = entries[second - 1], entries[first - 1]
    assert verify(entries).first_bad == (None if first == second else min(first, second))


@given(place=places)
def test_an_insertion_is_found_where_it_stands(place: int) -> None:
    forged = Entry(id="forged", kind="plan", at_ms=1, actor="mainstay", subject="s", output={})
    entries = list(WHOLE)
    entries.insert(place - 1, chain(entries[place - 2] if place > 1 else None, forged))
    verified = verify(entries)
    # the forged entry itself fits behind the one before; the true one of its place does not fit any more
    assert verified.first_bad == place + 1
    assert "inserted" in verified.why


@given(place=places)
def test_a_repeated_entry_is_found(place: int) -> None:
    entries = [*WHOLE[:place], WHOLE[place - 1], *WHOLE[place:]]
    assert verify(entries).first_bad == place + 1


@given(place=st.integers(min_value=0, max_value=29))
def test_truncation_is_seen_against_a_head(place: int) -> None:
    assert verify(WHOLE[:place]).is_whole
    verified = verify(WHOLE[:place], Head(30, WHOLE[-1].hash))
    assert (verified.first_bad, verified.count) == (place + 1, place)
    assert "truncated" in verified.why


@given(place=places)
def test_a_tail_that_was_rewritten_to_fit_is_seen_against_a_head(place: int) -> None:
    entries = WHOLE[: place - 1]
    for number in range(place, 31):
        forged = Entry(id=f"f{number}", kind="alert", at_ms=1, actor="x", subject="s", output={})
        entries.append(chain(entries[-1] if entries else None, forged))
    assert verify(entries).is_whole
    assert verify(entries, Head(30, WHOLE[-1].hash)).first_bad == 30


def test_a_head_of_the_past_still_holds_when_the_chain_has_grown() -> None:
    assert verify(WHOLE, Head(10, WHOLE[9].hash)).is_whole
    assert verify(WHOLE, Head(10, "0" * 64)).first_bad == 10


@given(place=places, lost=st.booleans())
def test_frozen_inputs_are_verified_too(place: int, lost: bool) -> None:
    kept = {entry.inputs_digest: canonical({"n": entry.seq}) for entry in WHOLE}
    assert verify(WHOLE, frozen=kept.get).is_whole
    if lost:
        del kept[WHOLE[place - 1].inputs_digest]
    else:
        kept[WHOLE[place - 1].inputs_digest] = canonical({"n": 0})
    verified = verify(WHOLE, frozen=kept.get)
    assert verified.first_bad == place
    assert verified.why.startswith("inputs lost" if lost else "inputs edited")


def test_verification_streams() -> None:
    seen = 0

    def endless():
        nonlocal seen
        last = None
        while True:
            seen += 1
            entry = Entry(id=f"e{seen}", kind="alert", at_ms=seen, actor="a", subject="s", output={})
            last = chain(last, entry)
            yield last if seen < 50 else changed(last, actor="b")

    assert verify(endless()).first_bad == 50
    assert seen == 50


@settings(max_examples=300)
@given(value=json_values)
def test_canonical_is_its_own_fixed_point(value: object) -> None:
    once = canonical(value)
    assert canonical(msgspec.json.decode(once)) == once


@given(value=st.dictionaries(st.text(max_size=5), st.integers() | st.floats(), max_size=8), seed=st.integers(0, 99))
def test_canonical_does_not_depend_on_the_order_of_keys(value: dict[str, object], seed: int) -> None:
    items = list(value.items())
    random.Random(seed).shuffle(items)
    assert canonical(dict(items)) == canonical(value)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_the_same_float(value: float) -> None:
    back = msgspec.json.decode(canonical(value))
    assert isinstance(back, float)
    assert (back, math.copysign(1, back)) == (value, math.copysign(1, value))


@settings(max_examples=300)
@given(value=json_values)
def test_the_quick_way_writes_what_the_thorough_way_writes(value: object) -> None:
    thorough = msgspec.json.encode(_writable(msgspec.to_builtins(value, str_keys=True)), order="sorted")
    assert canonical(value) == thorough


def test_sets_have_an_order() -> None:
    assert canonical({"a": {"z", "b"}, "c": None}) == b'{"a":["b","z"],"c":null}'


def test_numbers_text_and_arrays_that_json_does_not_know() -> None:
    value = {"a": np.float64(0.5), "b": np.arange(3), "c": np.int64(7), "d": (float("inf"), float("nan"))}
    assert canonical(value) == b'{"a":0.5,"b":[0,1,2],"c":7,"d":["Infinity","NaN"]}'
    assert canonical("a\ud800\u2028\x00") == '"a?\u2028\\u0000"'.encode()
    assert canonical({1: "x"}) == b'{"1":"x"}'
    assert canonical(1.0) != canonical(1)
    with pytest.raises(TypeError, match="object has no place"):
        canonical({"a": object()})


def test_an_entry_without_inputs_has_no_digest() -> None:
    assert digest(None) == ""
    assert digest({}) != ""


def test_two_entries_that_differ_in_anything_have_different_hashes() -> None:
    base = WHOLE[3]
    hashes = {hash_of(changed(base, **{name: value})) for name, value in FIELDS.items() if name != "hash"}
    assert len(hashes | {base.hash}) == len(FIELDS)
