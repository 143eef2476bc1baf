"""Values for the variables of log lines: of the kind that a variable's name tells, unevenly frequent, from a seed."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable

_NAMES = [
    "ann", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj",
    "olivia", "peggy", "rupert", "sybil", "trent", "victor", "walter", "wendy", "alice", "yusuf", "zoe", "chen",
    "kumar", "garcia", "silva", "novak", "ito", "kim", "nguyen",
]  # fmt: skip
_NOUNS = [
    "orders", "payments", "users", "sessions", "cache", "index", "queue", "broker", "worker", "scheduler",
    "gateway", "replica", "shard", "mirror", "archive", "catalog", "backup", "metrics", "events", "invoices",
    "search", "mailer", "profile", "upload", "thumbnail", "audit", "cluster", "volume", "tenant", "token",
]  # fmt: skip
_ERRORS = [
    "Connection refused", "timed out", "No such file or directory", "Permission denied", "broken pipe",
    "invalid literal for int()", "name resolution failed", "list index out of range", "certificate has expired",
    "unexpected EOF", "disk quota exceeded",
]  # fmt: skip
_CLASSES = [
    "ValueError", "KeyError", "TimeoutError", "OSError", "ConnectionResetError", "RuntimeError", "AuthError",
    "LookupError",
]  # fmt: skip
_STATES = [
    "NEW", "READY", "RUNNING", "DONE", "FAILED", "PAUSED", "CLOSED", "ACTIVE",
]  # fmt: skip
_KINDS: tuple[tuple[str, str], ...] = (
    (r"uuid|guid|request_id|trace", "uuid"), (r"url|uri|endpoint|link", "url"), (r"path|file|dir|folder|root", "path"),
    (r"host|server|node|peer|domain", "host"), (r"addr|\bip\b", "address"), (r"user|owner|login|sender|author", "user"),
    (r"port|count|num|len|size|total|retr|attempt|index|seq|bytes|limit|code|pid", "integer"),
    (r"time|delay|elapsed|duration|seconds|interval|latency|age", "duration"), (r"hash|digest|etag|sha|hex", "hex"),
    (r"\be\b|\bex\b|exc|err|error|failure|reason|traceback", "error"), (r"state|status|phase", "state"),
    (r"list|keys|names|items|ids\b|args|values|\[.*\]", "list"), (r"key|id\b|_id|ident", "key"),
    (r"class|type|cls|__name__|func|method", "name"), (r"version", "version"),
    (r"is_|has_|enabled|flag|bool", "boolean"),
)  # fmt: skip


class Values:
    """Values of one statement. A variable draws from a pool of its own: some take three values, some never repeat."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._pools: dict[str, list[str]] = {}

    def of(self, conversion: str, name: str) -> str:
        """A value for a variable of this name, printed by this conversion of `%` (s, d, r, x, f …)."""
        kind = self._kind(conversion, name)
        pool = self._pools.setdefault(f"{kind} {name}", [])
        wide = (
            3
            if kind in ("state", "boolean")
            else 12
            if kind in ("user", "host", "name", "word")
            else 5
            if kind == "error"
            else 400
        )
        if len(pool) < wide and self._rng.random() < max(0.9 - len(pool) / wide, 0.05):
            pool.append(self._fresh(kind))
        value = pool[min(int(self._rng.expovariate(0.25)), len(pool) - 1)] if pool else self._fresh(kind)
        return repr(value) if conversion == "r" and kind not in ("integer", "list", "boolean") else value

    def _kind(self, conversion: str, name: str) -> str:
        if conversion in "dixX":
            return "hex" if conversion in "xX" else "integer"
        if conversion in "feg":
            return "duration"
        return next((kind for pattern, kind in _KINDS if re.search(pattern, name.lower())), "word")

    def _fresh(self, kind: str) -> str:
        rng = self._rng
        make: dict[str, Callable[[], str]] = {
            "uuid": lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "url": lambda: (
                f"{rng.choice(('http', 'https'))}://{self._fresh('host')}/{self._word()}/{rng.randrange(99)}"
            ),
            "path": lambda: "/" + "/".join([self._word() for _ in range(rng.randint(2, 4))]) + rng.choice(("", ".log")),
            "host": lambda: rng.choice((f"{self._word()}-{rng.randrange(20)}.example.com", self._word(), "localhost")),
            "address": lambda: f"10.0.{rng.randrange(256)}.{rng.randrange(256)}:{rng.randrange(9999)}",
            "user": lambda: rng.choice(_NAMES),
            "integer": lambda: str(rng.choice((rng.randrange(10), rng.randrange(100_000)))),
            "duration": lambda: f"{rng.expovariate(0.5):.{rng.randint(1, 6)}f}",
            "hex": lambda: f"{rng.getrandbits(64):x}",
            "error": lambda: rng.choice((f"{rng.choice(_CLASSES)}: {rng.choice(_ERRORS)}", rng.choice(_ERRORS))),
            "state": lambda: rng.choice(_STATES),
            "list": lambda: str([self._word() for _ in range(rng.randint(1, 4))]),
            "key": lambda: f"{self._word()}{rng.choice(('-', '_', ''))}{rng.randrange(5_000)}",
            "name": lambda: self._word().title() + rng.choice(("Handler", "Task", "Store", "")),
            "version": lambda: f"{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(9)}",
            "boolean": lambda: rng.choice(("True", "False", "None")),
            "word": self._word,
        }
        return make[kind]()

    def _word(self) -> str:
        return self._rng.choice(_NOUNS) + self._rng.choice(("", "", "", "s", "-main", "_v2"))
