"""Signatures: who made an artefact, so that nobody else's is ever served.

A DSSE envelope (https://github.com/secure-systems-lab/dsse) around any payload, signed with Ed25519. The platform
makes its key at first start; a rotated key signs no more, and what it signed stays trusted until its public half is
taken out of `keys/trusted/`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mainstay.domain.errors import Corrupt, Refused
from mainstay.written import write_whole

PRIVATE, TRUSTED = "signing.pem", "trusted"
MOST_ENVELOPE_BYTES = 1 << 20


class Signature(msgspec.Struct, frozen=True):
    """One signature, and which key made it."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, rename={"payload_type": "payloadType"}):
    """A payload with its type and signatures, as DSSE writes it."""

    payload_type: str
    payload: str
    signatures: tuple[Signature, ...]


class Keys:
    """The platform's signing key, and the keys whose signatures count.

    Args:
        folder: Made 0700 when it is not there, with a new key in it, 0600.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._one_at_a_time = folder, threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / TRUSTED).mkdir(mode=0o700, exist_ok=True)
        path = folder / PRIVATE
        if path.exists():
            self._private = _read_private(path)
        else:
            self._private = Ed25519PrivateKey.generate()
            self._trust(self._private)
            self._keep(self._private)
        self.trusted = _read_trusted(folder / TRUSTED)

    @property
    def keyid(self) -> str:
        """The key that signs now: sha256 of its public half."""
        return keyid_of(self._private.public_key())

    def sign(self, payload: bytes, payload_type: str) -> bytes:
        """The payload in an envelope, as JSON."""
        made = self._private.sign(authenticated(payload_type, payload))
        envelope = Envelope(payload_type, _text(payload), (Signature(self.keyid, _text(made)),))
        return msgspec.json.encode(envelope)

    def opened(self, envelope: bytes, payload_type: str) -> bytes:
        """The payload, when a trusted key signed exactly it.

        Raises:
            Corrupt: These bytes are no envelope.
            Refused: Another type of payload, no signature by a trusted key, or not of these bytes.
        """
        found = _read(envelope)
        if found.payload_type != payload_type:
            raise Refused(f"the envelope holds {found.payload_type[:80]!r}, not {payload_type!r}: refused")
        payload = _bytes(found.payload)
        known = [one for one in found.signatures if one.keyid in self.trusted]
        if not known:
            names = ", ".join(one.keyid[:16] for one in found.signatures) or "nobody"
            raise Refused(f"signed by {names}, whom nobody trusts here; trusted keys lie in keys/{TRUSTED}")
        for one in known:
            try:
                self.trusted[one.keyid].verify(_bytes(one.sig), authenticated(payload_type, payload))
            except InvalidSignature:
                raise Refused(f"the signature of {one.keyid[:16]} is not of these bytes: altered") from None
        return payload

    def public_keys(self) -> dict[str, bytes]:
        """The keys whose signatures count, by id, as PEM: for who wants to check without us."""
        form_of = (form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
        return {name: key.public_bytes(*form_of) for name, key in sorted(self.trusted.items())}

    def rotate(self, record: Callable[[str, str], None]) -> str:
        """Sign with a new key from now on. The old private half is gone; what it signed stays trusted.

        Args:
            record: Told the old and the new id before the new key signs anything; when it raises, nothing changes but
                that a key is trusted which signed nothing and is gone.

        Returns:
            The id of the new key.
        """
        with self._one_at_a_time:
            private = Ed25519PrivateKey.generate()
            now = keyid_of(private.public_key())
            self._trust(private)
            record(self.keyid, now)
            self._keep(private)
            self.trusted = _read_trusted(self._folder / TRUSTED)
            self._private = private
            return now

    def _trust(self, private: Ed25519PrivateKey) -> None:
        """Before it signs: a crash in between leaves a key that signed nothing, never a signature without a key."""
        public = private.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
        write_whole(self._folder / TRUSTED / f"{keyid_of(private.public_key())}.pem", public)

    def _keep(self, private: Ed25519PrivateKey) -> None:
        secret = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        write_whole(self._folder / PRIVATE, secret)


def keyid_of(key: Ed25519PublicKey) -> str:
    """The name of a key: sha256 of its 32 raw bytes, in hex."""
    return hashlib.sha256(key.public_bytes(form.Encoding.Raw, form.PublicFormat.Raw)).hexdigest()


def authenticated(payload_type: str, payload: bytes) -> bytes:
    """What is signed: type and payload with their lengths, so that no two pairs give the same bytes (DSSE's PAE).

    >>> authenticated("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _read(body: bytes) -> Envelope:
    if len(body) > MOST_ENVELOPE_BYTES:
        raise Corrupt(f"an envelope of {len(body):,} bytes; {MOST_ENVELOPE_BYTES:,} are the most")
    try:
        return msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupt(f"this is no DSSE envelope: {error}") from None


def _read_private(path: Path) -> Ed25519PrivateKey:
    try:
        key = form.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise Corrupt(f"{path} is no private key ({error}); move it away and a new one is made") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Corrupt(f"{path} is not an Ed25519 key; move it away and a new one is made")
    return key


def _read_trusted(folder: Path) -> dict[str, Ed25519PublicKey]:
    found: dict[str, Ed25519PublicKey] = {}
    for path in sorted(folder.glob("*.pem")):
        try:
            key = form.load_pem_public_key(path.read_bytes())
        except ValueError as error:
            raise Corrupt(f"{path} is no public key ({error}); take it away") from None
        if not isinstance(key, Ed25519PublicKey):
            raise Corrupt(f"{path} is not an Ed25519 key; take it away")
        found[keyid_of(key)] = key
    return found


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Corrupt(f"this is no base64: {error}") from None
