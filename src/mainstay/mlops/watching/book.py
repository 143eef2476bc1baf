"""Findings that hold: raised when two looks agree, ended when two looks agree that it is over, or by a new version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.ledger import Entry
from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.watching import Finding, Impact, Measure

LOOKS = 2
BACK = "it is again as it was"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found: everything of a finding but when."""

    measure: Measure
    kind: ModelKind
    version: VersionRef
    scope: str
    value: float
    threshold: float
    unit: str
    says: str
    impact: Impact = Impact()

    @property
    def key(self) -> str:
        """One finding at a time per measure, version and scope."""
        return f"{self.measure} {self.version} {self.scope}"


class Begun(msgspec.Struct, frozen=True):
    """Seen, and not yet sure."""

    measure: Measure
    kind: ModelKind
    since_ms: int
    looks: int


class Book(msgspec.Struct):
    """What is open, and what was seen once.

    Attributes:
        began: When a look first saw it, by key, with how many looks saw it since.
        calm: How many looks one after another did not see an open finding any more, by key.
    """

    open: dict[str, Finding] = {}
    began: dict[str, Begun] = {}
    calm: dict[str, int] = {}

    def look(self, measure: Measure, kind: ModelKind, seen: Iterable[Seen], at_ms: int, effects: Effects) -> None:
        """What a look for one measure of one kind of model found. What it found no more is over after two looks."""
        found = {one.key: one for one in seen}
        for key, begun in list(self.began.items()):
            if (begun.measure, begun.kind) == (measure, kind) and key not in found:
                del self.began[key]
        for key, one in found.items():
            before = self.began.get(key)
            now = Begun(measure, kind, before.since_ms if before else at_ms, before.looks + 1 if before else 1)
            self.began[key] = now
            self.calm.pop(key, None)
            if now.looks >= LOOKS:
                self.tell(one, now.since_ms, at_ms, effects)
        for key in [key for key, one in self.open.items() if (one.measure, one.kind) == (measure, kind)]:
            if key not in found:
                self.calm[key] = self.calm.get(key, 0) + 1
                if self.calm[key] >= LOOKS:
                    self.end(key, at_ms, BACK, effects)

    def tell(self, seen: Seen, since_ms: int, at_ms: int, effects: Effects) -> None:
        """Open a finding, unless it is open."""
        if seen.key in self.open:
            return
        name = hashlib.sha256(f"{seen.key} {since_ms}".encode()).hexdigest()[:12]
        facts = {name: getattr(seen, name) for name in seen.__struct_fields__}
        finding = Finding(id=f"F-{name}", since_ms=since_ms, at_ms=at_ms, **facts)
        self.open[seen.key] = finding
        _record(finding, effects)

    def end(self, key: str, at_ms: int, why: str, effects: Effects) -> None:
        """It does not hold any more."""
        finding = msgspec.structs.replace(self.open.pop(key), ended_ms=at_ms, ended_why=why)
        self.calm.pop(key, None)
        self.began.pop(key, None)
        _record(finding, effects)

    def chosen(self, kind: ModelKind, live: VersionRef, at_ms: int, effects: Effects) -> None:
        """Another version serves: what was found of the one before is over, for this one there is nothing yet."""
        for key in [key for key, one in self.open.items() if one.kind == kind and one.version != live]:
            self.end(key, at_ms, f"{live} took over", effects)
        self.began = {key: seen for key, seen in self.began.items() if key in self.open}


def _record(finding: Finding, effects: Effects) -> None:
    """The finding, and its line in the ledger."""
    effects.records[f"finding:{finding.id}"] = finding
    is_over = finding.ended_ms is not None
    output = {
        "measure": finding.measure,
        "version": str(finding.version),
        "scope": finding.scope,
        "value": finding.value,
        "threshold": finding.threshold,
        "unit": finding.unit,
        "status": finding.status,
        "says": finding.ended_why if is_over else finding.says,
        "impact": msgspec.to_builtins(finding.impact),
    }
    rests_on = (f"finding:{finding.id}",) if is_over else (f"version-{finding.version}", *finding.impact.alerts)
    entry = Entry(
        id=f"finding:{finding.id}" + (":over" if is_over else ""),
        kind="finding",
        at_ms=finding.ended_ms or finding.at_ms,
        actor="mainstay",
        subject=str(finding.version),
        output=output,
        rests_on=rests_on,
    )
    effects.entries.append(entry)
