"""How this process asks the system for memory: few pools, and what is large by itself, so that it goes when freed."""

from __future__ import annotations

import ctypes
import platform

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
"""Of glibc's `malloc.h`."""
ARENAS = 2
"""As many as there are threads that allocate much at once: the pipeline's, and those of the doors together."""
LARGE = 1 << 20
"""Bytes. Left to itself glibc raises this bound to 32 MiB when it sees such pieces freed, and keeps their places."""


def spare_memory(arenas: int = ARENAS, large: int = LARGE) -> bool:
    """Let all threads share so many of glibc's heaps, and give what is large back to the system when it is freed.

    False where there is no glibc, and nothing changes. By default there are eight heaps a core, each keeps what was
    freed in it, and memory grows with the number of threads and not with what they hold: 1,122 MB at 500,000 series
    were 939 MB with two. Arrays that were outgrown, and what a transaction held, are another 57 MB. `MALLOC_ARENA_MAX`
    and `MALLOC_MMAP_THRESHOLD_` in the environment do the same earlier; who sets one means it, so it is for the caller
    to ask.

    Source: man 3 mallopt. Heaps that exist already stay, and glibc reads the bound once, when it has eight heaps: so
    this belongs at the start of a process.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return bool(mallopt(M_ARENA_MAX, arenas)) and bool(mallopt(M_MMAP_THRESHOLD, large))


def one_heap() -> None:
    """Let Arrow take its memory where everybody does: its own pool keeps what one batch needed (25 MB)."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
