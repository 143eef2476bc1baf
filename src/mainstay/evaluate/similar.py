"""Similar past incidents on recorded runs of the lab: are the first three of the same fault in the same place?"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mainstay.app.mlops.deployed import Deployed, Still, deployed
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.errors import BadInput
from mainstay.domain.records import Command
from mainstay.domain.similar import PastIncident, Portrait
from mainstay.intelligence.past.memory import Memory
from mainstay.intelligence.past.portrait import Places, portrait_of
from mainstay.intelligence.past.stage import CANDIDATES, question
from mainstay.store.control import Control

PROTOCOL = (
    "each incident of each recorded run against all others but those of the same fault; relevant: the same kind of "
    "fault at a service of the same role (kind, position in the call graph, tier); hits of the first three over "
    "min(3, relevant ones); incidents without a relevant one are counted and left out; ours is the shipped version, "
    "text_only the same words by cosine of TF-IDF alone without a least score; incidents, alerts and topology as the "
    "run itself decided them"
)
FIRST = 3
BEFORE_MS, AFTER_MS = 30_000, 240_000


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded incident: what it looked like, and of which fault it was."""

    id: str
    fault: str
    label: tuple[str, str]
    portrait: Portrait


def run(data: Path, predictions: Path | None = None) -> dict[str, Any]:
    """Figures over every run below `data` (folders with `truth/truth.jsonl` and `platform/control.db`).

    With `predictions` the first three of each incident are written there, for others to judge.

    Raises:
        BadInput: There is no such run.
    """
    cases = [case for folder in sorted(_runs(data)) for case in _cases(folder)]
    if not cases:
        raise BadInput(f"{data} holds no recorded run with incidents: folders with truth/truth.jsonl")
    with deployed() as models:
        ours = {case.id: _first(models, case, cases) for case in cases}
        _only_words(models)
        words = {case.id: _first(models, case, cases) for case in cases}
    if predictions is not None:
        (predictions / "similar.json").write_text(json.dumps({"ours": ours, "text_only": words}, indent=2))
    relevant = {case.id: _relevant(case, cases) for case in cases}
    judged = [name for name, others in relevant.items() if others]
    return {
        "incidents": len(cases),
        "judged": len(judged),
        "labels": len({case.label for case in cases}),
        "precision_at_3": _precision(ours, relevant, judged),
        "text_only_precision_at_3": _precision(words, relevant, judged),
        "chance_precision": round(
            sum(len(relevant[name]) for name in judged) / max(len(judged) * (len(cases) - 1), 1), 4
        ),
    }


def _runs(data: Path) -> Iterator[Path]:
    for truth in data.rglob("truth/truth.jsonl"):
        if (truth.parent.parent / "platform" / "control.db").exists():
            yield truth.parent.parent


def _cases(folder: Path) -> list[Case]:
    """The incidents of a run that belong to one of its faults, as it decided them; read from a copy."""
    faults = [json.loads(line) for line in (folder / "truth" / "truth.jsonl").read_text().splitlines()]
    with tempfile.TemporaryDirectory(prefix="mainstay-evaluate-") as name:
        for file in (folder / "platform").glob("control.db*"):
            shutil.copy(file, name)
        control = Control(Path(name) / "control.db", Still())
        try:
            entities = {one.id: one for one in control.entities()}
            topology = Topology(entities=entities, edges=tuple(control.edges()))
            changes = {one.id: one for one in control.changes(limit=10_000)}
            found = []
            for incident in control.incidents(limit=10_000):
                fault = _fault_of(incident.since_ms, incident.entities, faults)
                if fault is None or incident.status == "merged":
                    continue
                alerts = control.alerts_by_id([grouping.alert for grouping in incident.groupings])
                entity = _entity(fault["service"], topology)
                label = (str(fault["fault"]), Places(topology).of(entity))
                portrait = portrait_of(incident, alerts, topology, changes)
                where = f"{folder.parent.name}/{folder.name}"
                found.append(Case(f"{where}/{incident.id}", f"{where}/{fault['id']}", label, portrait))
            return found
        finally:
            control.close()


def _fault_of(since_ms: int, entities: Sequence[str], faults: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The fault that began last before it, and touched one of its entities."""
    names = {entity.rpartition("/")[2] for entity in entities}
    near = [
        (started_ms, fault)
        for fault in faults
        for started_ms in [datetime.fromisoformat(fault["started_at"]).timestamp() * 1000]
        if -BEFORE_MS <= since_ms - started_ms <= AFTER_MS and names & {*fault["accepted_causes"], *fault["affected"]}
    ]
    return max(near, key=lambda one: one[0])[1] if near else None


def _entity(name: str, topology: Topology) -> str:
    return next((one for one in sorted(topology.entities) if one.rpartition("/")[2] == name), f"unplaced:/{name}")


def _first(models: Deployed, case: Case, cases: Sequence[Case]) -> list[str]:
    others = [one for one in cases if one.fault != case.fault]
    memory = Memory(PastIncident(id=one.id, title="", since_ms=0, portrait=one.portrait) for one in others)
    near = memory.nearest(case.portrait, CANDIDATES)
    decision = models.serving.decide("similarity", question(case.id, case.portrait, near, memory))
    return [one["id"] for one in decision.output["similar"][:FIRST]]


def _only_words(models: Deployed) -> None:
    """The baseline is a version like any other, put live."""
    shipped = models.serving.deployment("similarity").live
    plain = {"text_weight": 1.0, "text_alone": 1.0, "least": 0.0}
    version = models.registry.vary(shipped, plain, by="evaluate", why="the text-only baseline")
    told = {"kind": "similarity", "live": str(version.ref)}
    models.serving.apply(
        Command(kind="deploy", by="evaluate", at_ms=0, subject="similarity", arguments=told), Effects()
    )


def _relevant(case: Case, cases: Sequence[Case]) -> set[str]:
    return {one.id for one in cases if one.fault != case.fault and one.label == case.label}


def _precision(found: dict[str, list[str]], relevant: dict[str, set[str]], judged: Sequence[str]) -> float:
    shares = [len(relevant[name] & set(found[name])) / min(FIRST, len(relevant[name])) for name in judged]
    return round(sum(shares) / max(len(shares), 1), 4)
