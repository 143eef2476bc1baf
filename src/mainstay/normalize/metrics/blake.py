"""BLAKE2b of thousands of short texts at once: the same digests as `hashlib.blake2b`, at half of what calls cost.

Source: RFC 7693. No key, no salt, at most 64 bytes of digest.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.lending import lent

BLOCK, ROUNDS = 128, 12
_SIGMA = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.uint8,
)  # fmt: skip
_START = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    np.uint64,
)  # fmt: skip


@nb.njit(cache=True, nogil=True)
def digests(data: Any, ends: Any, words: Any) -> Any:
    """u64[n, words]: of each text `data[ends[i-1]:ends[i]]` the digest of 8 × `words` bytes, as they lie in memory."""
    data, ends = lent(data), lent(ends)
    out = np.empty((len(ends), words), np.uint64)
    state, block = np.empty(8, np.uint64), np.empty(16, np.uint64)
    begin: Any = 0
    for one in range(len(ends)):
        state[:] = _START
        state[0] ^= np.uint64(0x01010000) ^ np.uint64(8 * words)
        size, at = ends[one] - begin, 0
        while True:
            _read(data, begin + at, min(size - at, BLOCK), block)
            at = min(at + BLOCK, size)
            _stir(state, block, np.uint64(at), at == size)
            if at == size:
                break
        for word in range(words):
            out[one, word] = state[word]
        begin = ends[one]
    return out


@nb.njit(cache=True, nogil=True)
def _read(data: Any, at: Any, size: Any, block: Any) -> None:
    """The next block, zeros behind the end."""
    for word in range(16):
        value = np.uint64(0)
        first = at + 8 * word
        if 8 * word + 8 <= size:
            for byte in range(8):
                value |= np.uint64(data[first + byte]) << np.uint64(8 * byte)
        else:
            for byte in range(max(size - 8 * word, 0)):
                value |= np.uint64(data[first + byte]) << np.uint64(8 * byte)
        block[word] = value


@nb.njit(cache=True, nogil=True)
def _stir(h: Any, m: Any, count: Any, is_last: Any) -> None:
    """The compression function F."""
    a0, a1, a2, a3, b0, b1, b2, b3 = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    c0, c1, c2, c3 = _START[0], _START[1], _START[2], _START[3]
    d0, d1, d2, d3 = _START[4] ^ count, _START[5], _START[6], _START[7]
    if is_last:
        d2 = ~d2
    for turn in range(ROUNDS):
        s = _SIGMA[turn]
        a0, b0, c0, d0 = _mix(a0, b0, c0, d0, m[s[0]], m[s[1]])
        a1, b1, c1, d1 = _mix(a1, b1, c1, d1, m[s[2]], m[s[3]])
        a2, b2, c2, d2 = _mix(a2, b2, c2, d2, m[s[4]], m[s[5]])
        a3, b3, c3, d3 = _mix(a3, b3, c3, d3, m[s[6]], m[s[7]])
        a0, b1, c2, d3 = _mix(a0, b1, c2, d3, m[s[8]], m[s[9]])
        a1, b2, c3, d0 = _mix(a1, b2, c3, d0, m[s[10]], m[s[11]])
        a2, b3, c0, d1 = _mix(a2, b3, c0, d1, m[s[12]], m[s[13]])
        a3, b0, c1, d2 = _mix(a3, b0, c1, d2, m[s[14]], m[s[15]])
    h[0] ^= a0 ^ c0
    h[1] ^= a1 ^ c1
    h[2] ^= a2 ^ c2
    h[3] ^= a3 ^ c3
    h[4] ^= b0 ^ d0
    h[5] ^= b1 ^ d1
    h[6] ^= b2 ^ d2
    h[7] ^= b3 ^ d3


@nb.njit(cache=True, nogil=True)
def _mix(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    """The mixing function G."""
    a += b + x
    d = _turned(d ^ a, 32)
    c += d
    b = _turned(b ^ c, 24)
    a += b + y
    d = _turned(d ^ a, 16)
    c += d
    return a, _turned(b ^ c, 63), c, d


@nb.njit(cache=True, nogil=True)
def _turned(value: Any, by: Any) -> Any:
    """Bits moved down; those that leave come in from above."""
    return (value >> np.uint64(by)) | (value << np.uint64(64 - by))
