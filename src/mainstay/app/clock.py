"""The one real clock; everything else is handed one."""

from __future__ import annotations

import time


class SystemClock:
    """Wall time, which may step; the inbox makes it rise only."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return time.time_ns()
