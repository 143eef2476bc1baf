"""Arrays lent to kernels are the same memory, and nobody counts them."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import numba as nb
import numpy as np
import pytest

from mainstay.lending import lent


@nb.njit
def _doubled(numbers: Any) -> Any:
    seen = lent(numbers)
    made = np.empty(len(seen), np.int64)
    out = lent(made)
    for at in range(len(seen)):
        seen[at] *= 2
        out[at] = seen[at] + 1
    return made


@nb.njit
def _counted(numbers: Any, at: Any) -> Any:
    total: Any = 0
    for one in range(len(numbers)):
        total += _one(numbers, one) + at
    return total


@nb.njit
def _one(numbers: Any, at: Any) -> Any:
    for step in range(at, len(numbers)):  # a way out of a loop: there numba cannot leave the counting out
        if numbers[step] > 0:
            return numbers[step]
    return numbers[at]


@nb.njit
def _uncounted(numbers: Any, at: Any) -> Any:
    numbers = lent(numbers)
    total: Any = 0
    for one in range(len(numbers)):
        total += _one(numbers, one) + at
    return total


@pytest.mark.parametrize("step", [1, 2])
def test_a_lent_array_is_the_same_memory(step: int) -> None:
    numbers = np.arange(8)[::step]
    expected = numbers * 2
    assert _doubled(numbers).tolist() == (expected + 1).tolist()
    assert numbers.tolist() == expected.tolist(), "what is written to it is written"


def test_it_is_neither_kept_nor_freed() -> None:
    numbers = np.arange(100)
    held = sys.getrefcount(numbers)
    for _ in range(100):
        made = _doubled(numbers)
    assert sys.getrefcount(numbers) == held
    gone = weakref.ref(numbers)
    del numbers, made
    gc.collect()
    assert gone() is None


def test_a_frozen_array_stays_frozen() -> None:
    numbers = np.arange(5)
    numbers.flags.writeable = False
    assert _uncounted(numbers, 1) == _counted(numbers, 1) == 16
