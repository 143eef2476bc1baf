"""Who streams are that come together for the first time: what they share is found out once, the rest is compiled.

A request of 2,000 new series names some forty processes and fifty metrics. Whose a label set is depends on the labels
that the mapping reads, so each different choice of these is placed once; a label is looked at by Python only when the
mapping reads it, when it names a copy, or when its value could hide a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.entities import Labels
from mainstay.domain.signals import I64, U64, Stream, Words
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.metrics import written
from mainstay.normalize.metrics.blake import digests
from mainstay.normalize.metrics.identity import Identity, Met
from mainstay.normalize.metrics.naming import Said
from mainstay.normalize.metrics.texts import Texts

_ENCODER = msgspec.msgpack.Encoder()
METRIC_NAME = np.frombuffer(b"__name__", np.uint8)
_TAIL = np.frombuffer(_ENCODER.encode(((), "", "gauge", "unspecified"))[1:], np.uint8)
"""Resource, unit, kind, temporality: what is behind name and labels where a stream is written down."""


Read = Callable[[int], Stream]
"""A stream by its number."""


class Census:
    """As `Identity`, of many streams that are known by their words; to the same end, in the same order."""

    def __init__(self, directory: Directory, identity: Identity) -> None:
        self._directory, self._identity = directory, identity

    def digests(self, words: Words, size: int) -> U64:
        """The digest of each stream, of `size` bytes: as of the `Stream` that its words make."""
        raw, ends = written.keys(_bytes(words), words.first, words.place, METRIC_NAME, _TAIL)
        found: U64 = digests(raw, ends, size // 8)
        return found

    def of(self, words: Words, read: Read) -> Met | None:
        """What the streams are; None when their words are odd and each has to be read by itself."""
        data, place = _bytes(words), words.place
        every = np.ones(len(place), np.bool_)
        name, examples = written.interned(data, place, 0, np.zeros(len(place), np.int64), every)
        names = [words.text(label, 0) for label in examples.tolist()]
        if not names or any(len(one) >= written.MOST_NAME for one in names):
            return None
        means = np.array([self._meaning(one) for one in names], np.uint8)[name]
        look = written.looks(data, place, means)
        word, told = written.interned(data, place, 2, name, look == written.TELLING)
        if len(word) < len(place):
            return None
        group, begin, last = written.grouped(words.first, means, word)
        if not len(begin):
            return None
        entities, spent = self._placed(read, group, begin, last)
        numbers = {one: at for at, one in enumerate(dict.fromkeys(spent))}
        is_spent = np.array([[one in chosen for one in names] for chosen in numbers])
        raw, ends = written.told(
            (data, words.first, place),
            (name, means, look, word),
            self._pieces(words, told.tolist()),
            (np.array([numbers[one] for one in spent])[group], is_spent),
        )
        named, kind = self._named(words, told, written.kinds(words.first, means, look, word))
        return Met(entities, group, named, kind, Texts(raw, ends))

    def _meaning(self, name: str) -> int:
        """What a label's name means, as `written` says it."""
        return (
            (written.READS if name in self._directory.mapping.reads else 0)
            | (written.COPY if name in self._directory.mapping.file.instance else 0)
            | (written.LE if name == "le" else 0)
            | (written.METRIC if name == "__name__" else 0)
        )

    def _placed(self, read: Read, group: I64, begin: I64, last: I64) -> tuple[list[str], list[frozenset[str]]]:
        """(entity, labels spent) of each group. What is heard last of an entity is what it says of itself now."""
        directory = self._directory
        labels: list[Labels] = [read(at).labels for at in begin.tolist()]
        found: list[tuple[str, frozenset[str]] | None] = [None] * len(begin)
        for number, at in enumerate(begin.tolist()):
            found[number] = place = directory.located(labels[number])
            if directory.is_unplaced(place[0]):
                self._walk(read, group, at + 1, found)
                break
        if (np.diff(last) < 0).any():
            for number in np.argsort(last).tolist():
                one = found[number]
                if one is not None and not directory.is_unplaced(one[0]):
                    directory.located(labels[number])
        return [one[0] for one in found if one], [one[1] for one in found if one]

    def _walk(self, read: Read, group: I64, at: int, found: list[tuple[str, frozenset[str]] | None]) -> None:
        """One by one: whatever has no place is listed with all its labels."""
        for stream, number in enumerate(group[at:].tolist(), start=at):
            known = found[number]
            if known is None or self._directory.is_unplaced(known[0]):
                found[number] = self._directory.located(read(stream).labels)

    def _pieces(self, words: Words, told: list[int]) -> tuple[Any, ...]:
        """(bytes, starts, ends, is volatile): each telling label without secrets, as it is written."""
        found = [self._identity.pair((words.text(label, 0), words.text(label, 2))) for label in told]
        pieces = [_ENCODER.encode(pair) for pair, _ in found]
        ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(ends) else ends
        volatile = np.array([is_volatile for _, is_volatile in found], np.bool_)
        return np.frombuffer(b"".join(pieces), np.uint8), starts, ends, volatile

    def _named(self, words: Words, told: I64, kinds: I64) -> tuple[list[Any], I64]:
        """The different ways in which samples are read, as they come, and which is each stream's."""
        different, first, which = np.unique(kinds, return_index=True, return_inverse=True)
        numbers: dict[Any, int] = {}
        number = np.zeros(len(different), np.int64)
        for at in np.argsort(first).tolist():
            name = words.text(int(told[different[at] >> 1]), 2)
            is_bucket = bool(different[at] & 1) and name.endswith("_bucket")
            named = self._identity.named(Said(name, "", "gauge", "unspecified", False, is_bucket, False))
            number[at] = numbers.setdefault(named, len(numbers))
        return list(numbers), number[which]


def _bytes(words: Words) -> Any:
    return np.frombuffer(words.data, np.uint8)
