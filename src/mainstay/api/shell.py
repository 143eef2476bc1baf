"""What stands round every answer: the headers that keep a browser safe, and the check of the host's name.

Every answer passes here, also those of the ingest door, of static files, and errors: a header that is set per route
is missing on the one route that nobody thought of.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from mainstay.api.errors import trouble
from mainstay.api.platform import Asgi, Door, Message, Receive, Scope, Send
from mainstay.console.files import ConsoleFiles

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Shell:
    """The outermost ASGI application: checks the host, sets headers, and hands on to door, files or API.

    Args:
        hosts: Names under which this server may be called beside those of the loopback.
        policy: The Content-Security-Policy.
    """

    def __init__(self, api: Asgi, door: Door, files: ConsoleFiles, *, hosts: Iterable[str], policy: str) -> None:
        self._api, self._door, self._files = api, door, files
        self._hosts = frozenset(host.lower() for host in hosts)
        self._headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"x-frame-options", b"DENY"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the start and end of the server."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._with_ours(message.get("headers", ()))
            await send(message)

        if not self._is_called_rightly(scope):
            await _misdirected(guarded, _host(scope))
        elif self._door.handles(scope["path"]):
            await self._door(scope, receive, guarded)
        elif scope["method"] in {"GET", "HEAD"} and self._files.has(scope["path"]):
            await self._files(scope, receive, guarded)
        else:
            await self._api(scope, receive, guarded)

    def _with_ours(self, theirs: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        ours = {name for name, _ in self._headers}
        headers = [(name, value) for name, value in theirs if name.lower() not in ours]
        if not any(name.lower() == b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        return headers + self._headers

    def _is_called_rightly(self, scope: Scope) -> bool:
        """Whether the name in the Host header is one of ours.

        A page on the internet can let its own name point to 127.0.0.1 and have the visitor's browser talk to us
        (DNS rebinding); the name is then still in the Host header.
        """
        host = _host(scope)
        address = _local_address(scope)
        if address in LOOPBACK or address.startswith("127."):
            return host in LOOPBACK or host in self._hosts
        return not self._hosts or host in self._hosts or host in LOOPBACK or _is_address(host)


def _host(scope: Scope) -> str:
    raw = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").strip().lower()
    if raw.startswith("["):
        return raw[1:].partition("]")[0]
    return raw.partition(":")[0]


def _local_address(scope: Scope) -> str:
    server = scope.get("server")
    return str(server[0]) if server else "127.0.0.1"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _misdirected(send: Send, host: str) -> None:
    says = f"this server is not {host[:100]!r}"
    body = msgspec.json.encode(trouble(421, says, "name the host under `allowed_hosts` in the settings"))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body})
