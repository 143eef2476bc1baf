"""Who sent a webhook: its signature over the body as it came, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mainstay.domain.errors import BadFile
from mainstay.ingest.rejections import Rejected

GITHUB, GITLAB = "/v1/github", "/v1/gitlab"
FRESH_S = 300  # Standard Webhooks: an older delivery may be a replay
STANDARD = "whsec_"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What each sender signs with; empty: its webhooks are not taken."""

    github: bytes = b""
    gitlab: bytes = b""

    @classmethod
    def read(cls, github_file: str, gitlab_file: str) -> Secrets:
        """The secrets in these files; "" is none.

        Raises:
            BadFile: A file cannot be read, or is empty: anybody could sign with nothing.
        """
        return cls(_secret(github_file), _secret(gitlab_file))

    def check(self, path: str, headers: Mapping[str, str], body: bytes, now_ns: int) -> None:
        """Let a request pass whose sender knows the secret.

        Raises:
            Rejected: 403 when these webhooks are off, 401 when the signature is missing or wrong.
        """
        secret, name = (self.github, "github") if path == GITHUB else (self.gitlab, "gitlab")
        if not secret:
            raise Rejected(403, f"{path} is off: set webhooks.{name}_secret_file in the settings")
        is_right = is_github(secret, headers, body) if path == GITHUB else is_gitlab(secret, headers, body, now_ns)
        if not is_right:
            raise Rejected(
                401, f"the signature is missing or wrong: is the secret of the webhook that of {name}_secret_file?"
            )


def is_github(secret: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """`X-Hub-Signature-256: sha256=<hex HMAC of the body>`.

    >>> is_github(b"key", {"x-hub-signature-256": "sha256=" + hmac.new(b"key", b"{}", sha256).hexdigest()}, b"{}")
    True
    """
    wanted = f"sha256={hmac.new(secret, body, sha256).hexdigest()}"
    return hmac.compare_digest(headers.get("x-hub-signature-256", "").encode(), wanted.encode())


def is_gitlab(secret: bytes, headers: Mapping[str, str], body: bytes, now_ns: int) -> bool:
    """`webhook-signature` (Standard Webhooks: HMAC of id, time and body) when it is there, else `X-Gitlab-Token`.

    A wrong signature is not rescued by a right token.
    """
    if "webhook-signature" not in headers:
        return hmac.compare_digest(headers.get("x-gitlab-token", "").encode(), secret)
    at = headers.get("webhook-timestamp", "")
    if not (at.isascii() and at.isdigit() and len(at) < 12) or abs(int(at) - now_ns // 10**9) > FRESH_S:
        return False
    signed = b".".join((headers.get("webhook-id", "").encode(), at.encode(), body))
    wanted = base64.b64encode(hmac.new(_key(secret), signed, sha256).digest())
    given = [part.removeprefix("v1,") for part in headers["webhook-signature"].split() if part.startswith("v1,")]
    return max((hmac.compare_digest(one.encode(), wanted) for one in given[:8]), default=False)  # looks at all of them


def _key(secret: bytes) -> bytes:
    """A Standard Webhooks secret is its key in base64 behind `whsec_`; any other is the key itself."""
    if not secret.startswith(STANDARD.encode()):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(STANDARD.encode()), validate=True)
    except binascii.Error:
        return secret


def _secret(path: str) -> bytes:
    if not path:
        return b""
    try:
        found = Path(path).read_bytes().strip()
    except OSError as error:
        raise BadFile(path, 1, f"cannot be read: {error.strerror}") from None
    if not found:
        raise BadFile(path, 1, "expected a secret, the file is empty")
    return found
