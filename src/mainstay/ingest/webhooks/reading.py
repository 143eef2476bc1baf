"""What all webhooks have in common: the envelope that a record keeps, and fields that may be missing or of any type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from mainstay.domain.changes import Change, ChangeKind
from mainstay.domain.errors import BadInput
from mainstay.domain.signals import Decoded
from mainstay.ingest.documents import json_of
from mainstay.ingest.limits import Gate

MOST_TEXT = 1024
MOST_SUMMARY = 4096
INFRASTRUCTURE = (".tf", ".tfvars", ".bicep")
CONFIGURATION = (".yaml", ".yml", ".json", ".toml", ".ini", ".env", ".conf", ".cfg", ".properties")


class Envelope(msgspec.Struct, frozen=True):
    """A webhook as it is kept: what stood in its headers (event, id of the delivery), and its body."""

    event: str
    delivery: str
    payload: dict[str, Any]


def wrapped(event: str, delivery: str, body: bytes) -> bytes:
    """The record of a webhook; what is no JSON is found when it is read.

    >>> wrapped("push", "7", b'{"ref": "x"}')
    b'{"event":"push","delivery":"7","payload":{"ref": "x"}}'
    """
    return msgspec.json.encode({"event": event, "delivery": delivery, "payload": msgspec.Raw(body or b"null")})


def opened(body: bytes) -> Envelope:
    """What was wrapped.

    Raises:
        BadInput: It is no JSON, or its payload is no object.
    """
    try:
        return msgspec.convert(json_of(body), Envelope)
    except msgspec.ValidationError as error:
        raise BadInput(f"not a webhook: {error}") from None


def change_in(body: bytes, received_ns: int, sender: str, read: Callable[[Envelope, Gate], Change | None]) -> Decoded:
    """One delivery of a sender, as `read` understands it. An event that is no change holds nothing and is accepted.

    Raises:
        BadInput: It is not JSON.
    """
    gate, envelope = Gate(received_ns), opened(body)
    try:
        change = read(envelope, gate)
    except BadInput as error:
        gate.refuse(f"not a {envelope.event[:40]} of {sender}: {error}")
        change = None
    return gate.sign(Decoded(changes=(change,) if change else ()))


def at(document: Any, *path: str) -> Any:
    """What stands under a path of names; None where there is nothing.

    >>> at({"a": {"b": 1}}, "a", "b"), at({"a": 3}, "a", "b")
    (1, None)
    """
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def text(document: Any, *path: str, most: int = MOST_TEXT) -> str:
    """The same as text; "" where there is none.

    Raises:
        BadInput: Something else stands there; names the field.
    """
    found = at(document, *path)
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise BadInput(f"{'.'.join(path)}: expected text, got {type(found).__name__}")
    return str(found)[:most]


def moment_ns(said: str, field: str) -> int:
    """A time in nanoseconds since 1970.

    >>> moment_ns("2026-11-20T10:00:00Z", "at")
    1795168800000000000
    >>> moment_ns("2021-04-28 21:50:00 +0200", "at")
    1619639400000000000

    Raises:
        BadInput: It is none, or names no zone; names the field.
    """
    for pattern in ("iso", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S UTC"):
        try:
            found = datetime.fromisoformat(said) if pattern == "iso" else datetime.strptime(said, pattern)  # noqa: DTZ007
        except ValueError:
            continue
        if pattern.endswith("UTC"):
            found = found.replace(tzinfo=UTC)
        if found.tzinfo is not None:
            return int(found.timestamp() * 1000) * 1_000_000
    raise BadInput(f"{field}: expected a time with its zone, got {said[:40]!r}")


def identity(*parts: str) -> str:
    """Id of a change, the same whenever it is told again."""
    return f"change-{blake2b(chr(0).join(parts).encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def kind_of_files(names: Iterable[str]) -> ChangeKind:
    """What a push to the main line changes, by the files it touches: all of a kind, or it is just code.

    >>> kind_of_files(["net/main.tf"]), kind_of_files(["values.yaml", "b.yml"]), kind_of_files(["a.py", "b.yml"])
    ('infrastructure', 'config', 'other')
    """
    known = [name.lower() for name in names]
    if known and all(name.endswith(INFRASTRUCTURE) for name in known):
        return "infrastructure"
    return "config" if known and all(name.endswith((*CONFIGURATION, *INFRASTRUCTURE)) for name in known) else "other"


def files_of(commits: Any) -> list[str]:
    """The files that commits of a push touched, each once; both GitHub and GitLab write them so."""
    found: dict[str, None] = {}
    for commit in commits if isinstance(commits, list) else ():
        for how in ("added", "modified", "removed"):
            names = at(commit, how)
            found.update((str(name)[:MOST_TEXT], None) for name in (names if isinstance(names, list) else ())[:10_000])
    return list(found)
