"""Which column of an export of changes is what: a YAML file that a person can read and correct."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

from mainstay.domain.changes import ChangeKind, ChangeOutcome
from mainstay.domain.errors import BadInput
from mainstay.files import Document
from mainstay.history.ticket_mapping import Times, zone

SHIPPED = Path(__file__).parent / "servicenow.yaml"
KINDS: tuple[str, ...] = get_args(ChangeKind)
OUTCOMES = ("successful", "failed")
NEEDED = ("id", "at", "service")


class ChangeColumns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of columns, the preferred one first."""

    id: tuple[str, ...]
    at: tuple[str, ...]
    service: tuple[str, ...]
    kind: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    previous_version: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()


class ChangeMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One system's exports.

    Attributes:
        kinds, outcomes: What is written in these columns, as regular expressions over the whole of it. A kind that none
            fits is `other`; an outcome that none fits is not known.
    """

    format_version: Literal[1]
    name: str
    source: str
    columns: ChangeColumns
    kinds: dict[str, str] = {}
    outcomes: dict[str, str] = {}
    times: Times = Times()

    @classmethod
    def load(cls, path: Path) -> ChangeMapping:
        """Read and check one.

        Raises:
            BadFile: With the line, and what was expected there.
        """
        document = Document.open(path)
        found = document.read(cls)
        for needed in NEEDED:
            if not getattr(found.columns, needed):
                raise document.bad(["columns", needed], f"expected at least one column for {needed}")
        try:
            zone(found.times.zone)
        except BadInput as error:
            raise document.bad(["times", "zone"], str(error)) from None
        for part, patterns, known in (("kinds", found.kinds, KINDS), ("outcomes", found.outcomes, OUTCOMES)):
            for name, pattern in patterns.items():
                if name not in known:
                    raise document.bad([part, name], f"expected {', '.join(known)}; got {name[:40]}")
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise document.bad([part, name], f"not a regular expression: {error}") from None
        return found

    def places(self, names: Iterable[str]) -> dict[str, str]:
        """The column of each field among these names; fields without one are missing.

        Raises:
            BadInput: A column that is needed is not there; says which were looked for.
        """
        there: dict[str, str] = {}
        for name in names:
            there.setdefault(name.strip().casefold(), name)
        found = {}
        for field in msgspec.structs.fields(ChangeColumns):
            wanted: tuple[str, ...] = getattr(self.columns, field.name)
            column = next((there[name.casefold()] for name in wanted if name.casefold() in there), None)
            if column is not None:
                found[field.name] = column
            elif field.name in NEEDED:
                raise BadInput(f"{field.name}: expected a column {' or '.join(wanted)}; there are {_listed(there)}")
        return found

    def kind(self, said: str) -> ChangeKind:
        """The kind that a word of the export means."""
        return cast("ChangeKind", _fitting(self.kinds, said) or "other")

    def outcome(self, said: str) -> ChangeOutcome:
        """What the export says became of it."""
        return cast("ChangeOutcome", _fitting(self.outcomes, said))


def _fitting(patterns: Mapping[str, str], said: str) -> str:
    return next((name for name, one in patterns.items() if re.fullmatch(one, said.strip(), re.IGNORECASE)), "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)[:400]
