"""Changes as CloudEvents 1.0: structured, batch, and binary mode (the door turns binary into structured).

::

    {"specversion": "1.0", "id": "42", "source": "/ci/payments", "type": "dev.mainstay.change.deploy",
     "subject": "payments", "time": "2026-11-20T10:00:00Z",
     "data": {"environment": "prod", "version": "1.4.0", "previous_version": "1.3.9", "author": "ada", "summary": "…",
              "size": 12, "outcome": "successful"}}

`type` says the kind by a word in it (deploy, rollback, config, flag, scale, restart), or `data.kind` does. CDEvents
(`dev.cdevents.service.deployed…`) are read too. The extension `mainstayplan` marks the echo of an action of our own.
Source: github.com/cloudevents/spec, v1.0.2, JSON event format and HTTP binding.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, get_args
from urllib.parse import unquote

import msgspec

from mainstay.domain.changes import Change, ChangeKind, ChangeOutcome
from mainstay.domain.errors import BadInput
from mainstay.domain.signals import Decoded
from mainstay.ingest.documents import json_of
from mainstay.ingest.limits import MOST_NAME, Gate

KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
OUTCOMES: tuple[ChangeOutcome, ...] = get_args(ChangeOutcome)
WORDS: tuple[tuple[str, ChangeKind], ...] = (
    ("rollback", "rollback"), ("rolledback", "rollback"), ("restart", "restart"), ("flag", "flag"),
    ("config", "config"), ("scal", "scale"), ("environment", "infrastructure"), ("infra", "infrastructure"),
    ("deploy", "deploy"), ("upgraded", "deploy"), ("release", "deploy"), ("published", "deploy"),
)  # fmt: skip
NAMES = ("kind", "previous_version", "author", "summary", "by_mainstay", "size", "outcome")
MOST_SUMMARY = 4096
MOST_SIZE = 10_000_000
MOST_CHANGES = 20_000  # of one request


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of a CloudEvent that say something about a change."""

    specversion: str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
    subject: Annotated[str, msgspec.Meta(max_length=MOST_NAME)] = ""
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    data: Any = None
    data_base64: str = ""
    mainstayplan: str = ""


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """One event, or a list of them.

    Raises:
        BadInput: it is not JSON.
    """
    gate = Gate(received_ns)
    document = json_of(body)
    entries = document if isinstance(document, list) else [document]
    gate.admit(len(entries), MOST_CHANGES)
    changes = [change for change in (_change(entry, gate) for entry in entries) if change is not None]
    return gate.sign(Decoded(changes=tuple(changes)))


def id_of(source: str, event: str) -> str:
    """Id of the change that an event of a source tells of: the same whenever it is told again."""
    return f"change-{hashlib.blake2b(f'{source}{chr(0)}{event}'.encode(), digest_size=8).hexdigest()}"


def structured(headers: Mapping[str, str], body: bytes) -> bytes:
    """A binary-mode request as the structured event that it stands for.

    Raises:
        BadInput: a header cannot be read.
    """
    escaped = {name[3:]: value for name, value in headers.items() if name.startswith("ce-")}
    try:
        event: dict[str, Any] = {name: unquote(value, errors="strict") for name, value in escaped.items()}
    except UnicodeDecodeError as error:
        raise BadInput(f"a ce- header whose %-escapes are not UTF-8: {error}") from None
    if body:
        media_type = headers.get("content-type", "").partition(";")[0].strip()
        is_json = media_type.endswith(("/json", "+json")) or not media_type
        event |= {"data": json_of(body)} if is_json else {"data_base64": base64.b64encode(body).decode()}
    return msgspec.json.encode(event)


def _change(entry: Any, gate: Gate) -> Change | None:
    try:
        event = msgspec.convert(entry, Event)
        return _read(event, gate)
    except (msgspec.ValidationError, BadInput) as error:
        gate.refuse(f"not a change as a CloudEvent: {error}")
        return None


def _read(event: Event, gate: Gate) -> Change | None:
    if event.specversion != "1.0":
        raise BadInput(f"expected specversion 1.0, got {event.specversion[:20]!r}")
    told = _told(event)
    subject = told["subject"] or event.subject
    if not subject:
        raise BadInput("it does not say what was changed: set subject, or data.service")
    at_ns = int(event.time.timestamp() * 1000) * 1_000_000 if event.time else gate.now_ns()
    if not gate.is_time(at_ns):
        return None
    return Change(
        id=id_of(event.source, event.id),
        at_ms=at_ns // 1_000_000,
        kind=_kind(told["kind"], event.type),
        subject=subject,
        environment=told["environment"],
        version=told["version"],
        previous_version=told["previous_version"],
        author=told["author"],
        summary=told["summary"][:MOST_SUMMARY],
        source=event.source,
        by_mainstay=bool(event.mainstayplan) or told["by_mainstay"] == "true",
        size=_size(told["size"]),
        outcome=_outcome(told["outcome"]),
    )


def _told(event: Event) -> dict[str, str]:
    """What `data` says, under our names."""
    data = event.data if isinstance(event.data, dict) else {}
    if isinstance(data.get("subject"), dict):
        return _cdevent(data["subject"])
    names = (*NAMES, "environment", "version")
    told = {name: _text(data.get(name)) for name in names}
    return told | {"subject": _text(data.get("service") or data.get("entity") or data.get("subject"))}


def _cdevent(subject: dict[str, Any]) -> dict[str, str]:
    """The subject of a CDEvent: `{"id": …, "content": {"environment": {"id": …}, "artifactId": …}}`."""
    content = subject.get("content")
    content = content if isinstance(content, dict) else {}
    environment = content.get("environment")
    return {
        "subject": _text(subject.get("id")).rpartition("/")[2],
        "environment": _text(environment.get("id") if isinstance(environment, dict) else ""),
        "version": _text(content.get("artifactId")),
        **dict.fromkeys(NAMES, ""),
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)[:MOST_SUMMARY]
    raise BadInput(f"expected text in data, got {type(value).__name__}")


def _size(told: str) -> int:
    if not told:
        return 0
    if not (told.isascii() and told.isdigit()) or int(told) > MOST_SIZE:
        raise BadInput(f"data.size: expected how many files were touched, got {told[:40]!r}")
    return int(told)


def _outcome(told: str) -> ChangeOutcome:
    for outcome in OUTCOMES:
        if told == outcome:
            return outcome
    raise BadInput(f"data.outcome: expected successful or failed, got {told[:40]!r}")


def _kind(told: str, event_type: str) -> ChangeKind:
    for kind in KINDS:
        if told == kind:
            return kind
    lowered = event_type.lower()
    return next((kind for word, kind in WORDS if word in lowered), "other")
