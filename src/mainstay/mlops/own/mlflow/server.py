"""How an MLflow server is asked: one method per verb, its errors in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mainstay.domain.errors import BadInput, MainstayError, NotFound, Refused

if TYPE_CHECKING:
    import httpx

API = "/api/2.0/mlflow/"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
PER_PAGE = 200


class Mlflow:
    """A tracking server with its model registry (https://mlflow.org/docs/latest/rest-api.html).

    Args:
        uri: `http://…` or `https://…`; a database or a folder is no server.
        user, password, token: As MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN are meant.
    """

    def __init__(self, uri: str, user: str = "", password: str = "", token: str = "") -> None:
        import httpx

        if not uri.startswith(("http://", "https://")):
            raise BadInput(f"{uri[:80]!r} is no address of an MLflow server: give http://HOST:PORT")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        auth = (user, password) if user and not token else None
        self.uri = uri.rstrip("/")
        self._http = httpx.Client(base_url=self.uri, headers=headers, auth=auth, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        """Read."""
        return self._ask("GET", API + path, params=query).json()

    def post(self, path: str, **body: Any) -> Any:
        """Make or change."""
        return self._ask("POST", API + path, json=body).json()

    def delete(self, path: str, **body: Any) -> None:
        """Take away."""
        self._ask("DELETE", API + path, json=body)

    def pages(self, path: str, key: str, *, by_post: bool = False, **query: Any) -> Iterator[Mapping[str, Any]]:
        """Everything that a search finds, page by page."""
        token = ""
        while True:
            asked = {**query, "max_results": PER_PAGE, **({"page_token": token} if token else {})}
            found = self.post(path, **asked) if by_post else self.get(path, **asked)
            yield from found.get(key, ())
            token = found.get("next_page_token", "")
            if not token:
                return

    def artifact(self, path: str, most: int) -> bytes:
        """One file that the server itself serves, of at most so many bytes.

        Raises:
            BadInput: It is larger. NotFound: There is none.
        """
        with self._http.stream("GET", ARTIFACTS + path) as response:
            if not response.is_success:
                response.read()
                raise _error(response)
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > most:
                    raise BadInput(f"{path} has more than {most:,} bytes: refused")
            return bytes(body)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        import httpx

        try:
            response = self._http.request(method, path, **rest)
        except httpx.TransportError as error:
            raise MainstayError(f"no MLflow server answers at {self.uri} ({error})") from None
        if not response.is_success:
            raise _error(response)
        return response


def _error(response: httpx.Response) -> MainstayError:
    try:
        body = response.json()
        says = f"{body.get('error_code', '')}: {body.get('message', '')}"
    except (ValueError, AttributeError):
        says = response.text[:200]
    kind = {401: Refused, 403: Refused, 404: NotFound}.get(response.status_code, BadInput)
    return kind(f"MLflow says {says[:300]} (HTTP {response.status_code})")
