"""An incident as it can be compared with others: which words, which symptoms, where in the call graph."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident, Suspect
from mainstay.domain.similar import Portrait

SURE = 0.3
MOST_ALERTS = 200
MOST_WORDS = 96
MOST_FACTS = 64
_WORD = re.compile(r"[^\W\d_]{3,30}")
_EMPTY = frozenset({"the", "and", "for", "was", "were", "than", "with", "that", "expected", "most", "least", "since"})


def words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Distinct words, without numbers, ids and what says nothing.

    >>> words_of(["payments p95 2.4 s, expected at most 180 ms", "Payments: timeout <*>"])
    ('payments', 'timeout')
    """
    found = dict.fromkeys(word.lower() for text in texts for word in _WORD.findall(text))
    return tuple(sorted(islice((word for word in found if word not in _EMPTY), MOST_WORDS)))


def portrait_of(
    incident: Incident, alerts: Sequence[Alert], topology: Topology, changes: Mapping[str, Change]
) -> Portrait:
    """What an incident looks like at this moment.

    Args:
        incident: Its suspects, and the log lines among its evidence.
        alerts: Those of the incident; the first 200 by onset count.
        topology: For tiers, and for who stands where in the call graph.
        changes: By id: what the first suspect names as its change.
    """
    mine = sorted(alerts, key=lambda alert: (alert.since_ms, alert.id))[:MOST_ALERTS]
    texts = [text for alert in mine for text in (alert.name, alert.summary)]
    texts += [item.says for item in incident.evidence if item.kind == "log"]
    places = Places(topology)
    facts = dict.fromkeys(_spread(mine))
    facts |= dict.fromkeys(fact for suspect in incident.suspects[:1] for fact in _cause(suspect, places, changes))
    facts |= dict.fromkeys(f"symptom:{alert.signal} {places.of(alert.about)}" for alert in mine)
    facts |= dict.fromkeys(f"service:{alert.about}" for alert in mine)
    return Portrait(words=words_of(texts), facts=tuple(sorted(islice(facts, MOST_FACTS))))


def _cause(suspect: Suspect, places: Places, changes: Mapping[str, Change]) -> list[str]:
    if suspect.probability < SURE:
        return []
    found = [f"cause:{suspect.cause}", f"place:{places.of(suspect.entity)}", f"service:{suspect.entity}"]
    if suspect.change:
        change = changes.get(suspect.change)
        found.append(f"change:{change.kind if change else 'other'}")
    return found


def _spread(alerts: Sequence[Alert]) -> list[str]:
    """How wide it is, in powers of two, and whether users see it."""
    suffering = {alert.about for alert in alerts}
    found = [f"spread:{len(suffering).bit_length()}"]
    return [*found, "spread:users"] if any(not a.call[0] and a.call[1] for a in alerts) else found


class Places:
    """Where an entity stands: who calls nobody, who is called by nobody, how critical it is."""

    def __init__(self, topology: Topology) -> None:
        self._entities = topology.entities
        self._calling = {edge.caller for edge in topology.edges}
        self._called = {edge.callee for edge in topology.edges}

    def of(self, entity: str) -> str:
        """In words that mean the same in another shop: kind, position, tier."""
        known = self._entities.get(entity)
        kind = known.kind if known else entity.partition(":")[0]
        if kind != "service":
            return kind
        position = {(True, False): "entry", (True, True): "middle", (False, True): "leaf"}
        where = position.get((entity in self._calling, entity in self._called), "alone")
        return f"{kind} {where} tier {known.tier if known and known.tier is not None else 'unknown'}"
