"""What makes a trace worth keeping: it failed, was slower than its operations' own tail, or went a new way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from mainstay.normalize.spans.calls import CONSUMER, SERVER, Seen

TAIL = 0.995
"""Of the requests of an operation this share is no slower than its tail."""
WARM = 200
MOST_OPERATIONS, MOST_FORMS = 20_000, 5_000
EACH_FORM = 2
"""Traces of a form that are kept because it is new."""
ALERT, ERROR, NEW, SLOW, SAMPLE = "alert", "error", "new", "slow", "sample"
ORDER = (ALERT, ERROR, NEW, SLOW, SAMPLE)
"""The most telling first: who comes first when there is not room for all."""


class Tail(msgspec.Struct, array_like=True):
    """A high quantile of how long an operation takes, in ms, without keeping its requests.

    q ← q·(1 + g·p) when a request took longer, else q·(1 − g·(1 − p)): stochastic approximation (Robbins and Monro
    1951) of the quantile p on a logarithmic scale; g falls from 1 to 0.05.
    """

    requests: int = 0
    ms: float = 0.0

    def is_slow(self, ms: float) -> bool:
        """Whether a request was slower than the tail before it, which learns of it."""
        self.requests += 1
        if self.requests == 1 or not self.ms > 0:
            self.ms = ms
            return False
        found, gain = ms > self.ms, max(0.05, 1.0 / (1.0 + self.requests / 10.0))
        self.ms *= 1.0 + gain * TAIL if found else 1.0 - gain * (1.0 - TAIL)
        return found and self.requests > WARM


class Interest:
    """Judges whole traces, one after the other; bounded."""

    def __init__(self) -> None:
        self._tails: OrderedDict[tuple[str, str], Tail] = OrderedDict()
        self._forms: OrderedDict[bytes, int] = OrderedDict()

    def why(self, spans: Sequence[Seen]) -> str:
        """The most telling reason to keep a trace, "" when there is none."""
        slow = [self._is_slow(one) for one in spans if one.kind in (SERVER, CONSUMER)]
        is_new = self._is_new(spans)
        if any(one.is_error for one in spans):
            return ERROR
        return NEW if is_new else SLOW if any(slow) else ""

    def _is_slow(self, span: Seen) -> bool:
        name = span.entity, span.operation
        tail = self._tails.get(name)
        if tail is None:
            tail = self._tails[name] = Tail()
            if len(self._tails) > MOST_OPERATIONS:
                self._tails.popitem(last=False)
        return tail.is_slow(span.ms)

    def _is_new(self, spans: Sequence[Seen]) -> bool:
        """Whether these steps, whoever called them and however often, were seen together at most once."""
        steps = sorted({f"{one.entity}\0{one.name}\0{one.peer}" for one in spans})
        form = blake2b("\1".join(steps).encode(errors="replace"), digest_size=8).digest()
        seen = self._forms.get(form, 0)
        self._forms[form] = min(seen + 1, EACH_FORM)
        self._forms.move_to_end(form)
        if len(self._forms) > MOST_FORMS:
            self._forms.popitem(last=False)
        return seen < EACH_FORM

    def state(self) -> dict[str, Any]:
        return {"tails": list(self._tails.items()), "forms": list(self._forms.items())}

    def load(self, state: dict[str, Any]) -> None:
        tails = ((tuple(name), msgspec.convert(tail, Tail)) for name, tail in state["tails"])
        self._tails = OrderedDict(((entity, operation), tail) for (entity, operation), tail in tails)
        self._forms = OrderedDict((form, seen) for form, seen in state["forms"])
