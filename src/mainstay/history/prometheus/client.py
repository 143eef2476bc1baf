"""A Prometheus that is asked about its past: gently, with bounded patience, and without its secrets in any message."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from mainstay import __version__
from mainstay.domain.errors import BadInput, MainstayError, Refused
from mainstay.history.prometheus.credentials import Credentials

MOST_BYTES = 32 << 20  # of one answer: a million samples; what is larger is asked for in smaller pieces
LONGEST_PAUSE_S = 30.0
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard a Prometheus is asked, and for how long one that fails is asked again.

    `queries_per_s` is a bound; besides, it rests as long as it worked, so that at most half of its time is ours.
    """

    queries_per_s: float = 5.0
    timeout_s: float = 60.0
    patience_s: float = 300.0


class TooMuch(MainstayError):
    """The answer is too large for them (422, 11,000 points) or for us: ask for less at once."""


class GaveUp(MainstayError):
    """Nothing that can be used came within the patience. What was read before is kept."""


class Found(msgspec.Struct, frozen=True):
    """One series of an answer: labels with `__name__`; (seconds since 1970, number as text) pairs."""

    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    value: tuple[float, str] | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    error_type: str = ""


class _Vector(msgspec.Struct, frozen=True):
    result: list[Found]


class _Config(msgspec.Struct, frozen=True):
    yaml: str = ""


@dataclass(slots=True)
class _Patience:
    """How long one request has failed by now, and how long to wait before the next attempt."""

    spent_s: float = 0.0
    pause_s: float = 1.0
    attempts: int = 0
    last: str = ""
    retry_after_s: float = 0.0

    def next_pause_s(self, took_s: float) -> float:
        """Twice the pause before, or what they ask for; it counts against the patience, as the attempt does."""
        self.attempts += 1
        pause = max(self.retry_after_s, self.pause_s * random.uniform(0.75, 1.25))  # noqa: S311 - spreads load only
        self.pause_s, self.retry_after_s = min(2 * self.pause_s, LONGEST_PAUSE_S), 0.0
        self.spent_s += took_s + pause
        return pause


