"""Algorithms that a package of the user's own offers, by entry point; nothing of it is imported before it is used.

The package says in its pyproject.toml::

    [project.entry-points."mainstay.models"]
    drift-of-mine = "mine.detectors:DriftOfMine"
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mainstay.domain.errors import Corrupt

GROUP = "mainstay.models"
IMPORT_FAILS = (ImportError, AttributeError, LookupError, TypeError, ValueError, ArithmeticError, OSError, SyntaxError)
"""What the import of somebody's module may raise without harm to the platform: another version decides in its place."""


def class_of_entry(algorithm: str) -> Any:
    """The class that a package offers under this name; None when none does.

    Raises:
        Corrupt: It cannot be imported, two packages offer it, or its ALGORITHM is another name.

    >>> class_of_entry("nobody-offers-this") is None
    True
    """
    entry = _entry(algorithm)
    if entry is None:
        return None
    try:
        found = entry.load()
    except IMPORT_FAILS as error:
        says = f"{type(error).__name__}: {error}"
        raise Corrupt(f"{algorithm}: {entry.value} of {_source(entry)} cannot be imported: {says[:300]}") from None
    named = getattr(found, "ALGORITHM", None)
    if named != algorithm:
        raise Corrupt(f"{entry.value} is offered as {algorithm!r}, and its ALGORITHM is {named!r}: make them equal")
    return found


def made_by_entry(cls: Any, parameters: Mapping[str, Any]) -> Any:
    """One of a user's class. What it raises about its parameters, a ValueError or TypeError, is for the caller.

    Raises:
        Corrupt: It failed otherwise.
    """
    try:
        return cls(parameters)
    except (ValueError, TypeError):
        raise
    except (*IMPORT_FAILS, RuntimeError, MemoryError) as error:
        raise Corrupt(f"{cls.ALGORITHM} cannot be made: {type(error).__name__}: {error}"[:400]) from None


def source_of_entry(algorithm: str) -> str:
    """Package and version that offer an algorithm, `mine 1.2`; "" when none does.

    >>> source_of_entry("nobody-offers-this")
    ''
    """
    entry = _entry(algorithm)
    return _source(entry) if entry else ""


def _entry(algorithm: str) -> EntryPoint | None:
    found = {(one.value, _source(one)): one for one in entry_points(group=GROUP, name=algorithm)}
    if len(found) > 1:
        offers = " and ".join(f"{source} ({value})" for value, source in sorted(found))
        raise Corrupt(f"{algorithm!r} is offered by {offers}: one of them has to go")
    return next(iter(found.values()), None)


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed package"
