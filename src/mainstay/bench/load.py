"""A remote-write load that is the same for everybody who is measured: real bodies, made before the clock starts."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import cramjam
import httpx

SAMPLES_PER_REQUEST = 2000
"""Prometheus's own default for `max_samples_per_send`."""


@dataclass(frozen=True, slots=True)
class Load:
    """`series` series, `rounds` samples each, `step_ms` apart, ending now."""

    series: int
    rounds: int
    step_ms: int = 15_000

    @property
    def samples(self) -> int:
        """In all."""
        return self.series * self.rounds

    def bodies(self, start_ms: int, first_turn: int = 0) -> Iterator[bytes]:
        """Snappy-compressed `WriteRequest`s, one sample per series and request, as Prometheus sends them."""
        labels = [_labels(i) for i in range(self.series)]
        for turn in range(self.rounds):
            at_ms = start_ms + turn * self.step_ms
            for first in range(0, self.series, SAMPLES_PER_REQUEST):
                part = range(first, min(first + SAMPLES_PER_REQUEST, self.series))
                yield bytes(
                    cramjam.snappy.compress_raw(
                        b"".join(_series(labels[i], _value(i, first_turn + turn), at_ms) for i in part)
                    )
                )


@dataclass(frozen=True, slots=True)
class Sent:
    """What one receiver took, and how long it took to say so."""

    samples: int
    seconds: float
    refused: int


def send(url: str, headers: dict[str, str], bodies: list[bytes], samples: int) -> Sent:
    """Send bodies one after the other over one connection; each is counted when it is acknowledged."""
    refused = 0
    headers = {**headers_of(), **headers}
    with httpx.Client(timeout=60) as client:
        began = time.monotonic()
        for body in bodies:
            while (answer := client.post(url, content=body, headers=headers)).status_code == 503:
                refused += 1
                time.sleep(float(answer.headers.get("Retry-After", "1")))
            answer.raise_for_status()
        return Sent(samples, time.monotonic() - began, refused)


def headers_of(token: str = "") -> dict[str, str]:
    """What a remote-write client sends with a body."""
    own = {"Authorization": f"Bearer {token}"} if token else {}
    return {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0", **own}  # fmt: skip


def _value(series: int, turn: int) -> float:
    """A wave with a little noise: neither constant (cheap to store) nor random (dear)."""
    return round(100 + 10 * math.sin(turn / 10 + series) + (series * 7919 + turn * 104729) % 97 / 50, 3)


def _labels(series: int) -> bytes:
    pairs = {
        "__name__": f"bench_metric_{series % 50}",
        "instance": f"10.0.{series // 5000}.{series // 50 % 100}:9100",
        "job": f"job-{series // 1000}",
        "namespace": "bench",
        "service": f"svc-{series // 500}",
        "slot": str(series),
    }
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(pairs.items())
    )


def _series(labels: bytes, value: float, at_ms: int) -> bytes:
    import struct

    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at_ms)
    return _field(1, labels + _field(2, sample))


def _field(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
