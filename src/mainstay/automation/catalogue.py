"""Runbooks: read from YAML, checked as far as a file can be checked, and refused with the line where it goes wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import msgspec

from mainstay.automation.actions import NAMES
from mainstay.automation.parameters import SOURCES, references
from mainstay.domain.errors import BadFile, BadInput
from mainstay.domain.incidents import Cause
from mainstay.domain.runbooks import Runbook, Step
from mainstay.files import Document

SHIPPED = Path(__file__).parent / "runbooks"
Where = list[str | int]


@dataclass(frozen=True)
class Catalogue:
    """The runbooks that can be proposed, by name.

    Args:
        forced: Only this one is proposed, whatever the cause: `placebo` proves that verification is real.
    """

    runbooks: Mapping[str, Runbook] = field(default_factory=dict)
    forced: str = ""

    def __iter__(self) -> Iterator[Runbook]:
        return iter(self.runbooks.values())

    def __len__(self) -> int:
        return len(self.runbooks)

    def __getitem__(self, name: str) -> Runbook:
        return self.runbooks[name]

    def offered(self) -> list[dict[str, Any]]:
        """What a planner may choose from, as plain values."""
        if self.forced:
            return [_offer(self.runbooks[self.forced], causes=get_args(Cause), min_probability=0.0, enabled=True)]
        return [_offer(runbook) for runbook in self]

    def digest(self, name: str) -> str:
        """sha256 of a runbook as it is now: a decision rests on this text, not on a name."""
        return hashlib.sha256(msgspec.json.encode(self.runbooks[name], order="deterministic")).hexdigest()


def _offer(runbook: Runbook, **instead: Any) -> dict[str, Any]:
    offer: dict[str, Any] = {
        "name": runbook.name,
        "causes": runbook.causes,
        "min_probability": runbook.min_probability,
        "needs_change": runbook.needs_change,
        "enabled": runbook.enabled,
        "parameters": dict(runbook.parameters),
    }
    offer.update(instead)
    return {**offer, "causes": list(offer["causes"])}


def load_runbooks(directories: Sequence[Path | str] = (), *, force: str = "") -> Catalogue:
    """The shipped runbooks and those of your folders; yours replaces a shipped one of the same name.

    Args:
        directories: Folders with one runbook per `*.yaml` file.
        force: Propose only this one, even if it is disabled and matches another cause.

    Raises:
        BadFile: With the line and what was expected there.
        BadInput: `force` names no runbook.
    """
    runbooks: dict[str, Runbook] = {}
    for directory in (SHIPPED, *map(Path, directories)):
        runbooks.update(_folder(directory))
    if force and force not in runbooks:
        raise BadInput(f"no runbook is named {force!r}; there are {', '.join(sorted(runbooks))}")
    return Catalogue(dict(sorted(runbooks.items())), force)


def _folder(directory: Path) -> dict[str, Runbook]:
    if not directory.is_dir():
        raise BadFile(str(directory), 1, "expected a folder of runbooks")
    found: dict[str, Runbook] = {}
    for path in sorted(directory.glob("*.yaml")):
        runbook = read_runbook(path)
        if runbook.name in found:
            raise BadFile(str(path), 1, f"a second runbook named {runbook.name} in this folder; expected another name")
        found[runbook.name] = runbook
    return found


def read_runbook(path: Path) -> Runbook:
    """One file as a runbook.

    Raises:
        BadFile: With the line and what was expected there.
    """
    document = Document.open(path)
    runbook = document.read(Runbook)
    for where, says in _faults(runbook):
        raise document.bad(where, says)
    return runbook


def _faults(runbook: Runbook) -> Iterator[tuple[Where, str]]:
    """What a type cannot say: in which place, what was expected."""
    if not runbook.steps:
        yield ["steps"], "expected at least one step"
    if not runbook.causes:
        yield ["causes"], "expected at least one cause"
    for name, source in runbook.parameters.items():
        if source not in SOURCES:
            yield ["parameters", name], f"expected one of {', '.join(SOURCES)}; got {source!r}"
    if not 0 <= runbook.min_probability <= 1:
        yield ["min_probability"], f"expected a probability from 0 to 1, got {runbook.min_probability}"
    if runbook.verify.within_s <= 0:
        yield ["verify", "within_s"], f"expected more than 0 seconds, got {runbook.verify.within_s}"
    if runbook.verify.quiet_s < 0:
        yield ["verify", "quiet_s"], f"expected 0 or more seconds, got {runbook.verify.quiet_s}"
    if references(runbook.verify.entity) - set(runbook.parameters):
        yield ["verify", "entity"], f"expected an entity or a declared parameter, got {runbook.verify.entity!r}"
    yield from _step_faults(runbook, "steps", runbook.steps)
    yield from _step_faults(runbook, "undo", runbook.undo)


def _step_faults(runbook: Runbook, part: str, steps: Sequence[Step]) -> Iterator[tuple[Where, str]]:
    names: set[str] = set()
    for index, step in enumerate(steps):
        here: Where = [part, index]
        if step.name in names:
            yield [*here, "name"], f"a second step named {step.name!r}; expected another name"
        names.add(step.name)
        if step.action not in NAMES:
            yield [*here, "action"], f"expected one of {', '.join(NAMES)}; got {step.action!r}"
        if not 0 < step.timeout_s <= 3600:
            yield [*here, "timeout_s"], f"expected more than 0 and at most 3600 seconds, got {step.timeout_s}"
        for name in sorted(references(step.with_) - set(runbook.parameters)):
            yield [*here, "with"], f"${{{name}}} is not declared under parameters"
