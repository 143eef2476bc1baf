"""How a page travels: Alertmanager's API v2, or a signed webhook. Errors are said without address or secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.domain.pages import Page
from mainstay.outbox.pages import utc
from mainstay.settings import Receiver

if TYPE_CHECKING:
    import httpx

ANSWER_WITHIN_S = 10.0
SIGNATURE = "X-Mainstay-Signature"


class Wire:
    """Sends to the configured receivers. `""` is delivered; anything else says why not."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._client: httpx.AsyncClient | None = None

    async def alerts(self, alerts: Sequence[dict[str, Any]]) -> str:
        """Hand alerts to Alertmanager."""
        url = f"{self._receiver.alertmanager_url.rstrip('/')}/api/v2/alerts"
        return await self._post(url, msgspec.json.encode(alerts), {})

    async def webhook(self, page: Page) -> str:
        """Hand a page to the webhook, signed if there is a secret; never unsigned when the secret cannot be read."""
        told = {**page.body, "key": page.key, "at": utc(page.created_ms), "decided_by": page.decided_by}
        body = msgspec.json.encode(told, order="deterministic")
        headers = {"Idempotency-Key": page.key}
        if self._receiver.webhook_secret_file:
            secret = self._secret()
            if not secret:
                return "webhook_secret_file is empty or cannot be read"
            headers[SIGNATURE] = signature(secret, body)
        return await self._post(self._receiver.webhook_url, body, headers)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _secret(self) -> bytes:
        """Read each time, so that a secret can be changed without a restart."""
        try:
            return Path(self._receiver.webhook_secret_file).read_bytes().strip()
        except OSError:
            return b""

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, follow_redirects=False)
        try:
            answer = await self._client.post(url, content=body, headers={"Content-Type": "application/json", **headers})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"no answer ({type(error).__name__})"
        return "" if answer.is_success else f"answered {answer.status_code}"


def signature(secret: bytes, body: bytes) -> str:
    """HMAC-SHA256 over the body as sent, in the form that receivers of signed webhooks know.

    >>> signature(b"secret", b"{}")[:15]
    'sha256=77325902'
    """
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
