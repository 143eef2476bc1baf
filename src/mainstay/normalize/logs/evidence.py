"""When lines of one shape are one template: evidence, not likeness.

Two lines that differ in one word may be two statements (`link up`, `link down`) or one with a variable (`user ann`,
`user bob`). What tells them apart is the number of different words that the place has taken while the rest stayed:
words of a program are few, values keep coming. How many are needed depends on what the place and its words look like.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mainstay.normalize.logs.known import Known

FULL = 256
"""Templates of one shape; beyond, a line joins what it is nearest to."""
PATTERNS = 24
AGREES = 0.5
"""Share of the words that must stay (Drain's threshold: He et al., ICWS 2017)."""
MARKED, ODD, PLAIN, LONELY = 2, 3, 5, 3
"""Different words needed: after `=`; of odd looks or known as values; of plain words; more when one word stays."""
_BITS = 1 << np.arange(64, dtype=np.uint64)


@dataclass
class Family:
    """The templates of one shape, in the order of their founding.

    Attributes:
        words: u64[members, places], `WILD` where they vary.
        masks: Those of the members, the most specific first.
    """

    members: list[Known]
    words: Any
    masks: list[int] = field(default_factory=list)

    def leave(self, gone: set[int]) -> None:
        """Members (by their place in the list) are members no more."""
        self.members = [member for i, member in enumerate(self.members) if i not in gone]
        self.words = np.delete(self.words, sorted(gone), axis=0)


def joined(family: Family, new: Known, row: Any, values: Container[str]) -> tuple[int, list[int]] | None:
    """The mask of places that vary and the members that become one with the new line; None when it stands alone."""
    differs = family.words != row
    counts = differs.sum(axis=1)
    constant = sum(not v for v in new.is_variable)
    most = int(constant * (1.0 - AGREES))
    near = np.flatnonzero(counts <= most)
    if not len(near):
        return _nearest(counts, differs) if len(family.members) >= FULL else None
    codes = (differs * _BITS[: differs.shape[1]]).sum(axis=1, dtype=np.uint64)
    for code in _patterns(codes[near]):
        inside = np.flatnonzero((codes & ~np.uint64(code)) == 0)
        members = [family.members[m] for m in inside]
        if _is_proven(code, members, new, constant, values):
            return code, inside.tolist()
    return _nearest(counts, differs) if len(family.members) >= FULL else None


def _patterns(codes: Any) -> Iterator[int]:
    """Masks to try, fewest places first."""
    found = sorted({int(code) for code in codes}, key=lambda code: (code.bit_count(), code))
    yield from found[:PATTERNS]


def _nearest(counts: Any, differs: Any) -> tuple[int, list[int]]:
    nearest = int(np.argmin(counts))
    code = int((differs[nearest] * _BITS[: differs.shape[1]]).sum(dtype=np.uint64))
    return code, [nearest]


def _is_proven(code: int, members: Sequence[Known], new: Known, constant: int, values: Container[str]) -> bool:
    stays = constant - sum(not new.is_variable[place] for place in places(code))
    return all(_varies(place, members, new, stays, values) for place in places(code))


def _varies(place: int, members: Sequence[Known], new: Known, stays: int, values: Container[str]) -> bool:
    if any(member.mask >> place & 1 for member in members):
        return True
    words = {m.words[place] for m in (*members, new) if not m.is_variable[place]}
    is_marked = new.gaps[place].endswith("=") or new.gaps[place] == ":"
    if any(m.is_variable[place] for m in (*members, new)):
        return is_marked or stays >= 2 or len(words) >= ODD
    if is_marked:
        return len(words) >= MARKED
    odd = sum(_is_odd(word) or word in values for word in words)
    needed = ODD if 2 * odd > len(words) else PLAIN
    return stays > 0 and len(words) >= needed + (LONELY if stays == 1 else 0)


def _is_odd(word: str) -> bool:
    """Not the look of a word in a sentence: `UP`, `fooBar`, `a_b`, `a.b`, `a/b`."""
    return not word.isalpha() or (len(word) > 1 and word[1:] != word[1:].lower())


def places(mask: int) -> Iterator[int]:
    """The places of a mask.

    >>> list(places(0b1001))
    [0, 3]
    """
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
