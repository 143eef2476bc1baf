"""The console's files, read once at the start: nothing on disk can be reached by a path."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_WORTH_GZIP = 1024
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes | None
    kind: str
    tag: str


class ConsoleFiles:
    """Serves what stood in a folder at the start; `/` is its `index.html`."""

    def __init__(self, directory: Path) -> None:
        self._files = {f"/{p.relative_to(directory).as_posix()}": _read(p) for p in _listed(directory)}
        if "/index.html" in self._files:
            self._files["/"] = self._files["/index.html"]

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return path in self._files

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        """Answer GET or HEAD for a path that `has` said yes to."""
        file = self._files[scope["path"]]
        asked = dict(scope["headers"])
        headers = [(b"etag", file.tag.encode()), (b"cache-control", b"no-cache"), (b"vary", b"accept-encoding")]
        if asked.get(b"if-none-match") == file.tag.encode():
            await _answer(send, 304, headers, b"")
            return
        body = file.body
        if file.packed is not None and b"gzip" in asked.get(b"accept-encoding", b""):
            body = file.packed
            headers.append((b"content-encoding", b"gzip"))
        headers += [(b"content-type", file.kind.encode()), (b"content-length", str(len(body)).encode())]
        await _answer(send, 200, headers, b"" if scope["method"] == "HEAD" else body)


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _listed(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file() and not path.name.startswith("."))


def _read(path: Path) -> _File:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    is_text = kind.startswith("text/") or kind in {"application/json", "image/svg+xml"}
    packed = gzip.compress(body, mtime=0) if is_text and len(body) > _WORTH_GZIP else None
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return _File(body, packed, f"{kind}; charset=utf-8" if is_text else kind, tag)
