"""What a user's own rules said: the series `ALERTS` and `ALERTS_FOR_STATE`, as alerts that began and ended.

Prometheus writes 1 into `ALERTS{alertstate="firing"}` at each evaluation while a rule fires, and the time at which its
expression became true into `ALERTS_FOR_STATE`. When that time changes, it is another episode of the same alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mainstay.domain.entities import Labels, labels_of
from mainstay.history.prometheus.client import Found
from mainstay.history.prometheus.fetching import Fetching
from mainstay.history.slices import Turn

FIRING = 'ALERTS{alertstate="firing"}'
SINCE = "ALERTS_FOR_STATE"


def turns(
    fetching: Fetching, external: Mapping[str, str], since_s: int, until_s: int, step_s: int, *, is_first: bool
) -> list[Turn]:
    """Alerts that began or ended in (since, until], in order.

    What fires at `since_s` already began in the stretch before; in the first stretch of all it begins here.
    """
    grid = range(since_s // step_s * step_s, until_s + 1, step_s)
    firing = _by_labels(fetching.over(FIRING, grid[0], grid[-1], step_s), external)
    if not firing:
        return []
    since = _by_labels(fetching.over(SINCE, grid[0], grid[-1], step_s), external)
    found = [
        turn
        for labels, times in firing.items()
        for turn in _episodes(labels, times, since.get(labels, {}), grid, is_first=is_first)
    ]
    return sorted(found, key=lambda turn: (turn.at_ms, turn.firing, sorted(turn.labels.items())))


def _episodes(
    labels: Labels, firing: Mapping[int, float], active: Mapping[int, float], grid: range, *, is_first: bool
) -> list[Turn]:
    """Walk along the grid: where it begins, ends, or is another episode."""
    found: list[Turn] = []
    began_s = active_s = None
    if not is_first and grid[0] in firing:
        began_s, active_s = grid[0], active.get(grid[0])
    for at_s in grid[0 if is_first else 1 :]:
        is_firing = at_s in firing
        is_another = is_firing and began_s is not None and active.get(at_s, active_s) != active_s
        if began_s is not None and (not is_firing or is_another):
            found.append(Turn(at_ms=at_s * 1000, labels=dict(labels), since_ms=began_s * 1000, firing=False))
            began_s = None
        if is_firing and began_s is None:
            began_s = at_s
            found.append(Turn(at_ms=at_s * 1000, labels=dict(labels), since_ms=at_s * 1000, firing=True))
        active_s = active.get(at_s, active_s)
    return found


def _by_labels(found: Iterable[Found], external: Mapping[str, str]) -> dict[Labels, dict[int, float]]:
    by_labels: dict[Labels, dict[int, float]] = {}
    for series in found:
        labels = {**external, **series.metric}
        kept = labels_of({name: value for name, value in labels.items() if name not in {"__name__", "alertstate"}})
        by_labels.setdefault(kept, {}).update((round(at), float(value)) for at, value in series.values)
    return by_labels
