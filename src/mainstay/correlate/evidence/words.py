"""What an alert names besides its own entity: a node, a namespace, an address, another service.

Where no call is known between two services, what their alerts both speak of is what is left to tie them by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter

import msgspec

from mainstay.domain.alerts import Alert

MOST_WORDS = 20_000
COMMON = 5  # what so many entities speak of within the hour says nothing
FORGOTTEN_MS = 3_600_000
MOST_OF_ONE = 24  # words of one alert: a sender may give 10⁴ labels
LONGEST = 80
SAYS_NOTHING = frozenset(
    [
        *(
            "alertname",
            "severity",
            "priority",
            "status",
            "team",
            "owner",
            "tier",
            "env",
            "environment",
            "job",
            "cluster",
        ),
        *("region", "prometheus", "receiver", "monitor", "replica", "endpoint", "metric", "rule", "channel"),
    ]
)
"""Labels that name no thing, or one that nearly everything is part of."""
_IDENTIFIER = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|[a-z][a-z0-9]*(?:[-_.:/][a-z0-9]+|\d)[a-z0-9._:/-]*")


class Named(msgspec.Struct, array_like=True):
    """Who spoke of a word within the hour, at most `COMMON`, and when somebody did last."""

    at_ms: int
    entities: list[str]


class Words(msgspec.Struct):
    """Who spoke of what in the last hour, at most 20,000 words; what was not spoken of for longest leaves first.

    >>> words = Words()
    >>> words.met("service:p/cart", ["node-7", "cart"], at_ms=0)
    {}
    >>> words.met("service:p/mail", ["node-7", "mail"], at_ms=9_000)
    {'service:p/cart': 'node-7'}
    """

    known: dict[str, Named] = {}

    def met(self, entity: str, words: Iterable[str], at_ms: int) -> dict[str, str]:
        """Somebody speaks of these: who else did, each with the rarest word that both speak of."""
        shared: list[tuple[int, str, Named]] = []
        for word in words:
            named = self.known.pop(word, None)
            if named is None or at_ms - named.at_ms > FORGOTTEN_MS:
                named = Named(at_ms, [entity])
            else:
                named.at_ms = at_ms
                if entity not in named.entities and len(named.entities) < COMMON:
                    named.entities.append(entity)
                if 1 < len(named.entities) < COMMON:
                    shared.append((len(named.entities), word, named))
            self.known[word] = named
        if len(self.known) > MOST_WORDS:
            self._forget()
        found: dict[str, str] = {}
        for _, word, named in sorted(shared, key=itemgetter(0, 1)):
            for other in named.entities:
                if other != entity:
                    found.setdefault(other, word)
        return found

    def _forget(self) -> None:
        for word in list(islice(self.known, len(self.known) - MOST_WORDS)):
            del self.known[word]


def words_of(alert: Alert) -> list[str]:
    """The things that an alert names: its entity, the values of its sender's labels, identifiers in its summary.

    >>> from mainstay.domain.models import VersionRef
    >>> words_of(Alert(id="a", fingerprint="f", entity="service:p/cart", name="PodCrash", severity="major",
    ...     status="firing", since_ms=0, at_ms=0, decided_by=VersionRef("rule/x", 0), source="alertmanager",
    ...     labels={"alertname": "PodCrash", "node": "Worker-3"}, summary="cart on worker-3: no way to 10.0.0.7:5432"))
    ['cart', 'worker-3', '10.0.0.7:5432']
    """
    found = dict.fromkeys((alert.about.rpartition("/")[2].lower(),))
    for word in (*_labels(alert), *_IDENTIFIER.findall(alert.summary.lower())):
        found[word.rstrip(".:/-")[:LONGEST]] = None
        if len(found) >= MOST_OF_ONE:
            break
    return list(found)


def _labels(alert: Alert) -> Iterator[str]:
    """Values that a sender gave; what detectors set is measured, not named."""
    if alert.source == "detector":
        return
    for name, value in alert.labels.items():
        word = value.strip().lower()
        if name not in SAYS_NOTHING and 3 <= len(word) <= LONGEST and not word.replace(".", "").isdigit():
            yield word
