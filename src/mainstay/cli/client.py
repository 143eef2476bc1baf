"""How a command reaches the running platform: over HTTP, as a named user."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from mainstay.domain.errors import BadInput, MainstayError, NotFound, Refused

F = TypeVar("F", bound=Callable[..., Any])
ADDRESS_FILE = "address"
TOKEN_FILE = "admin-token"  # noqa: S105  the name of the file, not a token


def default_data() -> Path:
    """Where the platform keeps its data unless told: the user's data folder."""
    root = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(os.environ.get("MAINSTAY_DATA") or Path(root) / "mainstay")


class Client:
    """The platform's API.

    Args:
        data: The platform's data folder: its address and, for its owner, the admin token are read from there.
        url: Overrides the address; `MAINSTAY_URL` does too.
        token: Overrides the token; `MAINSTAY_TOKEN` does too.
    """

    def __init__(self, data: Path, url: str = "", token: str = "") -> None:
        url = url or os.environ.get("MAINSTAY_URL", "") or _read(data / ADDRESS_FILE) or "http://127.0.0.1:8080"
        token = token or os.environ.get("MAINSTAY_TOKEN", "") or _read(data / TOKEN_FILE)
        self.url = url
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        """Read; a value of None is left out of the query."""
        return self._ask("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Any = None) -> Any:
        """Act."""
        return self._ask("POST", path, json=body if body is not None else {})

    def _ask(self, method: str, path: str, **rest: Any) -> Any:
        try:
            response = self._http.request(method, "/api/v1/" + path, **rest)
        except httpx.TransportError as error:
            raise MainstayError(f"no platform answers at {self.url} ({error}); start one with `mainstay up`") from None
        if response.is_success:
            return response.json() if response.content else None
        says = _reason(response)
        raise {401: Refused, 403: Refused, 404: NotFound}.get(response.status_code, BadInput)(says)


def _reason(response: httpx.Response) -> str:
    try:
        body = response.json()
        words = [str(body[key]) for key in ("error", "detail", "hint") if body.get(key)]
    except (ValueError, AttributeError, TypeError):
        words = [response.text[:200]]
    return f"{': '.join(words)} (HTTP {response.status_code})"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def with_client(command: F) -> F:
    """Give a command `--data`, `--url` and `--token`, and call it with a `Client` first."""

    def call(*args: Any, data: Path, url: str, token: str, **rest: Any) -> Any:
        return command(Client(data, url, token), *args, **rest)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("--token", default="", help="Token of a user (or MAINSTAY_TOKEN)."),
        click.option("--url", default="", help="Address of the platform (or MAINSTAY_URL)."),
        click.option("--data", type=click.Path(path_type=Path), default=default_data, help="The platform's data folder."),
    ):
        call = option(call)
    return call  # type: ignore[return-value]
