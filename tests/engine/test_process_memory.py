"""Few heaps: asked of glibc where it is, and nothing where it is not."""

from __future__ import annotations

import platform
import subprocess
import sys

PROGRAM = """
import re, threading
from pathlib import Path
from mainstay.process_memory import share_arenas
took = share_arenas(2)
ready, done = threading.Barrier(13), threading.Event()
def work():
    kept = [bytearray(2000) for _ in range(100)]
    ready.wait()
    done.wait()
for _ in range(12):
    threading.Thread(target=work, daemon=True).start()
ready.wait()
import ctypes
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
done.set()
print("took" if took else "nothing")
"""


def test_twelve_threads_share_two_heaps() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    if platform.libc_ver()[0] != "glibc":
        assert said.endswith("nothing\n")
        return
    assert said.endswith("took\n")
    assert said.count("<heap nr=") <= 2
