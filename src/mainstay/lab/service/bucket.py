"""How many a second are taken on."""

from __future__ import annotations

import threading
import time


class Bucket:
    """Admits so many requests a second, saved up for at most a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens = 0.0
        self._at = 0.0

    def admits(self, per_s: float) -> bool:
        if per_s <= 0:
            return True
        with self._lock:
            now = time.monotonic()
            self._tokens = min(max(per_s, 1.0), self._tokens + (now - self._at) * per_s)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
