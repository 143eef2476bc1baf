"""How a program reaches the running platform: over HTTP, as a named user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.domain.errors import BadInput, MainstayError, NotFound, Refused

if TYPE_CHECKING:
    import httpx

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
        import httpx  # a platform that starts needs only the names above

        url = url or os.environ.get("MAINSTAY_URL", "") or _read(data / ADDRESS_FILE) or "http://127.0.0.1:8080"
        token = token or os.environ.get("MAINSTAY_TOKEN", "") or _read(data / TOKEN_FILE)
        self.url, self.token = url, token
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        """Read; a value of None is left out of the query."""
        return self._ask("GET", path, params={k: v for k, v in query.items() if v is not None})

    def text(self, path: str) -> str:
        """Read what is no JSON: a model card, a table for a spreadsheet."""
        return self._send("GET", path).text

    def post(self, path: str, body: Any = None) -> Any:
        """Act."""
        return self._ask("POST", path, json=body if body is not None else {})

    def is_ready(self) -> bool:
        """Whether it answers and every stage runs."""
        import httpx

        try:
            return self._http.get("/readyz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def as_user(self, token: str) -> Client:
        """The same platform, as somebody else."""
        return Client(Path(), self.url, token)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, **rest: Any) -> Any:
        response = self._send(method, path, **rest)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **rest: Any) -> httpx.Response:
        import httpx

        try:
            response = self._http.request(method, "/api/v1/" + path, **rest)
        except httpx.TransportError as error:
            raise MainstayError(f"no platform answers at {self.url} ({error}); start one with `mainstay up`") from None
        if response.is_success:
            return response
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
