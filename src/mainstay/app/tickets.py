"""Tickets that were imported, told to the pipeline once, so that incidents can be compared with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from mainstay.domain.errors import Corrupt
from mainstay.domain.records import Command
from mainstay.domain.similar import PastIncident, Ticket
from mainstay.intelligence.past.stage import past_of_ticket
from mainstay.store.control import Control
from mainstay.store.mlops import ModelStore

FILE = "history/tickets.json"
"""In the data folder, where `mainstay import incidents` keeps them."""
AT_ONCE = 500
NEWEST = 2_000
"""Of more tickets the newest are told: the memory holds 5,000, and what is our own must have room."""


def untold(data: Path, control: Control, at_ms: int) -> Iterator[Command]:
    """Commands that tell the tickets which are not remembered yet, or otherwise than they are written now."""
    store = ModelStore(control.database, control.tenant, control.feed)
    known = {one.id: one for one in store.find(PastIncident, limit=None) if one.is_ticket}
    newest = _kept(data / FILE)[-NEWEST:]
    tickets = [past_of_ticket(one.id, one.title, one.service, one.opened_ms, one.resolved_ms) for one in newest]
    new = [one for one in tickets if known.get(one.id) != one]
    for start in range(0, len(new), AT_ONCE):
        body = msgspec.json.encode(new[start : start + AT_ONCE]).decode()
        yield Command(kind="remember", by="mainstay", at_ms=at_ms, subject="tickets", arguments={"tickets": body})


def _kept(path: Path) -> list[Ticket]:
    """By time, oldest first."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Ticket])
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{path} cannot be read ({error}): remove it and import the tickets again") from None
