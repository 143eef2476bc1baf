"""Calls to the other services: real HTTP, kept connections, one retry, the trace carried along."""

from __future__ import annotations

import http.client
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.service.failure import CallFailed
from mainstay.lab.service.instruments import Instruments
from mainstay.lab.shop.release import Configuration

LOOK_AGAIN_S = 0.3
RETRY_AFTER_S = 0.06
TOO_MANY = 429
NOWHERE = "127.0.0.1:9"  # the discard port: nobody answers there
PROPAGATOR = TraceContextTextMapPropagator()


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes


@dataclass(frozen=True)
class Call:
    """What is asked of which service."""

    service: str
    method: str
    path: str
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Addresses:
    """Where each service answers now, read again when the file of endpoints may have changed."""

    def __init__(self, folder: Folder) -> None:
        self._file = folder.endpoints
        self._known: dict[str, list[str]] = {}
        self._looked_at = 0.0
        self._turn = itertools.count()

    def next(self, service: str) -> str:
        """The next `host:port` in turn; a service that nobody runs has an address where nobody answers."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_AGAIN_S and self._file.exists():
            found = read_json(self._file)
            self._known = {name: [entry["address"] for entry in entries] for name, entries in found.items()}
            self._looked_at = now
        known = self._known.get(service)
        return known[next(self._turn) % len(known)] if known else NOWHERE


class Outbound:
    """Calls other services as one service does, and tells what it saw."""

    def __init__(
        self, addresses: Addresses, configuration: Callable[[], Configuration], instruments: Instruments
    ) -> None:
        self._addresses = addresses
        self._configuration = configuration
        self._instruments = instruments
        self._idle: dict[str, deque[http.client.HTTPConnection]] = defaultdict(deque)

    def call(self, service: str, method: str, path: str, body: bytes = b"") -> Reply:
        """Ask another service; CallFailed when it answers 5xx or 429, refuses, or stays silent."""
        call = Call(service, method, path, body)
        labels: dict[str, str | int] = {"http.request.method": method, "server.address": service}
        started = time.perf_counter()
        with self._instruments.tracer.start_as_current_span(
            method,
            kind=SpanKind.CLIENT,
            attributes={**labels, "url.path": path},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                reply = self._patiently(span, call)
                labels["http.response.status_code"] = reply.status
                _complain(call, reply)
            except CallFailed as error:
                labels["error.type"] = error.kind
                span.set_status(StatusCode.ERROR, str(error))
                raise
            finally:
                span.set_attributes(labels)
                self._instruments.meters.client.record(time.perf_counter() - started, labels)
        return reply

    def _patiently(self, span: Span, call: Call) -> Reply:
        """Try, and once more when the connection failed; never again after silence, which may mean it is at work."""
        configuration = self._configuration()
        for attempt in (0, 1):
            address = dict(configuration.addresses).get(call.service) or self._addresses.next(call.service)
            span.set_attribute("server.port", int(address.rpartition(":")[2]))
            try:
                if attempt == 0:
                    self._instruments.noise.lose_connection()
                return self._exchange(address, configuration.timeout_ms / 1000, call)
            except TimeoutError:
                message = f"{call.service} did not answer {call} within {configuration.timeout_ms} ms"
                raise CallFailed(message, 504, "timeout") from None
            except (OSError, http.client.HTTPException) as error:
                if attempt == 1:
                    message = f"{call.service} at {address}: {error}"
                    raise CallFailed(message, 502, type(error).__name__) from None
                self._instruments.journal.warning("retrying %s of %s: %s", call, call.service, error)
                span.set_attribute("http.request.resend_count", 1)
                time.sleep(RETRY_AFTER_S)
        raise AssertionError("two attempts end in a reply or an error")

    def _exchange(self, address: str, timeout_s: float, call: Call) -> Reply:
        idle = self._idle[address]
        if idle:
            kept = idle.pop()
            try:
                return self._send(kept, address, timeout_s, call)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                kept.close()  # it had been closed while idle: not a failure of the call
        return self._send(http.client.HTTPConnection(address), address, timeout_s, call)

    def _send(self, connection: http.client.HTTPConnection, address: str, timeout_s: float, call: Call) -> Reply:
        headers: dict[str, str] = {}
        PROPAGATOR.inject(headers)
        connection.timeout = timeout_s
        try:
            if connection.sock:
                connection.sock.settimeout(timeout_s)
            connection.request(call.method, call.path, call.body or None, headers)
            response = connection.getresponse()
            reply = Reply(response.status, response.read())
        except BaseException:
            connection.close()
            raise
        if not response.will_close:
            self._idle[address].append(connection)
        return reply


def _complain(call: Call, reply: Reply) -> None:
    if reply.status >= 500 or reply.status == TOO_MANY:
        raise CallFailed(f"{call.service} answered {reply.status} to {call}", 502, str(reply.status))
