"""How strange a version finds what it sees, and whether that has changed.

Only the sampled series are looked at, none whose entity is in an open incident, and none before it was scored `MATURE`
times: a young series has few records to break, and finds everything strange. Scores of one series within a
twelfth of the span hang together and count as one.

- **Score drift**: PSI and KS of the scores' histogram, this span beside the first one of this version.
- **Concept drift**: ADWIN (`monitors.py`) over the mean surprise of each series in each window, −log₁₀ p up to 3, as a
  share of 3.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from mainstay.mlops.watching.monitors import Adwin, Cut
from mainstay.models.drift import ks, psi

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
EDGES = np.array([1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8])
MATURE = 400
WORST = 3.0
PARTS = 12
LEAST_PER_WINDOW = 5


class Surprise(msgspec.Struct):
    """What one version's scores looked like, in bounded memory.

    Attributes:
        parts: Histograms of the last twelfths of the span, the newest last; `heard` is how many series spoke in each.
        then: Of the first span, scaled to independent values. `part_ms`: when the newest part began.
        rows: Series that spoke in the newest part. age: How often each was scored.
        window: Surprise (sum, count) by series in the present window.
        usual: Surprise before ADWIN cut first; None: it has not cut.
        level: Half way from there to where it rose; None: it has not risen.
    """

    parts: list[list[int]] = []
    heard: list[int] = []
    then: list[int] | None = None
    part_ms: int = 0
    rows: dict[int, bool] = {}
    age: dict[int, int] = {}
    window: dict[int, tuple[float, int]] = {}
    monitor: Adwin = msgspec.field(default_factory=Adwin)
    usual: float | None = None
    level: float | None = None

    def saw(self, rows: I64, p_values: F64, at_ms: int, span_ms: int) -> None:
        """Scores of sampled series; `rows` says of which. NaN is not judged."""
        is_judged = np.isfinite(p_values)
        for place, row in enumerate(rows.tolist()):
            age = self.age[row] = self.age.get(row, 0) + bool(is_judged[place])
            is_judged[place] &= age > MATURE
        if not is_judged.any():
            return
        rows, p_values = rows[is_judged], p_values[is_judged]
        self._turn(at_ms, span_ms)
        places = np.searchsorted(EDGES, p_values, side="left")
        counts = np.bincount(places, minlength=len(EDGES) + 1)
        self.parts[-1] = (np.array(self.parts[-1]) + counts).tolist()
        strange = np.minimum(-np.log10(np.maximum(p_values, 1e-12)), WORST) / WORST
        for row, value in zip(rows.tolist(), strange.tolist(), strict=True):
            total, n = self.window.get(row, (0.0, 0))
            self.window[row] = (total + value, n + 1)
        self.rows.update(dict.fromkeys(rows.tolist(), True))

    def close_window(self) -> Cut | None:
        """A window is over: whether surprise is another one than before (the oldest cut before, what is left after)."""
        window, self.window = self.window, {}
        if len(window) < LEAST_PER_WINDOW:
            return None
        for row in sorted(window):
            total, n = window[row]
            self.monitor.take(total / n)
        return self.monitor.cut()

    def drift(self) -> tuple[float, float, float] | None:
        """PSI, KS distance and its p-value of this span beside the first; None while there is too little."""
        if self.then is None or len(self.parts) < PARTS:
            return None
        then, now = np.array(self.then), self._now()
        distance, p_value = ks(then, now)
        return psi(then, now), distance, p_value

    def _turn(self, at_ms: int, span_ms: int) -> None:
        """Begin the next twelfth; when the first span is whole, it is what later ones are compared with."""
        if self.parts and at_ms - self.part_ms < span_ms // PARTS:
            return
        if self.parts:
            self.heard[-1] = len(self.rows)
        if len(self.parts) == PARTS:
            if self.then is None:
                self.then = self._now().tolist()
                self.parts, self.heard = [], []
            else:
                del self.parts[0], self.heard[0]
        self.parts.append([0] * (len(EDGES) + 1))
        self.heard.append(0)
        self.rows, self.part_ms = {}, at_ms

    def _now(self) -> I64:
        """The whole parts together, each scaled to one score per series."""
        whole = zip(self.parts, self.heard, strict=True)
        scaled = [np.array(part) * (heard / max(1, sum(part))) for part, heard in whole if heard]
        return np.rint(np.sum(scaled, axis=0)).astype(np.int64) if scaled else np.zeros(len(EDGES) + 1, dtype=np.int64)
