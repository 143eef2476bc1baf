"""Error budgets: requests and errors of each service, by minute for an hour and by hour for thirty days."""

from __future__ import annotations

import msgspec

from mainstay.domain.services import DEFAULT_OBJECTIVE, Burn
from mainstay.domain.signals import EdgeWindow

MOST_SERVICES = 5_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
HOURS = 720
MINUTES = 60


class Spent(msgspec.Struct):
    """One service: (minute, requests, errors) and (hour, requests, errors), oldest first; since when it is watched."""

    since_ms: int
    minutes: list[tuple[int, int, int]] = []
    hours: list[tuple[int, int, int]] = []

    def add(self, at_ms: int, requests: int, errors: int) -> None:
        """One more window."""
        _add(self.minutes, at_ms // MINUTE_MS, (requests, errors), MINUTES)
        _add(self.hours, at_ms // HOUR_MS, (requests, errors), HOURS)

    def burn(self, objective: float | None, at_ms: int) -> Burn:
        """How fast it spends what its objective allows."""
        allowed = 1 - (objective or DEFAULT_OBJECTIVE) / 100
        requests, errors = _sum(self.hours, at_ms // HOUR_MS - HOURS + 1)
        minute = at_ms // MINUTE_MS
        return Burn(
            objective=objective or DEFAULT_OBJECTIVE,
            is_default=objective is None,
            rate_5m=_rate(_sum(self.minutes, minute - 4), allowed),
            rate_1h=_rate(_sum(self.minutes, minute - MINUTES + 1), allowed),
            budget_left=round(1 - errors / (allowed * requests), 4) if requests else None,
            requests=requests,
            errors=errors,
            since_ms=self.since_ms,
        )


class Budgets:
    """Every service that is called, at most 5,000 of them; a call's error is the callee's."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = {}
        self.beyond = 0

    def hear(self, edges: tuple[EdgeWindow, ...]) -> None:
        """What callers saw in closed windows."""
        for edge in edges:
            if edge.operation or not edge.callee.startswith("service:"):
                continue
            at_ms = edge.until_ns // 1_000_000
            spent = self.spent.get(edge.callee)
            if spent is None:
                if len(self.spent) >= MOST_SERVICES:
                    self.beyond += 1
                    continue
                spent = self.spent[edge.callee] = Spent(edge.since_ns // 1_000_000)
            spent.add(at_ms, edge.count, edge.errors)


def _add(rows: list[tuple[int, int, int]], at: int, counts: tuple[int, int], most: int) -> None:
    """Windows come in order, or nearly: one that is older than the newest row counts there."""
    if rows and at <= rows[-1][0]:
        last, requests, errors = rows[-1]
        rows[-1] = last, requests + counts[0], errors + counts[1]
    else:
        rows.append((at, *counts))
        del rows[:-most]


def _sum(rows: list[tuple[int, int, int]], since: int) -> tuple[int, int]:
    mine = [row for row in rows if row[0] >= since]
    return sum(row[1] for row in mine), sum(row[2] for row in mine)


def _rate(counts: tuple[int, int], allowed: float) -> float | None:
    """Share of errors over the share that is allowed.

    >>> _rate((1000, 5), 0.001)
    5.0
    """
    requests, errors = counts
    return round(errors / requests / allowed, 3) if requests else None
