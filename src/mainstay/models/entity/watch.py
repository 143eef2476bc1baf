"""The entity detector: do the many metrics of one host or service still fit together?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec
import numpy as np

from mainstay.domain.protocols import Scored, Transition
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, MetricBatch, Normal
from mainstay.domain.state import OneByOne, Piece, packed, unpack
from mainstay.models.entity.block import Entity, begin_anew, fit, frozen, thawed
from mainstay.models.entity.members import Members
from mainstay.models.entity.parameters import EntityParameters
from mainstay.models.entity.story import Judged, Row, silenced, told
from mainstay.models.entity.tail import Tail, bin_of, share_beyond
from mainstay.models.entity.transition import transition

FORMAT = 2
STARVED = 0.5  # what a row of an entity is worth below which it teaches nothing


class EntityRelations:
    """Whether the metrics of one entity still go together as they used to, and which of them do not.

    Every metric is explained by all others (ridge regression, on values and on their sudden changes); what they leave
    unexplained is averaged over several spans and divided by its usual size. The score of a row is the mean over
    metrics; its rarity comes from the entity's own history. Told (as `info`, it opens no incident by itself) when it is
    rare, when at least two metrics are to blame by an amount that matters, and when it lasts.

    It needs `fit_rows` + `warm_rows` rows of an entity (25 min at 5 s), and says nothing before. A single metric out of
    its own band is for `RobustSeason`: this tier finds relations that break. Entities and metrics beyond the bounds are
    not watched (`unwatched` counts them).
    """

    ALGORITHM: ClassVar[str] = "entity-relations"
    STATE: ClassVar[str] = f"entity-relations/{FORMAT}"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(EntityParameters())

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        from mainstay.models.entity import kernel  # numba: only when a detector is really built

        self._kernel = kernel
        p = self._parameters = msgspec.convert({**self.DEFAULTS, **parameters}, EntityParameters)
        re.compile(p.ignore)
        rates = [2.0 / (span + 1.0) for span in (p.detrend_rows, *p.spans)]
        fixed = [p.memory_rows, rates[0], p.detrend_weight, float(p.fit_rows), p.cap, float(len(p.ridges))]
        self._settings = np.array([*fixed, *rates[1:]])
        self._members = Members(p)
        self._worth: Mapping[str, float] = {}

    @property
    def unwatched(self) -> int:
        """Series that came when an entity, or the whole tier, was full."""
        return self._members.unwatched

    @property
    def late(self) -> int:
        """Samples that came too late for the open row of their entity, and were left out."""
        return int(self._members.rows[:, 3].sum())

    def score(self, normal: Normal) -> Scored:
        """Take samples in; one p-value for each row that is over (NaN while too little is known)."""
        self._members.watch(SeriesColumns.of(normal.new_series))
        self._worth = normal.worth
        scores: list[float] = []
        found: list[Transition] = []
        if normal.metrics is not None:
            self._walk(normal.metrics, scores, found)
        found += self._silences(normal.at_ns)
        return Scored(tuple(found), np.array(scores))

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One row against its frozen history."""
        if "silent" in inputs:
            return silenced(inputs["silent"])
        return told(msgspec.convert(inputs["row"], Row), self._parameters)[1]

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now."""
        return tuple((f"entity:{e.name}", "relations") for e in self._members.entities if e.story.firing)

    def snapshot(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """As `snapshot`; a hundred kilobytes an entity, one after the other."""
        entities = self._members.entities
        kept = {"members": self._members.saved(), "entities": OneByOne(len(entities), map(frozen, entities))}
        return packed(self.ALGORITHM, FORMAT, kept)

    def restore(self, state: bytes) -> None:
        kept = unpack(self.ALGORITHM, FORMAT, state, dict[str, Any])
        members = Members(self._parameters)
        members.restore(kept["members"], [thawed(e, self._parameters) for e in kept["entities"]])
        self._members = members

    def _walk(self, batch: MetricBatch, scores: list[float], found: list[Transition]) -> None:
        at, samples = 0, (batch.series, batch.at_ns, batch.value)
        window_ns, late_ns = int(self._parameters.window_s * 1e9), int(self._parameters.late_s * 1e9)
        while True:
            at = self._kernel.gather(self._members.series, self._members.rows, samples, at, window_ns, late_ns)
            if at >= len(batch):
                return
            number = int(self._members.series[0][batch.series[at]])
            entity, values, at_ns = self._members.closed(number, int(batch.at_ns[at]))
            if len(entity.columns) >= self._parameters.least_metrics:
                self._row(entity, values, at_ns, scores, found)

    def _row(self, entity: Entity, values: F64, at_ns: int, scores: list[float], found: list[Transition]) -> None:
        """Judge one row, tell what there is to tell, learn from it, and fit again when it is time."""
        p, block = self._parameters, entity.block
        score = self._kernel.judge(block, values, self._settings)
        is_known = not np.isnan(score)
        p_value = np.nan
        if is_known and entity.tail is not None:
            is_far = score > entity.tail.above
            p_value = entity.tail.p_value(score) if is_far else share_beyond(entity.counts, score)
            if p_value <= p.p_fire or entity.story.strange or entity.story.away:
                found += self._tell(entity, entity.tail, values, at_ns)
        scores.append(p_value)
        entity.began_ns = entity.began_ns or at_ns
        is_settled = at_ns - entity.began_ns >= p.settle_s * 1e9
        is_usual = p_value > p.teach_p if is_settled else not entity.story.firing
        is_starved = is_settled and self._worth.get(entity.name, 1.0) < STARVED
        lesson = self._kernel.LEVELS if is_settled else self._kernel.EVERYTHING
        teaches = lesson if is_usual and not is_starved else self._kernel.NOTHING
        if is_known and is_usual and not is_settled:
            entity.counts[bin_of(score)] += 1.0
        self._kernel.learn(block, values, self._settings, teaches)
        entity.rows += 1
        entity.story.gated = max(entity.story.gated + (-1 if is_usual else 1), 0)
        if entity.story.gated >= p.adopt_rows and not entity.story.firing:
            begin_anew(entity, p)
        elif entity.rows >= entity.next_fit:
            fit(entity, p, is_settled=is_settled)

    def _tell(self, entity: Entity, tail: Tail, values: F64, at_ns: int) -> list[Transition]:
        row = _frozen_row(entity, tail, values, at_ns)
        inputs = {"row": msgspec.to_builtins(row)}
        entity.story, output = told(row, self._parameters)
        return [] if output["event"] == "none" else [transition(entity.name, at_ns, inputs, output)]

    def _silences(self, at_ns: int) -> list[Transition]:
        """Entities that fire and have not spoken for `silent_s`."""
        found = []
        for number, entity in enumerate(self._members.entities):
            last_ns = int(self._members.rows[number, 2])
            if entity.story.firing and at_ns - last_ns >= self._parameters.silent_s * 1e9:
                given = {"entity": entity.name, "since_ns": entity.story.since_ns, "last_ns": last_ns}
                entity.story = type(entity.story)()
                found.append(transition(entity.name, at_ns, {"silent": given}, silenced(given)))
        return found


def _frozen_row(entity: Entity, tail: Tail, values: F64, at_ns: int) -> Row:
    """What the kernel said of every metric that it judged."""
    of = entity.named
    said = np.flatnonzero(~np.isnan(values) & (of["scale"][0] > 0.0) & (of["judged"] >= entity.fit_rows))
    metrics = tuple(
        Judged(
            metric=entity.columns[j].metric,
            unit=entity.columns[j].unit,
            value=float(values[j]),
            expected=float(values[j] - of["residual"][j]),
            level=float(of["centre"][0, j]),
            strength=float(of["strength"][j]),
        )
        for j in said
    )
    return Row(entity=entity.name, at_ns=at_ns, metrics=metrics, tail=tail, story=entity.story)
