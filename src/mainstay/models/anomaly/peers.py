"""A series without a past begins with that of its nearest peer: same metric, unit, and kind of entity, well known.

What is taken: level, scale, tail, records and season of one peer, in the newcomer's own size (times its first sample
over what the peer has at that hour, within 0.1–10). Nearest is, in this order: the same entity, the same labels, the
same namespace, then the one whose level is nearest to the middle of all. Where three peers or more are known, the
newcomer's level is believed only within what they make plausible (twice the largest, half the smallest), so a service
that is born broken is not learned as normal. What is borrowed counts as little as the fewest samples that are judged,
and goes after `OWN` samples of its own; the season goes hour by hour with the first own visit.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.domain.signals import I64
from mainstay.models.anomaly.state import BORROWED, SEASONAL, Rows

KNOWN = 400  # samples after which a series may be borrowed from
OWN = 400  # own samples after which nothing is borrowed any more
MOST_PEERS = 64  # of each name the first ones are looked at
LEAST_PEERS = 3  # so many make a level plausible
FAR = 1e30
_TAKEN = (
    "level", "scale", "slow", "slow_scale", "tail_rate", "tail_mean", "high", "low", "rest_high", "rest_low",
    "drift_most", "unrest_most", "unit", "season",
)  # fmt: skip


class Peers:
    """Who may lend: of every name the first series of it; and who borrowed from whom."""

    def __init__(self) -> None:
        self.first: dict[int, list[int]] = {}
        self.lent: dict[int, str] = {}

    def meet(self, slots: I64, names: I64) -> None:
        """Series are known now, each with the number of its name."""
        order = np.argsort(names, kind="stable")
        different, starts = np.unique(names[order], return_index=True)
        for name, group in zip(different.tolist(), np.split(slots[order], starts[1:]), strict=True):
            self._note(name, group[:MOST_PEERS].tolist())

    def _note(self, name: int, slots: list[int]) -> None:
        known = self.first.setdefault(name, [])
        known += [slot for slot in slots[: MOST_PEERS - len(known)] if slot not in known]

    def of(self, name: int, rows: Rows) -> I64:
        """Slots of that name that may lend, the one nearest to the middle of their levels first."""
        slots: I64 = np.array(self.first.get(name, ()), np.int64)
        slots = slots[(rows["count"][slots] >= KNOWN) & (rows["ways"][slots] & BORROWED == 0)]
        if not len(slots):
            return slots
        level = rows["level"][slots].astype(np.float64)
        middle_first: I64 = slots[np.lexsort((slots, np.abs(level - np.median(level))))]
        return middle_first


def lend(rows: Rows, new: I64, chosen: I64, peers: I64) -> None:
    """Newcomers get the past of the peer chosen for each; what all `peers` make plausible is noted in the row."""
    for name in _TAKEN:
        rows[name][new] = rows[name][chosen]
    low, high = -FAR, FAR
    if len(peers) >= LEAST_PEERS:
        level = rows["level"][peers].astype(np.float64)
        spread = 6.0 * 1.2533 * rows["scale"][peers].astype(np.float64)
        high, low = float((level + spread).max()), float((level - spread).min())
        high, low = max(2.0 * high, 0.5 * high), min(2.0 * low, 0.5 * low)
    rows["last"][new], rows["visit"][new] = low, high  # until the first sample comes
    rows["ways"][new] |= (rows["ways"][chosen] & SEASONAL) | BORROWED


@nb.njit(cache=True, nogil=True, error_model="numpy")
def born(s: Any, sample: tuple[int, float], added: float, least_count: int) -> None:
    """The first sample of a series that borrowed: the peer's past, in its own size.

    Args:
        s: The row, as `lend` filled it.
        sample: (ns since 1970, value).
        added: What the peer's season adds at this hour.
        least_count: As how many samples the borrowed past counts.
    """
    at_ns, x = sample
    usual, low, high = s.level + added, s.last, s.visit
    size = min(max(x / usual, 0.1), 10.0) if x * usual > 0.0 else 1.0
    s.level, s.scale, s.slow = s.level * size, s.scale * size, s.slow * size
    s.slow_scale, s.unit = s.slow_scale * size, s.unit * size
    s.high, s.low = s.high * size, s.low * size
    s.rest_high, s.rest_low = s.rest_high * size, s.rest_low * size
    s.drift_most, s.unrest_most = s.drift_most * size, s.unrest_most * size
    own = min(max(x - size * added, low), high)
    if s.ways & 3 == 1:  # less than its peer is no trouble: it has only just begun
        own = max(own, usual - added)
    moved = own - s.level
    s.level, s.slow, s.high, s.low = own, s.slow + moved, s.high + moved, s.low + moved
    s.fast = own + size * added
    s.last, s.visit, s.drift, s.unrest = x, 0.0, 0.0, 0.0
    s.last_ns, s.first_s = at_ns, at_ns // 1_000_000_000
    s.count = least_count
