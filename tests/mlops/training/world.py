"""A training's surroundings: real stores in a folder, a rollout that goes as it is told, a clock that stands still."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.mlops.training import rows as data

from mainstay.domain.records import Command
from mainstay.domain.training import TrainingRequest, TrainingRun
from mainstay.mlops import Keys, Registry
from mainstay.mlops.training.preparing import Prepares
from mainstay.mlops.training.runs import Hands, Runs, new_run
from mainstay.store.control import Control
from mainstay.store.mlops import ModelStore
from mainstay.store.telemetry import Telemetry

AT_MS = data.START_MS + 3_600_000


class Still:
    def now_ns(self) -> int:
        return AT_MS * 1_000_000


class Course:
    """Rollouts that walk through their stages, one each time they are looked at; kept in a file, so they survive."""

    def __init__(self, file: Path, stages: tuple[str, ...] = ("shadow", "canary", "live")) -> None:
        self._file, self._stages = file, stages

    @property
    def asked(self) -> list[dict]:
        return [json.loads(line) for line in self._file.read_text().splitlines()] if self._file.exists() else []

    async def start(self, run, evidence, *, is_standard):
        if any(one["run"] == run.id for one in self.asked):
            return
        with self._file.open("a") as file:
            told = {"run": run.id, "version": str(run.version), "standard": is_standard, "evidence": evidence}
            file.write(json.dumps(told) + "\n")

    async def standing(self, run):
        looked = self._file.with_suffix(".looked")
        if not any(one["run"] == run.id for one in self.asked):
            return None
        count = int(looked.read_text()) if looked.exists() else 0
        looked.write_text(str(count + 1))
        return "ROLL-1", self._stages[min(count, len(self._stages) - 1)], "as the windows say"


@cache
def prepared() -> Path:
    """A folder in which everything has been made once: versions are signed, telemetry is stored."""
    folder = Path(tempfile.mkdtemp(prefix="mainstay-training-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    control = Control(folder / "control.db", Still())
    Registry(control, folder / "artefacts", Still(), Keys(folder / "keys")).deployments()
    control.close()
    data.stored(folder / "telemetry", data.edges()).close()
    return folder


class World:
    """Everything that a run works with, in one folder; made again in another process, it finds what was there."""

    def __init__(self, folder: Path, stages: tuple[str, ...] = ("shadow", "canary", "live")) -> None:
        self.folder = folder
        if not folder.exists():
            shutil.copytree(prepared(), folder)
        self.control = Control(folder / "control.db", Still())
        self.registry = Registry(self.control, folder / "artefacts", Still(), Keys(folder / "keys"))
        self.store = ModelStore(self.control.database, self.control.tenant, self.control.feed)
        self.rollouts = Course(folder / "rollouts.jsonl", stages)
        self.telemetry = Telemetry(folder / "telemetry", retention_s=1e9, hot_s=60)
        self.prepares = Prepares(self.telemetry, self.control, self.registry, folder / "datasets", pages_per_week=7)
        self.commands: list[Command] = []

    def runs(self) -> Runs:
        hands = Hands(
            self.store, self.registry, self.prepares, self.rollouts, Still(), self.folder / "training", poll_s=0.01
        )
        return Runs(hands)

    def asked(self, kind: str = "edges", **given) -> TrainingRun:
        """A request and its run, kept."""
        given = {"trials": 6, "seed": 1, "by": "ada", "why": "to see", **given}
        request = TrainingRequest(id=f"request-{kind}-1", kind=kind, at_ms=AT_MS, **given)
        run = new_run(request)
        if self.store.one(TrainingRun, run.id) is None:
            self.store.save(request, run)
        return run

    def run(self, name: str) -> TrainingRun:
        found = self.store.one(TrainingRun, name)
        assert found is not None
        return found

    def close(self) -> None:
        self.telemetry.close()
        self.control.close()


async def plainly(_name, piece, *arguments):
    """A step that is not kept."""
    return await piece(*arguments)
