"""Log templates at memory speed: machine code knows what was seen, Python judges only what was not.

A line is cut into units and hashed (`tokens`), its key is looked up with the places that vary left out (`index`); only
a line of no known template comes here, and is either a template of its own or the evidence that several are one
(`evidence`, `openings`). Everything is bounded, and every choice depends only on the lines before, however they were
cut into batches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from mainstay.domain.signals import I64, U32, Template, Variables
from mainstay.normalize.logs import evidence
from mainstay.normalize.logs.book import Book
from mainstay.normalize.logs.index import match, variables
from mainstay.normalize.logs.known import Known, founded
from mainstay.normalize.logs.openings import Openings
from mainstay.normalize.logs.tokens import WILD, Units, columns, room, split
from mainstay.normalize.logs.values import joined, values
from mainstay.normalize.logs.wording import ANY

OTHER = Template(0, "<too many templates>")
MAX_TEMPLATES = 8_000
MAX_VALUES = 20_000
CHUNK = 4_096


class Learned(NamedTuple):
    """Templates and parameters of lines: those of line i are `buffer[start[k]:stop[k]]`, k in first[i] … first[i+1]."""

    template: U32
    first: I64
    start: I64
    stop: I64


class Miner:
    """Gives each line a template with an id that stays through merges, restarts and replays.

    The id is a hash of the words that founded the template, so the same program gets the same ids on a fresh machine,
    too, unless its lines came in another order. When templates become one, the oldest keeps its id and the others'
    ids mean it from then on (`current`).

    >>> miner = Miner()
    >>> [miner.text(miner.learn(line)) for line in ("order 17 paid", "user=ann left", "user=bob left")]
    ['order <*> paid', 'user=ann left', 'user=<*> left']
    """

    def __init__(self, most: int = MAX_TEMPLATES) -> None:
        self.most = most
        self._book, self._openings = Book(most), Openings()
        self._values: OrderedDict[str, None] = OrderedDict()
        self._lines = 0
        self._told = np.zeros((2, most), np.uint64)

    def __len__(self) -> int:
        return len(self._book.known)

    @property
    def templates(self) -> list[Template]:
        """All that are known, by id."""
        return [Template(number, self.text(number), self.numbered(number)) for number in sorted(self._book.ids)]

    def current(self, number: int) -> int:
        """The template that an id means now: itself, or the one that it became a part of."""
        return self._book.current(number)

    def text(self, number: int) -> str:
        """The text of a template; of one that was forgotten, the catch-all's."""
        now = self._book.current(number)
        if now in self._openings.texts:
            return self._openings.texts[now]
        slots = self._book.ids.get(now)
        return OTHER.text if slots is None else self._book.text(self._book.known[slots[0]])

    def numbered(self, number: int) -> str:
        """The text of a template with its places numbered; "" of one that was forgotten."""
        now = self._book.current(number)
        if now in self._openings.texts:
            begin, *rest = self._openings.texts[now].split(ANY)
            return begin + "".join(f"<{at}>{words}" for at, words in enumerate(rest, 1))
        slots = self._book.ids.get(now)
        return "" if slots is None else self._book.known[slots[0]].numbered()

    def learn(self, body: str) -> int:
        """The template of one (masked) line."""
        return int(self.learn_many([body.encode(errors="replace")])[0])

    def learn_many(self, lines: list[bytes]) -> U32:
        """The templates of many (masked) lines, u32[n]: what `learn` gives for one after the other."""
        return self.read_many(lines)[0]

    def read_many(self, lines: list[bytes]) -> tuple[U32, Variables]:
        """The templates of many (masked) lines, and what varies in each."""
        found, parts = np.zeros(len(lines), np.uint32), []
        for since in range(0, len(lines), CHUNK):
            buffer, starts, stops = columns(lines[since : since + CHUNK])
            learned = self.learn_columns(buffer, starts, stops)
            found[since : since + CHUNK] = learned.template
            parts.append(values(buffer, learned.first, learned.start, learned.stop))
        return found, joined(parts)

    def learn_columns(self, buffer: Any, starts: I64, stops: I64) -> Learned:
        """The templates and parameters of lines `buffer[starts[i]:stops[i]]`; `buffer` is u8."""
        units, book, count = room(len(starts), len(buffer)), self._book, len(starts)
        split(buffer, starts, stops, units)
        slots, numbers, done = np.full(count, -1, np.int64), np.zeros(count, np.uint32), 0
        while done < count:
            at = match(units, done, book.table, book.guide, book.slots, slots, self._lines)
            numbers[done:at] = book.number[slots[done:at]]
            if at < count:
                new = founded(buffer, units, at, (int(starts[at]), int(stops[at])))
                new.order = self._lines + at
                numbers[at], slots[at] = self._unseen(new, units, at, int(stops[at]))
            done = at + 1
        self._lines += count
        return Learned(numbers, *variables(units, slots, book.slots.mask))

    def take_changed(self) -> tuple[Template, ...]:
        """Templates that are new or whose text became another since the last call, and ids that mean another now."""
        book, slots = self._book, self._book.slots
        moved = np.flatnonzero((self._told[0] != slots.formed) | (self._told[1] != slots.valued)).tolist()
        changed = {**book.changed, **dict.fromkeys(int(book.number[slot]) for slot in moved if slot in book.known)}
        self._told[0], self._told[1] = slots.formed, slots.valued
        book.changed = {}
        texts = ((number, self.text(number)) for number in changed)
        return tuple(Template(one, text, self.numbered(one)) for one, text in texts if text != OTHER.text)

    def take_merged(self) -> tuple[tuple[int, int], ...]:
        """(id, the one that it means now) of templates that became part of another since the last call."""
        merged, self._book.merged = tuple(self._book.merged), []
        return merged

    def _unseen(self, new: Known, units: Units, at: int, stop: int) -> tuple[int, int]:
        """The id and the slot of a line of no known template; -1: its variables are those by their looks."""
        free = self._openings.of(new)
        if free is not None:
            _free(units, at, free[1], stop)
            return free[0], -1
        told = len(self._book.merged)
        number, slot = self._founded(new, units, at)
        for old, now in self._book.merged[told:]:
            self._openings.renamed(old, now)
        return self._book.current(number), slot

    def _founded(self, new: Known, units: Units, at: int) -> tuple[int, int]:
        first, stop = units.first[at], units.first[at + 1]
        family = self._book.families.get(new.shape)
        found = None if family is None else evidence.joined(family, new, units.word[first:stop], self._values)
        if family is not None and found is not None:
            return self._join(family, new, *found)
        self._book.add(new, units.form[first:stop], units.value[first:stop])
        opened = self._openings.note(new, self._book.current)
        if opened is not None:
            for number in opened[1]:
                self._book.rename(number, opened[0])
            self._book.changed[opened[0]] = None
        return new.id, -1

    def _join(self, family: evidence.Family, new: Known, mask: int, inside: list[int]) -> tuple[int, int]:
        """The new line is the evidence that members of its family are one template, which it is a line of."""
        members = [family.members[m] for m in inside]
        for place in evidence.places(mask):
            self._remember(m.words[place] for m in (*members, new) if not m.is_variable[place])
        kept = self._book.merge(family, inside, mask, new.order)
        self._book.slots.count[kept.slot] += 1
        return int(self._book.number[kept.slot]), kept.slot

    def _remember(self, words: Iterable[str]) -> None:
        """Words that were values once are values elsewhere, too."""
        for word in words:
            self._values[word] = None
            self._values.move_to_end(word)
        while len(self._values) > MAX_VALUES:
            self._values.popitem(last=False)

    def state(self) -> dict[str, Any]:
        return {
            "book": self._book.state(),
            "openings": self._openings.state(),
            "values": list(self._values),
            "told": self._told.tobytes(),
            "lines": self._lines,
        }

    def load(self, state: dict[str, Any]) -> None:
        self._book, self._openings = Book(self.most), Openings()
        self._book.load(state["book"])
        self._openings.load(state["openings"])
        self._values = OrderedDict.fromkeys(state["values"])
        self._told = np.frombuffer(state["told"], np.uint64).reshape(2, self.most).copy()
        self._lines = state["lines"]


def _free(units: Units, at: int, place: int, stop: int) -> None:
    """What follows a beginning is one variable, to the end of the line."""
    first = units.first[at] + place
    units.word[first + 1 : units.first[at + 1]] = 0
    units.word[first], units.stop[first] = WILD, stop
