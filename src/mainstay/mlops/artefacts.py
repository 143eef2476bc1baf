"""Artefacts: the bytes of a version under their own digest. JSON and npz, nothing that could run."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.errors import Corrupt, NotFound
from mainstay.written import write_whole

SUFFIXES = {b"{": ".json", b"PK\x03\x04": ".npz"}
"""The allow-list: first bytes → suffix. There is no switch to add pickle."""


class Artefacts:
    """Content-addressed files in one directory; a file whose bytes are not its name is refused."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def keep(self, body: bytes) -> str:
        """Write the bytes once, durably; returns their sha256."""
        digest = hashlib.sha256(body).hexdigest()
        path = self._directory / (digest + _suffix(body, digest))
        if not path.exists():
            write_whole(path, body)
        return digest

    def read(self, digest: str) -> bytes:
        """The bytes of an artefact.

        Raises:
            NotFound: There is no such file.
            Corrupt: The bytes are not those that were registered.
        """
        for suffix in SUFFIXES.values():
            path = self._directory / (digest + suffix)
            if path.is_file():
                body = path.read_bytes()
                found = hashlib.sha256(body).hexdigest()
                if found != digest:
                    raise Corrupt(f"artefact {path.name} has digest {found[:16]}…: not what was registered, refused")
                return body
        raise NotFound(f"there is no artefact {digest}; restore the artefacts directory from a backup")

    def load(self, digest: str) -> dict[str, Any]:
        """An artefact as data: the JSON object, or the arrays of an npz by name."""
        body = self.read(digest)
        if _suffix(body, digest) == ".json":
            values: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
            return values
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


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
    raise Corrupt(f"artefact {digest[:16]}… is neither a JSON object nor npz; nothing else is loaded")
