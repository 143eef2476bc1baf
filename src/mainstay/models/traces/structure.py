"""Whether requests call others than they used to: a new call, one that is gone, many more of one (N+1, retries)."""

from __future__ import annotations

import math

import msgspec

from mainstay.models.traces.edge import EdgeState, Reference, Window
from mainstay.models.traces.finding import Finding
from mainstay.models.traces.parameters import EdgeParameters

DISPERSION = 4.0  # calls come in bursts and a call is counted a window later than its request
Change = tuple[float, str, str, float, float]  # how rare (ln p), what, callee, usual and present calls per request


def restructured(state: EdgeState, parameters: EdgeParameters, *, least: float = 80.0) -> Finding | None:
    """The rarest change of what requests of this operation call, against what they called before.

    `least` calls must have been expected before their absence says anything.
    """
    pool = [w for w in state.ring if w.calls]
    requests = sum(w.calls for w in pool)
    if state.reference.asked < parameters.path_requests or requests < parameters.path_pool or len(pool) < 4:
        return None
    found = [c for callee in _callees(state.reference, pool) if (c := _change(state.reference, pool, callee, least))]
    if not found:
        return None
    log_p, what, callee, usual, now = min(found)
    return Finding(
        since_ns=_since(pool, callee, what),
        p_value=math.exp(max(log_p, -700.0)),
        value=round(now, 3),
        low=round(usual, 3),
        high=round(usual, 3),
        factor=round(min(now / usual, 1e3), 2) if usual and now else 1e3,
        severity="info",
        statistic=f"{what} {callee}",
    )


def is_still_restructured(state: EdgeState, parameters: EdgeParameters) -> bool:
    """As long as the same question gets the same answer; it may rest on fewer requests."""
    easier = msgspec.structs.replace(parameters, path_pool=1)
    return restructured(state, easier, least=5.0) is not None


def learn_paths(reference: Reference, window: Window, memory: float) -> None:
    """Take what the requests of a calm window called into what is usual."""
    reference.asked = reference.asked * memory + window.calls
    kept = {callee: calls * memory for callee, calls in reference.paths.items() if calls * memory > 1e-3}
    for callee, calls in window.made.items():
        kept[callee] = kept.get(callee, 0.0) + calls
    reference.paths = kept


def _callees(reference: Reference, pool: list[Window]) -> list[str]:
    return sorted({*reference.paths, *(callee for w in pool for callee in w.made)})


def _change(reference: Reference, pool: list[Window], callee: str, least: float) -> Change | None:
    requests, made = sum(w.calls for w in pool), [w.made.get(callee, 0) for w in pool]
    usual, now = reference.paths.get(callee, 0.0) / reference.asked, sum(made) / requests
    expected = usual * requests
    if not reference.paths.get(callee) and now >= 0.3 and sum(1 for n in made if n) >= 3:
        return -float(sum(made)), "new", callee, 0.0, now
    if usual >= 0.5 and not sum(made) and expected >= least:
        return -expected / DISPERSION, "gone", callee, usual, 0.0
    if usual > 0 and now >= 2 * usual and now >= usual + 0.5 and min(made[-3:]) > usual * pool[-1].calls:
        rare = (sum(made) * math.log(now / usual) - (sum(made) - expected)) / DISPERSION  # Chernoff, Poisson
        return (-rare, "more", callee, usual, now) if rare > 20 else None
    return None


def _since(pool: list[Window], callee: str, what: str) -> int:
    """Begin of the run of windows that are like the newest, as far as the ring reaches."""
    since = pool[-1].until_ns
    for earlier, window in zip([None, *pool], pool, strict=False):
        if bool(window.made.get(callee)) != (what == "gone"):
            return earlier.until_ns if earlier else window.until_ns
    return since
