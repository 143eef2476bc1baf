"""Lines as units: runs of bytes between delimiters, each either a word (by its hash) or a variable (by its looks).

One pass over a buffer of bytes. What holds a digit, a path, an address, a URL, a quoted string or a value word (`true`,
`null`) is a variable from the start; variables with only `, : ; |` or blanks between them are one. Everything else is a
word. The delimiters between units are the shape of the line: lines of one template have one shape.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from mainstay.domain.signals import I64
from mainstay.normalize.logs.letters import (
    ADDRESSED,
    CAPITAL,
    CLASS,
    DELIMITER,
    DIGIT,
    DIGITS,
    DOT,
    DOTTED,
    END,
    GLUE,
    JOINT,
    LETTER,
    LETTERED,
    NOT_HEX,
    ODD,
    QUOTE,
    SECOND_QUOTE,
    SIGN,
    SIZES,
    SLASHED,
    SPACE,
    STOP,
    TOP_LABELS,
    TRAITS,
    VALUE_WORDS,
)  # fmt: skip

MAX_UNITS = 64
MAX_BYTES = 4_096
MAX_QUOTED = 256
SHORT = 10
"""A variable of so few letters that begins with one (`ssh2`, `eth0`) may be a word: it belongs to no list before it."""
SEED, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits
WILD = np.uint64(0x9E3779B97F4A7C15)
"""What stands for the hash of a variable."""


class Units(NamedTuple):
    """Units of many lines: those of line i are first[i] … first[i+1].

    Attributes:
        start, stop: Offsets into the buffer, i64.
        word: Hash of a word, u64; `WILD` for a variable.
        form: Of a variable: hash of its letters with every part that holds a digit left out (`user-7` and `user-12`
            have one form). value: hash of its bytes.
        first: i64[n+1]. shape: u64[n], the hash of the delimiters.
    """

    start: Any
    stop: Any
    word: Any
    form: Any
    value: Any
    first: Any
    shape: Any


def room(lines: int, size: int) -> Units:
    """Empty columns for so many lines of so many bytes together."""
    most = min(lines * MAX_UNITS, size + lines)
    offsets, hashes = np.empty((2, most), np.int64), np.empty((3, most), np.uint64)
    first, shape = np.zeros(lines + 1, np.int64), np.zeros(lines, np.uint64)
    return Units(offsets[0], offsets[1], hashes[0], hashes[1], hashes[2], first, shape)


@nb.njit(cache=True, nogil=True, inline="always")
def mix(state: Any, value: Any) -> Any:
    """One step of FNV-1a."""
    return (state ^ np.uint64(value)) * PRIME


@nb.njit(cache=True, nogil=True)
def _ends(buffer: Any, at: int, end: int) -> Any:
    """Whether no unit can go on at this place: the end, a blank, a delimiter, or a dot before one of these."""
    if at >= end:
        return True
    kind = CLASS[buffer[at]]
    if kind == DOT:
        return at + 1 >= end or CLASS[buffer[at + 1]] <= DELIMITER or CLASS[buffer[at + 1]] == DOT
    return kind <= DELIMITER


@nb.njit(cache=True, nogil=True)
def _is_leader(buffer: Any, at: int, start: int, end: int) -> Any:
    """Whether this dot is punctuation: `threshold......2`, `done.`."""
    return _ends(buffer, at, end) or (at > start and buffer[at - 1] == 0x2E)


@nb.njit(cache=True, nogil=True)
def _quoted(buffer: Any, at: int, start: int, end: int) -> Any:
    """Where the quote that opens here closes; -1 when it opens or closes nothing (an apostrophe)."""
    if at > start and CLASS[buffer[at - 1]] > DELIMITER:
        return -1
    mark = buffer[at]
    for close in range(at + 1, min(end, at + MAX_QUOTED)):
        if buffer[close] == mark and (mark == QUOTE or _ends(buffer, close + 1, end)):
            return close
    return -1


@nb.njit(cache=True, nogil=True)
def _is_value_word(buffer: Any, start: int, stop: int) -> Any:
    packed = np.int64(0)
    for at in range(start, stop):
        packed = packed << 8 | (buffer[at] | 0x20)
    return _among(packed, VALUE_WORDS, stop - start)


@nb.njit(cache=True, nogil=True)
def _looks_variable(buffer: Any, start: int, stop: int, end: int, traits: int) -> Any:
    """Whether a unit without digits is a variable: a path, an address, a host of four labels, a hex string."""
    if traits & (ODD | SLASHED | DOTTED):
        if traits & ODD and CLASS[buffer[stop - 1]] == LETTER and CLASS[buffer[start]] != SIGN:  # a@b, dir\\file
            return True
        if traits & SLASHED and buffer[start] == 0x2F and traits & LETTERED:
            return True
        return traits & DOTTED != 0 and _is_host(buffer, start, stop, end, traits)
    size = stop - start
    return (size >= 8 and not traits & NOT_HEX) or (3 <= size <= 9 and _is_value_word(buffer, start, stop))


@nb.njit(cache=True, nogil=True)
def _is_host(buffer: Any, start: int, stop: int, end: int, traits: int) -> Any:
    """Whether a dotted unit is a host: four labels, a well-known last one, or a port behind it."""
    if CLASS[buffer[start]] != LETTER or CLASS[buffer[stop - 1]] != LETTER:
        return False
    if stop + 1 < end and buffer[stop] == 0x3A and CLASS[buffer[stop + 1]] == DIGIT:
        return True
    if traits & CAPITAL:
        return False
    dots, last, packed = 0, 0, np.int64(0)
    for at in range(start, stop):
        is_dot = buffer[at] == 0x2E
        dots += is_dot
        last = 0 if is_dot else last + 1
        packed = np.int64(0) if is_dot else packed << 8 | buffer[at]
    return dots >= 3 or (dots == 2 and last == 2) or _among(packed, TOP_LABELS, last)


@nb.njit(cache=True, nogil=True)
def _among(packed: Any, words: Any, size: int) -> Any:
    if size > 9:
        return False
    for word in words:  # noqa: SIM110 - numba compiles no generators
        if packed == word:
            return True
    return False


@nb.njit(cache=True, nogil=True)
def _is_size(buffer: Any, start: int, stop: int) -> Any:
    """Whether this is the unit of a size (`KB`, `MiB`), which belongs to the number before it."""
    packed = np.int64(0)
    if stop - start > 3:
        return False
    for at in range(start, stop):
        packed = packed << 8 | buffer[at]
    return _among(packed, SIZES, stop - start)


@nb.njit(cache=True, nogil=True)
def _form(buffer: Any, start: int, stop: int) -> Any:
    """The letters of a variable, its digit-bearing parts left out."""
    state, part, joint = SEED, SEED, np.uint64(0)
    has_digit, was_number = False, False
    for at in range(start, stop + 1):
        char = buffer[at] if at < stop else np.uint8(0)
        if at < stop and not JOINT[char]:
            part = mix(part, char)
            has_digit |= CLASS[char] == DIGIT
            continue
        if not (has_digit and was_number):
            state = mix(mix(state, joint), WILD if has_digit else part)
        was_number, has_digit, part, joint = has_digit, False, SEED, np.uint64(char)
    return state


@nb.njit(cache=True, nogil=True)
def split(buffer: Any, starts: Any, stops: Any, out: Units) -> None:
    """Fill `out` with the units of each line: `buffer[starts[i]:stops[i]]`, as far as its first line break."""
    k = 0
    for i in range(len(starts)):
        start, end = starts[i], min(stops[i], starts[i] + MAX_BYTES)
        first, at = k, start
        shape, gap, glued, is_blank = SEED, SEED, False, True
        while at < end and k - first < MAX_UNITS:
            char = buffer[at]
            kind = CLASS[char]
            if char == 0x0A:
                break
            if kind == SPACE:
                while at + 1 < end and CLASS[buffer[at + 1]] == SPACE and buffer[at + 1] != 0x0A:
                    at += 1
                gap, at = mix(gap, 32), at + 1
                continue
            close = _quoted(buffer, at, start, end) if char in (QUOTE, SECOND_QUOTE) else -1
            if close < 0 and (kind == DELIMITER or (kind == DOT and _is_leader(buffer, at, start, end))):
                gap, glued, is_blank, at = mix(gap, char), glued and GLUE[char], False, at + 1
                continue
            stop, is_variable, word, whole = _unit(buffer, at, end, close)
            if glued and not is_variable and _is_size(buffer, at, stop):
                is_variable = whole = True
            form = SEED if whole else _form(buffer, at, stop) if is_variable else SEED
            if glued and (close > 0 or (is_blank and CLASS[char] == LETTER and stop - at <= SHORT and not whole)):
                glued = False
            if is_variable and glued:
                out.stop[k - 1] = stop
                out.form[k - 1] = mix(mix(out.form[k - 1], gap), form)
                out.value[k - 1] = mix(mix(out.value[k - 1], gap), word)
            else:
                out.start[k], out.stop[k] = at, stop
                out.word[k] = WILD if is_variable else word
                out.form[k], out.value[k] = form, word
                shape = mix(shape, gap)
                k += 1
            gap, glued, is_blank, at = SEED, is_variable and close < 0, True, stop
        out.first[i + 1] = k
        out.shape[i] = mix(mix(shape, gap), k - first)


@nb.njit(cache=True, nogil=True)
def _scan(buffer: Any, at: int, end: int) -> Any:
    """(stop, hash, traits) of the unit that begins here."""
    word, traits = SEED, 0
    while at < end:
        char = buffer[at]
        trait = TRAITS[char]
        if trait & (STOP | DOTTED):
            if trait & STOP:
                if not (char == 0x3A and at + 2 < end and buffer[at + 1] == 0x2F and buffer[at + 2] == 0x2F and traits):
                    break
                return _url(buffer, at, end, word)
            if _ends(buffer, at, end):
                break
        traits |= trait
        word = mix(word, char)
        at += 1
    return at, word ^ (word >> np.uint64(29)), traits


@nb.njit(cache=True, nogil=True)
def _url(buffer: Any, at: int, end: int, word: Any) -> Any:
    while at < end and not END[buffer[at]]:
        word, at = mix(word, buffer[at]), at + 1
    return at, word, ADDRESSED


@nb.njit(cache=True, nogil=True)
def _unit(buffer: Any, start: int, end: int, close: int) -> Any:
    """(stop, whether it is a variable, hash, whether it has no form) of the unit that begins here."""
    if close > 0:
        word = SEED
        for at in range(start, close + 1):
            word = mix(word, buffer[at])
        return close + 1, True, word, True
    stop, word, traits = _scan(buffer, start, end)
    if traits & (DIGITS | ADDRESSED):
        return stop, True, word, traits & (ODD | ADDRESSED) != 0 or buffer[start] == 0x2F
    whole = _looks_variable(buffer, start, stop, end, traits)
    return stop, whole, word, whole


def columns(lines: list[bytes]) -> tuple[Any, I64, I64]:
    """Lines as one buffer with offsets."""
    sizes = np.fromiter(map(len, lines), np.int64, len(lines))
    stops = np.cumsum(sizes)
    return np.frombuffer(b"".join(lines) or b"\n", np.uint8), stops - sizes, stops
