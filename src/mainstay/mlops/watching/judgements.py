"""What people and outcomes say of each version's decisions: how often it was right, and whether that changed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mainstay.domain.shares import share
from mainstay.domain.verdicts import Label
from mainstay.domain.watching import Share
from mainstay.mlops.watching.monitors import Adwin, Cut

KEPT = 500
"""Judged decisions per version; the newest. Their shares then have intervals of ± 4 points and less."""
VERSIONS = 64
ENOUGH = 20
HALF = 0.5
"""More often wrong than right: whoever believes the opposite does better."""


class Word(msgspec.Struct, frozen=True):
    """The last word on one decision; a person's stands before an outcome's."""

    is_true: bool
    is_missed: bool
    is_persons: bool
    at_ms: int


class Judgements(msgspec.Struct):
    """Of one version: the newest words by what they are about, and ADWIN over wrong (1) and right (0)."""

    words: dict[str, Word] = {}
    monitor: Adwin = msgspec.field(default_factory=lambda: Adwin(delta=0.01))

    def saw(self, label: Label) -> Cut | None:
        """Take a label; when the share of wrong decisions changed, how."""
        about = f"{label.kind}:{label.subject}"
        word = Word(label.is_true, label.kind == "missed", label.by != "outcome", label.at_ms)
        before = self.words.get(about)
        if before is not None and before.is_persons and not word.is_persons:
            return None
        self.words.pop(about, None)
        self.words[about] = word
        while len(self.words) > KEPT:
            self.words.pop(next(iter(self.words)))
        return None if before is not None or word.is_missed else self.monitor.add(float(not word.is_true))

    @property
    def precision(self) -> Share:
        """Right of what was judged."""
        judged = [word.is_true for word in self.words.values() if not word.is_missed]
        return share(sum(judged), len(judged), ENOUGH)

    @property
    def recall(self) -> Share:
        """Told of what was there: right, of right and missed."""
        right = self.precision.hits
        return share(right, right + sum(word.is_missed for word in self.words.values()), ENOUGH)


def judged(known: dict[str, Judgements], labels: Iterable[Label]) -> list[tuple[str, int, Cut]]:
    """Labels to the versions that they are about; where the share of wrong decisions rose: which, when, and how."""
    found = []
    for label in labels:
        name = f"{label.model}@{label.version}"
        one = known.pop(name, None) or Judgements()
        known[name] = one
        cut = one.saw(label)
        if cut is not None and cut.after > cut.before:
            found.append((name, label.at_ms, cut))
    while len(known) > VERSIONS:
        known.pop(next(iter(known)))
    return found
