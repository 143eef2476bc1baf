"""Everyday noise: what a healthy service does now and then, and what no one should be called for."""

from __future__ import annotations

import errno
import os
import random
import time

SLOW_START_S = (0.6, 0.35, 0.15)  # the first requests of a new process: caches are cold
PAUSE_SHARE = 1 / 700  # a pause every minute or so at ten requests a second, like a garbage collection
PAUSE_S = (0.05, 0.15)
STRAY_ERROR_SHARE = 0.0001  # about 0.05 % of user requests, which touch five services
NOT_FOUND_SHARE = 0.003
LOST_CONNECTION_SHARE = 0.002
GRUMBLE_SHARE = 0.002


class Noise:
    """Draws the everyday noise of one process."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self._slow_starts = list(SLOW_START_S)
        self._paused_until = 0.0

    def delay_s(self) -> float:
        """What this request waits for no fault of its own: a cold start, or a pause that stops every request."""
        cold = self._slow_starts.pop(0) if self._slow_starts else 0.0
        now = time.monotonic()
        if self.random.random() < PAUSE_SHARE:
            self._paused_until = now + self.random.uniform(*PAUSE_S)
        return cold + max(0.0, self._paused_until - now)

    def around(self, median_ms: float) -> float:
        """Seconds that a piece of work of that median takes this time: log-normal, a tail of a factor two."""
        return median_ms / 1000 * self.random.lognormvariate(0, 0.28)

    def is_stray_error(self) -> bool:
        return self.random.random() < STRAY_ERROR_SHARE

    def is_not_found(self) -> bool:
        return self.random.random() < NOT_FOUND_SHARE

    def lose_connection(self) -> None:
        """Once in a while, fail as a network does."""
        if self.random.random() < LOST_CONNECTION_SHARE:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    def grumble(self) -> str:
        """Once in a while, a warning that means nothing."""
        if self.random.random() >= GRUMBLE_SHARE:
            return ""
        return self.random.choice(
            (
                f"cache hit ratio {self.random.uniform(0.6, 0.85):.2f} below target 0.90",
                f"clock skew of {self.random.randint(12, 90)} ms against time source",
                f"deprecated header x-client-version {self.random.randint(3, 5)}.{self.random.randint(0, 9)} seen",
            )
        )

    def values(self) -> dict[str, str]:
        """Values for the placeholders of a log line or a path."""
        draw = self.random
        return {
            "id": str(draw.randint(1, 500)),
            "user": str(draw.randint(1000, 9999)),
            "order": f"o-{draw.randint(100000, 999999)}",
            "item": str(draw.randint(1, 500)),
            "amount": f"{draw.lognormvariate(3.4, 0.8):.2f}",
            "count": str(draw.randint(1, 40)),
        }
