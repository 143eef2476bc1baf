"""What operations do: calls and log lines that are new, gone, or at another share of the calls than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mainstay.models.survey.facts import Habit, Work
from mainstay.models.survey.finding import Finding
from mainstay.models.survey.names import short
from mainstay.models.survey.surprise import changed


@dataclass(frozen=True, slots=True)
class _Count:
    """One habit before and since: of how many calls, how many did it."""

    habit: Habit
    heard: int
    of: int
    heard_now: int
    of_now: int

    @property
    def gain(self) -> float:
        return self.heard_now / self.of_now - self.heard / self.of


def habit_findings(works: Sequence[Work], onset_ms: int, weights: Mapping[str, float]) -> list[Finding]:
    """One finding per operation that behaves otherwise, and one for whom callers give up after."""
    return [finding for work in works for finding in _of(work, onset_ms, weights)]


def _of(work: Work, onset_ms: int, weights: Mapping[str, float]) -> Iterator[Finding]:
    """Spans of one trace are not independent witnesses: counts are of traces, not of spans.

    Work that only went another way (as much gained as lost) came from another request, not from a fault.
    """
    counts = _counts(work, onset_ms)
    per_trace = max(1.0, sum(work.calls) / max(1, work.traces))
    plain = [count.gain for count in counts if count.habit.kind in ("call", "line")]
    lost, gained = -sum(g for g in plain if g < 0), sum(g for g in plain if g > 0)
    broken = (lost - gained) / (lost + gained + 1e-9)
    for count in counts:
        figures = (count.heard, count.of, count.heard_now, count.of_now)
        evidence = changed(*(figure / per_trace for figure in figures)) * _weight(count, broken, weights)
        if evidence > 0:
            entity = count.habit.toward if count.habit.kind == "last" else work.entity
            yield Finding(entity, "habit", evidence, _says(work, count), "log", count.habit.what or count.habit.toward)


def _weight(count: _Count, broken: float, weights: Mapping[str, float]) -> float:
    kind, is_more = count.habit.kind, count.gain > 0
    if kind == "error":
        return 1.0 if is_more else weights["fewer_errors"]
    if kind == "last":
        return max(0.0, broken) if is_more else 0.0
    return abs(broken) * (weights["more_work"] if is_more else 1.0)


def _counts(work: Work, onset_ms: int) -> list[_Count]:
    is_now = [at >= onset_ms for at in work.at_ms]
    of_now = sum(n for n, now in zip(work.calls, is_now, strict=True) if now)
    of = work.past + sum(work.calls) - of_now
    if not of or not of_now:
        return []
    found = []
    for habit in work.habits:
        heard_now = sum(n for n, now in zip(habit.heard, is_now, strict=True) if now)
        found.append(_Count(habit, habit.past + sum(habit.heard) - heard_now, of, heard_now, of_now))
    return found


def _says(work: Work, count: _Count) -> str:
    who, habit = f"{work.operation} of {short(work.entity)}", count.habit
    what = f"ends with a call of {short(habit.toward)}" if habit.kind == "last" else f'"{habit.what[:80]}"'
    return f"{who}: {what} in {count.heard} of {count.of} calls before, {count.heard_now} of {count.of_now} now"
