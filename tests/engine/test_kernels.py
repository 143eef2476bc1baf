"""Kernels are read before the first sample comes, and nobody falls over when they cannot be."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from mainstay.app import kernels

FIRST = """
    from numba.core.caching import Cache

    from mainstay.app.kernels import AT_MS, load
    from mainstay.ingest import decode
    from mainstay.ingest.wire import varint_of, written
    from mainstay.models.catalogue import DETECTORS
    from mainstay.normalize import Normalizer

    def series(number):
        pairs = ((b"__name__", b"m"), (b"service", b"shop"), (b"slot", b"%d" % number))
        labels = b"".join(written(1, written(1, name) + written(2, value)) for name, value in pairs)
        return written(1, labels + written(2, b"\\x10" + varint_of(AT_MS)))

    load()
    read, before = [], Cache.load_overload
    Cache.load_overload = lambda self, *given: read.append(self._name) or before(self, *given)
    at_ns = AT_MS * 10**6
    normal = Normalizer().apply(decode("remote-write", b"".join(map(series, range(40))), at_ns), at_ns)
    assert len(normal.new_series) == 40
    for name in ("robust-season", "entity-relations"):
        DETECTORS[name](DETECTORS[name].DEFAULTS).score(normal)
    assert not read, read
"""


def test_the_first_samples_need_no_kernel_that_is_not_there() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(FIRST)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_loaded_ahead_is_told_and_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise OSError("no room for a cache")

    monkeypatch.setattr(kernels, "load", fails)
    thread = kernels.load_meanwhile()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert "kernels could not be loaded ahead" in caplog.text
