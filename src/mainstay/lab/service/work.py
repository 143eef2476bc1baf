"""What a service does with a request or a message: its own work, and the steps that the shop file gives it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanKind

from mainstay.lab.scoring.desk import Desk
from mainstay.lab.scoring.serving import Serving
from mainstay.lab.service.database import Database
from mainstay.lab.service.failure import CallFailed, QueueRefused
from mainstay.lab.service.instruments import Instruments
from mainstay.lab.service.outbound import PROPAGATOR, Outbound
from mainstay.lab.service.storage import Storage
from mainstay.lab.shop.model import Route, Step
from mainstay.lab.shop.release import Release

BUSY_SHARE = 0.06  # of a request's own work is computing, the rest is waiting


@dataclass(frozen=True)
class Means:
    """What a service has to work with."""

    instruments: Instruments
    outbound: Outbound
    databases: dict[str, Database]
    broker_of: Callable[[str], str]
    storage: Storage | None
    serving: Serving | None = None
    desk: Desk | None = None


class Work:
    """Does what one version of a service does."""

    def __init__(self, means: Means, release: Release) -> None:
        self._means = means
        self._release = release
        self._retained: list[list[str]] = []

    def do(self, route: Route, body: bytes = b"") -> dict[str, Any]:
        """Answer one request; any exception is the request's failure."""
        started = time.perf_counter()
        noise = self._means.instruments.noise
        _spend(noise.around(route.work_ms))
        self._behave_as_released()
        for step in route.steps:
            self._take(step)
        if noise.is_stray_error():
            raise RuntimeError("unexpected end of input")
        said = {"score": self._means.serving.score(body)} if self._means.serving else {}
        self._say(route, (time.perf_counter() - started) * 1000)
        return {"ok": True, **said}

    def _behave_as_released(self) -> None:
        release, noise = self._release, self._means.instruments.noise
        if release.retained_bytes:
            self._retained.append([str(noise.random.random()) * 8 for _ in range(release.retained_bytes // 200)])
        if release.extra_ms:
            time.sleep(noise.around(release.extra_ms))
        if release.error_share and noise.random.random() < release.error_share:
            order: dict[str, str] = {"total": "0.00"}
            order["currency"]

    def _take(self, step: Step) -> None:
        means = self._means
        if step.kind == "score" and means.desk is not None:
            means.desk.decide(step)
        elif step.is_call:
            self._call(step)
        elif step.kind == "read":
            means.databases[step.database].read(step.target.partition(".")[2])
        elif step.kind == "write":
            means.databases[step.database].write(step.target.partition(".")[2])
        elif step.kind == "publish":
            self._publish(step.target)
        elif means.storage is not None:
            means.storage.keep(step.target)

    def _call(self, step: Step) -> None:
        path = step.path.format(**self._means.instruments.noise.values())
        try:
            self._means.outbound.call(step.target, step.method, path)
        except CallFailed as error:
            if step.kind == "call":
                raise
            self._means.instruments.journal.warning("going on without %s: %s", step.target, error)

    def _publish(self, queue: str) -> None:
        means, labels = self._means, {"messaging.system": "shopmq", "messaging.destination.name": queue}
        with means.instruments.tracer.start_as_current_span(
            f"send {queue}", kind=SpanKind.PRODUCER, attributes={**labels, "messaging.operation.type": "send"}
        ):
            carried: dict[str, str] = {}
            PROPAGATOR.inject(carried)
            body = json.dumps({"headers": carried, "order": means.instruments.noise.values()["order"]}).encode()
            try:
                means.outbound.call(means.broker_of(queue), "POST", f"/queues/{queue}", body)
            except CallFailed as error:
                raise QueueRefused(f"queue {queue} did not take the message: {error}") from None
            means.instruments.meters.sent.add(1, labels)

    def _say(self, route: Route, took_ms: float) -> None:
        noise, journal = self._means.instruments.noise, self._means.instruments.journal
        if route.says:
            journal.info(noise.random.choice(route.says).format(ms=round(took_ms), **noise.values()))
        if self._release.is_chatty:
            journal.info("feature flag %s evaluated in %d us", self._release.version, noise.random.randint(20, 90))
        if grumble := noise.grumble():
            journal.warning(grumble)


def _spend(seconds: float) -> None:
    busy_until = time.perf_counter() + seconds * BUSY_SHARE
    while time.perf_counter() < busy_until:
        pass
    time.sleep(seconds * (1 - BUSY_SHARE))
