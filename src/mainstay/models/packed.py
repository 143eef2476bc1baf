"""State as bytes: a format number, then msgpack. Never pickle: a snapshot is data, it cannot run anything."""

from __future__ import annotations

from typing import Any

import msgspec

from mainstay.domain.errors import Corrupt


def pack(name: str, number: int, state: dict[str, Any]) -> bytes:
    """State with its format in front.

    >>> unpack(pack("edges", 1, {"a": 1}), "edges", 1)
    {'a': 1}
    """
    return msgspec.msgpack.encode({"format": name, "number": number, "state": state})


def unpack(raw: bytes, name: str, number: int) -> dict[str, Any]:
    """What `pack` wrote; Corrupt when it is something else or of another format number."""
    try:
        whole = msgspec.msgpack.decode(raw)
    except msgspec.DecodeError as error:
        raise Corrupt(f"the state of {name} cannot be read: {error}") from error
    found = (whole.get("format"), whole.get("number")) if isinstance(whole, dict) else None
    if found != (name, number):
        raise Corrupt(f"the state is not of {name} format {number} but {found}; start this model without it")
    state: dict[str, Any] = whole["state"]
    return state
