"""A hint to memory changes nothing, also of rows that are not there."""

import numba as nb
import numpy as np

from mainstay.models.fetching import fetch

ROW = np.dtype([("a", "f8"), ("b", "i1", (152,))])


@nb.njit
def walked(rows, order):
    total = 0.0
    for k in range(len(order)):
        fetch(rows, int(order[k]))
        if 0 <= order[k] < len(rows):
            total += rows[order[k]].a
    return total


def test_it_changes_nothing_and_may_ask_for_what_is_not_there():
    rows = np.zeros(100, ROW)
    rows["a"], before = np.arange(100.0), None
    before = rows.tobytes()
    order = np.array([5, 99, 0, 2**40, -3, 17], np.int64)
    assert walked(rows, order) == 5 + 99 + 17
    assert rows.tobytes() == before
