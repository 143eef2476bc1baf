"""Artefacts: the bytes of a version under their own digest. JSON, npz, and ONNX that holds all that it needs.

Nothing of them runs here. An ONNX model is kept and read as bytes (`own/wire.py` checks them at both), never as data.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.errors import Corrupt, NotFound
from mainstay.mlops.own.wire import FIRST_BYTE, check_wire
from mainstay.written import write_whole

SUFFIXES = {b"{": ".json", b"PK\x03\x04": ".npz", FIRST_BYTE: ".onnx"}
"""The allow-list: first bytes → suffix. There is no switch to add pickle."""
MOST_BYTES = 256 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEMBER = re.compile(r"[A-Za-z0-9_]{1,64}\.npy")
_BROKEN = (
    zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError, RuntimeError, MemoryError,
    SyntaxError, tokenize.TokenError,
)  # fmt: skip
"""What zipfile and numpy raise on bytes that are not what they say (a password, an unknown method, a cut end)."""


class Artefacts:
    """Content-addressed files in one directory; a file whose bytes are not its name is refused."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def keep(self, body: bytes) -> str:
        """Write the bytes once, durably; returns their sha256."""
        digest = hashlib.sha256(body).hexdigest()
        suffix = _suffix(body, digest)
        if suffix == ".onnx":
            check_wire(body)
        path = self._directory / (digest + suffix)
        if not path.exists():
            write_whole(path, body)
        return digest

    def read(self, digest: str) -> bytes:
        """The bytes of an artefact.

        Raises:
            NotFound: There is no such file.
            Corrupt: The bytes are not those that were registered, or the file is no plain file.
        """
        if not _DIGEST.fullmatch(digest):
            raise Corrupt(f"{digest[:80]!r} is no sha256 in hex: refused")
        for suffix in SUFFIXES.values():
            path = self._directory / (digest + suffix)
            if (body := _plain(path)) is not None:
                found = hashlib.sha256(body).hexdigest()
                if found != digest:
                    raise Corrupt(f"artefact {path.name} has digest {found[:16]}…: not what was registered, refused")
                if suffix == ".onnx":
                    check_wire(body)
                return body
        raise NotFound(f"there is no artefact {digest}; restore the artefacts directory from a backup")

    def load(self, digest: str) -> dict[str, Any]:
        """An artefact as data: the JSON object, or the arrays of numbers of an npz by name.

        Raises:
            NotFound, Corrupt: It is not there, not what was registered, or not of these two formats.
        """
        body = self.read(digest)
        suffix = _suffix(body, digest)
        if suffix == ".onnx":
            raise Corrupt(f"artefact {digest[:16]}… is an ONNX model: it is run, not read as data")
        try:
            return object_of(body) if suffix == ".json" else arrays_of(body)
        except Corrupt as error:
            raise Corrupt(f"artefact {digest[:16]}…: {error}") from None


def object_of(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Corrupt: It is none.
    """
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"not a JSON object: {error}") from None


def arrays_of(body: bytes) -> dict[str, Any]:
    """The arrays of an npz: numbers only, of plain names, no more than `MOST_BYTES` when unpacked.

    What is unpacked is bounded before it is unpacked, and no code path leads to pickle.

    Raises:
        Corrupt: Anything else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            members = packed.infolist()
            _check(members)
            return {member.filename.removesuffix(".npy"): _array(packed, member) for member in members}
    except _BROKEN as error:
        raise Corrupt(f"not an npz of numbers: {error}") from None


def _check(members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    odd = next((name for name in names if not _MEMBER.fullmatch(name)), None)
    if odd is not None:
        raise Corrupt(f"holds {odd[:80]!r}, which is no name of an array")
    if len(set(names)) < len(names):
        raise Corrupt("holds two arrays of one name")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise Corrupt(f"unpacks to more than {MOST_BYTES:,} bytes")


def _array(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    with packed.open(member) as file:
        body = file.read(member.file_size + 1)
    if len(body) != member.file_size:
        raise Corrupt(f"{member.filename} is not as long as it says")
    stream = io.BytesIO(body)
    array = np.lib.format.read_array(stream, allow_pickle=False)
    if array.dtype.kind not in "biuf" or stream.read(1):
        raise Corrupt(f"{member.filename} is not an array of numbers and nothing else")
    return array


def _plain(path: Path) -> bytes | None:
    """The bytes of a file that is no link and not too large; None when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:  # a link
        raise Corrupt(f"artefact {path.name} cannot be opened as a plain file: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
        os.close(descriptor)
        raise Corrupt(f"artefact {path.name} is no plain file of at most {MOST_BYTES:,} bytes: refused")
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def canonical(values: dict[str, Any]) -> bytes:
    """JSON that is the same bytes for the same content.

    >>> canonical({"b": 1, "a": 2.0})
    b'{"a":2.0,"b":1}'
    """
    return msgspec.json.encode(values, order="deterministic")


def _suffix(body: bytes, digest: str) -> str:
    for start, suffix in SUFFIXES.items():
        if body.startswith(start):
            return suffix
    raise Corrupt(f"artefact {digest[:16]}… is neither a JSON object nor npz nor ONNX; nothing else is loaded")
