"""Known trouble in a data set: what people confirmed, and shifts that are put in, so that a detector can be judged.

An injected fault is marked as such wherever it counts. It has the size of what matters in practice: a level half as
high again up to four times as high, and as much of its usual spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mainstay.domain.signals import EdgeWindow, TemplateWindow
from mainstay.domain.training import FaultSource, Span
from mainstay.mlops.training.material import ERROR, WINDOW_NS, Material

LASTS_NS = 60_000_000_000
MOST_INJECTED = 40
INJECTED_TEMPLATE = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble of one subject or entity, both ends included."""

    source: FaultSource
    since_ns: int
    until_ns: int
    entity: str = ""
    subject: str = ""
    factor: float = 1.0

    def concerns(self, subject: str, entity: str) -> bool:
        """Whether an alert on this subject may be about it."""
        if self.subject:
            return subject == self.subject or (subject.startswith("log:") and self.subject in _ends(subject))
        return self.entity == entity or self.entity in _ends(subject)


def entity_of(fault: Fault, material: Material) -> str:
    """Whose trouble it is; of a call the callee's, of a series its entity's."""
    if not fault.subject:
        return fault.entity
    if fault.subject.startswith("metric:"):
        return next((one.entity for one in material.series if f"metric:{one.id}" == fault.subject), "")
    return _ends(fault.subject.removeprefix("entity:"))[-1]


def confirmed(spans: Sequence[Span]) -> list[Fault]:
    """What verdicts and outcomes confirmed."""
    return [Fault("verdict", s.since_ms * 1_000_000, s.until_ms * 1_000_000, entity=s.entity) for s in spans]


def injected(material: Material, seed: int, since_ns: int, until_ns: int, known: Sequence[Fault]) -> list[Fault]:
    """Faults drawn for a data set: in one of four subjects, none where trouble is known.

    They begin after `since_ns` and end before `until_ns`; `known` is the trouble that is known already.
    """
    rng = np.random.default_rng(seed)
    is_then = [fault for fault in known if fault.until_ns >= since_ns and fault.since_ns <= until_ns]
    names = _subjects(material, {fault.entity for fault in is_then})
    count = min(MOST_INJECTED, max(8, len(names) // 4), len(names))
    if not count or until_ns - since_ns < 2 * LASTS_NS:
        return []
    chosen = rng.choice(len(names), count, replace=False)
    starts = since_ns + (rng.random(count) * (until_ns - since_ns - LASTS_NS)).astype(np.int64)
    factors = np.round(np.exp(rng.uniform(np.log(1.5), np.log(4.0), count)), 2)
    return [
        Fault("injected", int(at), int(at) + LASTS_NS, subject=names[i], factor=float(factor))
        for i, at, factor in zip(chosen.tolist(), starts.tolist(), factors.tolist(), strict=True)
    ]


def put_in(material: Material, faults: Sequence[Fault]) -> Material:
    """The data set with the injected faults in it."""
    put = [fault for fault in faults if fault.source == "injected"]
    if not put:
        return material
    if material.kind in ("metrics", "entities"):
        return _into_samples(material, put)
    if material.kind == "edges":
        return replace(material, edges=tuple(_into_edge(edge, put) for edge in material.edges))
    return replace(material, templates=_into_lines(material.templates, put))


def _into_samples(material: Material, faults: Sequence[Fault]) -> Material:
    value = material.value.copy()
    for fault in faults:
        for slot in _slots(material, fault.subject):
            is_mine = material.slot == slot
            where, usual = np.flatnonzero(_during(material.at_ns, fault) & is_mine), value[is_mine]
            usual = usual[np.isfinite(usual)]
            if len(where) and len(usual):
                value[where] = _shifted(value[where], usual, fault.factor, material.series[slot].direction)
    return replace(material, value=value)


def _slots(material: Material, subject: str) -> list[int]:
    """The series of a subject; of an entity every other one, so that they no longer go together."""
    if subject.startswith("entity:"):
        name = subject.removeprefix("entity:")
        return [slot for slot, series in enumerate(material.series) if series.entity == name][::2]
    return [slot for slot, series in enumerate(material.series) if f"metric:{series.id}" == subject]


def _shifted(value: Any, usual: Any, factor: float, direction: str) -> Any:
    """Higher by the factor and by what is usual of its spread; where low is bad, lower by it."""
    spread = float(np.quantile(usual, 0.95) - np.quantile(usual, 0.05))
    if direction == "down":
        return value / factor - spread * (factor - 1)
    most = 1.0 if float(usual.max()) <= 1.0 and float(usual.min()) >= 0.0 else np.inf  # a share stays one
    return np.minimum(value * factor + spread * factor, max(most, float(usual.max())))


def _into_edge(edge: EdgeWindow, faults: Sequence[Fault]) -> EdgeWindow:
    for number, fault in enumerate(faults):
        if fault.subject != f"edge:{edge.caller}>{edge.callee}" or not fault.since_ns < edge.until_ns <= fault.until_ns:
            continue
        if number % 2:
            return replace(edge, errors=max(edge.errors, round(edge.count * min(0.6, 0.1 * fault.factor))))
        added = np.maximum(edge.latency_ms * (fault.factor - 1.0), 8.0 * fault.factor)
        return replace(edge, latency_ms=edge.latency_ms + added, own_ms=edge.own_ms + added[: len(edge.own_ms)])
    return edge


def _into_lines(windows: Sequence[TemplateWindow], faults: Sequence[Fault]) -> tuple[TemplateWindow, ...]:
    """A grave line that nobody heard before, a few times in each window."""
    added = []
    for number, fault in enumerate(faults):
        first = fault.since_ns // WINDOW_NS * WINDOW_NS
        for since_ns in range(first, fault.until_ns - WINDOW_NS, WINDOW_NS):
            added.append(
                TemplateWindow(
                    entity=fault.subject,
                    template=INJECTED_TEMPLATE + number,
                    text="injected: operation failed",
                    severity=ERROR,
                    since_ns=since_ns,
                    until_ns=since_ns + WINDOW_NS,
                    count=max(1, round(fault.factor)),
                    is_new=since_ns == first,
                )
            )
    return tuple(sorted([*windows, *added], key=lambda w: (w.until_ns, w.entity, w.template)))


def _subjects(material: Material, troubled: set[str]) -> list[str]:
    """What a fault may be put into: nothing of an entity in known trouble, no constant and no empty series."""
    if material.kind not in ("metrics", "entities"):
        return [name for name in material.subjects if not troubled & set(_ends(name))]
    count = np.bincount(material.slot, minlength=len(material.series))
    least, most = np.full(len(count), np.inf), np.full(len(count), -np.inf)
    np.minimum.at(least, material.slot, material.value)
    np.maximum.at(most, material.slot, material.value)
    moving = [
        series
        for slot, series in enumerate(material.series)
        if count[slot] >= 60 and most[slot] > least[slot] and series.entity not in troubled
    ]
    if material.kind == "entities":
        return sorted({f"entity:{series.entity}" for series in moving})
    return [f"metric:{series.id}" for series in moving]


def _during(at_ns: Any, fault: Fault) -> Any:
    return (at_ns >= fault.since_ns) & (at_ns <= fault.until_ns)


def _ends(subject: str) -> tuple[str, ...]:
    """The entities of a subject: both ends of a call; of a log line the one that said it."""
    if subject.startswith("edge:"):
        return tuple(subject.removeprefix("edge:").split(">", 1))
    return (subject.removeprefix("log:").partition("#")[0],)
