"""What is signed of a version: an in-toto statement that binds its name to the digests of what it is made of."""

from __future__ import annotations

from typing import Any

import msgspec

from mainstay.domain.errors import Corrupt, Refused
from mainstay.domain.models import ModelVersion
from mainstay.mlops.trust.signing import Keys

PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:mainstay:model-version:1"


class Subject(msgspec.Struct, frozen=True):
    """What is spoken of, by name and digest."""

    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    """In-toto's statement (https://github.com/in-toto/attestation, v1)."""

    type: str
    subject: tuple[Subject, ...]
    predicate_type: str
    predicate: dict[str, Any]


def attest(version: ModelVersion, sbom: str, keys: Keys) -> bytes:
    """The signed statement of a version, as a DSSE envelope. `version.attestation` is not part of it."""
    statement = Statement(STATEMENT, (_subject(version),), PREDICATE, _predicate(version, sbom))
    return keys.sign(msgspec.json.encode(statement, order="deterministic"), PAYLOAD)


def check(version: ModelVersion, envelope: bytes, keys: Keys) -> Statement:
    """The statement, when a trusted key signed it and it speaks of exactly this version.

    Raises:
        Corrupt: No envelope, or no statement in it.
        Refused: Not signed by a trusted key, altered, or signed for something else.
    """
    try:
        found = msgspec.json.decode(keys.opened(envelope, PAYLOAD), type=Statement)
    except msgspec.DecodeError as error:
        raise Corrupt(f"{version.ref}: what was signed is no in-toto statement: {error}") from None
    if (found.type, found.predicate_type) != (STATEMENT, PREDICATE):
        raise Refused(f"{version.ref}: signed as {found.predicate_type[:80]!r}, not as a model version")
    if found.subject != (_subject(version),):
        raise Refused(f"{version.ref}: the signature is for {_names(found)}, not for this artefact")
    said, is_so = found.predicate, _predicate(version, str(found.predicate.get("sbom", "")))
    for name in sorted({*said, *is_so}):
        if said.get(name) != is_so.get(name) and (name in said or is_so.get(name)):  # a newer field that says nothing
            raise Refused(f"{version.ref}: {name} is not what was signed; the record was altered")
    return found


def _subject(version: ModelVersion) -> Subject:
    return Subject(str(version.ref), {"sha256": version.artefact})


def _predicate(version: ModelVersion, sbom: str) -> dict[str, Any]:
    """All that the record says, in plain JSON values."""
    says: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(version))
    return {**{name: value for name, value in says.items() if name != "attestation"}, "sbom": sbom}


def _names(found: Statement) -> str:
    return ", ".join(f"{one.name[:80]} ({one.digest.get('sha256', '')[:16]})" for one in found.subject) or "nothing"
