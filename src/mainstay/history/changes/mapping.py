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
from mainstay.history.columns import Times, check, check_pattern, listed, places

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
        check(document, found.columns, found.times, NEEDED)
        for part, patterns, known in (("kinds", found.kinds, KINDS), ("outcomes", found.outcomes, OUTCOMES)):
            for name, pattern in patterns.items():
                if name not in known:
                    raise document.bad([part, name], f"expected {', '.join(known)}; got {name[:40]}")
                check_pattern(document, [part, name], pattern)
        return found

    def places(self, names: Iterable[str]) -> dict[str, str]:
        """The column of each field among these names; fields without one are missing.

        Raises:
            BadInput: A column that is needed is not there; says which were looked for.
        """
        header = list(names)
        found = places(self.columns, header)
        for needed in NEEDED:
            if needed not in found:
                wanted = " or ".join(getattr(self.columns, needed))
                raise BadInput(f"{needed}: expected a column {wanted}; there are {listed(header)}")
        return {field: header[place] for field, place in found.items()}

    def kind(self, said: str) -> ChangeKind:
        """The kind that a word of the export means."""
        return cast("ChangeKind", _fitting(self.kinds, said) or "other")

    def outcome(self, said: str) -> ChangeOutcome:
        """What the export says became of it."""
        return cast("ChangeOutcome", _fitting(self.outcomes, said))


def _fitting(patterns: Mapping[str, str], said: str) -> str:
    return next((name for name, one in patterns.items() if re.fullmatch(one, said.strip(), re.IGNORECASE)), "")
