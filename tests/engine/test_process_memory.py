"""Few heaps: asked of glibc where it is, and nothing where it is not."""

from __future__ import annotations

import platform
import subprocess
import sys

PROGRAM = """
import re, threading
from pathlib import Path
from mainstay.process_memory import spare_memory
took = spare_memory(2)
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


LARGE_FREED = """
from mainstay.process_memory import spare_memory
took = spare_memory()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
for size in (8, 16, 24):  # from here on glibc by itself would keep such pieces
    bytearray(size << 20)
kept, large = [], []
for _ in range(12):
    large.append(bytearray(8 << 20))
    kept.append(bytearray(200_000))  # what lies behind a piece would hold it
before = resident()
large.clear()
print("took" if took else "nothing", (before - resident()) >> 20)
"""


def test_what_is_large_goes_back_when_it_is_freed() -> None:
    said = subprocess.run([sys.executable, "-c", LARGE_FREED], capture_output=True, text=True, check=True).stdout
    took, freed_mib = said.split()
    assert took == "nothing" or int(freed_mib) >= 90


def test_arrow_has_no_heap_of_its_own() -> None:
    program = (
        "from mainstay.process_memory import one_heap; one_heap(); import pyarrow as pa;"
        "held = pa.array([1.5] * 1000); print(pa.default_memory_pool().backend_name, held.nbytes)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["system", "8000"]


def test_twelve_threads_share_two_heaps() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    if platform.libc_ver()[0] != "glibc":
        assert said.endswith("nothing\n")
        return
    assert said.endswith("took\n")
    assert said.count("<heap nr=") <= 2
