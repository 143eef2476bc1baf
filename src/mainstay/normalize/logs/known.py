"""A template as the miner keeps it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from mainstay.normalize.logs.tokens import MAX_BYTES, WILD, Units
from mainstay.normalize.logs.wording import ANY, gist, is_name, sentence, variable

MAX_TAIL = 64
NAME_AFTER = 5
"""Lines after which a token such as `eth0` that was always the same counts as a word."""


class Known(msgspec.Struct, kw_only=True):
    """A template: the line that founded it, and the places of it that were found to vary.

    Attributes:
        order: Number of the line that founded it; of templates that become one the oldest survives.
        words: Tokens of that line; `is_variable` the ones that were variables by their looks. hashes: theirs.
        gaps: What stands before, between and behind them.
        mask: Bit p: place p holds words that vary.
    """

    id: int
    order: int
    slot: int
    shape: int
    words: list[str]
    is_variable: list[bool]
    hashes: list[int]
    gaps: list[str]
    mask: int = 0

    def text(self, formed: int, valued: int, count: int) -> str:
        """Its words, given the places whose variables were not always of one form, or not always the same."""
        tokens = []
        for place, word in enumerate(self.words):
            bit = 1 << place
            if self.mask & bit or (self.is_variable[place] and formed & bit):
                tokens.append(ANY)
            elif not self.is_variable[place]:
                tokens.append(word)
            else:
                is_word = count >= NAME_AFTER and not valued & bit and is_name(word)
                tokens.append(word if is_word else variable(word))
        return sentence(self.gaps, tokens)

    def numbered(self) -> str:
        """Its words, and which value of a line stands where: `<1>`, `<2>` and so on.

        >>> Known(id=1, order=0, slot=0, shape=0, words=["took", "3"], is_variable=[False, True], hashes=[],
        ...       gaps=["", " ", " ms"]).numbered()
        'took <1> ms'
        """
        tokens, number = [], 0
        for place, word in enumerate(self.words):
            varies = bool(self.is_variable[place] or self.mask >> place & 1)
            number += varies
            tokens.append(f"<{number}>" if varies else word)
        return sentence(self.gaps, tokens)

    def gist(self) -> str:
        """What it says, whatever its variables look like."""
        places = enumerate(zip(self.words, self.is_variable, strict=True))
        return gist(sentence(self.gaps, [ANY if v or self.mask >> p & 1 else w for p, (w, v) in places]))


def founded(buffer: Any, units: Units, at: int, line: tuple[int, int]) -> Known:
    """The template that a line founds, with its words; order and slot are given later.

    The id is a u32 of its words: the same on a fresh machine. 0 is kept for the catch-all.
    """
    first, stop = int(units.first[at]), int(units.first[at + 1])
    since, until = line
    raw = bytes(buffer[since : min(until, since + MAX_BYTES + MAX_TAIL)])
    starts = [k - since for k in units.start[first:stop].tolist()]
    ends = [k - since for k in units.stop[first:stop].tolist()]
    words = _cut(raw, starts, ends)
    gaps = _cut(raw, [0, *ends], [*starts, min(until - since, (ends[-1] if ends else 0) + MAX_TAIL)])
    gaps[-1] = gaps[-1].split("\n", 1)[0]
    hashes = units.word[first:stop].tolist()
    is_variable = [word == int(WILD) for word in hashes]
    text = sentence(gaps, [ANY if v else word for word, v in zip(words, is_variable, strict=True)])
    return Known(
        id=int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") or 1, order=0, slot=0,
        shape=int(units.shape[at]), words=words, is_variable=is_variable, hashes=hashes, gaps=gaps,
    )  # fmt: skip


def _cut(raw: bytes, starts: list[int], ends: list[int]) -> list[str]:
    """Pieces of a line as text; the line is decoded once when its bytes are its letters."""
    if raw.isascii():
        text = raw.decode()
        return [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return [raw[start:end].decode(errors="replace") for start, end in zip(starts, ends, strict=True)]
