"""Three signals poured in at full speed, or faster than they are taken, and what the platform does under it."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cramjam
import httpx
import psutil
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from mainstay.bench.load import _labels, _series, _value

SAMPLES, LINES, SPANS = 3_000, 2_000, 2_000
"""Items per request: one and a half to four times what Prometheus and the SDKs send by default. To refuse one costs
the same as to refuse a small one, to take it costs more: so overload is overload on any machine."""
IMPATIENT_S = 0.005


class Pour:
    """A sender per signal that never rests.

    Args:
        is_patient: Waits as Retry-After says; otherwise it comes back at once, with the same body, again and again.

    Attributes:
        acknowledged: Items by signal.
        offered, taken: Requests sent, and those acknowledged.
    """

    def __init__(self, url: str, token: str, *, is_patient: bool, senders: int = 1) -> None:
        self._url, self._token, self._is_patient = url, token, is_patient
        self.acknowledged: Counter[str] = Counter()
        self.offered = self.taken = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        kinds = {"samples": _samples, "lines": _lines, "spans": _spans}
        self._threads = [
            threading.Thread(target=self._run, args=(kind, make, number), daemon=True)
            for kind, make in kinds.items()
            for number in range(senders)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, when every sender has its last answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, kind: str, make: Callable[[int, int], tuple[str, bytes, int]], number: int) -> None:
        encoding = {"Content-Encoding": "snappy"} if kind == "samples" else {}
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/x-protobuf", **encoding}
        with httpx.Client(base_url=self._url, headers=headers, timeout=60) as client:
            for turn in itertools.count():
                path, body, items = make(number, turn)
                while not self._send(client, path, body):
                    if self._stop.is_set():
                        return
                with self._lock:
                    self.taken += 1
                    self.acknowledged[kind] += items
                if self._stop.is_set():
                    return

    def _send(self, client: httpx.Client, path: str, body: bytes) -> bool:
        answer = client.post(path, content=body)
        with self._lock:
            self.offered += 1
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            self._stop.wait(float(answer.headers["Retry-After"]) if self._is_patient else IMPATIENT_S)
            return False
        answer.raise_for_status()
        return True


@dataclass
class Watch:
    """Memory of a platform, and what its folder (and the telemetry in it) takes on disk, twice a second."""

    pid: int
    folder: Path
    at_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    disk_mb: list[float] = field(default_factory=list)
    telemetry_mb: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def halves(self, mb: Sequence[float]) -> tuple[float, float]:
        """The middle of the first half, less its beginning, and of the last half."""
        half, end = self.at_s[-1] / 2, self.at_s[-1]
        first = [mb for at, mb in zip(self.at_s, mb, strict=True) if half / 2 <= at < half]
        last = [mb for at, mb in zip(self.at_s, mb, strict=True) if half <= at <= end]
        return round(statistics.median(first), 1), round(statistics.median(last), 1)

    def _run(self) -> None:
        process = psutil.Process(self.pid)
        while not self._stop.wait(0.5):
            self.at_s.append(time.monotonic() - self._began)
            self.rss_mb.append(process.memory_info().rss / 1e6)
            self.disk_mb.append(_bytes(self.folder) / 1e6)
            self.telemetry_mb.append(_bytes(self.folder / "telemetry") / 1e6)


def _bytes(folder: Path) -> int:
    """What a folder takes on disk; a file that goes meanwhile takes nothing."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return size


def _samples(sender: int, turn: int) -> tuple[str, bytes, int]:
    at_ms = int(time.time() * 1000)
    first = sender * SAMPLES
    parts = [_series(_LABELS(i), _value(i, turn), at_ms) for i in range(first, first + SAMPLES)]
    return "/api/v1/write", bytes(cramjam.snappy.compress_raw(b"".join(parts))), SAMPLES


class _Known(dict[int, bytes]):
    def __missing__(self, number: int) -> bytes:
        self[number] = found = _labels(number)
        return found


_LABELS = _Known().__getitem__


def _lines(sender: int, turn: int) -> tuple[str, bytes, int]:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    _name(group.resource, f"svc-{sender}")
    scope, now_ns = group.scope_logs.add(), time.time_ns()
    for number in range(LINES):
        record = scope.log_records.add()
        record.time_unix_nano, record.severity_number = now_ns + number, SEVERITY_NUMBER_INFO
        record.body.string_value = f"order {turn}-{number} for customer {number * 31 % 9973} took {number % 97} ms"
    return "/v1/logs", request.SerializeToString(), LINES


def _spans(sender: int, turn: int) -> tuple[str, bytes, int]:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    _name(group.resource, f"svc-{sender}")
    scope, now_ns = group.scope_spans.add(), time.time_ns()
    for number in range(SPANS):
        span = scope.spans.add()
        identity = ((sender + 1) << 48) + turn * SPANS + number + 1
        span.trace_id, span.span_id = identity.to_bytes(16, "big"), identity.to_bytes(8, "big")
        span.name, span.kind, span.start_time_unix_nano = "GET /order", Span.SPAN_KIND_SERVER, now_ns - 5_000_000
        span.end_time_unix_nano = now_ns + number % 97 * 10_000
    return "/v1/traces", request.SerializeToString(), SPANS


def _name(resource: Resource, service: str) -> None:
    for key, value in (("service.name", service), ("deployment.environment.name", "bench")):
        attribute = resource.attributes.add()
        attribute.key, attribute.value.string_value = key, value
