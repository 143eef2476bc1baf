"""Which rule holds for series that come: decided once per name and entity, written to all of their rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.series import Said
from mainstay.domain.signals import I64
from mainstay.models.anomaly.rules import Choice, own_limit, ways_of
from mainstay.models.anomaly.state import BORROWED, SEASONAL, Rows
from mainstay.models.anomaly.watched import Watched

ALONE, LIMITED, LIMIT = 0, 1, 2
_GOVERNED = np.dtype([("rule", "u2"), ("ways", "u1"), ("limit", "f4"), ("stands", "u1")])


def govern(rows: Rows, watched: Watched, choice: Choice, slots: I64) -> None:
    """Give series their rule, the ways that are bad for them, and what limits them."""
    kinds, which = watched.kinds(slots)
    said = _governed(choice, kinds)[which]
    rows["rule"][slots] = said["rule"]
    judged = (said["rule"] > 0) & (said["stands"] != LIMIT)
    rows["ways"][slots[judged]] = said["ways"][judged] | (rows["ways"][slots[judged]] & (SEASONAL | BORROWED))
    known = judged & (said["limit"] > 0)
    rows["limit"][slots[known]] = said["limit"][known]
    paired = np.flatnonzero(said["stands"] != ALONE)
    for slot, stands in zip(slots[paired].tolist(), said["stands"][paired].tolist(), strict=True):
        target, limited_by = watched.accompany(slot, is_limit=stands == LIMIT)
        if target is not None and limited_by is not None:
            rows["since_ns"][limited_by] = target + 1


def _governed(choice: Choice, kinds: Sequence[tuple[str, Said]]) -> npt.NDArray[Any]:
    found = np.zeros(len(kinds), _GOVERNED)
    for one, (entity, said) in zip(found, kinds, strict=True):
        row = choice.row(entity, said.metric, said.unit)
        if not row:
            continue
        rule = choice.rule(entity, said.metric)
        is_near = rule.near > 0 or rule.above > 0  # to all others the resource's limit says nothing
        one["rule"], one["stands"] = row, LIMIT if rule.is_limit else LIMITED if is_near else ALONE
        one["ways"], one["limit"] = ways_of(rule, said.direction), own_limit(rule, said.metric, said.unit)
    return found
