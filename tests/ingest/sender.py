"""A sender without a socket, and an inbox that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from mainstay.domain.alerts import Alert
from mainstay.domain.errors import Overloaded
from mainstay.domain.records import Record
from mainstay.ingest import IngestDoor

NOW = 1_795_357_100_000_000_000  # 2026-11-22, a minute and more after the recorded bodies were made
JSON, PROTOBUF = "application/json", "application/x-protobuf"


@dataclass
class Kept:
    """Stands where the inbox does. `is_full` makes it refuse, `fails` makes the disk fail after it accepted."""

    records: list[Record] = field(default_factory=list)
    is_full: bool = False
    fails: bool = False
    checked: int = 0

    def now_ns(self) -> int:
        return NOW

    def check_room(self, lane: str, size: int) -> None:
        self.checked += 1
        if self.is_full:
            raise Overloaded(f"lane {lane} is full", retry_after_s=7)

    def append(self, lane: Any, source: str, body: bytes, tenant: str = "default", decoded: Any = None) -> Future[int]:
        self.check_room(lane, len(body))
        future: Future[int] = Future()
        if self.fails:
            future.set_exception(Overloaded("the disk did not take it"))
            return future
        self.records.append(Record(len(self.records) + 1, lane, source, NOW, body, tenant, decoded))
        future.set_result(len(self.records))
        return future


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


class Sender:
    """Calls the door as a server would. Tokens: `good` is tenant default, `acme` is tenant acme."""

    def __init__(self, inbox: Any = None, alerts: Sequence[Alert] = (), **limits: int) -> None:
        self.kept: Any = inbox or Kept()
        tenants = {"good": "default", "acme": "acme"}
        self.door = IngestDoor(inbox=self.kept, authenticate=tenants.get, current_alerts=lambda: alerts, **limits)
        self._loop = asyncio.new_event_loop()

    def post(self, path: str, body: bytes | Sequence[bytes], content_type: str = "", **headers: str) -> Answered:
        given = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.call("POST", path, body, given)

    def get(self, path: str, query: str = "") -> Answered:
        return self.call("GET", path, b"", {}, query)

    def call(
        self, method: str, path: str, body: bytes | Sequence[bytes], headers: Mapping[str, str], query: str = ""
    ) -> Answered:
        given = {"authorization": "Bearer good", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
        }
        pieces = pieces_of([body] if isinstance(body, bytes) else body)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(pieces)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        self._loop.run_until_complete(self.door(scope, receive, send))
        names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answered(sent[0]["status"], names, sent[1]["body"])

    def close(self) -> None:
        self.door.close()
        self._loop.close()


def pieces_of(body: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    for number, piece in enumerate(body, start=1):
        yield {"type": "http.request", "body": piece, "more_body": number < len(body)}
    while True:
        yield {"type": "http.disconnect"}


def plain(thing: Any) -> Any:
    """A decoded body as something that `==` compares to the bit, NaN included; not by what its streams are found by."""
    if isinstance(thing, np.ndarray):
        return str(thing.dtype), thing.tobytes()
    if isinstance(thing, Sequence) and not isinstance(thing, (str, bytes)):
        return [plain(item) for item in thing]
    if is_dataclass(thing):
        return {part.name: plain(getattr(thing, part.name)) for part in fields(thing) if part.name != "keys"}
    return repr(thing)