class Prometheus:
    """The HTTP API of one Prometheus, or of what speaks like it (Thanos, Mimir, VictoriaMetrics).

    Args:
        url: Base address, without user and password in it.
        sleep: Waits; a test does not.

    Raises:
        BadInput: The address is none, or holds a password.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        pace: Pace,
        sleep: Callable[[float], None] = time.sleep,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadInput("expected an address such as http://prometheus:9090")
        if "@" in parts.netloc:
            raise BadInput(
                "no user and password in the address: everybody on this machine can read it. Use --credentials FILE, "
                "or MAINSTAY_PROMETHEUS_USER and MAINSTAY_PROMETHEUS_PASSWORD"
            )
        self.url, self._pace, self._sleep, self._told = url.rstrip("/"), pace, sleep, told
        headers = {"User-Agent": f"mainstay/{__version__}", **credentials.headers}
        if credentials.bearer_token:
            headers["Authorization"] = f"Bearer {credentials.bearer_token}"
        auth = httpx.BasicAuth(credentials.username, credentials.password) if credentials.username else None
        self._http = httpx.Client(headers=headers, auth=auth, timeout=pace.timeout_s)
        self.queries = self.retries = 0

    def at(self, expression: str, at_s: float) -> list[Found]:
        """An instant query."""
        return self._vector("query", {"query": expression, "time": f"{at_s:.3f}"})

    def over(self, expression: str, since_s: float, until_s: float, step_s: int) -> list[Found]:
        """A range query: values at `since_s`, and every `step_s` until `until_s`.

        Raises:
            TooMuch: It is more than one answer can hold.
            GaveUp: No usable answer came in time.
            Refused: We are not let in, or the expression is wrong.
        """
        span = {"start": f"{since_s:.3f}", "end": f"{until_s:.3f}", "step": str(step_s)}
        return self._vector("query_range", {"query": expression, **span})

    def configuration(self) -> str:
        """Its configuration as YAML, secrets already left out by Prometheus; "" where this is not offered."""
        try:
            return msgspec.json.decode(self._ask("status/config", {}), type=_Config).yaml
        except (Refused, TooMuch, msgspec.MsgspecError):
            return ""

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _vector(self, path: str, form: dict[str, str]) -> list[Found]:
        form["timeout"] = f"{self._pace.timeout_s:.0f}s"
        try:
            return msgspec.json.decode(self._ask(path, form), type=_Vector).result
        except msgspec.MsgspecError as error:
            raise Refused(f"{self.url} answered {path} with something else than series: {error}") from None

    def _ask(self, path: str, form: dict[str, str]) -> msgspec.Raw:
        """Ask until there is an answer that can be used, or the patience is over."""
        patience = _Patience()
        while True:
            began = time.monotonic()
            answer = self._try(path, form, patience)
            took = time.monotonic() - began
            if answer is not None:
                self._sleep(max(1 / self._pace.queries_per_s - took, took))
                return answer
            pause = patience.next_pause_s(took)
            if patience.spent_s > self._pace.patience_s:
                raise GaveUp(
                    f"{self.url} gave no usable answer for {self._pace.patience_s:.0f} s "
                    f"({patience.attempts} attempts; the last: {patience.last}). "
                    "What was read is kept: run the same command again and it goes on"
                )
            self.retries += 1
            self._told(f"{patience.last}; trying again in {pause:.0f} s")
            self._sleep(pause)

    def _try(self, path: str, form: dict[str, str], patience: _Patience) -> msgspec.Raw | None:
        """One attempt; None is worth another one, and `patience.last` says what went wrong."""
        self.queries += 1
        try:
            status, headers, body = self._fetch(path, form)
        except httpx.TimeoutException:
            patience.last = f"no answer within {self._pace.timeout_s:.0f} s"
            return None
        except httpx.TransportError as error:  # refused, reset, a body that ends half-way
            patience.last = f"{type(error).__name__}: {error}"
            return None
        if status in TRY_AGAIN:
            patience.last, patience.retry_after_s = f"HTTP {status}", _retry_after_s(headers)
            return None
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except msgspec.MsgspecError as error:
            if status == 200:
                patience.last = f"half an answer: {error}"
                return None
            answer = _Answer(status="error", error=body[:200].decode(errors="replace"))
        if status == 200 and answer.status == "success":
            return answer.data
        raise self._refusal(status, answer)

    def _refusal(self, status: int, answer: _Answer) -> MainstayError:
        says = answer.error[:300]
        if status == 422 or "11,000 points" in says or "maximum resolution" in says:
            return TooMuch(f"{self.url} says: {says}")
        if status in {401, 403}:
            return Refused(f"{self.url} does not let us in (HTTP {status}): see --credentials")
        if 300 <= status < 400:
            return Refused(f"{self.url} sends us elsewhere (HTTP {status}): give the address that answers by itself")
        return Refused(f"{self.url} refuses (HTTP {status}): {says}")

    def _fetch(self, path: str, form: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """A whole answer within the time limit, and within what we are willing to hold."""
        until = time.monotonic() + self._pace.timeout_s
        method: dict[str, Any] = {"data": form} if form else {}
        with self._http.stream("POST" if form else "GET", f"{self.url}/api/v1/{path}", **method) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise TooMuch(f"the answer is larger than {MOST_BYTES >> 20} MiB")
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("the answer came too slowly")
            return response.status_code, response.headers, bytes(body)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """What `Retry-After` says in seconds, at most our longest pause; a date in it is not read.

    >>> _retry_after_s({"retry-after": "7"}), _retry_after_s({"retry-after": "Fri, 31 Dec 1999"}), _retry_after_s({})
    (7.0, 0.0, 0.0)
    """
    text = headers.get("retry-after", "")
    return min(float(text), LONGEST_PAUSE_S) if text.isdigit() else 0.0
