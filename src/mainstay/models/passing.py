"""How a detector of windows knows that time passes: by the windows, and by the record's time when none come."""

from __future__ import annotations

import msgspec

FAR_NS = 600_000_000_000
PATIENCE = 4  # windows; the normaliser may still wait for late senders


class WindowClock(msgspec.Struct, kw_only=True):
    """Which periods are over. Independent of how the windows of one period are cut into batches.

    Attributes:
        now_ns: End of the newest period that a window was seen of.
        lag_ns: By how much the record that brought it was later (or senders' clocks differ from ours).
    """

    window_ns: int = 5_000_000_000
    now_ns: int = 0
    lag_ns: int = 0

    def saw(self, since_ns: int, until_ns: int) -> list[int]:
        """A window came; returns the ends of the periods that are complete now.

        >>> clock = WindowClock(window_ns=5)
        >>> clock.saw(5, 10), clock.saw(5, 10), clock.saw(10, 15), clock.saw(25, 30)
        ([], [], [10], [15, 20, 25])
        """
        if until_ns <= self.now_ns:
            return []
        before, self.now_ns = self.now_ns, until_ns
        if not before or since_ns - before > FAR_NS:  # the first, or we were away: nobody's silence
            return []
        missing = max(round((since_ns - before) / self.window_ns), 0)
        return [before + i * self.window_ns for i in range(missing + 1)]

    def received(self, at_ns: int, *, brought: bool) -> list[int]:
        """A record of this time came, with windows or without; returns the periods that passed in silence."""
        if not at_ns or not self.now_ns:
            return []
        if brought:
            self.lag_ns = at_ns - self.now_ns
        quiet = (at_ns - self.lag_ns - self.now_ns) // self.window_ns - PATIENCE
        if quiet <= 0:
            return []
        until_ns = self.now_ns + quiet * self.window_ns
        return self.saw(until_ns - self.window_ns, until_ns)
