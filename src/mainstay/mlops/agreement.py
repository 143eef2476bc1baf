"""How a shadow compares with the live version: what both said, what only one of them would have said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from mainstay.domain.protocols import Transition

TOGETHER_NS = 120_000_000_000  # onsets this near are the same finding


HEARD = {"predictor": "flagged"}
"""Of a probability no two versions agree to the last digit: what is heard of it is who is flagged."""


def heard(kind: str, output: dict[str, Any]) -> dict[str, Any]:
    """What of a judge's output is compared.

    >>> heard("predictor", {"probability": {"service:prod/pay": 0.21}, "flagged": []})
    {'flagged': []}
    """
    name = HEARD.get(kind)
    return output if name is None else {name: output.get(name)}


class Agreement(msgspec.Struct, kw_only=True):
    """Counts since the shadow began. For a judge a decision agrees when what is heard of it is the same, byte for byte.

    Attributes:
        live_alone, shadow_alone: Alerts that the other did not raise within two minutes; those still waiting do not
            count yet.
        settled: Those since they were last taken: condition, and whether it was the shadow's.
        delay_ms: Sum over `both` of how much later the shadow was.
        errors: Times that the shadow failed; it is dropped at the first and `error` says why.
    """

    since_ms: int = 0
    batches: int = 0
    both: int = 0
    live: int = 0
    shadow: int = 0
    live_alone: int = 0
    shadow_alone: int = 0
    delay_ms: float = 0.0
    decisions: int = 0
    same: int = 0
    errors: int = 0
    error: str = ""
    waiting: dict[str, tuple[int, bool]] = {}
    settled: list[tuple[str, bool]] = []

    def scored(self, live: Iterable[Transition], shadow: Iterable[Transition], now_ns: int) -> None:
        """Count what started in one batch."""
        self.batches += 1
        for told in live:
            self.live += self._match(told, is_shadow=False)
        for told in shadow:
            self.shadow += self._match(told, is_shadow=True)
        if self.waiting:
            self._settle(now_ns)

    def decided(self, *, same: bool) -> None:
        """Count one decision of a judge."""
        self.decisions += 1
        self.same += same

    def take(self) -> list[tuple[str, bool]]:
        """What was settled as one's alone since this was last asked."""
        taken, self.settled = self.settled, []
        return taken

    def told(self) -> dict[str, int | str | float | None]:
        """For people: counts, and the share that agreed (None when there is nothing to compare)."""
        found = self.live + self.shadow - self.both
        share = self.same / self.decisions if self.decisions else self.both / found if found else None
        return {
            "since_ms": self.since_ms,
            "batches": self.batches,
            "live_alerts": self.live,
            "shadow_alerts": self.shadow,
            "both_alerts": self.both,
            "live_only": self.live - self.both,
            "shadow_only": self.shadow - self.both,
            "decisions": self.decisions,
            "same_decisions": self.same,
            "agreement": share,
            "errors": self.errors,
            "error": self.error,
        }

    def _match(self, told: Transition, *, is_shadow: bool) -> int:
        if told.output.get("event") != "started":
            return 0
        key = f"{told.subject}|{told.channel}"
        waits = self.waiting.get(key)
        if waits and waits[1] != is_shadow and abs(told.at_ns - waits[0]) <= TOGETHER_NS:
            self.both += 1
            later_ns = told.at_ns - waits[0]
            self.delay_ms += (later_ns if is_shadow else -later_ns) / 1e6
            del self.waiting[key]
        else:
            if waits:
                self._alone(key, waits[1])
            self.waiting[key] = (told.at_ns, is_shadow)
        return 1

    def _settle(self, now_ns: int) -> None:
        newest = max(now_ns, *(at_ns for at_ns, _ in self.waiting.values()))
        for key, (at_ns, is_shadow) in list(self.waiting.items()):
            if newest - at_ns > TOGETHER_NS:
                del self.waiting[key]
                self._alone(key, is_shadow)

    def _alone(self, key: str, is_shadow: bool) -> None:
        self.settled.append((key, is_shadow))
        if is_shadow:
            self.shadow_alone += 1
        else:
            self.live_alone += 1
