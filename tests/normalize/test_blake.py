"""Digests made many at a time are those of `hashlib`."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.normalize.metrics.blake import digests
from mainstay.normalize.metrics.texts import Texts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=20), st.sampled_from([1, 2, 8]))
def test_they_are_the_same_one_by_one(pieces: list[bytes], words: int) -> None:
    texts = Texts.of(pieces)
    expected = b"".join(blake2b(piece, digest_size=8 * words).digest() for piece in pieces)
    assert digests(texts.data, texts.end, words).tobytes() == expected


@pytest.mark.parametrize("size", [0, 1, 7, 8, 127, 128, 129, 255, 256, 257, 1000])
def test_a_text_ends_where_a_block_ends(size: int) -> None:
    texts = Texts.of([b"before", (bytes(range(256)) * 4)[:size]])
    assert digests(texts.data, texts.end, 2)[1].tobytes() == blake2b(texts[1], digest_size=16).digest()


def test_texts_are_taken_in_any_order() -> None:
    texts = Texts.of([b"a", b"", b"bcd"]).take(np.array([2, 2, 1]))
    assert [texts[at] for at in range(len(texts))] == [b"bcd", b"bcd", b""]
    assert len(Texts.of([])) == 0
