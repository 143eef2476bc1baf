"""How a shadow compares with the live version: what both said, what only one of them would have said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mainstay.domain.protocols import Scored

TOGETHER_NS = 120_000_000_000  # onsets this near are the same finding


class Agreement(msgspec.Struct, kw_only=True):
    """Counts since the shadow began. For a judge a decision agrees when its output is the same, byte for byte.

    Attributes:
        live_only, shadow_only: Alerts that the other did not raise within two minutes; those still waiting count too.
        errors: Times that the shadow failed; it is dropped at the first and `error` says why.
    """

    since_ms: int = 0
    batches: int = 0
    both: int = 0
    live: int = 0
    shadow: int = 0
    decisions: int = 0
    same: int = 0
    errors: int = 0
    error: str = ""
    waiting: dict[str, tuple[int, bool]] = {}

    def scored(self, live: Scored, shadow: Scored) -> None:
        """Count what started in one batch."""
        self.batches += 1
        self.live += self._match(live, is_shadow=False)
        self.shadow += self._match(shadow, is_shadow=True)

    def decided(self, *, same: bool) -> None:
        """Count one decision of a judge."""
        self.decisions += 1
        self.same += same

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

    def _match(self, scored: Scored, *, is_shadow: bool) -> int:
        starts = [
            (f"{t.subject}|{t.channel}", t.at_ns) for t in scored.transitions if t.output.get("event") == "started"
        ]
        for key, at_ns in starts:
            waits = self.waiting.get(key)
            if waits and waits[1] != is_shadow and abs(at_ns - waits[0]) <= TOGETHER_NS:
                self.both += 1
                del self.waiting[key]
            else:
                self.waiting[key] = (at_ns, is_shadow)
        self._forget(at_ns for _, at_ns in starts)
        return len(starts)

    def _forget(self, times: Iterable[int]) -> None:
        newest = max(times, default=0)
        if newest:
            self.waiting = {k: w for k, w in self.waiting.items() if newest - w[0] <= TOGETHER_NS}
