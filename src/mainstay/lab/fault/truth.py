"""The truth about what was done to a shop: written beside the lab, for the scorer alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mainstay.lab.fault.cause import Cause


@dataclass(frozen=True)
class Fault:
    """One fault that was injected. `ended_at` is empty while it lasts."""

    id: str
    fault: str
    service: str
    started_at: str
    cause: Cause
    is_from_outside: bool = False
    ended_at: str = ""
    ended_by: str = ""
    was_felt: bool | None = None
    recovery_s: float | None = None

    @property
    def started_s(self) -> float:
        return datetime.fromisoformat(self.started_at).timestamp()

    def document(self) -> dict[str, Any]:
        """The line of the truth file."""
        cause = asdict(self.cause)
        fields = {key: value for key, value in asdict(self).items() if key != "cause"}
        return {
            **fields,
            "accepted_causes": cause["accepted"],
            "entities": sorted({self.service, *cause["accepted"], *cause["affected"]}),
            "affected": cause["affected"],
            "variant": cause["variant"],
            "change_id": cause["change_id"],
            "ended_with": [" ".join(mend) for mend in cause["mends"]],
        }


@dataclass
class Truth:
    """The truth file `truth.jsonl` in a folder that only its owner can enter.

    Args:
        directory: Outside of the lab's folder: whoever operates the shop has the lab, not this.
    """

    directory: Path
    faults: dict[str, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)

    @property
    def file(self) -> Path:
        return self.directory / "truth.jsonl"

    def tell(self, fault: Fault) -> None:
        """Record a fault, or what has become of it since."""
        lines = self._lines()
        lines[fault.id] = json.dumps(fault.document())
        draft = self.file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text("".join(f"{line}\n" for line in lines.values()), encoding="utf-8")
        draft.replace(self.file)

    def _lines(self) -> dict[str, str]:
        if not self.file.exists():
            return {}
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return {json.loads(line)["id"]: line for line in lines}
