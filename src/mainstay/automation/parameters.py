"""Parameters: the only way for a fact into a step, and no fact can have the form of an option or of shell text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mainstay.domain.errors import Refused

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_VERSION = r"[A-Za-z0-9][A-Za-z0-9._+:-]{0,126}"
_ENTITY = r"[a-z]+:[A-Za-z0-9._-]{0,62}/" + _NAME
_REFERENCE = re.compile(r"\$\{([^}]*)\}")

SOURCES: Mapping[str, re.Pattern[str]] = {
    "entity.id": re.compile(_ENTITY),
    "entity.name": re.compile(_NAME),
    "entity.version": re.compile(_VERSION),
    "entity.previous_version": re.compile(_VERSION),
    "change.version": re.compile(_VERSION),
    "change.previous_version": re.compile(_VERSION),
}
"""What a runbook's parameter may be taken from, and the form that such a value must have.

Every form starts with a letter or a digit: what starts with `-` would be read as an option. None admits white space,
a line break, a quote or any sign that a shell knows; the longest is 191 characters.
"""


def checked(source: str, value: str) -> str:
    """The value, if it has the form of its source.

    >>> checked("entity.name", "payments")
    'payments'
    >>> checked("entity.name", "--help")
    Traceback (most recent call last):
    mainstay.domain.errors.Refused: entity.name '--help' may not stand in a plan: expected letters, digits and ._- only

    Raises:
        Refused: It has not; the message shows at most 40 characters of it.
    """
    if not SOURCES[source].fullmatch(value):
        raise Refused(f"{source} {value[:40]!r} may not stand in a plan: expected letters, digits and ._- only")
    return value


def references(value: Any) -> set[str]:
    """The parameter names that a step's arguments refer to.

    >>> sorted(references({"arguments": ["${service}", "--version", "${version}"]}))
    ['service', 'version']
    """
    if isinstance(value, str):
        return set(_REFERENCE.findall(value))
    if isinstance(value, Mapping):
        return set().union(*(references(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(references(item) for item in value))
    return set()


def filled(value: Any, parameters: Mapping[str, str]) -> Any:
    """The arguments with every `${name}` replaced; what is put in is not looked at again.

    >>> filled(["${service}", 3], {"service": "payments"})
    ['payments', 3]
    """
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: parameters[match[1]], value)
    if isinstance(value, Mapping):
        return {key: filled(item, parameters) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, parameters) for item in value]
    return value
