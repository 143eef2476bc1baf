"""Before and after a moment, for every service and every moment at once: the two differences of the name.

A row is a service, a column a bucket of time, NaN where nothing was heard. A *moment* is the bucket in which something
may have been changed: what came before it is its reference, what comes after the settling is compared with that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]
FEW = 3  # peers below which one odd one would be the reference: then there is none


@dataclass(frozen=True, slots=True)
class Window:
    """How many buckets are looked at: `before` the moment, and `after` it, `settle` buckets later."""

    before: int
    settle: int
    after: int

    @property
    def length(self) -> int:
        """From the first bucket before to the last one after."""
        return self.before + self.settle + self.after


def sides(values: F64, clean: Flags, window: Window, at: I64, *, is_share: bool) -> tuple[F64, F64]:
    """The usual value before and after each moment: median, or mean for a share, of which most samples are 0.

    `values` is f64[service, bucket], and `clean` says where one may stand in a reference: the last `window.before` of
    these are it, however far back they lie, for a service may have been unwell until just before. Around each moment
    `at` the window must lie within the row.

    Returns:
        Before and after, f64[service, moment]; NaN where less than half of the buckets after, or before fewer than
        there are after, have a value.

    >>> v = np.array([[1.0, 1, 1, 9, 3, 3]])
    >>> [s.tolist() for s in sides(v, v > 0, Window(3, 1, 2), np.array([3]), is_share=False)]
    [[[1.0]], [[3.0]]]
    """
    later = at[:, None] + window.settle + np.arange(window.after)
    usual = _mean if is_share else _median
    reference = _last_clean(values, clean, window.before, at)
    return usual(reference, window.after), usual(values[:, later], max(2, -(-window.after // 2)))


def _last_clean(values: F64, clean: Flags, most: int, at: I64) -> F64:
    """Of each service the last clean values before each moment, f64[service, moment, most]; NaN ahead of the first."""
    found = np.full((len(values), len(at), most), np.nan)
    for row, its in enumerate(values):
        places = np.flatnonzero(clean[row] & ~np.isnan(its))
        which = np.searchsorted(places, at)[:, None] - most + np.arange(most)
        if len(places):
            found[row] = np.where(which >= 0, its[places[np.clip(which, 0, len(places) - 1)]], np.nan)
    return found


def is_calm(clean: Flags, window: Window, at: I64) -> Flags:
    """Whether nothing happened to a service from just before a moment until its window ends; bool[service, moment]."""
    around = at[:, None] - 1 + np.arange(window.settle + window.after + 1)
    return np.asarray(clean[:, around].all(axis=2), np.bool_)


def beyond_peers(difference: F64, is_peer: Flags) -> F64:
    """Each service's difference less the median of the peers', itself not among them; as it is without three of them.

    >>> d = np.array([[5.0], [1.0], [1.2], [0.8], [9.0]])
    >>> beyond_peers(d, np.array([False, True, True, True, False])).round(1).ravel().tolist()
    [4.0, 1.0, 1.2, 0.8, 8.0]
    """
    found = difference.copy()
    for row in range(len(difference)):
        others = is_peer.copy()
        others[row] = False
        usual = _median(difference[others].T[None], FEW)[0] if others.sum() >= FEW else np.nan
        found[row] -= np.where(np.isnan(usual), 0.0, usual)
    return found


def _median(values: F64, least: int) -> F64:
    """Over the last axis, of those that are numbers; NaN where they are fewer than `least`."""
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan)
    ordered = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    high = np.minimum(high, values.shape[-1] - 1)
    both = [np.take_along_axis(ordered, place[..., None], -1)[..., 0] for place in (low, high)]
    return np.where(count >= least, (both[0] + both[1]) / 2, np.nan)


def _mean(values: F64, least: int) -> F64:
    count = (~np.isnan(values)).sum(axis=-1)
    return np.where(count >= least, np.nansum(values, axis=-1) / np.maximum(count, 1), np.nan)
