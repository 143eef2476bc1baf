"""One request as the door sees it: its headers read once, its body read no further than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import blake2b
from typing import Any

from mainstay.ingest.predictions import pattern_of
from mainstay.ingest.rejections import Rejected, TooLarge
from mainstay.ingest.sources import EVENTS, SOURCES, Source

MiB = 1 << 20
BODY_TIMEOUT_S = 60.0
V2_MESSAGE = "io.prometheus.write.v2.request"


class Request:
    """Path, headers, and the body as a stream."""

    def __init__(self, scope: Any, receive: Callable[[], Awaitable[Any]]) -> None:
        self.path: str = scope["path"]
        self.method: str = scope["method"]
        self.query: bytes = scope.get("query_string", b"")
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.content_type, _, self._type_parameters = (
            part.strip().lower() for part in self.headers.get("content-type", "").partition(";")
        )
        self.encoding = self.headers.get("content-encoding", "").strip().lower()
        self.reserved = 0
        self._receive = receive

    @property
    def token(self) -> str:
        """The bearer token; "" when there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    @property
    def mark(self) -> str:
        """What stands for the token where the token itself has no business to be."""
        return blake2b(self.token.encode(), digest_size=8).hexdigest()

    @property
    def declared_bytes(self) -> int:
        """Content-Length; 0 when the sender does not say."""
        declared = self.headers.get("content-length", "")
        return int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 19 else 0

    @property
    def is_binary_event(self) -> bool:
        """A CloudEvent whose attributes are headers."""
        return self.path == "/v1/changes" and "ce-specversion" in self.headers and self.content_type not in EVENTS

    def source(self) -> Source:
        """Which source this is, by path and content type.

        Raises:
            Rejected: 415, with what would be taken.
        """
        path = pattern_of(self.path)
        here = [source for source in SOURCES.values() if source.path == path]
        for source in here:
            is_plain_event = source.name == "cloudevents" and self.content_type == "application/json"
            if self.content_type in source.content_types or self.is_binary_event or is_plain_event:
                self._check_encoding(source)
                return source
        takes = ", ".join(content_type for source in here for content_type in source.content_types)
        raise Rejected(415, f"{self.path} takes {takes}; got {self.content_type or 'no Content-Type'}")

    def _check_encoding(self, source: Source) -> None:
        if self.encoding not in source.encodings:
            takes = ", ".join(filter(None, source.encodings))
            raise Rejected(415, f"{self.path} takes Content-Encoding {takes}; got {self.encoding or 'none'}")
        if V2_MESSAGE in self._type_parameters:
            raise Rejected(415, "remote write 2.0 is not taken: use prometheus.WriteRequest (1.0)")

    async def body(self, most: int, reserve: Callable[[int], None]) -> bytes:
        """The body as it came. `reserve` is told of every piece before it is kept, and may refuse.

        Raises:
            TooLarge: more than `most` bytes; the rest is not read.
            Rejected: 408, when it does not come; 400, when the sender went away.
        """
        if self.declared_bytes > most:
            raise TooLarge(most, "sent")
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for piece in self._pieces():
                    if self.reserved + len(piece) > most:
                        raise TooLarge(most, "sent")
                    reserve(len(piece))
                    self.reserved += len(piece)
                    pieces.append(piece)
        except TimeoutError:
            raise Rejected(408, f"the body did not come within {BODY_TIMEOUT_S:.0f} s") from None
        return b"".join(pieces)

    async def _pieces(self) -> AsyncIterator[bytes]:
        has_more = True
        while has_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Rejected(400, "the sender went away in the middle of the body")
            has_more = message.get("more_body", False)
            yield message.get("body", b"")
