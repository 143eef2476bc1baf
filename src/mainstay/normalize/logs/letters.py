"""What each byte means to the tokeniser."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SPACE, DELIMITER, DOT, DIGIT, LETTER, SIGN = 0, 1, 2, 3, 4, 5
"""Classes of bytes, in an order that the tokeniser uses: at most `DELIMITER` ends a unit."""
QUOTE, SECOND_QUOTE = 0x22, 0x27

STOP, DIGITS, SLASHED, ODD, DOTTED, NOT_HEX, CAPITAL, LETTERED, ADDRESSED = (
    1, 2, 4, 8, 16, 32, 64, 128, 256,
)  # fmt: skip
"""Traits of bytes; those of a unit are all of its bytes' together."""

_DELIMITERS = b",;:=|\"'+[](){}!<>?`"
_JOINTS = b".-@#$%&/"


def _classes() -> npt.NDArray[np.uint8]:
    table = np.full(256, SIGN, np.uint8)
    table[:33] = SPACE
    table[0x7F] = SPACE
    table[list(_DELIMITERS)] = DELIMITER
    table[0x2E] = DOT
    table[0x30:0x3A] = DIGIT
    table[0x41:0x5B] = table[0x61:0x7B] = table[0x5F] = table[128:] = LETTER
    return table


def _those(letters: bytes) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(letters)] = True
    return table


def _packed(*words: bytes) -> npt.NDArray[np.int64]:
    """Words as numbers: of their last eight letters."""
    return np.array([int.from_bytes(word, "big") for word in words], np.int64)


def _traits() -> npt.NDArray[np.int64]:
    table = np.zeros(256, np.int64)
    table[CLASS <= DELIMITER] |= STOP
    table[CLASS == DIGIT] |= DIGITS
    table[CLASS == LETTER] |= LETTERED
    table[~HEX] |= NOT_HEX
    table[0x41:0x5B] |= CAPITAL
    table[0x2F] |= SLASHED
    table[0x2E] |= DOTTED
    table[[0x5C, 0x40]] |= ODD
    return table


CLASS = _classes()
GLUE = _those(b",;:|+ ")
"""Between two variables these make no template: `12:30`, `1, 2, 3`."""
JOINT = _those(_JOINTS)
"""Inside a unit these part what may be constant: `user-7`, `HTTP/1.1` (the delimiters of Khan et al., ICSE 2022)."""
HEX = _those(b"0123456789abcdefABCDEF")
TRAITS = _traits()
END = _those(bytes(range(33)) + b"\"'<>)]},;")
"""What ends a URL."""
VALUE_WORDS = _packed(b"true", b"false", b"null", b"root", b"none", b"nil", b"nan", b"ocalhost")
"""Words that are always values (true, false, null, root: Khan et al., ICSE 2022, rules BL and US)."""
TOP_LABELS = _packed(b"com", b"net", b"org", b"edu", b"gov", b"local", b"internal")
SIZES = _packed(b"B", b"KB", b"MB", b"GB", b"TB", b"KiB", b"MiB", b"GiB", b"TiB", b"kB")
