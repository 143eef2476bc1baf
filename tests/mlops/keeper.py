"""A control store in memory: what `Keeps` asks for, really kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mainstay.domain.ledger import Entry
from mainstay.domain.models import Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.mlops import Keys, Registry, Serving

AT_MS = 1_767_225_600_000


class Keeper:
    """Versions, deployments and ledger entries; an entry id is kept once."""

    def __init__(self) -> None:
        self.kept: dict[VersionRef, ModelVersion] = {}
        self.serving: dict[str, Deployment] = {}
        self.entries: dict[str, Entry] = {}

    def versions(self, model: str | None = None) -> Sequence[ModelVersion]:
        return [v for v in self.kept.values() if model in (None, v.ref.model)]

    def version(self, ref: VersionRef) -> ModelVersion | None:
        return self.kept.get(ref)

    def save_version(self, version: ModelVersion, entries: Iterable[Entry] = ()) -> None:
        self.kept.setdefault(version.ref, version)
        self._append(entries)

    def deployments(self, kind: ModelKind | None = None) -> Sequence[Deployment]:
        return [d for d in self.serving.values() if kind in (None, d.kind)]

    def save_deployment(self, deployment: Deployment, entries: Iterable[Entry] = ()) -> None:
        self.serving[deployment.kind] = deployment
        self._append(entries)

    def _append(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.entries.setdefault(entry.id, entry)


class Fixed:
    """A clock that stands still."""

    def now_ns(self) -> int:
        return AT_MS * 1_000_000


def registry(folder: Path, keeper: Keeper | None = None) -> Registry:
    return Registry(keeper or Keeper(), folder / "artefacts", Fixed(), Keys(folder / "keys"))


def serving(folder: Path, keeper: Keeper | None = None) -> Serving:
    return Serving(registry(folder, keeper))
