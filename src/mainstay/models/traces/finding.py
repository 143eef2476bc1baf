"""What a channel finds in the newest windows of an edge or operation."""

from __future__ import annotations

import msgspec

from mainstay.domain.alerts import Severity


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel found in the ring: since when, how rare, how large, in numbers that can be shown.

    Attributes:
        value, low, high: In the unit of the channel (ms, share of calls, calls per window).
        factor: Times the usual value.
    """

    since_ns: int
    p_value: float
    value: float
    low: float
    high: float
    factor: float
    severity: Severity
    statistic: str = ""
    own_share: float | None = None
