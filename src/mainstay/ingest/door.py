"""The door: one raw ASGI application for every way in. It answers a sender only when what it sent is on disk."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from mainstay.domain.alerts import Alert
from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.errors import BadInput, Overloaded
from mainstay.domain.records import Lane
from mainstay.domain.signals import Decoded
from mainstay.ingest import cloudevents, predictions, withheld
from mainstay.ingest.alertmanager import api as alertmanager_api
from mainstay.ingest.answers import Answer, accepted, all_refused, rejected
from mainstay.ingest.encodings import decompress
from mainstay.ingest.newcomers import Newcomers, Sender
from mainstay.ingest.rejections import Rejected
from mainstay.ingest.request import MiB, Request
from mainstay.ingest.sources import SOURCES, Source, decode
from mainstay.ingest.webhooks import github, gitlab
from mainstay.ingest.webhooks.signature import GITHUB, GITLAB, Secrets

log = logging.getLogger(__name__)
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
DECODERS = 2  # bodies being decoded at one moment: each may be 64 MiB
SIGNED = {GITHUB: github.named, GITLAB: gitlab.named}
"""Senders that cannot send a token of ours: they sign, and what stands in their headers is kept around the body."""
PATHS = frozenset(source.path for source in SOURCES.values())


class Keeper(Protocol):
    """What the door needs of the inbox."""

    def now_ns(self) -> int: ...

    def check_room(self, lane: Lane, size: int) -> None: ...

    def append(
        self, lane: Lane, source: str, body: bytes, tenant: str = ..., decoded: Decoded | None = None
    ) -> Future[int]: ...


class IngestDoor:
    """Authenticates, bounds, decompresses, decodes, keeps; then answers.

    A body that cannot be read is a 4xx with the reason, and nothing of it is kept; good items beside bad ones are
    kept. When there is no room the answer is 503 with Retry-After on every path: a Prometheus drops samples on 429.

    Args:
        authenticate: Bearer token ("" when none came) → tenant, or None for unknown.
        current_alerts: What `GET /api/v2/alerts` lists.
        max_body_bytes: Limit of a body, compressed and decompressed.
        in_flight_bytes: Limit of all bodies being received or decoded at one moment.
        newcomers: How many new series a sender may bring; None is without limit.
        secrets: What webhooks are signed with.
    """

    def __init__(
        self,
        *,
        inbox: Keeper,
        authenticate: Callable[[str], str | None],
        current_alerts: Callable[[], Sequence[Alert]],
        max_body_bytes: int = 64 * MiB,
        in_flight_bytes: int = 192 * MiB,
        newcomers: Newcomers | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._secrets = secrets or Secrets()
        self._newcomers = newcomers
        self._inbox, self._authenticate, self._current_alerts = inbox, authenticate, current_alerts
        self._most, self._in_flight_most = max_body_bytes, in_flight_bytes
        self._in_flight = 0
        self._started_ns = inbox.now_ns()
        self._decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        """Let the decoding threads end."""
        self._decoders.shutdown(wait=False)

    def handles(self, path: str) -> bool:
        """Whether a path is one of ours."""
        is_api = path.startswith(alertmanager_api.PREFIX) and not path.startswith(alertmanager_api.OF_PEOPLE)
        return is_api or predictions.pattern_of(path) in PATHS

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except Rejected as error:
            answer = rejected(request.path, request.content_type, error.status, str(error), error.headers)
        except BadInput as error:
            answer = rejected(request.path, request.content_type, 400, str(error))
        except Overloaded as error:
            again = {"retry-after": str(error.retry_after_s)}
            answer = rejected(request.path, request.content_type, 503, str(error), again)
        self.counts["requests"] += 1
        self.counts[f"status_{answer.status}"] += 1
        await _send(answer, send)

    async def _answer(self, request: Request) -> Answer:
        tenant = DEFAULT_TENANT if request.path in SIGNED else self._authenticate(request.token)
        if tenant is None:
            says = "unknown ingest token" if request.token else "an ingest token is needed: Authorization: Bearer TOKEN"
            raise Rejected(401, says, {"www-authenticate": "Bearer"})
        is_api = request.path.startswith(alertmanager_api.PREFIX)
        if is_api and request.method in ("GET", "HEAD"):
            return alertmanager_api.answer(request.path, request.query, self._current_alerts, self._started_ns)
        if request.method != "POST" or predictions.pattern_of(request.path) not in PATHS:
            allowed = "GET, POST" if request.path == "/api/v2/alerts" else "GET" if is_api else "POST"
            raise Rejected(405, f"{request.path} takes {allowed}, not {request.method}", {"allow": allowed})
        return await self._post(request, request.source(), tenant)

    async def _post(self, request: Request, source: Source, tenant: str) -> Answer:
        try:
            self._inbox.check_room(source.lane, request.declared_bytes)  # before the work, not after it
            wire = await request.body(self._most, self._reserve)
            loop = asyncio.get_running_loop()
            name, body, decoded = await loop.run_in_executor(
                self._decoders, self._decode, request, source, wire, tenant
            )
            del wire
            kept = count(decoded) > 0
            if kept:
                handed = None if decoded.is_clock_bound else decoded
                future = self._inbox.append(source.lane, name, body, tenant=tenant, decoded=handed)
                await asyncio.wrap_future(future)
        finally:
            self._in_flight -= request.reserved
        self._count(source, decoded, len(body))
        if not kept and decoded.refused:
            raise Rejected(400, all_refused(decoded))
        return accepted(source, decoded)

    def _reserve(self, size: int) -> None:
        if self._in_flight + size > self._in_flight_most:
            raise Overloaded(f"{self._in_flight} bytes are being received at this moment", retry_after_s=1)
        self._in_flight += size

    def _decode(self, request: Request, source: Source, wire: bytes, tenant: str) -> tuple[str, bytes, Decoded]:
        """The record to keep (source and body), and what it holds."""
        if request.path in SIGNED:
            self._secrets.check(request.path, request.headers, wire, self._inbox.now_ns())
        body = decompress(request.encoding, wire, self._most)
        if request.is_binary_event:
            body = cloudevents.structured(request.headers, body)
        elif request.path in SIGNED:
            body = SIGNED[request.path](request.headers, body)
        elif request.path.startswith(predictions.PREFIX):
            body = predictions.named(request.path, body)
        try:
            now_ns = self._inbox.now_ns()
            return self._admitted((tenant, source.name, request.mark), body, decode(source.name, body, now_ns), now_ns)
        except BadInput:
            raise
        except Exception as error:  # a reader's own fault must not become a 500 that is sent again for ever
            self.counts["decoder_failures"] += 1
            log.exception("the decoder of %s failed on a body of %d bytes", source.name, len(body))
            raise BadInput(f"{source.name}: this body could not be read ({type(error).__name__})") from error

    def _admitted(self, sender: Sender, body: bytes, decoded: Decoded, now_ns: int) -> tuple[str, bytes, Decoded]:
        """The same, less the new series that are more than this sender may bring."""
        _, source, _ = sender
        raw = decoded.metrics
        refused = self._newcomers.refused(sender, raw, now_ns) if self._newcomers and raw is not None else None
        if self._newcomers is None or refused is None:
            return source, body, decoded
        series = int(refused.sum())
        self.counts[f"series_refused_{source}"] += series
        self.counts[f"series_refused_ms_{source}"] = now_ns // 1_000_000
        less, left_out = withheld.without(decoded, refused, self._newcomers.says)
        return withheld.SOURCE, withheld.packed(source, body, now_ns, left_out), less

    def _count(self, source: Source, decoded: Decoded, size: int) -> None:
        self.counts["bytes"] += size
        self.counts["refused_items"] += decoded.refused
        self.counts["own_alerts"] += decoded.own_alerts
        self.counts[f"requests_{source.name}"] += 1
        self.counts[f"items_{source.name}"] += count(decoded)
        self.counts[f"refused_{source.name}"] += decoded.refused
        self.counts[f"last_ms_{source.name}"] = self._inbox.now_ns() // 1_000_000


def count(decoded: Decoded) -> int:
    """How many items of a request were good."""
    samples = len(decoded.metrics.value) + len(decoded.metrics.histograms) if decoded.metrics else 0
    logs = len(decoded.logs.body) if decoded.logs else 0
    spans = len(decoded.spans.name) if decoded.spans else 0
    judged = sum(len(one.ids) for one in decoded.predictions) + sum(len(one.ids) for one in decoded.truths)
    return samples + logs + spans + judged + len(decoded.alerts) + len(decoded.changes)


async def _send(answer: Answer, send: Send) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode())]
    if answer.status != 204:
        headers.append((b"content-type", answer.content_type.encode()))
    headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
