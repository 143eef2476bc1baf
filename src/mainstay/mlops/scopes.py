"""Where a deployment holds: which scope decides about an entity, and which entities a stable share draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.entities import Entity
from mainstay.domain.errors import BadInput
from mainstay.domain.protocols import JudgeKind, StreamKind
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import MetricBatch, Normal

EVERYWHERE = "*"
ORDER = ("service", "tier", "environment")
"""The most specific first."""
Holds = Callable[[str], bool]
NO_SLOTS: npt.NDArray[np.bool_] = np.zeros(1, np.bool_)


def checked(scope: str) -> str:
    """The scope, when it is one.

    Raises:
        BadInput: It is none; says what one looks like.
    """
    name, is_, value = scope.partition("=")
    if scope != EVERYWHERE and not (is_ and name in ORDER and value):
        raise BadInput(f"a scope is *, environment=NAME, tier=NUMBER or service=NAME; got {scope[:80]!r}")
    return scope


def scope_for(entity: str, known: Mapping[str, Entity], scopes: Iterable[str]) -> str:
    """The most specific of these scopes that the entity lies in.

    >>> one = Entity(id="service:prod/a", kind="service", name="a", environment="prod", tier=1)
    >>> scope_for(one.id, {one.id: one}, ["*", "tier=1", "environment=prod"])
    'tier=1'
    """
    there = set(scopes)
    return next((scope for scope in _of(entity, known) if scope in there), EVERYWHERE)


def _of(entity: str, known: Mapping[str, Entity]) -> list[str]:
    found = known.get(entity)
    kind, _, rest = entity.partition(":")
    environment, _, name = rest.partition("/")
    tier = found.tier if found else None
    service = found.name if found else name
    said = [f"service={service}"] if kind in {"service", ""} or found else []
    said += [f"tier={tier}"] if tier is not None else []
    return [*said, f"environment={found.environment if found else environment}"]


def draws(salt: str, unit: str, share: float) -> bool:
    """Whether a unit is in the share: always the same answer, and other units for another salt.

    >>> draws("metrics@7", "service:prod/a", 1.0), draws("metrics@7", "service:prod/a", 0.0)
    (True, False)
    """
    if share >= 1.0:
        return True
    lot = int.from_bytes(blake2b(f"{salt}|{unit}".encode(), digest_size=8).digest(), "big")
    return lot < share * 2.0**64


class Places:
    """Which entity each series is about, by slot: 4 bytes a series."""

    def __init__(self) -> None:
        self.entities: list[str] = []
        self._at: dict[str, int] = {}
        self._of = np.zeros(0, np.int32)

    def add(self, series: SeriesColumns) -> None:
        """Series come, or come again."""
        used, back = np.unique(series.entity, return_inverse=True)
        codes = np.array([self._code(series.entities[i]) for i in used.tolist()], np.int32)
        room = int(series.slot.max()) + 1
        if room > len(self._of):
            self._of = np.concatenate([self._of, np.full(room - len(self._of) + len(self._of) // 8, -1, np.int32)])
        self._of[series.slot] = codes[back]

    def mask(self, holds: Holds) -> npt.NDArray[np.bool_]:
        """Slots whose entity is meant; the last place answers for what is not known."""
        meant = np.array([*(holds(entity) for entity in self.entities), False], np.bool_)
        return np.append(meant[self._of], False)  # -1 finds the False at the end

    def snapshot(self) -> tuple[list[str], bytes]:
        return self.entities, self._of.tobytes()

    def restore(self, entities: list[str], of: bytes) -> None:
        self.entities, self._of = list(entities), np.frombuffer(of, np.int32).copy()
        self._at = {entity: at for at, entity in enumerate(self.entities)}

    def _code(self, entity: str) -> int:
        code = self._at.setdefault(entity, len(self.entities))
        if code == len(self.entities):
            self.entities.append(entity)
        return code


def part(normal: Normal, holds: Holds, slots: npt.NDArray[np.bool_]) -> Normal:
    """What of a record is about the entities that are meant. Times, calendar and changes of words stay whole."""
    kept: dict[str, Any] = {
        "edges": tuple(one for one in normal.edges if holds(one.callee)),
        "operations": tuple(one for one in normal.operations if holds(one.callee)),
        "templates": tuple(one for one in normal.templates if holds(one.entity)),
        "logs": None,
        "spans": None,
    }
    if normal.metrics is not None:
        kept["metrics"] = chosen(normal.metrics, slots)
    if len(normal.new_series):
        kept["new_series"] = tuple(one for one in normal.new_series if holds(one.entity))
    return dataclasses.replace(normal, **kept)


def chosen(batch: MetricBatch, slots: npt.NDArray[np.bool_]) -> MetricBatch:
    """The samples of the slots that are meant; the last place answers for what lies beyond."""
    from mainstay.mlops.choosing import choose  # numba: only when somebody sees a part

    count = len(batch)
    room = np.empty(count, np.uint32), np.empty(count, np.int64), np.empty(count)
    found = choose(slots, (batch.series, batch.at_ns, batch.value), room)
    return MetricBatch(room[0][:found], room[1][:found], room[2][:found])


def items(kind: StreamKind, normal: Normal) -> int:
    """How much there is for a kind of model to look at in a record.

    >>> items("edges", Normal())
    0
    """
    if kind == "edges":
        return len(normal.edges) + len(normal.operations)
    if kind == "logs":
        return len(normal.templates)
    if kind == "predictions":
        return sum(len(one.score) for one in normal.predictions)
    return len(normal.metrics) if normal.metrics is not None else 0


def about(kind: JudgeKind, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Entities that a judge is asked about: their scope says which version decides.

    >>> about("correlator", {"alert": {"entity": "service:prod/a"}})
    ('service:prod/a',)
    >>> about("planner", {"suspects": [{"entity": "service:prod/b"}, {"entity": "service:prod/c"}]})
    ('service:prod/b',)
    """
    match kind:
        case "correlator":
            return (inputs["alert"]["entity"],)
        case "diagnoser" | "suppressor":
            return tuple(dict.fromkeys(one["entity"] for one in inputs.get("alerts", ())))
        case "planner":
            return tuple(one["entity"] for one in inputs["suspects"][:1])
        case "change-risk":
            return (inputs["entity"],)
    return ()


def unit_of(inputs: Mapping[str, Any]) -> str:
    """The unit by which a judge's canary is drawn: the incident, the alert, or else everything that it is asked.

    >>> unit_of({"incident": {"id": "inc-1"}}), unit_of({"alert": {"id": "a"}, "at_ms": 4})
    ('inc-1', 'a')
    """
    for name in ("incident", "alert"):
        one = inputs.get(name)
        if isinstance(one, str):
            return one
        if isinstance(one, Mapping) and one.get("id"):
            return str(one["id"])
    return blake2b(msgspec.json.encode(inputs, order="deterministic"), digest_size=16).hexdigest()
