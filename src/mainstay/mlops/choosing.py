"""The samples of some series out of a batch, in one pass: what a shadow of a twentieth costs before it scores."""

from __future__ import annotations

from typing import Any

import numba as nb


@nb.njit(cache=True, nogil=True, error_model="numpy")
def choose(slots: Any, batch: tuple[Any, Any, Any], room: tuple[Any, Any, Any]) -> int:
    """Copy the samples of the slots that are meant; memory that is not reached is never touched, so it costs nothing.

    Args:
        slots: bool[m], by slot; a slot beyond is answered for by the last.
        batch: series u32[n], at_ns i64[n], value f64[n].
        room: The same, to write to.

    Returns:
        How many.
    """
    series, at_ns, value = batch
    found, last = 0, len(slots) - 1
    for k in range(len(series)):
        slot = series[k]
        if slots[min(slot, last)]:
            room[0][found], room[1][found], room[2][found] = slot, at_ns[k], value[k]
            found += 1
    return found
