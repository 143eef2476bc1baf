"""Which series are read, as PromQL: what a person selected, and which jobs are scraped how often."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mainstay.domain.errors import BadInput

EVERYTHING = '{__name__=~".+"}'
OURS = '__name__!~"ALERTS|ALERTS_FOR_STATE"'  # what rules said is read as alerts, not as numbers
_SELECTOR = re.compile(r"\s*(?P<name>[a-zA-Z_:][\w:]*)?\s*(?:\{(?P<inside>.*)\})?\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Selector:
    """A PromQL series selector that can be narrowed.

    >>> Selector.read('up{env="prod"}').narrowed('job="api"').text
    '{__name__="up",env="prod",job="api"}'
    """

    matchers: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Selector:
        """From what a person wrote.

        Raises:
            BadInput: It is no selector.
        """
        found = _SELECTOR.fullmatch(text)
        if not found or not (found["name"] or found["inside"]):
            raise BadInput(f'expected a series selector such as up or {{job="api"}}, got {text[:100]!r}')
        name = (f'__name__="{found["name"]}"',) if found["name"] else ()
        inside = (found["inside"] or "").strip().rstrip(",").strip()
        return cls((*name, *((inside,) if inside else ())))

    def narrowed(self, *matchers: str) -> Selector:
        """With more conditions."""
        return Selector((*self.matchers, *(m for m in matchers if m)))

    @property
    def text(self) -> str:
        """As PromQL."""
        return "{" + ",".join(self.matchers) + "}"


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing to read again and again: some series, all with the same interval between samples."""

    selector: Selector
    step_s: int

    @property
    def expression(self) -> str:
        """The newest sample of each step. Not what Prometheus holds up for five minutes where there is none: a plain
        selector would repeat a counter while its target is away, which reads as a rate of nothing."""  # noqa: D205, D209
        return f"last_over_time({self.selector.text}[{self.step_s * 1000 - 1}ms])"


def readings(selectors: Iterable[Selector], steps: Mapping[str, int], usual_s: int) -> list[Reading]:
    """Each selector, once per interval; what has the usual one is whatever is in no other group.

    >>> for one in readings([Selector.read("up")], {"api": 15, "node": 60}, 15):
    ...     print(one.step_s, one.selector.text)
    15 {__name__="up",__name__!~"ALERTS|ALERTS_FOR_STATE",job!~"node"}
    60 {__name__="up",__name__!~"ALERTS|ALERTS_FOR_STATE",job=~"node"}
    """
    jobs: dict[int, list[str]] = {}
    for job, step_s in sorted(steps.items()):
        if step_s != usual_s:
            jobs.setdefault(step_s, []).append(job)
    others = [job for group in jobs.values() for job in group]
    made = []
    for selector in selectors:
        ours = selector.narrowed(OURS)
        made.append(Reading(ours.narrowed(f"job!~{any_of(others)}" if others else ""), usual_s))
        made += [Reading(ours.narrowed(f"job=~{any_of(group)}"), step_s) for step_s, group in sorted(jobs.items())]
    return made


def any_of(words: Iterable[str]) -> str:
    r"""A quoted PromQL expression that matches exactly these words.

    >>> print(any_of(["a.b", 'say "x"']))
    "a\\.b|say \"x\""
    """
    return quoted("|".join(re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", word) for word in words))


def quoted(text: str) -> str:
    r"""A PromQL string.

    >>> print(quoted('C:\\x "y"'))
    "C:\\x \"y\""
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def exactly(labels: Mapping[str, str]) -> str:
    """The selector of one series.

    >>> exactly({"__name__": "up", "job": "api"})
    '{__name__="up",job="api"}'
    """
    return "{" + ",".join(f"{name}={quoted(value)}" for name, value in sorted(labels.items())) + "}"
