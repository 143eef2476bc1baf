"""The ledger's head, signed: whoever keeps it can prove later that nothing before it was cut off or rewritten."""

from __future__ import annotations

import msgspec

from mainstay.domain.errors import Corrupt
from mainstay.ledger import Head
from mainstay.mlops.trust.signing import Envelope, Keys

PAYLOAD = "application/vnd.mainstay.ledger-head+json"


class SignedHead(msgspec.Struct, frozen=True, kw_only=True):
    """A head, and the DSSE envelope in which the platform signed it."""

    seq: int
    hash: str
    envelope: Envelope


def sign_head(head: Head, keys: Keys) -> SignedHead:
    """Sign the place and hash of the last entry."""
    envelope = keys.sign(msgspec.json.encode(head, order="sorted"), PAYLOAD)
    return SignedHead(seq=head.seq, hash=head.hash, envelope=msgspec.json.decode(envelope, type=Envelope))


def opened_head(envelope: Envelope, keys: Keys) -> Head:
    """The head that was signed.

    Raises:
        Corrupt: There is no head in it.
        Refused: Nobody whom this platform trusts signed it, or it was altered.
    """
    try:
        return msgspec.json.decode(keys.opened(msgspec.json.encode(envelope), PAYLOAD), type=Head)
    except msgspec.DecodeError as error:
        raise Corrupt(f"what was signed is no head of a ledger: {error}") from None
