"""A worker: takes one message after the other from a queue and does what the shop file says."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span

from mainstay.lab.service.outbound import PROPAGATOR, Addresses
from mainstay.lab.service.work import Means, Work
from mainstay.lab.shop.model import Route

REST_S = 0.5  # after the broker could not be reached
ANSWER_WITHIN_S = 4.0


class Consumer:
    """Consumes one queue in a thread of its own."""

    def __init__(self, route: Route, broker: str, addresses: Addresses, means: Means, work: Work) -> None:
        self._route = route
        self._broker = broker
        self._addresses = addresses
        self._means = means
        self._work = work
        self._labels = {
            "messaging.system": "shopmq", "messaging.destination.name": route.path,
            "messaging.operation.type": "process",
        }  # fmt: skip

    def start(self) -> None:
        threading.Thread(target=self._consume, daemon=True, name="consumer").start()

    def _consume(self) -> None:
        while True:
            try:
                taken = self._ask("POST", f"/queues/{self._route.path}/leases")
                if taken.get("message") and self._process(taken["message"]):
                    self._ask("DELETE", f"/queues/{self._route.path}/{taken['id']}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._means.instruments.journal.warning("cannot reach queue %s: %s", self._route.path, error)
                time.sleep(REST_S)

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._addresses.next(self._broker), timeout=ANSWER_WITHIN_S)
        try:
            connection.request(method, path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def _process(self, message: dict[str, Any]) -> bool:
        parent = PROPAGATOR.extract(message.get("headers", {}))
        producer = get_current_span(parent).get_span_context()
        started = time.perf_counter()
        labels = dict(self._labels)
        with self._means.instruments.tracer.start_as_current_span(
            f"process {self._route.path}",
            context=parent,
            kind=SpanKind.CONSUMER,
            links=[Link(producer)] if producer.is_valid else [],
            attributes=self._labels,
        ) as span:
            try:
                time.sleep(self._means.instruments.noise.delay_s())
                self._work.do(self._route)
            except Exception as error:  # noqa: BLE001 - the message comes again when its lease ends
                labels["error.type"] = type(error).__name__
                span.set_status(StatusCode.ERROR, str(error))
                self._means.instruments.journal.exception("message for %s failed: %r", self._route.path, error)
        self._means.instruments.meters.processing.record(time.perf_counter() - started, labels)
        self._means.instruments.meters.consumed.add(1, labels)
        return "error.type" not in labels
