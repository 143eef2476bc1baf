"""Which series there are: the catalogue that is kept beside their samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import duckdb

from mainstay.domain.series import decoded
from mainstay.domain.signals import Series
from mainstay.store.telemetry.reads import NO_SLOT

_COLUMNS = "SELECT id, entity, metric, labels, unit, direction FROM series"
Ask = Callable[[Callable[[duckdb.DuckDBPyConnection], list[tuple[Any, ...]]]], list[tuple[Any, ...]]]


class Catalogue:
    """Series by entity, metric or id. Their slots are not known here: those belong to the running pipeline."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, entity: str | None = None, metric: str | None = None, limit: int | None = 1000) -> list[Series]:
        """By entity and metric; None is any."""
        equal = {"entity": entity, "metric": metric}
        asked = {name: value for name, value in equal.items() if value is not None}
        where = " AND ".join(["true", *(f"{name} = ${name}" for name in asked)])
        most = "" if limit is None else f"LIMIT {int(limit)}"
        return self._series(f"WHERE {where} ORDER BY entity, metric, id {most}", asked)

    def by_id(self, ids: Sequence[int | str]) -> list[Series]:
        """Those of these series that are known; what is no number of 64 bits is no id of one."""
        numbers = [int(one) for one in ids if str(one).isdecimal() and int(one) < 1 << 64]
        among = "WHERE id IN (SELECT unnest($ids::UBIGINT[])) ORDER BY entity, metric, id"
        return self._series(among, {"ids": numbers})

    def _series(self, condition: str, values: dict[str, Any]) -> list[Series]:
        rows = self._ask(lambda cursor: cursor.execute(f"{_COLUMNS} {condition}", values).fetchall())
        return [
            Series(NO_SLOT, identity, entity, metric, decoded(labels), unit, direction)
            for identity, entity, metric, labels, unit, direction in rows
        ]
