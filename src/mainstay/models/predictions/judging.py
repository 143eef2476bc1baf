"""The decisions about one window, from frozen counts: the same code when it happens and when it is repeated."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np

from mainstay.models.drift import ks, psi
from mainstay.models.predictions.parameters import Parameters
from mainstay.models.predictions.state import Story

Channel = Literal["features", "score", "missing", "accuracy"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Rows per bin, then and now; the last bin holds what is missing."""

    name: str
    then: tuple[int, ...]
    now: tuple[int, ...]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One closed window as one channel sees it.

    Attributes:
        columns: The farthest ones only; `of` is how many there were.
        losses: (count, mean, variance) of then and of now; for `accuracy`.
    """

    channel: Channel
    name: str
    since_ns: int
    at_ns: int
    story: Story
    columns: tuple[Column, ...] = ()
    of: int = 1
    losses: tuple[tuple[int, float, float], tuple[int, float, float]] | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """How far, against what is still usual, and how rare by chance alone."""

    what: str
    value: float
    limit: float
    p_value: float
    is_strange: bool


def told(window: Window, p: Parameters) -> tuple[Story, dict[str, Any]]:
    """What this window makes of the channel's story, and what is said of it (`event`: none, started, ended)."""
    found = _found(window, p)
    before = window.story
    strange = before.strange + 1 if found.is_strange else 0
    calm = 0 if found.is_strange else before.calm + 1
    since_ns = before.since_ns if before.strange or before.firing else window.since_ns
    firing = strange >= p.persist if not before.firing else calm < p.persist
    event = "none" if firing == before.firing else "started" if firing else "ended"
    story = Story(strange=strange, calm=calm, firing=firing, since_ns=since_ns if firing or strange else 0)
    output = {
        "event": event,
        "firing": firing,
        "since_ns": since_ns,
        "summary": _says(window, found, firing=firing),
        "value": found.value,
        "limit": found.limit,
        "p_value": found.p_value,
        "effect": found.value / found.limit if found.limit > 0 else 0.0,
    }
    return story, output


def _found(window: Window, p: Parameters) -> Finding:
    if window.losses is not None:
        return _accuracy(window.losses, p)
    if window.channel == "missing":
        return max((_missing(column, p, window.of) for column in window.columns), key=lambda one: one.value)
    found = [_moved(column, p, window.of) for column in window.columns]
    return max(found, key=lambda one: (one.is_strange, one.value))


def _moved(column: Column, p: Parameters, of: int) -> Finding:
    then, now = np.array(column.then[:-1]), np.array(column.now[:-1])  # what is missing is a channel of its own
    value, (_, chance) = psi(then, now), ks(then, now)
    chance = min(1.0, chance * of)
    is_strange = value >= p.psi and chance <= p.p_value
    return Finding(what=column.name, value=value, limit=p.psi, p_value=chance, is_strange=is_strange)


def _missing(column: Column, p: Parameters, of: int) -> Finding:
    n, m = sum(column.then), sum(column.now)
    before, now = column.then[-1] / n, column.now[-1] / m
    pooled = (column.then[-1] + column.now[-1]) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    chance = min(1.0, _tail((now - before) / error) * of) if error > 0 else 1.0
    limit = before + p.missing
    return Finding(
        what=column.name, value=now, limit=limit, p_value=chance, is_strange=now > limit and chance <= p.p_value
    )


def _accuracy(losses: tuple[tuple[int, float, float], tuple[int, float, float]], p: Parameters) -> Finding:
    (n, before, spread), (m, now, spread_now) = losses
    error = math.sqrt(spread / n + spread_now / m)
    chance = _tail((now - before) / error) if error > 0 else (0.0 if now > before else 1.0)
    limit = max(before * p.worse, before + p.worse_by)
    return Finding(what="loss", value=now, limit=limit, p_value=chance, is_strange=now > limit and chance <= p.p_value)


def _tail(z: float) -> float:
    """Chance of a standard normal value beyond z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def _says(window: Window, found: Finding, *, firing: bool) -> str:
    if window.channel == "accuracy":
        how = "is wrong more often than it was" if firing else "is as right as it was"
        return f"{window.name} {how}: mean loss {found.value:.3g}, expected at most {found.limit:.3g}"
    if window.channel == "missing":
        how = "is missing more often" if firing else "is no more missing than it was"
        return (
            f"{found.what} of {window.name} {how}: {found.value:.0%} of predictions, expected at most {found.limit:.0%}"
        )
    how = "has drifted" if firing else "is as it was"
    figures = f"population stability index {found.value:.2f}, expected below {found.limit:g}"
    return f"{found.what} of {window.name} {how}: {figures}"
