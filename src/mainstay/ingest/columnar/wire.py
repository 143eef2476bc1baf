"""The protobuf wire format for compiled readers. Every function is given where its message ends and never reads there.

A position of -1 says: this is not what I understand. Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
U7, HIGH = np.uint64(0x7F), np.uint64(0x80)
MOST_NUMBER = np.uint64(1 << 29)  # field numbers end here; what is longer is no protobuf
ALL_HIGH = np.uint64(0x8080808080808080)
FAR = np.uint64(1 << 40)  # no length is beyond any body
MOST_PROBES = 1024  # of a table that is at most half full; by chance a million keys need less than a hundred


@nb.njit(cache=True, nogil=True)
def varint(data: Any, at: Any, end: Any) -> Any:
    """(value, behind it): at most ten bytes; behind is -1 when it is cut off or longer."""
    value = np.uint64(0)
    shift = np.uint64(0)
    for _ in range(10):
        if at >= end:
            return np.uint64(0), -1
        byte = np.uint64(data[at])
        at += 1
        value |= (byte & U7) << shift
        if byte < HIGH:
            return value, at
        shift += np.uint64(7)
    return np.uint64(0), -1


@nb.njit(cache=True, nogil=True)
def field(data: Any, at: Any, end: Any) -> Any:
    """(number, wire type, start, behind) of the field at `at`: its value is `data[start:behind]`."""
    tag, at = varint(data, at, end)
    number = tag >> np.uint64(3)
    kind = np.int64(tag & np.uint64(7))
    if at < 0 or number == np.uint64(0) or number >= MOST_NUMBER:
        return 0, 0, 0, -1
    start = at
    if kind == BYTES:
        length, start = varint(data, at, end)
        if start < 0 or length > FAR:
            return 0, 0, 0, -1
        at = start + np.int64(length)
    elif kind == VARINT:
        _, at = varint(data, at, end)
    elif kind == FIXED64:
        at += 8
    elif kind == FIXED32:
        at += 4
    else:
        return 0, 0, 0, -1
    if at < 0 or at > end:
        return 0, 0, 0, -1
    return np.int64(number), kind, start, at


@nb.njit(cache=True, nogil=True)
def fixed64(data: Any, at: Any) -> Any:
    """The eight bytes at `at` as a number; the caller knows that they are there."""
    value = np.uint64(0)
    for byte in range(8):
        value |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
    return value


@nb.njit(cache=True, nogil=True)
def is_ascii(data: Any, at: Any, end: Any) -> Any:
    """Whether no byte has its high bit: then every text in it is UTF-8, and needs no look of its own."""
    high = np.uint64(0)
    while at + 8 <= end:
        high |= fixed64(data, at)
        at += 8
    while at < end:
        high |= np.uint64(data[at])
        at += 1
    return high & ALL_HIGH == np.uint64(0)


@nb.njit(cache=True, nogil=True)
def is_text(data: Any, at: Any, end: Any) -> Any:
    """Whether bytes are UTF-8 as Unicode defines it (table 3-7): no surrogate, nothing overlong, nothing cut off."""
    while at < end:
        byte = data[at]
        at += 1
        if byte < 0x80:
            continue
        more, low, high = _lead(byte)
        if more == 0 or at + more > end or data[at] < low or data[at] > high:
            return False
        for other in range(1, more):
            if data[at + other] & 0xC0 != 0x80:
                return False
        at += more
    return True


@nb.njit(cache=True, nogil=True)
def _lead(byte: Any) -> Any:
    """How many bytes follow a leading byte (0: it leads nothing), and between what the first of them must be."""
    if 0xC2 <= byte <= 0xDF:
        return 1, 0x80, 0xBF
    if 0xE0 <= byte <= 0xEF:
        return 2, 0xA0 if byte == 0xE0 else 0x80, 0x9F if byte == 0xED else 0xBF
    if 0xF0 <= byte <= 0xF4:
        return 3, 0x90 if byte == 0xF0 else 0x80, 0x8F if byte == 0xF4 else 0xBF
    return 0, 0, 0


@nb.njit(cache=True, nogil=True)
def digest(data: Any, at: Any, end: Any, key: Any) -> Any:
    """SipHash-1-3 of bytes, to find them by; who finds something compares the bytes.

    The key is two u64, drawn at each start: who does not know it cannot make bytes whose hashes meet, however freely
    they may be chosen. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); CPython and Rust hash
    their dictionaries' keys by the same.
    """
    a, b, c, d = _absorbed(data, at, end, key, 0)
    c ^= np.uint64(0xFF)
    for _ in range(3):
        a, b, c, d = _mixed(a, b, c, d)
    return a ^ b ^ c ^ d


@nb.njit(cache=True, nogil=True)
def sealed(data: Any, at: Any, end: Any, key: Any) -> Any:
    """The two halves of SipHash-1-3-128 of bytes: nobody who does not know the key finds two that have both.

    So they stand for the bytes, as the digests of streams do that are kept over a restart. Source: github.com/veorq/
    SipHash, `siphash.c` with an output of 16 bytes.
    """
    a, b, c, d = _absorbed(data, at, end, key, 0xEE)
    c ^= np.uint64(0xEE)
    for _ in range(3):
        a, b, c, d = _mixed(a, b, c, d)
    first = a ^ b ^ c ^ d
    b ^= np.uint64(0xDD)
    for _ in range(3):
        a, b, c, d = _mixed(a, b, c, d)
    return first, a ^ b ^ c ^ d


@nb.njit(cache=True, nogil=True)
def _absorbed(data: Any, at: Any, end: Any, key: Any, mark: Any) -> Any:
    """What SipHash remembers behind the last byte; `mark` tells one kind of digest from another."""
    first, second = key
    a, b = first ^ np.uint64(0x736F6D6570736575), second ^ np.uint64(0x646F72616E646F6D ^ mark)
    c, d = first ^ np.uint64(0x6C7967656E657261), second ^ np.uint64(0x7465646279746573)
    rest = np.uint64(end - at) << np.uint64(56)
    while at + 8 <= end:
        word = fixed64(data, at)
        a, b, c, d = _mixed(a, b, c, d ^ word)
        a ^= word
        at += 8
    shift = np.uint64(0)
    while at < end:
        rest |= np.uint64(data[at]) << shift
        shift += np.uint64(8)
        at += 1
    a, b, c, d = _mixed(a, b, c, d ^ rest)
    return a ^ rest, b, c, d


@nb.njit(cache=True, nogil=True)
def _mixed(a: Any, b: Any, c: Any, d: Any) -> Any:
    """One SipRound."""
    a += b
    c += d
    b, d = _turned(b, 13) ^ a, _turned(d, 16) ^ c
    a = _turned(a, 32)
    c += b
    a += d
    b, d = _turned(b, 17) ^ c, _turned(d, 21) ^ a
    return a, b, _turned(c, 32), d


@nb.njit(cache=True, nogil=True)
def _turned(value: Any, by: Any) -> Any:
    """Bits moved up; those that leave come in from below."""
    return (value << np.uint64(by)) | (value >> np.uint64(64 - by))


@nb.njit(cache=True, nogil=True)
def same(a: Any, at: Any, end: Any, b: Any, other: Any) -> Any:
    """Whether `a[at:end]` is what stands in b from `other` on; the caller knows that so much is there."""
    for step in range(end - at):  # noqa: SIM110 (numba knows no generators)
        if a[at + step] != b[other + step]:
            return False
    return True
