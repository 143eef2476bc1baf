"""Five ways to tamper with a ledger, at each of a thousand places: the first bad entry is named every time."""

from collections.abc import Callable

import msgspec
import pytest

from mainstay.domain.ledger import Entry, LedgerEntry
from mainstay.ledger import Head, chain, hash_of, verify

COUNT = 1_000


def made() -> list[LedgerEntry]:
    placed: list[LedgerEntry] = []
    for number in range(COUNT):
        entry = Entry(id=f"e{number}", kind="alert", at_ms=number, actor="metrics@1", subject=f"s{number}", output={})
        placed.append(chain(placed[-1] if placed else None, entry))
    return placed


WHOLE = made()
HEAD = Head(WHOLE[-1].seq, WHOLE[-1].hash)
Tampered = tuple[list[LedgerEntry], int]


def edited(place: int) -> Tampered:
    """An output is changed, and its own hash made to fit: the next entry does not follow it any more."""
    forged = msgspec.structs.replace(WHOLE[place], output={"n": 1})
    forged = msgspec.structs.replace(forged, hash=hash_of(forged))
    return [*WHOLE[:place], forged, *WHOLE[place + 1 :]], min(place + 2, COUNT)


def deleted(place: int) -> Tampered:
    return [*WHOLE[:place], *WHOLE[place + 1 :]], place + 1


def inserted(place: int) -> Tampered:
    """One that follows what stands before it: what stood there does not fit any more, or is not what the head names."""
    forged = Entry(id="x", kind="page", at_ms=0, actor="mainstay", subject="x", output={})
    slipped = chain(WHOLE[place - 1] if place else None, forged)
    return [*WHOLE[:place], slipped, *WHOLE[place:]], min(place + 2, COUNT)


def reordered(place: int) -> Tampered:
    other = place + 1 if place + 1 < COUNT else 0
    first, second = sorted((place, other))
    chained = list(WHOLE)
    chained[first], chained[second] = chained[second], chained[first]
    return chained, first + 1


def truncated(place: int) -> Tampered:
    return WHOLE[:place], place + 1


TAMPERING: list[Callable[[int], Tampered]] = [edited, deleted, inserted, reordered, truncated]


@pytest.mark.slow
@pytest.mark.parametrize("how", TAMPERING, ids=lambda how: how.__name__)
def test_tampering_at_each_of_a_thousand_places_is_found_and_named(how: Callable[[int], Tampered]) -> None:
    for place in range(COUNT):
        entries, first_bad = how(place)
        found = verify(entries, HEAD)
        assert not found.is_whole, place
        assert found.first_bad == first_bad, (place, found.why)


def test_the_whole_chain_holds() -> None:
    assert verify(WHOLE, HEAD).count == COUNT
