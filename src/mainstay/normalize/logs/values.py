"""What varies in log lines, copied out of them in machine code: bounded, and in the layout in which it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba as nb
import numpy as np

from mainstay.domain.signals import Variables

MOST = 16
"""Values of a line that are kept."""
LONGEST = 64
"""Bytes of a value that are kept; a letter is never cut."""


@nb.njit(cache=True, nogil=True)
def _copied(buffer: Any, places: tuple[Any, Any, Any], room: tuple[Any, Any, Any]) -> Any:
    """Copy values; how many, and how many bytes together."""
    first, start, stop = places
    kept, begin, data = room
    count, size = 0, 0
    for i in range(len(first) - 1):
        for k in range(first[i], min(first[i + 1], first[i] + MOST)):
            end = stop[k]
            if end - start[k] > LONGEST:
                end = start[k] + LONGEST
                while end > start[k] and buffer[end] & 0xC0 == 0x80:
                    end -= 1
            for at in range(start[k], end):
                data[size] = buffer[at]
                size += 1
            count += 1
            begin[count] = size
        kept[i + 1] = count
    return count, size


def values(buffer: Any, first: Any, start: Any, stop: Any) -> Variables:
    """The values of lines, `buffer[start[k]:stop[k]]` for k in first[i] … first[i + 1]; `buffer` is u8."""
    most = min(int(np.minimum(stop - start, LONGEST).sum()), len(start) * LONGEST)
    kept, begin = np.zeros(len(first), np.int32), np.zeros(len(start) + 1, np.int32)
    data = np.empty(most, np.uint8)
    count, size = _copied(buffer, (first, start, stop), (kept, begin, data))
    return Variables(kept, begin[: count + 1], data[:size])


def joined(parts: Sequence[Variables]) -> Variables:
    """Those of many lines, piece by piece, as one."""
    if len(parts) == 1:
        return parts[0]
    first, begin, values_before, bytes_before = [np.zeros(1, np.int32)], [np.zeros(1, np.int32)], 0, 0
    for part in parts:
        first.append(part.first[1:] + np.int32(values_before))
        begin.append(part.begin[1:] + np.int32(bytes_before))
        values_before += len(part.begin) - 1
        bytes_before += len(part.data)
    data = np.concatenate([part.data for part in parts]) if parts else np.zeros(0, np.uint8)
    return Variables(np.concatenate(first), np.concatenate(begin), data)
