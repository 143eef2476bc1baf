"""Calls to the other services: real HTTP, kept connections, one retry, the trace carried along."""

from __future__ import annotations

import http.client
import itertools
import logging
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.service.failure import CallFailed
from mainstay.lab.service.meters import Meters
from mainstay.lab.service.noise import Noise
from mainstay.lab.shop.release import Configuration

LOOK_AGAIN_S = 0.3
RETRY_AFTER_S = 0.06
PROPAGATOR = TraceContextTextMapPropagator()


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes


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
        return known[next(self._turn) % len(known)] if known else "127.0.0.1:9"


class Outbound:
    """Calls other services as one service does, and tells what it saw."""

    def __init__(
        self,
        addresses: Addresses,
        configuration: Callable[[], Configuration],
        tracer: Tracer,
        meters: Meters,
        journal: logging.Logger,
        noise: Noise,
    ) -> None:
        self._addresses = addresses
        self._configuration = configuration
        self._tracer = tracer
        self._meters = meters
        self._journal = journal
        self._noise = noise
        self._idle: dict[str, deque[http.client.HTTPConnection]] = defaultdict(deque)

    def call(self, service: str, method: str, path: str, body: bytes = b"") -> Reply:
        """Ask another service; CallFailed when it answers 5xx or 429, refuses, or stays silent."""
        attributes: dict[str, str | int] = {
            "http.request.method": method, "server.address": service, "url.path": path,
        }  # fmt: skip
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            method, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            outcome: dict[str, str | int] = {}
            try:
                reply = self._patiently(span, service, method, path, body)
                outcome["http.response.status_code"] = reply.status
                if reply.status >= 500 or reply.status == 429:
                    raise CallFailed(f"{service} answered {reply.status} to {method} {path}", 502, str(reply.status))
            except CallFailed as error:
                outcome["error.type"] = error.kind
                span.set_status(StatusCode.ERROR, str(error))
                raise
            finally:
                span.set_attributes(outcome)
                labels = {"http.request.method": method, "server.address": service, **outcome}
                self._meters.client.record(time.perf_counter() - started, labels)
        return reply

    def _patiently(self, span: Span, service: str, method: str, path: str, body: bytes) -> Reply:
        configuration = self._configuration()
        fixed = dict(configuration.addresses).get(service)
        for attempt in (0, 1):
            address = fixed or self._addresses.next(service)
            span.set_attribute("server.port", int(address.rpartition(":")[2]))
            try:
                if attempt == 0 and self._noise.is_connection_lost():
                    raise ConnectionResetError(104, "Connection reset by peer")  # noqa: TRY301 - as a network does
                return self._exchange(address, configuration.timeout_ms / 1000, method, path, body)
            except TimeoutError:
                message = f"{service} did not answer {method} {path} within {configuration.timeout_ms} ms"
                raise CallFailed(message, 504, "timeout") from None
            except (OSError, http.client.HTTPException) as error:
                if attempt == 1:
                    raise CallFailed(f"{service} at {address}: {error}", 502, type(error).__name__) from None
                self._journal.warning("retrying %s %s of %s: %s", method, path, service, error)
                span.set_attribute("http.request.resend_count", 1)
                time.sleep(RETRY_AFTER_S)
        raise AssertionError("two attempts end in a reply or an error")

    def _exchange(self, address: str, timeout_s: float, method: str, path: str, body: bytes) -> Reply:
        idle = self._idle[address]
        connection = idle.pop() if idle else None
        headers: dict[str, str] = {}
        PROPAGATOR.inject(headers)
        if connection is not None:
            try:
                return self._send(connection, address, timeout_s, method, path, body, headers)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()  # it had been closed while idle: not a failure of the call
        fresh = http.client.HTTPConnection(address, timeout=timeout_s)
        return self._send(fresh, address, timeout_s, method, path, body, headers)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        address: str,
        timeout_s: float,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
    ) -> Reply:
        try:
            if connection.sock is None:
                connection.connect()
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sock.settimeout(timeout_s)
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            reply = Reply(response.status, response.read())
        except BaseException:
            connection.close()
            raise
        if not response.will_close:
            self._idle[address].append(connection)
        return reply
