"""A state in parts and pieces is the state in one."""

import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mainstay.domain.errors import Corrupt
from mainstay.domain.state import (
    OneByOne,
    Part,
    joined,
    pack,
    packed,
    parted,
    parts_of,
    pieces_of,
    restore_in_turn,
    unpack,
)

PLAIN = st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=5)
ARRAYS = arrays.arrays(
    st.sampled_from([np.int8, np.uint64, np.float64, np.dtype([("a", "u1"), ("b", "f8")])]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(st.dictionaries(st.text(max_size=4), PLAIN | ARRAYS | st.lists(PLAIN, max_size=4)))
def test_pieces_are_read_as_if_they_had_been_one(fields):
    written = {
        key: OneByOne(len(value), iter(value)) if isinstance(value, list) else value for key, value in fields.items()
    }
    plain = {key: value.tobytes() if isinstance(value, np.ndarray) else value for key, value in fields.items()}
    state = b"".join(packed("demo", 3, written))
    assert unpack("demo", 3, state, dict[str, Any]) == unpack("demo", 3, pack("demo", 3, plain), dict[str, Any])


def test_an_array_that_lies_in_strides_is_written_in_order():
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    for one in (array[:, ::2], array.T, array[::-1]):
        found = unpack("demo", 1, b"".join(packed("demo", 1, {"a": one})), dict[str, bytes])
        assert np.array_equal(np.frombuffer(found["a"], np.int16).reshape(one.shape), one)


def test_a_large_array_is_not_copied_to_be_written_or_read():
    class Kept(msgspec.Struct):
        rows: memoryview

    rows = np.ones(1 << 20, np.uint64)
    tracemalloc.start()
    try:
        written = sum(len(piece) for piece in packed("demo", 1, {"rows": rows}))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        state = b"".join(packed("demo", 1, {"rows": rows}))
        tracemalloc.reset_peak()
        kept = unpack("demo", 1, state, Kept)
        assert tracemalloc.get_traced_memory()[1] - len(state) < 1 << 20
    finally:
        tracemalloc.stop()
    assert written == len(state)
    assert np.array_equal(np.frombuffer(kept.rows, np.uint64), rows)


class Whole:
    def __init__(self, state=b""):
        self.state = state

    def snapshot(self):
        return self.state

    def restore(self, state):
        self.state = state


class InPieces(Whole):
    def pieces(self):
        yield from (self.state[at : at + 1] for at in range(len(self.state)))


class InParts:
    def __init__(self, **states):
        self.states = states

    def parts(self):
        for name, state in self.states.items():
            yield Part(name, [state])

    def restore_parts(self, parts):
        self.states = dict(parts)


def test_each_takes_up_its_own():
    stages = {"a": Whole(b"all"), "b": InParts(head=b"1", **{"x/y": b"2"}), "c": InPieces(b"abc")}
    state = joined(part for name, stage in stages.items() for part in parts_of(name, stage))
    assert [name for name, _ in parted(state)] == ["a", "b/head", "b/x/y", "c"]
    again = {"a": Whole(), "b": InParts(), "c": InPieces()}
    restore_in_turn(again, [*parted(state), ("d", b"nobody's")])
    assert (again["a"].state, again["b"].states, again["c"].state) == (b"all", {"head": b"1", "x/y": b"2"}, b"abc")
    assert list(pieces_of(again["c"])) == [b"a", b"b", b"c"]


def test_what_finds_nothing_of_its_own_says_so():
    with pytest.raises(Corrupt, match="holds nothing of b, c"):
        restore_in_turn({"a": Whole(), "b": Whole(), "c": InParts()}, [("a", b"x")])


@pytest.mark.parametrize("state", [b"", b"\x93nonsense", msgspec.msgpack.encode({"a": 1})])
def test_what_is_no_state_in_parts_is_corrupt(state):
    with pytest.raises(Corrupt, match="cannot be read"):
        list(parted(state))
