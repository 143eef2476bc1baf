"""The metrics of a service, under the names of the OpenTelemetry semantic conventions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import psutil
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]  # HTTP semantic conventions
DELAY_EVERY_S = 0.1
Reading = Callable[[], float]


class Meters:
    """The instruments that the parts of a service write to."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.server = self._histogram("http.server.request.duration", "Duration of requests answered")
        self.client = self._histogram("http.client.request.duration", "Duration of calls to other services")
        self.database = self._histogram("db.client.operation.duration", "Duration of database operations")
        self.processing = self._histogram("messaging.process.duration", "Duration of processing one message")
        self.requests = meter.create_counter("http.server.requests", "{request}", "Requests answered")
        self.errors = meter.create_counter("http.server.errors", "{request}", "Requests answered with 5xx")
        self.sent = meter.create_counter("messaging.client.sent.messages", "{message}", "Messages published")
        self.consumed = meter.create_counter("messaging.client.consumed.messages", "{message}", "Messages taken")

    def _histogram(self, name: str, description: str) -> Histogram:
        return self._meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=SECONDS)

    def gauge(self, name: str, unit: str, read: Reading, attributes: dict[str, str] | None = None) -> None:
        """Report what `read` returns at every export."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(read(), attributes)

        self._meter.create_observable_gauge(name, [observe], unit)

    def watch_process(self, memory_limit_bytes: float) -> None:
        """Report this process: processor, memory, open files, and how late it wakes."""
        process = psutil.Process()
        process.cpu_percent()
        lateness = _Lateness()
        self.gauge("process.cpu.utilization", "1", lambda: process.cpu_percent() / 100)
        self.gauge("process.memory.usage", "By", lambda: float(process.memory_info().rss))
        self.gauge("process.memory.limit", "By", lambda: memory_limit_bytes)
        self.gauge("process.open_file_descriptor.count", "{file_descriptor}", lambda: float(process.num_fds()))
        self.gauge("process.thread.count", "{thread}", lambda: float(process.num_threads()))
        self.gauge("process.scheduling.delay", "s", lateness.worst_s)


class _Lateness:
    """How much later than asked this process wakes: what a starved process sees of its starvation."""

    def __init__(self) -> None:
        self._worst_s = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            before = time.monotonic()
            time.sleep(DELAY_EVERY_S)
            self._worst_s = max(self._worst_s, time.monotonic() - before - DELAY_EVERY_S)

    def worst_s(self) -> float:
        worst, self._worst_s = self._worst_s, 0.0
        return worst
