"""Log templates: the constant part of lines, found by a fixed-depth tree (Drain: He et al., ICWS 2017).

Lines of the same length and the same first word are compared word by word; a line that agrees with a template in at
least half of its words joins it, and the words that differ become `<*>`. Numbers, ids, addresses and quoted strings
are `<*>` from the start. Everything is bounded, and every choice depends only on the lines before.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from mainstay.domain.signals import Template

ANY = "<*>"
OTHER = Template(0, "<too many templates>")
SIMILAR = 0.5  # Drain's own default is 0.4 to 0.5; masked variables make agreement cheap, so the higher one
MAX_WORDS = 64
MAX_TEXT = 1_024
MAX_TEMPLATES = 4_000
MAX_BRANCH = 100
MAX_REMEMBERED = 8_000

_VARIABLE = re.compile(
    r"""\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"""
    r"""|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"""
    r"""|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"""
    r"""|\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"""
    r"""|<secret>|<card>"""
    r"""|"[^"]{0,200}"|'[^']{0,200}'"""
    r"""|(?<![A-Za-z_])[-+]?\d+(?:[.,:]\d+)*(?:e[-+]?\d+)?(?:ns|us|µs|ms|s|m|h|d|%|[KMGT]i?B|B)?(?![A-Za-z_])"""
    r"""|(?<=[A-Za-z_/=-])\d+(?![A-Za-z])"""
)


def words_of(body: str) -> tuple[str, ...]:
    """The words of a line with its variables taken out.

    >>> words_of("order 17 took 3.2ms for user-99 from 10.0.0.7:8080")
    ('order', '<*>', 'took', '<*>', 'for', 'user-<*>', 'from', '<*>')
    """
    line = body[:MAX_TEXT].split("\n", 1)[0]
    return tuple(_VARIABLE.sub(ANY, line).split()[:MAX_WORDS]) or ("",)


class Miner:
    """Gives each line a template with an id that stays through merges, restarts and replays.

    The id is a hash of the words that founded the template, so the same program gets the same ids on a fresh machine,
    too, unless its lines came in another order.
    """

    def __init__(self, most: int = MAX_TEMPLATES) -> None:
        self.most = most
        self._templates: OrderedDict[int, tuple[str, ...]] = OrderedDict()
        self._tree: dict[tuple[int, str], list[int]] = {}
        self._branches: dict[int, int] = {}
        self._remembered: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._changed: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._templates)

    @property
    def templates(self) -> list[Template]:
        """All that are known, the least recently seen first."""
        return [Template(number, " ".join(words)) for number, words in list(self._templates.items())]

    def text(self, number: int) -> str:
        """The text of a template; of one that was forgotten, the catch-all's."""
        words = self._templates.get(number)
        return OTHER.text if words is None else " ".join(words)

    def learn(self, body: str) -> int:
        """The template of a (masked) line."""
        words = words_of(body)
        number = self._remembered.get(words)
        if number is None or number not in self._templates:
            number = self._match(words) or self._found(words)
            self._remembered[words] = number
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        else:
            self._remembered.move_to_end(words)
        self._templates.move_to_end(number)
        return number

    def take_changed(self) -> tuple[Template, ...]:
        """Templates that are new or whose text became more general since the last call."""
        changed, self._changed = list(self._changed), {}
        return tuple(Template(number, self.text(number)) for number in changed if number in self._templates)

    def _match(self, words: tuple[str, ...]) -> int | None:
        best, best_share = None, SIMILAR
        for number in self._tree.get(self._branch(words), ()):
            share = _share(self._templates[number], words)
            if share > best_share or (share == best_share and best is None):
                best, best_share = number, share
        if best is not None:
            self._merge(best, words)
        return best

    def _merge(self, number: int, words: tuple[str, ...]) -> None:
        old = self._templates[number]
        new = tuple(a if a == b else ANY for a, b in zip(old, words, strict=True))
        if new != old:
            self._templates[number] = new
            self._changed[number] = None

    def _found(self, words: tuple[str, ...]) -> int:
        if len(self._templates) >= self.most:
            self._forget()
        number = _number(words, self._templates)
        self._templates[number] = words
        branch = self._branch(words)
        if branch not in self._tree:
            self._branches[len(words)] = self._branches.get(len(words), 0) + 1
        self._tree.setdefault(branch, []).append(number)
        self._changed[number] = None
        return number

    def _forget(self) -> None:
        """The template not seen for longest makes room."""
        number, _ = self._templates.popitem(last=False)
        for branch, numbers in self._tree.items():
            if number in numbers:
                numbers.remove(number)
                if not numbers:
                    del self._tree[branch]
                    self._branches[branch[0]] -= 1
                return

    def _branch(self, words: tuple[str, ...]) -> tuple[int, str]:
        """Lines of one length and first word are neighbours; a variable word, and any beyond the bound, is `<*>`."""
        first = ANY if ANY in words[0] else words[0]
        branch = (len(words), first)
        if branch not in self._tree and self._branches.get(len(words), 0) >= MAX_BRANCH:
            return len(words), ANY
        return branch

    def state(self) -> dict[str, Any]:
        return {
            "templates": list(self._templates.items()),
            "tree": list(self._tree.items()),
            "remembered": [(words, number) for words, number in self._remembered.items()],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._templates = OrderedDict((number, tuple(words)) for number, words in state["templates"])
        self._tree = {(length, first): list(numbers) for (length, first), numbers in state["tree"]}
        self._branches = {}
        for length, _ in self._tree:
            self._branches[length] = self._branches.get(length, 0) + 1
        self._remembered = OrderedDict((tuple(words), number) for words, number in state["remembered"])


def _share(template: Sequence[str], words: Sequence[str]) -> float:
    """Which share of the words agrees; a `<*>` of the template agrees with nothing but itself (Drain's rule)."""
    return sum(a == b for a, b in zip(template, words, strict=True)) / len(words)


def _number(words: tuple[str, ...], taken: OrderedDict[int, tuple[str, ...]]) -> int:
    """A u32 from the founding words; the next free one in the rare case that it is taken. 0 is the catch-all."""
    number = int.from_bytes(blake2b(" ".join(words).encode(), digest_size=4).digest(), "big") or 1
    while number in taken:
        number = number % 0xFFFFFFFF + 1
    return number
