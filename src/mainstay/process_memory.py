"""How this process asks the system for memory: few pools, so that what one thread frees another one can use."""

from __future__ import annotations

import ctypes
import platform

M_ARENA_MAX = -8
"""Of glibc's `malloc.h`."""
ARENAS = 2
"""As many as there are threads that allocate much at once: the pipeline's, and those of the doors together."""


def share_arenas(arenas: int = ARENAS) -> bool:
    """Let all threads share so many of glibc's heaps; False where there is no glibc, and nothing changes.

    By default there are eight a core, each keeps what was freed in it, and memory grows with the number of threads and
    not with what they hold: 1,122 MB at 500,000 series were 939 MB with two. `MALLOC_ARENA_MAX` in the environment
    does the same earlier; who sets it means it, so it is for the caller to ask.

    Source: man 3 mallopt. Heaps that exist already stay, and glibc reads the bound once, when it has eight heaps: so
    this belongs at the start of a process.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return bool(mallopt(M_ARENA_MAX, arenas))
