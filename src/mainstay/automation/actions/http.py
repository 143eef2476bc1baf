"""Call an address that the operator allowed, once, and judge it by its status."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from mainstay.automation.actions.output import fit
from mainstay.domain.protocols import ActionContext, ActionResult

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_READ_AT_MOST = 256 << 10
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_URL = re.compile(r"https?://[!-~]{1,2000}")


class Http:
    """Sends one request. It carries the plan's key as `Idempotency-Key`, so that a target can drop a repeat.

    Arguments: `url`, `method` (default POST), `json` (any value, the body), `headers`, `expect` (list of status codes,
    default any 2xx), and for calls whose effect can be looked up `probe` (`url`, `expect`): a GET whose expected
    status says that it is done and 404 that it is not.

    Redirects are not followed: they would lead away from what was allowed. No proxy and no netrc of the host is used.

    Args:
        targets: Beginnings of addresses that may be called, each with scheme and host, e.g. `http://127.0.0.1:9000/`.
    """

    name = "http"

    def __init__(self, targets: Sequence[str] = ()) -> None:
        self._targets = tuple(target if urlsplit(target).path else f"{target}/" for target in targets)

    def check(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        """What is wrong with these arguments, in words."""
        unknown = set(arguments) - {"url", "method", "json", "headers", "expect", "probe"}
        wrong = [f"unknown argument {name!r}" for name in sorted(unknown)]
        wrong += self._target_faults(arguments)
        if arguments.get("method", "POST") not in METHODS:
            wrong.append(f"method {arguments.get('method')!r}: expected one of {', '.join(METHODS)}")
        headers = arguments.get("headers", {})
        if not isinstance(headers, Mapping) or not all(_is_header(*pair) for pair in headers.items()):
            wrong.append("headers: expected names and one-line values of printable ASCII")
        probe = arguments.get("probe")
        if probe is not None:
            wrong += self._target_faults(probe) if isinstance(probe, Mapping) else ["probe: expected url and expect"]
        return wrong

    async def run(self, arguments: Mapping[str, Any], context: ActionContext) -> ActionResult:
        """Send it (or say what would be sent)."""
        wrong = self.check(arguments)
        if wrong:
            return ActionResult(is_done=False, says="; ".join(wrong))
        method, url = arguments.get("method", "POST"), arguments["url"]
        if context.dry_run:
            return ActionResult(is_done=True, says=f"would send: {method} {url} (at most {context.timeout_s:g} s)")
        headers = {**arguments.get("headers", {}), "Idempotency-Key": context.key}
        status, output = await _send(method, url, headers, arguments.get("json"), context.timeout_s)
        if status is None:
            return ActionResult(is_done=False, says=f"{method} {url}: {output}")
        is_done = _is_expected(status, arguments)
        return ActionResult(is_done=is_done, says=f"{method} {url} answered {status}", output=output)

    async def probe(self, arguments: Mapping[str, Any], context: ActionContext) -> bool | None:
        """Whether an interrupted call took effect, by the step's own probe; None when that cannot be told."""
        probe = arguments.get("probe")
        if probe is None or self.check(arguments):
            return None
        status, _ = await _send("GET", probe["url"], {}, None, context.timeout_s)
        if status is not None and _is_expected(status, probe):
            return True
        return False if status == 404 else None

    def _target_faults(self, arguments: Mapping[str, Any]) -> list[str]:
        url = arguments.get("url")
        if not isinstance(url, str) or not _URL.fullmatch(url) or "@" in (urlsplit(url).netloc):
            return [f"url {str(url)[:80]!r}: expected http(s)://host/… without user name or white space"]
        if "/../" in f"{urlsplit(url).path}/" or not url.startswith(self._targets):
            return [f"url {url[:80]!r} is not allowed (targets: {', '.join(self._targets) or 'none'})"]
        expect = arguments.get("expect", [])
        if not isinstance(expect, list | tuple) or not all(isinstance(code, int) for code in expect):
            return ["expect: expected a list of status codes"]
        return []


def _is_header(name: Any, value: Any) -> bool:
    return (
        isinstance(name, str)
        and bool(_HEADER.fullmatch(name))
        and name.lower() not in ("host", "content-length", "transfer-encoding", "idempotency-key")
        and isinstance(value, str)
        and value.isascii()
        and value.isprintable()
    )


def _is_expected(status: int, arguments: Mapping[str, Any]) -> bool:
    expect = arguments.get("expect") or ()
    return status in expect if expect else 200 <= status < 300


async def _send(
    method: str, url: str, headers: Mapping[str, str], body: Any, timeout_s: float
) -> tuple[int | None, str]:
    """Status and kept body; no status when there was no answer, then the text says why."""
    import httpx

    try:
        async with (
            httpx.AsyncClient(timeout=timeout_s, trust_env=False, follow_redirects=False) as client,
            client.stream(method, url, headers=dict(headers), json=body) as response,
        ):
            received = bytearray()
            async for chunk in response.aiter_bytes():
                received += chunk[: _READ_AT_MOST - len(received)]
                if len(received) >= _READ_AT_MOST:
                    break
            return response.status_code, fit(bytes(received))
    except httpx.HTTPError as error:
        return None, f"no answer ({type(error).__name__})"
