"""The edge detector: is what one service sees of another slower, failing, or gone?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from mainstay.domain.alerts import SEVERITIES, Band
from mainstay.domain.protocols import Scored, Signal, Transition
from mainstay.domain.signals import EdgeWindow, Normal
from mainstay.domain.state import pack, unpack
from mainstay.domain.words import clock, quantity, short, span
from mainstay.models.passing import WindowClock
from mainstay.models.traces.channels import CHANNELS, OPERATION_CHANNELS, noted
from mainstay.models.traces.edge import EdgeState, Firing, Reference, Window, is_warm, learn, window_of
from mainstay.models.traces.finding import Finding
from mainstay.models.traces.mix import is_suspected, mix_of
from mainstay.models.traces.parameters import EdgeParameters
from mainstay.models.traces.structure import learn_paths

FORMAT = 3
FORGET_AFTER = 17_280  # windows without a call after which an edge is forgotten: a day of 5 s
NAMES = {
    "latency": "calls slow",
    "errors": "calls fail",
    "traffic": "calls stopped",
    "structure": "calls others than before",
}
Key = tuple[str, str, str]


class EdgeShift:
    """Whether calls over one edge became slower, fail, or stopped, judged on a few windows of a few requests each.

    The newest windows stand in a ring and are pooled until there is enough to say; only what has left the ring calm is
    learned, so an onset never teaches. Slower: share of calls above a practical limit (relative *and* absolute)
    against the share that the reference holds (exact binomial tail), in at least two windows. Failing: binomial tail
    against a smoothed share. Gone: consecutive windows without a call against a steady rate. `own_share` says how
    much of the added time passed in the callee itself: near 0 the trouble is further down.
    """

    ALGORITHM: ClassVar[str] = "edge-shift"
    STATE: ClassVar[str] = f"edge-shift/{FORMAT}"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(EdgeParameters())

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = msgspec.convert(dict(parameters), EdgeParameters)
        self._edges: dict[Key, EdgeState] = {}
        self._of_callee: dict[str, list[Key]] = {}
        self._clock = WindowClock(window_ns=int(self._parameters.window_s * 1e9))

    def score(self, normal: Normal) -> Scored:
        """Take closed windows in; an edge without one in a period that others had counts as silent."""
        found: list[Transition] = []
        operations: list[Transition] = []
        for seen in normal.operations:  # first: they say of what mix of calls the edges of this window are made
            found += self._silences(self._clock.saw(seen.since_ns, seen.until_ns))
            operations += self._take(seen, normal.worth)
        for seen in normal.edges:
            found += self._silences(self._clock.saw(seen.since_ns, seen.until_ns))
            found += self._take(seen, normal.worth)
        found += self._hidden(operations)
        brought = bool(normal.edges or normal.operations)
        found += self._silences(self._clock.received(normal.at_ns, brought=brought))
        return Scored(tuple(found))

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One window against the frozen state of its edge."""
        state = msgspec.convert(inputs["edge"], EdgeState, str_keys=True)
        window = msgspec.convert(inputs["window"], Window, str_keys=True)
        return _step(state, window, self._parameters)[inputs["channel"]]

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now."""
        return tuple((state.subject, channel) for state in self._edges.values() for channel in state.firing)

    def snapshot(self) -> bytes:
        edges = [msgspec.to_builtins(state) for state in self._edges.values()]
        return pack(self.ALGORITHM, FORMAT, {"clock": self._clock, "edges": edges})

    def restore(self, state: bytes) -> None:
        kept = unpack(self.ALGORITHM, FORMAT, state, dict[str, Any])
        edges = msgspec.convert(kept["edges"], list[EdgeState])
        self._edges = {(e.caller, e.callee, e.operation): e for e in edges}
        self._clock = msgspec.convert(kept["clock"], WindowClock)
        self._of_callee = {}
        for key in self._edges:
            self._note(key)

    def _silences(self, periods: list[int]) -> list[Transition]:
        """Edges without a window in a period that is over had no call in it."""
        found: list[Transition] = []
        for until_ns in periods:
            for key, state in list(self._edges.items()):
                if state.last_ns < until_ns:
                    found += self._apply(state, Window(until_ns=until_ns))
                    if state.silent > FORGET_AFTER and not state.firing:
                        del self._edges[key]
                        self._of_callee = {}
                        for kept in self._edges:
                            self._note(kept)
        return found

    def _note(self, key: Key) -> None:
        if key[2]:
            self._of_callee.setdefault(key[1], []).append(key)

    def _hidden(self, told: list[Transition]) -> list[Transition]:
        """What is said of an operation, unless a call to the same callee says it already: once is enough."""
        return [t for t in told if not (t.firing and self._is_told(t.entity, t.channel))]

    def _is_told(self, callee: str, channel: str) -> bool:
        return any(e.callee == callee and not e.operation and channel in e.firing for e in self._edges.values())

    def _take(self, seen: EdgeWindow, worth: Mapping[str, float]) -> list[Transition]:
        key = (seen.caller, seen.callee, seen.operation)
        state = self._edges.get(key)
        if state is None:
            state = self._edges[key] = EdgeState(
                caller=seen.caller, callee=seen.callee, operation=seen.operation, reference=Reference(), ring=[]
            )
            self._note(key)
        if seen.until_ns <= state.last_ns:
            return []  # later than the normaliser waits: that window was taken as silent
        window = window_of(seen, min(worth.get(seen.caller, 1.0), worth.get(seen.callee, 1.0)))
        if not state.operation:
            suspected = is_suspected(state, window, self._parameters)
            state.mix = mix_of(state, window, self._operations(state.callee), self._parameters) if suspected else {}
        return self._apply(state, window)

    def _operations(self, callee: str) -> list[EdgeState]:
        return [self._edges[callee_key] for callee_key in self._of_callee.get(callee, ())]

    def _apply(self, state: EdgeState, window: Window) -> list[Transition]:
        frozen = (
            msgspec.to_builtins(state, str_keys=True)
            if state.firing or is_warm(state.reference, self._parameters)
            else {}
        )
        plain = msgspec.to_builtins(window, str_keys=True) if frozen else {}
        outputs = _step(state, window, self._parameters)
        return [
            _transition(state, {"edge": frozen, "window": plain, "channel": channel}, output)
            for channel, output in outputs.items()
            if output["event"] != "none"
        ]


def _step(state: EdgeState, window: Window, parameters: EdgeParameters) -> dict[str, dict[str, Any]]:
    """Take one window into the state; what each channel says of it."""
    state.last_ns = window.until_ns
    state.silent = 0 if window.calls else state.silent + 1
    state.ring.append(window)
    channels = OPERATION_CHANNELS if state.operation else CHANNELS
    outputs = {channel: _judge(state, channel, parameters) for channel in channels}
    is_ill = bool(state.firing.keys() - {"structure"})  # what is called in turn says nothing of how long it takes
    window.strange = window.strange or is_ill
    if len(state.ring) > parameters.ring:
        _learn(state, state.ring.pop(0), parameters, is_ill=is_ill)
    return outputs


def _learn(state: EdgeState, oldest: Window, parameters: EdgeParameters, *, is_ill: bool) -> None:
    """What has left the ring calm is usual, and one of its calls is what strange ones are compared with."""
    if state.operation and "structure" not in state.firing:
        learn_paths(state.reference, oldest, parameters.memory)
    if oldest.strange or is_ill:
        return
    noted(state.reference, oldest, parameters)
    learn(state.reference, oldest, parameters.memory)
    ordinary = [trace for trace, _, failed in oldest.seen if not failed]
    if ordinary:
        state.usual = ordinary[-1]


def _judge(state: EdgeState, channel: str, parameters: EdgeParameters) -> dict[str, Any]:
    find, is_still = (OPERATION_CHANNELS if state.operation else CHANNELS)[channel]
    at_ns, firing = state.last_ns, state.firing.get(channel)
    if firing is None:
        found = find(state, parameters) if is_warm(state.reference, parameters) else None
        if found is None:
            return {"firing": False, "event": "none"}
        state.firing[channel] = Firing(since_ns=found.since_ns, severity=found.severity)
        for window in state.ring if channel != "structure" else ():
            window.strange = window.strange or window.until_ns > found.since_ns
        return _said(state, channel, "started", found)
    if at_ns - firing.since_ns > (parameters.path_adopt_s if channel == "structure" else parameters.adopt_s) * 1e9:
        del state.firing[channel]
        _adopt(state, channel)
        return _said(state, channel, "adopted", None, firing.since_ns)
    worse = find(state, parameters)
    if worse is not None and SEVERITIES.index(worse.severity) < SEVERITIES.index(firing.severity):
        firing.severity = worse.severity
        return _said(state, channel, "worse", msgspec.structs.replace(worse, since_ns=firing.since_ns))
    firing.calm = 0 if is_still(state, parameters) else firing.calm + 1
    if firing.calm < parameters.calm_windows:
        return {"firing": True, "event": "none"}
    del state.firing[channel]
    return _said(state, channel, "calm", None, firing.since_ns)


def _adopt(state: EdgeState, channel: str) -> None:
    """After hours, what was strange is how it is now: the reference starts again from the ring."""
    if channel == "structure":
        state.reference.asked, state.reference.paths = 0.0, {}
        return
    state.reference = Reference()
    for window in state.ring:
        window.strange = False


def _said(state: EdgeState, channel: str, event: str, found: Finding | None, since_ns: int = 0) -> dict[str, Any]:
    since_ns = found.since_ns if found else since_ns
    output: dict[str, Any] = {
        "firing": found is not None,
        "event": event,
        "channel": channel,
        "since_ns": since_ns,
        "at_ns": state.last_ns,
        "name": NAMES[channel],
        "severity": found.severity if found else "info",
        "effect": found.factor if found else 1.0,
        "finding": msgspec.to_builtins(found) if found else None,
        "traces": _traces(state) if found else {},
    }
    return {**output, "summary": _summary(state, channel, event, found, since_ns)}


def _traces(state: EdgeState) -> dict[str, str]:
    """Calls to look at: the slowest, a failing one, and one from before, to compare with."""
    seen = [one for window in state.ring for one in window.seen]
    strange = [one for window in state.ring if window.strange for one in window.seen] or seen
    failing = [one for one in strange if one[2]]
    slow = [one for one in strange if not one[2]]
    found = {"trace_slow": max(slow, key=lambda o: (o[1], o[0]))[0] if slow else "",
             "trace_failing": failing[-1][0] if failing else "", "trace_usual": state.usual}  # fmt: skip
    return {name: trace for name, trace in found.items() if trace}


def _summary(state: EdgeState, channel: str, event: str, found: Finding | None, since_ns: int) -> str:
    calls = _calls(state)
    if event == "adopted":
        return f"{NAMES[channel]}: {calls}, since {clock(since_ns)}; now taken as the new normal"
    if found is None:
        return f"{calls}: {channel} calm again at {clock(state.last_ns)}"
    if channel == "errors":
        return f"{found.value:.0%} of {calls} fail, expected at most {found.high:.1%}, since {clock(since_ns)}"
    if channel == "structure":
        what, _, callee = found.statistic.partition(" ")
        moved = f"{found.high:.2g} → {found.value:.2g} calls per request"
        return f"{calls}: {_STRUCTURE[what].format(short(callee))} ({moved}), since {clock(since_ns)}"
    if channel == "traffic":
        return f"no {calls}, expected {found.low:g}–{found.high:g} per window, since {clock(since_ns)}"
    text = f"{found.statistic} of {calls} {quantity(found.value, 'ms')}, expected {span(found.low, found.high, 'ms')}"
    own = "" if found.own_share is None else f", {found.own_share:.0%} of the added time its own"
    return f"{text}{own}, since {clock(since_ns)}"


_STRUCTURE = {"new": "now call {}", "gone": "no longer call {}", "more": "call {} more often"}


def _calls(state: EdgeState) -> str:
    if state.operation:
        return f"{state.operation} of {short(state.callee)}"
    return (
        f"calls {short(state.caller)} → {short(state.callee)}" if state.caller else f"requests to {short(state.callee)}"
    )


def _transition(state: EdgeState, inputs: dict[str, Any], output: dict[str, Any]) -> Transition:
    signals: dict[str, Signal] = {"latency": "latency", "errors": "errors", "traffic": "traffic", "structure": "other"}
    channel, found = output["channel"], output["finding"]
    labels = {"caller": state.caller, "callee": state.callee, **output["traces"]}
    if state.operation:
        labels["operation"] = state.operation
    band = None
    if found:
        unit = "ms" if channel == "latency" else "1"
        band = Band(low=found["low"], high=found["high"], value=found["value"], unit=unit)
        labels["factor"] = str(found["factor"])
        if found["own_share"] is not None:
            labels["own_share"] = str(found["own_share"])
    return Transition(
        subject=state.subject,
        entity=state.callee,
        firing=output["firing"],
        since_ns=output["since_ns"],
        at_ns=output["at_ns"],
        name=output["name"],
        signal=signals[channel],
        severity=output["severity"],
        summary=output["summary"],
        channel=channel,
        inputs=inputs,
        output=output,
        band=band,
        p_value=found["p_value"] if found else None,
        labels=labels,
    )
