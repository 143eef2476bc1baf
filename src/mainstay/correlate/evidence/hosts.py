"""Which host each entity runs on, also of those that are well: a host is judged by all that share it."""

from __future__ import annotations

from collections.abc import Iterable

from mainstay.correlate.evidence.chart import Map
from mainstay.domain.entities import entity_id

MOST = 400


def hosts_of(entities: Iterable[str], chart: Map) -> dict[str, str]:
    """Entity → host id, for these entities and for whatever shares a host with one of them; at most 400.

    A host that speaks for itself (an exporter on it) has its own id; one that services only name gets the id that it
    would have.
    """
    homes = chart.homes
    wanted = {(_environment(entity), homes[entity]) for entity in entities if entity in homes}
    speaking = {e.name: e.id for e in chart.entities.values() if e.kind == "host"} if wanted else {}
    found: dict[str, str] = {}
    for entity, name in sorted((e, host) for host in {host for _, host in wanted} for e in chart.sharing(host)):
        if (_environment(entity), name) in wanted and not entity.startswith("host:") and len(found) < MOST:
            own = entity_id("host", _environment(entity), name)
            found[entity] = own if own in chart.entities else speaking.get(name, own)
    return found


def _environment(entity: str) -> str:
    return entity.partition(":")[2].rpartition("/")[0]
