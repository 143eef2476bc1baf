"""Many short texts as one: an object for all of them, not for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mainstay.domain.signals import I64, U8


@dataclass(frozen=True, slots=True)
class Texts:
    """Text i is `data[end[i-1]:end[i]]`. Shapes: data u8, end i64[n].

    >>> few = Texts.of([b"a", b"", b"bcd"])
    >>> few[2], len(few), few.take(np.array([2, 0]))[0]
    (b'bcd', 3, b'bcd')
    """

    data: U8
    end: I64

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> Texts:
        """These, one after the other."""
        end = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
        whole = bytearray(b"".join(pieces))  # may be written, as what kernels make: else they are compiled twice
        return cls(np.frombuffer(whole, np.uint8), end)

    def __len__(self) -> int:
        return len(self.end)

    def __getitem__(self, at: int) -> bytes:
        begin = int(self.end[at - 1]) if at else 0
        return self.data[begin : int(self.end[at])].tobytes()

    def take(self, places: I64) -> Texts:
        """Those in these places, in this order."""
        return Texts.of([self[at] for at in places.tolist()])
