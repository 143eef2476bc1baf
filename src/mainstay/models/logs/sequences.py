"""What follows what within a trace: a known line that comes after another far more often than it used to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice
from typing import Any

import msgspec

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import LogBatch
from mainstay.domain.words import clock, short
from mainstay.models.logs.voice import LogParameters
from mainstay.models.tails import binomial

MAX_TRACES, MAX_PAIRS = 20_000, 20_000
"""Traces followed; steps known, steps of one window, and lines counted: of each so many, the newest."""
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

    Everything is bounded. Steps and lines not met for longest are forgotten first; a step that fires is kept until it
    ends. A line counts as long as a step of it is known: it was met when that was. Of a window that takes more
    different steps than there is room for, the first are counted.
    """

    def __init__(self, parameters: LogParameters) -> None:
        self._parameters = parameters
        self._window_ns = int(parameters.window_s * 1e9)
        self._open_ns = 0
        self._last: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._pairs: OrderedDict[tuple[str, int, int], Pair] = OrderedDict()
        self._totals: OrderedDict[tuple[str, int], float] = OrderedDict()
        self._seen: OrderedDict[tuple[str, int], float] = OrderedDict()
        self._open: dict[tuple[str, int, int], int] = {}

    def take(self, logs: LogBatch | None, at_ns: int) -> Iterator[tuple[Pair, dict[str, Any], dict[str, Any]]]:
        """Records received at this time; yields (pair, inputs, output) of what the window before began or ended."""
        if at_ns and at_ns >= self._open_ns:
            yield from self._close(at_ns)
        if logs is None:
            return
        for entity, template, trace in zip(logs.entity, logs.template.tolist(), logs.trace_id, strict=True):
            if trace:
                self._follow(entity, trace, template)

    def _follow(self, entity: str, trace: bytes, template: int) -> None:
        before = self._last.get((entity, trace))
        if before is not None:
            step = (entity, before, template)
            if step in self._open or len(self._open) < MAX_PAIRS:
                self._open[step] = self._open.get(step, 0) + 1
        self._last[entity, trace] = template
        self._last.move_to_end((entity, trace))
        if len(self._last) > MAX_TRACES:
            self._last.popitem(last=False)

    def firing(self) -> tuple[tuple[str, str], ...]:
        return tuple((pair.subject, "sequence") for pair in self._pairs.values() if pair.firing)

    def renamed(self, merged: Iterable[tuple[int, int]]) -> None:
        """Templates became part of others, in this order: what is counted of them is counted of those from now on."""
        means = _means(merged)
        if not means:
            return
        for trace in [trace for trace, template in self._last.items() if template in means]:
            self._last[trace] = means[self._last[trace]]
        _move(self._open, means)
        _move(self._totals, means)
        _move(self._seen, means)
        for step in [step for step, pair in self._pairs.items() if not means.keys().isdisjoint(step[1:])]:
            if not self._pairs[step].firing:
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
            _add(self._seen, (entity, after), count)
        for line, count in totals.items():
            _add(self._totals, line, count)
        for key, pair in list(self._pairs.items()):
            if pair.ring or pair.firing:
                yield from self._judge(pair, until_ns, totals.get(key[:2], 0))
        self._bounded()

    def _bounded(self) -> None:
        """What was not met for longest goes; what fires stays until it has ended."""
        spare = len(self._pairs) - MAX_PAIRS
        if spare > 0:
            calm = (step for step, pair in self._pairs.items() if not pair.firing)
            for step in list(islice(calm, spare)):
                del self._pairs[step]
        for counts in (self._totals, self._seen):
            while len(counts) > MAX_PAIRS:
                counts.popitem(last=False)

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
        self._totals = OrderedDict(((e, b), n) for e, b, n in kept.totals)
        self._seen = OrderedDict(((e, b), n) for e, b, n in kept.seen)
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


def _add(counts: OrderedDict[tuple[str, int], float], line: tuple[str, int], count: float) -> None:
    """More of a line, which is the newest then."""
    counts[line] = counts.get(line, 0.0) + count
    counts.move_to_end(line)


def _means(merged: Iterable[tuple[int, int]]) -> dict[int, int]:
    """What ids mean after all of these became others, one after the other.

    >>> _means([(1, 2), (2, 3), (4, 3)])
    {4: 3, 2: 3, 1: 3}
    """
    means: dict[int, int] = {}
    for number, now in reversed(list(merged)):
        means[number] = means.get(now, now)
    return {number: now for number, now in means.items() if number != now}


def _move(counts: MutableMapping[Any, Any], means: dict[int, int]) -> None:
    """Counts by keys of an entity and templates: those that name a template that is another now move there."""
    for key in [key for key in counts if not means.keys().isdisjoint(key[1:])]:
        moved = (key[0], *(means.get(template, template) for template in key[1:]))
        counts[moved] = counts.get(moved, 0) + counts.pop(key)
