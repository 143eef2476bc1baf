"""ADWIN: a window over a stream of numbers that shrinks when their mean changes, in memory that hardly grows.

A. Bifet, R. Gavaldà: Learning from Time-Changing Data with Adaptive Windowing (SDM 2007), the second algorithm: an
exponential histogram of at most 5 buckets per power of two, cut wherever two sub-windows differ by more than

    ε = √(2/m · σ² · ln(2/δ′)) + 2/(3m) · ln(2/δ′),   1/m = 1/n₀ + 1/n₁,   δ′ = δ / ln n
"""

from __future__ import annotations

import math

import msgspec

BUCKETS = 5
"""Per power of two, as in the paper."""
LEAST = 5
"""Numbers that either side of a cut needs."""


class Bucket(msgspec.Struct):
    """A run of numbers: how many, their sum, and the sum of squares about their mean."""

    n: int
    total: float
    spread: float

    def joined(self, other: Bucket) -> Bucket:
        """Both as one run."""
        apart = self.total / self.n - other.total / other.n
        between = apart * apart * self.n * other.n / (self.n + other.n)
        return Bucket(self.n + other.n, self.total + other.total, self.spread + other.spread + between)


class Cut(msgspec.Struct, frozen=True):
    """The mean changed: what it was before, what it is now, over how many numbers each."""

    before: float
    after: float
    n_before: int
    n_after: int


class Adwin(msgspec.Struct):
    """Says when the mean of a stream in [0, 1] has changed; forgets what was before.

    Attributes:
        delta: Chance of a false cut at each look, over all places where it could cut.
        rows: Buckets, the oldest first; sizes are powers of two and fall towards the newest.

    >>> monitor = Adwin()
    >>> round(next(cut for value in [0.1] * 100 + [0.9] * 30 if (cut := monitor.add(value))).after, 1)
    0.9
    """

    delta: float = 0.002
    rows: list[Bucket] = []

    @property
    def n(self) -> int:
        """How many numbers the window holds."""
        return sum(bucket.n for bucket in self.rows)

    @property
    def mean(self) -> float:
        """Of the window; NaN when it is empty."""
        return sum(bucket.total for bucket in self.rows) / self.n if self.rows else math.nan

    def add(self, value: float) -> Cut | None:
        """Take a number; when the window had to be cut, what changed (the oldest cut before, what is left after)."""
        self.take(value)
        return self.cut()

    def take(self, value: float) -> None:
        """Take a number without a look: many may come before it is looked whether anything changed."""
        self.rows.append(Bucket(1, value, 0.0))
        self._compress()

    def cut(self) -> Cut | None:
        """Whether the window has to be cut now."""
        dropped: Bucket | None = None
        while (place := self._place()) is not None:
            for bucket in self.rows[:place]:
                dropped = bucket if dropped is None else dropped.joined(bucket)
            del self.rows[:place]
        if dropped is None:
            return None
        return Cut(dropped.total / dropped.n, self.mean, dropped.n, self.n)

    def _compress(self) -> None:
        """Where six buckets have one size, the two oldest of them become one."""
        size, end = 1, len(self.rows)
        while True:
            first = end
            while first and self.rows[first - 1].n == size:
                first -= 1
            if end - first <= BUCKETS:
                return
            self.rows[first : first + 2] = [self.rows[first].joined(self.rows[first + 1])]
            end, size = first + 1, size * 2

    def _place(self) -> int | None:
        """How many buckets, from the oldest, do not belong to the newest ones any more; None: all belong."""
        if not self.rows:
            return None
        whole = self.rows[0]
        for bucket in self.rows[1:]:
            whole = whole.joined(bucket)
        if whole.n < 2 * LEAST:
            return None
        old_n, old_total = 0, 0.0
        for number, bucket in enumerate(self.rows[:-1], start=1):
            old_n, old_total = old_n + bucket.n, old_total + bucket.total
            new_n = whole.n - old_n
            if old_n < LEAST or new_n < LEAST:
                continue
            apart = abs(old_total / old_n - (whole.total - old_total) / new_n)
            if apart > self._bound(old_n, new_n, whole.spread / whole.n):
                return number
        return None

    def _bound(self, n0: int, n1: int, variance: float) -> float:
        m = 1 / (1 / n0 + 1 / n1)
        log = math.log(2 * math.log(n0 + n1) / self.delta)
        return math.sqrt(2 / m * variance * log) + 2 / (3 * m) * log
