"""The ledger: every decision in one chain, so that nobody can change, drop, slip in or reorder one unseen.

An entry's hash covers its content, its place (`seq`) and the hash before it. Whoever holds a head (`seq` and hash of
the last entry) can later prove that everything up to it is still there and is what it was. Without a head from outside
the machine, a chain rewritten from some entry to its end is consistent again: export heads. See `docs/ledger.md`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from mainstay.domain.ledger import Entry, LedgerEntry

GENESIS = "0" * 64
"""What the first entry names as its previous."""

_DOMAIN = b"mainstay-ledger-1\n"
# so that the hash of an entry can never be the hash of some other document of ours


class Head(msgspec.Struct, frozen=True):
    """The last entry's place and hash: keep it elsewhere, and truncation is seen."""

    seq: int
    hash: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries hold, and if not all: which one is the first that does not, and why.

    Attributes:
        count: Entries that were checked and hold, before the first bad one.
        expired: Of these, how many rested on inputs that are no longer kept; their digests are.
        first_bad: The first place in the chain where not the right entry stands; None when the chain holds.
        head: The last good entry.
    """

    count: int
    expired: int = 0
    first_bad: int | None = None
    why: str = ""
    head: Head | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every entry holds."""
        return self.first_bad is None


def canonical(value: Any) -> bytes:
    """One byte string per value: JSON in UTF-8, all keys sorted, no spaces.

    Floats are written in their shortest form that reads back the same; a float that JSON cannot write is a string.
    Decoding and encoding again gives the same bytes.

    >>> canonical({"b": 1.0, "a": [float("nan"), 2**70]})
    b'{"a":["NaN",1180591620717411303424],"b":1.0}'
    """
    try:
        body = msgspec.json.encode(value, order="sorted", enc_hook=_number)
        if b"null" not in body:  # no NaN in disguise: the quick way was right
            return body
    except (TypeError, UnicodeEncodeError):  # keys that are no text, halves of surrogate pairs
        pass
    plain = msgspec.to_builtins(value, str_keys=True, order="sorted", enc_hook=_number)
    return msgspec.json.encode(_writable(plain), order="sorted")


def digest(value: Any) -> str:
    """sha256 of the canonical form, in hex; "" for nothing."""
    return "" if value is None else hashlib.sha256(canonical(value)).hexdigest()


def chain(previous: LedgerEntry | Head | None, entry: Entry) -> LedgerEntry:
    """The entry in its place behind `previous`.

    >>> one = chain(None, Entry(id="a", kind="alert", at_ms=1, actor="metrics@1", subject="x", output={}))
    >>> verify([one]).is_whole
    True
    """
    placed = LedgerEntry(
        seq=previous.seq + 1 if previous else 1,
        id=_writable(entry.id),
        kind=entry.kind,
        at_ms=entry.at_ms,
        actor=_writable(entry.actor),
        subject=_writable(entry.subject),
        output=msgspec.json.decode(canonical(entry.output)),
        rests_on=tuple(_writable(name) for name in entry.rests_on),
        inputs_digest=digest(entry.inputs),
        previous=previous.hash if previous else GENESIS,
        hash="",
    )
    return msgspec.structs.replace(placed, hash=hash_of(placed))


def hash_of(entry: LedgerEntry) -> str:
    """The hash that this content in this place must have."""
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "hash"}
    return hashlib.sha256(_DOMAIN + canonical(fields)).hexdigest()


def verify(
    entries: Iterable[LedgerEntry],
    head: Head | None = None,
    frozen: Callable[[str], bytes | None] | None = None,
    expired_ms: int = 0,
) -> Verified:
    """Walk the chain from its first entry and name the first one that does not hold.

    Args:
        entries: In the order of their place, from the beginning; may be a stream.
        head: A head exported earlier: it must still be in the chain.
        frozen: Gives the canonical bytes of inputs by digest; when it is given, inputs are verified too.
        expired_ms: Inputs of entries before this moment may have gone, because they were old.
    """
    last, expired = Head(0, GENESIS), 0
    for entry in entries:
        why = _fault(last, entry, head)
        if not why and frozen and entry.inputs_digest:
            body = frozen(entry.inputs_digest)
            is_expired = body is None and entry.at_ms < expired_ms
            expired += is_expired
            why = "" if is_expired else _inputs_fault(entry, body)
        if why:
            good = last if last.seq else None
            return Verified(count=last.seq, expired=expired, first_bad=last.seq + 1, why=why, head=good)
        last = Head(entry.seq, entry.hash)
    if head and head.seq > last.seq:
        why = f"truncated: entries {last.seq + 1} to {head.seq} were there when the head was exported and are gone"
        good = last if last.seq else None
        return Verified(count=last.seq, expired=expired, first_bad=last.seq + 1, why=why, head=good)
    return Verified(count=last.seq, expired=expired, head=last if last.seq else None)


def _fault(last: Head, entry: LedgerEntry, head: Head | None) -> str:
    expected = last.seq + 1
    if hash_of(entry) != entry.hash:
        return f"edited: the content of entry {entry.seq} ({entry.id}) does not give its hash"
    if entry.seq > expected:
        gone = f"entry {expected}" if entry.seq == expected + 1 else f"entries {expected} to {entry.seq - 1}"
        return f"deleted or moved: {gone} should stand before entry {entry.seq} ({entry.id})"
    if entry.seq < expected:
        return f"inserted or moved: entry {entry.seq} ({entry.id}) stands where entry {expected} should"
    if entry.previous != last.hash:
        before = f"entry {last.seq}" if last.seq else "the beginning"
        return (
            f"inserted or rewritten: entry {entry.seq} ({entry.id}) was not chained to {before} as it stands now; "
            "one of the two was made later"
        )
    if head and head.seq == entry.seq and head.hash != entry.hash:
        return f"rewritten: entry {entry.seq} ({entry.id}) is not the one that the exported head names"
    return ""


def _inputs_fault(entry: LedgerEntry, body: bytes | None) -> str:
    if body is None:
        return f"inputs lost: what entry {entry.seq} ({entry.id}) rested on is not stored any more"
    if hashlib.sha256(body).hexdigest() != entry.inputs_digest:
        return f"inputs edited: what is stored for entry {entry.seq} ({entry.id}) is not what it rested on"
    return ""


def _number(value: Any) -> Any:
    if hasattr(value, "tolist"):  # a numpy scalar or array
        return value.tolist()
    raise TypeError(f"a ledger entry holds JSON; {type(value).__name__} has no place in it")


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()  # half of a surrogate pair is no character
    return value
