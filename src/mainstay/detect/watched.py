"""What is watched for whom: teams from the catalog, how much each watches, and who is next to whom."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mainstay.domain.alerts import Alert
from mainstay.domain.budget import DEFAULT_TEAM
from mainstay.domain.entities import Topology
from mainstay.domain.series import SeriesColumns


class Watched:
    """Counts over which chances are taken.

    Args:
        topology: Who is there, who owns it and who calls whom, as known at the record at hand.
        series: Entity → how many of its series were heard of; part of the stage's state.
    """

    def __init__(self, topology: Callable[[], Topology], series: dict[str, int]) -> None:
        self._topology, self.series = topology, series
        self._near: tuple[Topology, dict[str, set[str]]] | None = None
        self._sizes: tuple[Topology, dict[str, int]] | None = None

    def heard(self, series: SeriesColumns, is_new: npt.NDArray[np.bool_]) -> None:
        """Series, and which of them were not there before."""
        which, counts = np.unique(series.entity[is_new], return_counts=True)
        for one, count in zip(which.tolist(), counts.tolist(), strict=True):
            entity = series.entities[one]
            self.series[entity] = self.series.get(entity, 0) + count
            self._sizes = None

    def team(self, entity: str) -> str:
        """Who owns an entity."""
        known = self._topology().entities.get(entity)
        return (known.owner if known else None) or DEFAULT_TEAM

    def teams(self) -> list[str]:
        """Every team that owns something, and the one that owns the rest."""
        return sorted({DEFAULT_TEAM, *(e.owner for e in self._topology().entities.values() if e.owner)})

    def sizes(self) -> dict[str, int]:
        """Per team: its series, the calls into its entities, and one voice (log) per entity."""
        topology = self._topology()
        if self._sizes is None or self._sizes[0] is not topology:
            self._sizes = topology, self._counted(topology)
        return self._sizes[1]

    def _counted(self, topology: Topology) -> dict[str, int]:
        found = dict.fromkeys(self.teams(), 0)
        for entity in {*topology.entities, *self.series}:
            team = self.team(entity)
            found[team] = found.get(team, 0) + self.series.get(entity, 0) + 1
        for edge in topology.edges:
            team = self.team(edge.callee)
            found[team] = found.get(team, 0) + 1
        return found

    def environment(self, entity: str) -> str:
        """Where it runs; "" unknown."""
        known = self._topology().entities.get(entity)
        return known.environment if known else ""

    def around(self, entities: set[str]) -> set[str]:
        """These entities and those one call away."""
        topology = self._topology()
        if self._near is None or self._near[0] is not topology:
            near: dict[str, set[str]] = {}
            for edge in topology.edges:
                near.setdefault(edge.caller, set()).add(edge.callee)
                near.setdefault(edge.callee, set()).add(edge.caller)
            self._near = topology, near
        return entities.union(*(self._near[1].get(entity, ()) for entity in entities))


def ends(alert: Alert) -> set[str]:
    """The entities that an alert speaks of."""
    return {alert.entity, *alert.call} - {""}
