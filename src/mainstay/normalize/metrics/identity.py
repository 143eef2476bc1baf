"""What a sender's stream is: whose it is, how it is read, and what tells its series from their sisters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mainstay.domain.entities import Labels
from mainstay.domain.series import encoded
from mainstay.domain.signals import I64, Stream
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.masking import mask_to
from mainstay.normalize.memo import Memo
from mainstay.normalize.metrics.naming import Named, Said, named_by
from mainstay.normalize.metrics.texts import Texts

MAX_LABEL = 256
MAX_LABELS = 64
NAMES_BYTES, PAIRS_BYTES = 8 << 20, 16 << 20
SHORT = 13  # the shortest secret in one word of letters and digits is a card number

# Names that are drawn anew at each start: UUIDs, hashes, container ids, pods of replica sets, process ids. The last
# piece of a name is taken for drawn when it is hexadecimal with a digit in it, or letters mixed with digits.
_VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-|^(?=[0-9a-f]*\d)[0-9a-f]{8,}$|-[a-z0-9]{8,10}-[a-z0-9]{5}$|^\d+$|[:@_-]\d{4,}$"
    r"|[@_-](?=[a-f]*\d)[0-9a-f]{4,}$|[@_-](?=[a-z]*\d)(?=\d*[a-z])(?![a-z]+\d{1,3}$)[a-z0-9]{5,}$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r":\d+$")


def is_volatile(value: str) -> bool:
    """Whether a copy's name will be another one after its next start.

    >>> [is_volatile(v) for v in ("7f0c2d9e41ab", "payments-7d9f8b6c5d-x2x7k", "cart-3f2a1")]
    [True, True, True]
    >>> [is_volatile(v) for v in ("web-1", "web-node01", "10.0.0.7:9100")]
    [False, False, False]
    """
    return bool(_VOLATILE.search(value)) and not _ADDRESS.search(value)


class Identified(NamedTuple):
    """Whose a stream is, which series it feeds, and by which labels these are known."""

    entity: str
    named: Named
    labels: Labels


@dataclass(frozen=True, slots=True)
class Met:
    """Streams that are met for the first time, as columns.

    Args:
        entities, names: What there is; neither holds more than these streams have, in the order in which they came.
        entity, named: i64[n], places in these.
        labels: Of each stream's series, as `domain.series.encoded` writes them.
    """

    entities: Sequence[str]
    entity: I64
    names: Sequence[Named]
    named: I64
    labels: Texts

    @classmethod
    def of(cls, found: Sequence[Identified]) -> Met:
        """Streams that were read one by one."""
        entities: dict[str, int] = {}
        names: dict[Named, int] = {}
        return cls(
            entity=np.array([entities.setdefault(one.entity, len(entities)) for one in found], np.int64),
            named=np.array([names.setdefault(one.named, len(names)) for one in found], np.int64),
            labels=Texts.of([encoded(one.labels) for one in found]),
            entities=list(entities),
            names=list(names),
        )


class Identity:
    """Reads streams; what it found out of a word it remembers as long as there is room."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._copies = directory.mapping.file.instance
        self._names = Memo[Said, Named](NAMES_BYTES)
        self._pairs = Memo[tuple[str, str], tuple[tuple[str, str], bool]](PAIRS_BYTES)

    def of(self, stream: Stream, *, is_histogram: bool) -> Identified:
        """What a stream is."""
        labels = stream.labels
        if stream.resource:
            labels = tuple(sorted((dict(labels) | dict(stream.resource)).items()))
        entity, spent = self._directory.located(labels)
        return Identified(entity, self._named(stream, is_histogram=is_histogram), self._labels(stream, spent))

    def _named(self, stream: Stream, *, is_histogram: bool) -> Named:
        name = stream.name
        is_bucket = name.endswith("_bucket") and any(label == "le" for label, _ in stream.labels)
        return self.named(
            Said(name, stream.unit, stream.kind, stream.temporality, bool(stream.resource), is_bucket, is_histogram)
        )

    def named(self, said: Said) -> Named:
        """How samples of a metric are read, and what its series are called."""
        named = self._names.get(said)
        if named is None:
            named = named_by(said)
            self._names.put(said, named, 8 * (len(said.name) + len(said.unit)))
        return named

    def _labels(self, stream: Stream, spent: frozenset[str]) -> Labels:
        """What tells a series from its sisters: the point's labels, less what the entity says, plus the copy's name."""
        copies = self._copies
        own: Sequence[tuple[str, str]]
        if not stream.resource:
            own = [pair for pair in stream.labels if pair[0] not in spent and pair[0] != "le"]
            if any([pair[0] in copies and self.pair(pair)[1] for pair in own]):  # noqa: C419 - a list is quicker
                own = [pair for pair in own if pair[0] not in copies]
        else:
            own, said = [pair for pair in stream.labels if pair[0] != "le"], dict(stream.resource)
            stable = (key for key in copies if key not in spent and said.get(key) and not is_volatile(said[key]))
            copy = next(stable, None)
            if copy:
                own = [*(pair for pair in own if pair[0] != copy), (copy, said[copy])]
        kept = [pair if _is_plain(pair) else self.pair(pair)[0] for pair in own[:MAX_LABELS]]
        kept.sort()
        return tuple(kept)

    def pair(self, pair: tuple[str, str]) -> tuple[tuple[str, str], bool]:
        """A label without secrets, and whether its value is drawn anew at each start."""
        found = self._pairs.get(pair)
        if found is None:
            name, value = pair
            found = (name[:MAX_LABEL], mask_to(value, MAX_LABEL)), is_volatile(value)
            self._pairs.put(pair, found, len(name) + 2 * len(value))
        return found


def _is_plain(pair: tuple[str, str]) -> bool:
    """What is short and one word can hide no secret."""
    return len(pair[1]) < SHORT and pair[1].isalnum() and len(pair[0]) < MAX_LABEL
