"""What follows what within a trace: a known line that comes after another far more often than it used to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import msgspec

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import LogBatch
from mainstay.domain.words import clock, short
from mainstay.models.logs.voice import LogParameters
from mainstay.models.tails import binomial

MAX_TRACES, MAX_PAIRS = 20_000, 20_000
NAME = "log lines in another order"


class Pair(msgspec.Struct, kw_only=True):
    """One line of an entity after another within traces: learned, and in the newest windows.

    Attributes:
        learned: How often it came; of_learned: how often any line came after the first.
        known: How often the second line came at all: what is new is told as new, not as another order.
        ring: (end of window, this pair, all after the first), the newest last.
    """

    entity: str
    before: int
    after: int
    learned: float = 0.0
    of_learned: float = 0.0
    known: float = 0.0
    ring: list[tuple[int, int, int]] = []
    firing: bool = False
    since_ns: int = 0
    loud_ns: int = 0

    @property
    def subject(self) -> str:
        return f"log:{self.entity}#{self.before}>{self.after}"


class Kept(msgspec.Struct):
    """What a snapshot holds."""

    open_ns: int
    last: list[tuple[str, bytes, int]]
    pairs: list[Pair]
    totals: list[tuple[str, int, float]]
    seen: list[tuple[str, int, float]]
    open: list[tuple[str, int, int, int]]


class Sequences:
    """Counts (entity, line, next line) over the traces of log records, in windows of the time of their receipt.

    Told when at least five traces of three windows, in two of them, took a step between known lines that was rare so
    far: a binomial tail against the learned share, which is never taken below 0.2 %. Only steps from lines heard 500
    times are judged. It is never more than `info`: another order explains an incident, it is none.
    """

    def __init__(self, parameters: LogParameters) -> None:
        self._parameters = parameters
        self._window_ns = int(parameters.window_s * 1e9)
        self._open_ns = 0
        self._last: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._pairs: OrderedDict[tuple[str, int, int], Pair] = OrderedDict()
        self._totals: dict[tuple[str, int], float] = {}
        self._seen: dict[tuple[str, int], float] = {}
        self._open: dict[tuple[str, int, int], int] = {}

    def take(self, logs: LogBatch | None, at_ns: int) -> Iterator[tuple[Pair, dict[str, Any], dict[str, Any]]]:
        """Records received at this time; yields (pair, inputs, output) of what the window before began or ended."""
        if at_ns and at_ns >= self._open_ns:
            yield from self._close(at_ns)
        if logs is None:
            return
        for entity, template, trace in zip(logs.entity, logs.template.tolist(), logs.trace_id, strict=True):
            if trace:
                before = self._last.get((entity, trace))
                if before is not None:
                    step = (entity, before, template)
                    self._open[step] = self._open.get(step, 0) + 1
                self._last[entity, trace] = template
                self._last.move_to_end((entity, trace))
        while len(self._last) > MAX_TRACES:
            self._last.popitem(last=False)

    def firing(self) -> tuple[tuple[str, str], ...]:
        return tuple((pair.subject, "sequence") for pair in self._pairs.values() if pair.firing)

    def renamed(self, number: int, now: int) -> None:
        """A template became part of another: what is counted of it is counted of that one from now on."""
        for key in [key for key, template in self._last.items() if template == number]:
            self._last[key] = now
        self._open = _moved(self._open, number, now)
        self._totals, self._seen = _moved(self._totals, number, now), _moved(self._seen, number, now)
        for step in [step for step, pair in self._pairs.items() if number in step[1:] and not pair.firing]:
            del self._pairs[step]  # its steps are known by the totals; the share is learned anew

    def _close(self, at_ns: int) -> Iterator[tuple[Pair, dict[str, Any], dict[str, Any]]]:
        until_ns = self._open_ns or at_ns
        self._open_ns = at_ns - at_ns % self._window_ns + self._window_ns
        counts, self._open = self._open, {}
        totals: dict[tuple[str, int], int] = {}
        for (entity, before, after), count in sorted(counts.items()):
            totals[entity, before] = totals.get((entity, before), 0) + count
            pair = self._pairs.setdefault((entity, before, after), Pair(entity=entity, before=before, after=after))
            self._pairs.move_to_end((entity, before, after))
            pair.ring.append((until_ns, count, 0))
            self._seen[entity, after] = self._seen.get((entity, after), 0.0) + count
        for (entity, before), count in totals.items():
            self._totals[entity, before] = self._totals.get((entity, before), 0.0) + count
        for key, pair in list(self._pairs.items()):
            if pair.ring or pair.firing:
                yield from self._judge(pair, until_ns, totals.get(key[:2], 0))
        while len(self._pairs) > MAX_PAIRS:
            self._pairs.popitem(last=False)

    def _judge(self, pair: Pair, until_ns: int, of_now: int) -> Iterator[tuple[Pair, dict[str, Any], dict[str, Any]]]:
        if pair.ring and pair.ring[-1][0] == until_ns:
            pair.ring[-1] = (until_ns, pair.ring[-1][1], of_now)
        elif of_now:
            pair.ring.append((until_ns, 0, of_now))
        border = until_ns - self._parameters.ring * self._window_ns
        while pair.ring and pair.ring[0][0] <= border:
            _, count, of_count = pair.ring.pop(0)
            if not pair.firing:
                pair.learned += count
                pair.of_learned += of_count
        pair.known = self._seen.get((pair.entity, pair.after), 0.0) - sum(count for _, count, _ in pair.ring)
        before = self._totals.get((pair.entity, pair.before), 0.0) - sum(of for _, _, of in pair.ring)
        pair.of_learned = max(pair.of_learned, before)
        inputs = {"sequence": msgspec.to_builtins(pair), "until_ns": until_ns}
        output = judged(pair, until_ns, self._parameters)
        if output["event"] != "none":
            yield pair, inputs, output

    def state(self) -> Kept:
        return Kept(
            self._open_ns, [(e, t, n) for (e, t), n in self._last.items()], list(self._pairs.values()),
            [(e, b, n) for (e, b), n in self._totals.items()], [(e, b, n) for (e, b), n in self._seen.items()],
            [(e, b, a, n) for (e, b, a), n in self._open.items()],
        )  # fmt: skip

    def load(self, kept: Kept) -> None:
        self._open_ns = kept.open_ns
        self._last = OrderedDict(((e, t), n) for e, t, n in kept.last)
        self._pairs = OrderedDict(((p.entity, p.before, p.after), p) for p in kept.pairs)
        self._totals, self._seen = {(e, b): n for e, b, n in kept.totals}, {(e, b): n for e, b, n in kept.seen}
        self._open = {(e, b, a): n for e, b, a, n in kept.open}


def judged(pair: Pair, until_ns: int, parameters: LogParameters) -> dict[str, Any]:
    """Whether a step begins or stops to be strange in this window; changes the pair."""
    border = until_ns - parameters.pool * int(parameters.window_s * 1e9)
    recent = [heard for heard in pair.ring if heard[0] > border]
    count, of_count = sum(heard[1] for heard in recent), sum(heard[2] for heard in recent)
    share = max((pair.learned + 0.5) / (pair.of_learned + 1.0), parameters.step_share)
    if pair.firing:
        if count > parameters.step_least / 2:
            pair.loud_ns = until_ns
        calm = until_ns - pair.loud_ns >= parameters.calm_s * 1e9
        pair.firing = not calm
        return _said(pair, until_ns, count, share * of_count, "calm" if calm else "none")
    is_known = pair.of_learned >= parameters.step_known and pair.known >= parameters.step_known
    many = count >= parameters.step_least and sum(heard[1] > 0 for heard in recent) >= 2
    if not is_known or not many or count < max(10 * share, 0.05) * of_count:
        return {"firing": False, "event": "none"}
    p_value = binomial(count, max(of_count, count), share)
    if p_value >= parameters.rate_p:
        return {"firing": False, "event": "none"}
    pair.firing, pair.loud_ns, pair.since_ns = True, until_ns, recent[0][0] - int(parameters.window_s * 1e9)
    return {**_said(pair, until_ns, count, share * of_count, "started"), "p_value": p_value}


def _said(pair: Pair, until_ns: int, count: int, expected: float, event: str) -> dict[str, Any]:
    text = (
        f"{count} traces, expected {expected:.1f}, since {clock(pair.since_ns)}" if pair.firing else "as before again"
    )
    return {
        "firing": pair.firing, "event": event, "channel": "sequence", "severity": "info", "since_ns": pair.since_ns,
        "at_ns": until_ns, "count": float(count), "expected": round(expected, 3), "p_value": None, "name": NAME,
        "effect": round(min(count / max(expected, 0.3), 1e3), 2),
        "summary": f"{short(pair.entity)}, line {pair.after} after {pair.before}: {text}",
    }  # fmt: skip


def told(pair: Pair, inputs: dict[str, Any], output: dict[str, Any], texts: tuple[str, str]) -> Transition:
    """The transition that says it, with what the two lines read."""
    return Transition(
        subject=pair.subject, entity=pair.entity, firing=output["firing"], since_ns=output["since_ns"],
        at_ns=output["at_ns"], name=output["name"], signal="logs", severity=output["severity"],
        summary=output["summary"], channel=output["channel"], inputs=inputs, output=output,
        p_value=output["p_value"], labels={"before": texts[0][:200], "text": texts[1][:200]},
    )  # fmt: skip


def _moved(counts: dict[Any, Any], number: int, now: int) -> dict[Any, Any]:
    """Counts by keys of an entity and templates, one template being another."""
    moved: dict[Any, Any] = {}
    for (entity, *templates), count in counts.items():
        key = (entity, *(now if template == number else template for template in templates))
        moved[key] = moved.get(key, 0) + count
    return moved
