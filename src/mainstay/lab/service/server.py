"""The HTTP door of a service: matches the route, continues the trace, measures, answers."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from opentelemetry.trace import Span, SpanKind, StatusCode

from mainstay.lab.service.failure import Failure, Overloaded
from mainstay.lab.service.outbound import PROPAGATOR
from mainstay.lab.service.settings import Settings
from mainstay.lab.service.work import Means, Work
from mainstay.lab.shop.model import Route, Service

Answer = tuple[int, dict[str, Any]]


class Extra(Protocol):
    """Requests beyond the routes of the shop file: those of a queue."""

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """The answer, or None for a request that is not its own."""


class Door:
    """Answers the requests of one service."""

    def __init__(self, service: Service, means: Means, work: Work, settings: Settings, identity: dict[str, Any]) -> None:
        self._service = service
        self._means = means
        self._work = work
        self._settings = settings
        self._identity = identity
        self._routes = [(re.compile(re.sub(r"{\w+}", r"[^/]+", route.path)), route) for route in service.routes]
        self._bucket = _Bucket()
        self.extra: Extra | None = None
        self.port = 0

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        path = target.partition("?")[0]
        if path == "/healthz":
            return 200, {**self._identity, "revision": self._settings.configuration().revision}
        if self.extra and (extra := self.extra.answer(method, path, body)):
            return extra
        route = next((r for pattern, r in self._routes if r.method == method and pattern.fullmatch(path)), None)
        if route is None:
            return 404, {"error": f"no route {method} {path}"}
        return self._answer_route(route, path, headers)

    def _answer_route(self, route: Route, path: str, headers: dict[str, str]) -> Answer:
        labels: dict[str, str | int] = {
            "http.request.method": route.method, "http.route": route.path, "url.scheme": "http",
        }  # fmt: skip
        started = time.perf_counter()
        with self._means.tracer.start_as_current_span(
            f"{route.method} {route.path}",
            context=PROPAGATOR.extract(headers),
            kind=SpanKind.SERVER,
            attributes={
                **labels, "url.path": path, "server.address": self._service.name, "server.port": self.port,
            },  # fmt: skip
        ) as span:
            status, answer = self._attempt(route, path, span)
            labels["http.response.status_code"] = status
            span.set_attribute("http.response.status_code", status)
        self._means.meters.server.record(time.perf_counter() - started, labels)
        self._means.meters.requests.add(1, labels)
        if status >= 500:
            self._means.meters.errors.add(1, labels)
        return status, answer

    def _attempt(self, route: Route, path: str, span: Span) -> Answer:
        noise, journal = self._means.noise, self._means.journal
        try:
            if not self._bucket.admits(self._settings.configuration().rate_limit_per_s):
                raise Overloaded(f"rate limit of {self._service.name} reached")  # noqa: TRY301 - one place answers
            time.sleep(noise.delay_s())
            if "{id}" in route.path and noise.is_not_found():
                return 404, {"error": "no such thing"}
            self._work.do(route)
        except Failure as error:
            journal.warning("%s %s failed: %s", route.method, path, error)
            return self._failed(span, error, error.status)
        except sqlite3.OperationalError as error:
            journal.exception("%s %s failed: %s", route.method, path, error)  # noqa: TRY401 - operators read one line
            return self._failed(span, error, 503)
        except Exception as error:  # a service answers 500 to whatever its code throws
            journal.exception("%s %s failed: %r", route.method, path, error)  # noqa: TRY401
            span.record_exception(error)
            return self._failed(span, error, 500)
        return 200, {"ok": True}

    def _failed(self, span: Span, error: Exception, status: int) -> Answer:
        if status >= 500:
            span.set_status(StatusCode.ERROR, str(error))
            span.set_attribute("error.type", error.kind if isinstance(error, Failure) else type(error).__name__)
        return status, {"error": str(error)}


class _Bucket:
    """A token bucket of one second's requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens = 0.0
        self._at = 0.0

    def admits(self, per_s: float) -> bool:
        if per_s <= 0:
            return True
        with self._lock:
            now = time.monotonic()
            self._tokens = min(max(per_s, 1.0), self._tokens + (now - self._at) * per_s)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Listener(ThreadingHTTPServer):
    """Listens on loopback for one door."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, door: Door) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.door = door
        door.port = self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is nobody's error."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        carried = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.door.answer(self.command, self.path, carried, body)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name the base class gives it
        """Nothing: the journal tells what matters."""
