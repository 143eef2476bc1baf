"""What a fault leaves behind: who caused it, how to see that it is still there, how an operator ends it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mainstay.lab.folder import Folder
from mainstay.lab.shop import Shop

Mend = tuple[str, ...]


@dataclass(frozen=True)
class Cause:
    """A cause that was applied.

    Args:
        accepted: Entities that a diagnosis may name.
        affected: Entities that show it first.
        mends: `shopctl` commands, each of which ends it; the first is what an operator would try first.
        signs: By what `is_present` sees it.
        variant: Which of the ways in which this kind happens.
        change_id: The change event that brought it, if one did.
    """

    accepted: tuple[str, ...]
    mends: tuple[Mend, ...]
    signs: dict[str, Any]
    affected: tuple[str, ...] = ()
    variant: str = ""
    change_id: str = ""


@dataclass(frozen=True)
class Place:
    """Where a fault is to happen, and the draw that decides how."""

    folder: Folder
    shop: Shop
    service: str
    draw: random.Random


@dataclass(frozen=True)
class Kind:
    """A kind of fault: where it makes sense, and how it is done."""

    name: str
    where: Callable[[Shop], list[str]]
    apply: Callable[[Place], Cause]
    is_from_outside: bool
    tells: str = field(default="")
