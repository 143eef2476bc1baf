"""What varies in log lines: the places that a template numbers are the values that are kept."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.signals import Template
from mainstay.normalize.logs.miner import Miner
from mainstay.normalize.logs.values import LONGEST, MOST, joined, values


def read(lines: list[str], miner: Miner | None = None) -> list[tuple[str, ...]]:
    _, found = (Miner() if miner is None else miner).read_many([line.encode() for line in lines])
    return [found.of(i) for i in range(len(lines))]


def filled(numbered: str, said: tuple[str, ...]) -> str:
    for number in range(len(said), 0, -1):
        numbered = numbered.replace(f"<{number}>", said[number - 1])
    return numbered


def test_the_values_of_a_line_are_in_the_order_of_the_numbers() -> None:
    miner, lines = Miner(), [f"order {n} of user-{n + 1} paid {n}.50 EUR from 10.0.0.{n}" for n in range(3)]
    said = read(lines, miner)
    assert said[1] == ("1", "user-2", "1.50", "10.0.0.1")
    assert [filled(miner.templates[0].numbered, one) for one in said] == lines


def test_words_that_turn_out_to_vary_are_values_from_then_on() -> None:
    miner = Miner()
    said = read(["user=ann left", "user=bob left", "user=eve left"], miner)
    assert said == [(), ("bob",), ("eve",)]
    assert miner.templates == [Template(miner.templates[0].id, "user=<*> left", "user=<1> left")]


def test_free_text_behind_a_colon_is_one_value() -> None:
    miner = Miner()
    words = [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "a",
        "lazy",
        "dog",
        "today",
        "again",
        "and",
        "then",
        "some",
    ]
    lines = [f"the query 7 has failed: {' '.join(words[: n + 1])}" for n in range(14)]
    assert read(lines, miner)[-1] == ("7", " ".join(words)[:LONGEST])
    assert "the query <1> has failed: <2>" in {one.numbered for one in miner.templates}


def test_a_line_keeps_so_many_values_of_so_many_bytes() -> None:
    said = read([" ".join(f"w{chr(97 + i)} {i}" for i in range(30)), f"path /{'ä' * 60} end"])
    assert len(said[0]) == MOST
    assert said[1] == (f"/{'ä' * 31}",)  # 63 bytes: half a letter is none


def test_nothing_of_nothing() -> None:
    assert read([]) == []
    assert read(["", "only words"]) == [(), ()]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40).map(lambda line: line.replace("\n", " ")), max_size=20))
def test_whatever_is_said_each_value_stands_in_its_line(lines: list[str]) -> None:
    encoded = [line.encode(errors="replace") for line in lines]
    _, found = Miner().read_many(encoded)
    assert len(found.first) == len(lines) + 1
    for i, line in enumerate(encoded):
        assert all(value in line.decode() for value in found.of(i))


def test_pieces_are_joined_as_if_they_were_one() -> None:
    def some(since: int, until: int) -> tuple[np.ndarray, ...]:
        buffer = np.frombuffer(b"abcdef", np.uint8)
        places = np.arange(since, until)
        return buffer, np.arange(until - since + 1), places, places + 1

    parts = [values(*some(0, 2)), values(*some(2, 2)), values(*some(2, 6))]
    whole = joined(parts)
    assert [whole.of(i) for i in range(6)] == [(letter,) for letter in "abcdef"]
    assert len(joined([]).data) == 0


def test_a_restart_numbers_places_as_before() -> None:
    miner, again = Miner(), Miner()
    read([f"took {n} ms by {name}" for n, name in enumerate(["ann", "bob", "eve", "joe", "kim", "lea"])], miner)
    again.load(miner.state())
    assert again.templates == miner.templates
