"""How often each job was scraped, found from the times of its own samples."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from mainstay.history.prometheus.client import Prometheus, TooMuch
from mainstay.history.prometheus.selectors import OURS, Selector, exactly

WINDOW_S = 1800
LOOKED_AT = 3
USUAL_S = 60  # Prometheus' own default scrape interval, where there is nothing to learn it from
MOST_JOBS = 200


def intervals(prometheus: Prometheus, selectors: Iterable[Selector], moments_s: Sequence[float]) -> dict[str, int]:
    """Seconds between samples by job ("" for series without one), as seen around these moments.

    Three series of each job are looked at, and the shortest of their usual distances counts: a series that is written
    less often than its job is scraped (a recording rule with the label of a job) must not thin out the others.
    """
    seen: dict[str, list[int]] = {}
    for selector in selectors:
        for moment_s in moments_s:
            for labels in _examples(prometheus, selector, moment_s):
                if len(seen) >= MOST_JOBS or len(seen.get(labels.get("job", ""), ())) >= LOOKED_AT:
                    continue
                step_s = _distance_s(prometheus, labels, moment_s)
                if step_s:
                    seen.setdefault(labels.get("job", ""), []).append(step_s)
    return {job: min(steps) for job, steps in seen.items()}


def usual(steps: dict[str, int]) -> int:
    """The interval that most jobs have; of several the shortest.

    >>> usual({"a": 15, "b": 15, "c": 60}), usual({})
    (15, 60)
    """
    counted = Counter(steps.values())
    return min(counted, key=lambda step: (-counted[step], step)) if counted else USUAL_S


def _examples(prometheus: Prometheus, selector: Selector, at_s: float) -> list[dict[str, str]]:
    """A few series of each job; where that is too much to ask, a few that say whether a target is up."""
    for chosen in (selector.narrowed(OURS), selector.narrowed('__name__="up"')):
        try:
            found = prometheus.at(f"topk by (job) ({LOOKED_AT}, last_over_time({chosen.text}[{WINDOW_S}s]))", at_s)
        except TooMuch:
            continue
        return [series.metric for series in found]
    return []


def _distance_s(prometheus: Prometheus, labels: dict[str, str], at_s: float) -> int:
    """The usual distance between two samples of one series, in whole seconds; 0 when it has not three of them."""
    times = [at for series in prometheus.at(f"{exactly(labels)}[{WINDOW_S}s]", at_s) for at, _ in series.values]
    distances = [b - a for a, b in itertools.pairwise(times)]
    return max(1, round(median(distances))) if len(distances) >= 2 else 0
