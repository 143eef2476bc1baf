"""The HTTP door of a service: matches the route, continues the trace, measures, answers."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Protocol

from opentelemetry.trace import Span, SpanKind, StatusCode

from mainstay.lab.service.bucket import Bucket
from mainstay.lab.service.failure import Failure, Overloaded
from mainstay.lab.service.instruments import Instruments
from mainstay.lab.service.outbound import PROPAGATOR
from mainstay.lab.service.settings import Settings
from mainstay.lab.service.work import Work
from mainstay.lab.shop.model import Route, Service

Answer = tuple[int, dict[str, Any]]
NOT_FOUND: Answer = (404, {"error": "no such thing"})


class Extra(Protocol):
    """Requests beyond the routes of the shop file: those of a queue."""

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """The answer, or None for a request that is not its own."""

    def is_traced(self, method: str, path: str) -> bool:
        """Whether this request is somebody's work, rather than a consumer asking for some."""


class Door:
    """Answers the requests of one service."""

    def __init__(
        self, service: Service, instruments: Instruments, work: Work, settings: Settings, identity: dict[str, str]
    ) -> None:
        self._service = service
        self._instruments = instruments
        self._work = work
        self._settings = settings
        self._identity = identity
        self._routes = [(re.compile(re.sub(r"{\w+}", r"[^/]+", route.path)), route) for route in service.routes]
        self._bucket = Bucket()
        self.extra: Extra | None = None
        self.port = 0

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        path = target.partition("?")[0]
        if path == "/healthz":
            return 200, {**self._identity, "revision": self._settings.configuration().revision}
        if self.extra and not self.extra.is_traced(method, path):
            return self.extra.answer(method, path, body) or NOT_FOUND
        if self.extra:
            extra = self.extra
            return self._traced(method, path, path, headers, lambda _: extra.answer(method, path, body) or NOT_FOUND)
        route = next((r for pattern, r in self._routes if r.method == method and pattern.fullmatch(path)), None)
        if route is None:
            return NOT_FOUND
        return self._traced(method, route.path, path, headers, lambda span: self._attempt(route, path, span, body))

    def _traced(
        self, method: str, pattern: str, path: str, headers: dict[str, str], attempt: Callable[[Span], Answer]
    ) -> Answer:
        labels: dict[str, str | int] = {
            "http.request.method": method, "http.route": pattern, "url.scheme": "http",
        }  # fmt: skip
        started = time.perf_counter()
        with self._instruments.tracer.start_as_current_span(
            f"{method} {pattern}",
            context=PROPAGATOR.extract(headers),
            kind=SpanKind.SERVER,
            attributes={
                **labels,
                "url.path": path,
                "server.address": self._service.name,
                "server.port": self.port,
            },
        ) as span:
            status, answer = attempt(span)
            labels["http.response.status_code"] = status
            span.set_attribute("http.response.status_code", status)
        self._instruments.meters.server.record(time.perf_counter() - started, labels)
        self._instruments.meters.requests.add(1, labels)
        if status >= 500:
            self._instruments.meters.errors.add(1, labels)
        return status, answer

    def _attempt(self, route: Route, path: str, span: Span, body: bytes) -> Answer:
        noise, journal = self._instruments.noise, self._instruments.journal
        try:
            if not self._bucket.admits(self._settings.configuration().rate_limit_per_s):
                raise Overloaded(f"rate limit of {self._service.name} reached")  # noqa: TRY301 - one place answers
            time.sleep(noise.delay_s())
            if "{id}" in route.path and noise.is_not_found():
                return NOT_FOUND
            answer = self._work.do(route, body)
        except Failure as error:
            journal.warning("%s %s failed: %s", route.method, path, error)
            return self._failed(span, error, error.status)
        except sqlite3.OperationalError as error:
            journal.exception("%s %s failed: %s", route.method, path, error)
            return self._failed(span, error, 503)
        except Exception as error:  # noqa: BLE001 - a service answers 500 to whatever its code throws
            journal.exception("%s %s failed: %r", route.method, path, error)
            span.record_exception(error)
            return self._failed(span, error, 500)
        return 200, answer

    def _failed(self, span: Span, error: Exception, status: int) -> Answer:
        if status >= 500:
            span.set_status(StatusCode.ERROR, str(error))
            span.set_attribute("error.type", error.kind if isinstance(error, Failure) else type(error).__name__)
        return status, {"error": str(error)}
