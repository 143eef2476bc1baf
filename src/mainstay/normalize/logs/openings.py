"""Free text behind a colon: `query failed: …` is one template once so many different things came after it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from mainstay.normalize.logs.known import Known
from mainstay.normalize.logs.wording import ANY, sentence

FREE = 10
"""Different templates with one beginning that make what follows free text."""
WORDS = 3
"""Words that such a beginning has at least."""
MAX_BEGINNINGS = 4_000


class Openings:
    """Beginnings that end in a colon, and what followed them.

    Lines with free text have no length in common, so no place of them can be found to vary; their beginning is what
    stays. A line that begins so, once it is known to be free, needs no evidence and takes no room any more.
    """

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self._open: dict[str, int] = {}
        self._waiting: OrderedDict[str, list[int]] = OrderedDict()

    def of(self, line: Known) -> tuple[int, int] | None:
        """The template of a line whose beginning is known to be followed by free text, and the place of that."""
        return next(((self._open[text], place) for text, place in beginnings(line) if text in self._open), None)

    def note(self, line: Known, current: Callable[[int], int]) -> tuple[int, list[int]] | None:
        """A line founded a template. (id, the ids that become it) when it is one too many with its beginning."""
        for text, _ in beginnings(line):
            waiting = self._waiting.setdefault(text, [])
            waiting[:] = dict.fromkeys(current(number) for number in (*waiting, line.id))
            self._waiting.move_to_end(text)
            if len(waiting) >= FREE:
                del self._waiting[text]
                kept = waiting[0]
                self._open[text], self.texts[kept] = kept, f"{text} {ANY}"
                self._bounded()
                return kept, waiting[1:]
        while len(self._waiting) > MAX_BEGINNINGS:
            self._waiting.popitem(last=False)
        return None

    def _bounded(self) -> None:
        """The beginning that was found first is forgotten when there are too many."""
        while len(self._open) > MAX_BEGINNINGS:
            number = self._open.pop(next(iter(self._open)))
            if number not in self._open.values():
                self.texts.pop(number, None)

    def renamed(self, number: int, now: int) -> None:
        """A template became part of another."""
        if number in self.texts:
            text = self.texts.pop(number)
            self.texts.setdefault(now, text)
            self._open = {begin: now if one == number else one for begin, one in self._open.items()}

    def state(self) -> dict[str, Any]:
        return {"texts": list(self.texts.items()), "open": self._open, "waiting": list(self._waiting.items())}

    def load(self, state: dict[str, Any]) -> None:
        self.texts, self._open = dict(state["texts"]), dict(state["open"])
        self._waiting = OrderedDict((text, list(ids)) for text, ids in state["waiting"])


def beginnings(line: Known) -> Iterator[tuple[str, int]]:
    """The beginnings of a line that end in a colon and hold some words, the shortest first, and what place follows."""
    words = 0
    for place, is_variable in enumerate(line.is_variable):
        gap = line.gaps[place]
        if words >= WORDS and gap.startswith(":") and gap.endswith(" "):
            tokens = [ANY if v else w for v, w in zip(line.is_variable[:place], line.words, strict=False)]
            yield sentence(line.gaps[: place + 1], tokens), place
        words += not is_variable
