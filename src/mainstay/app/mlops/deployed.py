"""What a fresh installation deploys: evaluation asks the same versions that a user's first start serves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.domain.models import ModelKind
from mainstay.mlops import Keys, Registry, Serving
from mainstay.store.control import Control


class Still:
    """A clock that stands still: figures do not depend on when they are made."""

    def now_ns(self) -> int:
        return 1_767_225_600_000_000_000


@dataclass(frozen=True, slots=True)
class Deployed:
    """The shipped versions, served from an empty data folder."""

    serving: Serving
    registry: Registry

    def parameters(self, kind: ModelKind) -> dict[str, Any]:
        """Those of the live version of a kind."""
        return dict(self.registry.version(self.serving.deployment(kind).live).parameters)


@contextmanager
def deployed() -> Iterator[Deployed]:
    """The shipped versions in a folder that goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="mainstay-evaluate-") as name:
        folder, clock = Path(name), Still()
        control = Control(folder / "control.db", clock)
        try:
            registry = Registry(control, folder / "artefacts", clock, Keys(folder / "keys"))
            yield Deployed(Serving(registry), registry)
        finally:
            control.close()
