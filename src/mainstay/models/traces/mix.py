"""What calls over an edge would take if each operation took its usual time: asking for other things is no fault."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.models.traces.channels import MIDDLE, TAIL
from mainstay.models.traces.edge import EdgeState, Window, is_warm
from mainstay.models.traces.histogram import Counts, total
from mainstay.models.traces.parameters import EdgeParameters

NEARLY_ALL = 0.8


def is_suspected(state: EdgeState, window: Window, parameters: EdgeParameters) -> bool:
    """Whether the question is worth asking: the newest window is slow against the edge's own past."""
    if not state.reference.latency or not is_warm(state.reference, parameters):
        return False
    return any(way.holds(window, way.limit_ms(state.reference, parameters)) for way in (MIDDLE, TAIL))


def mix_of(state: EdgeState, window: Window, operations: Sequence[EdgeState], parameters: EdgeParameters) -> Counts:
    """The operations' usual durations, each as often as it was asked for in the edge's three newest windows.

    Empty when it cannot be said: fewer than two operations, one without a history, or the callee's operations are not
    nearly the calls of this one edge (several callers, or calls that nobody answered).
    """
    newest = [*state.ring[-2:], window]
    ends = {w.until_ns for w in newest}
    asked = {o.operation: sum(w.timed for w in o.ring if w.until_ns in ends) for o in operations}
    served, made = sum(asked.values()), sum(w.timed for w in newest)
    busy = [o for o in operations if asked[o.operation]]
    if len(busy) < 2 or not NEARLY_ALL * made <= served <= made / NEARLY_ALL:
        return {}
    if not all(is_warm(o.reference, parameters) and o.reference.latency for o in busy):
        return {}
    mixed: Counts = {}
    for operation in busy:
        share = asked[operation.operation] / total(operation.reference.latency)
        for index, count in operation.reference.latency.items():
            mixed[index] = mixed.get(index, 0.0) + share * count
    return dict(sorted(mixed.items()))
