"""Training in a process of its own: `python -m mainstay.mlops.training.worker FOLDER`.

It reads `job.json` and `rows.parquet` of a folder and leaves `result.json` there; it opens no store and asks nobody.
The same two files give the same result, byte for byte. It ends when the process that started it does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.training import DatasetSnapshot, QualityReport, Span, Trial
from mainstay.domain.watching import BiasCase
from mainstay.mlops.artefacts import canonical
from mainstay.mlops.training import cases as judged_cases
from mainstay.mlops.training.cases import Case, accuracy
from mainstay.mlops.training.dataset import read_rows
from mainstay.mlops.training.faults import Fault, confirmed, entity_of, injected, put_in
from mainstay.mlops.training.features import features_of
from mainstay.mlops.training.foretelling.judging import foretold
from mainstay.mlops.training.foretelling.learning import FITTED
from mainstay.mlops.training.knobs import turned
from mainstay.mlops.training.material import TABLES, Material, material_of
from mainstay.mlops.training.quality import report
from mainstay.mlops.training.trial import RUNGS, Measure, cases_of, heard, pooled, search, starts, worth
from mainstay.written import write_whole

JOB, ROWS, RESULT = "job.json", "rows.parquet", "result.json"
SETTLE, SPLIT = 0.3, 0.7
"""Detectors learn on the first part undisturbed; the search sees faults until the split, validation those after it."""
LEAST_SUBJECTS = 40
"""A rung of the search looks at no fewer: too few faults would be among them to tell trials apart."""
SEARCHED, VALIDATED, MOST_ROUNDS = 24, 40, 10
"""So many injected faults are wanted: three tell no trial from another; a gate asks for twenty cases."""
ANOTHER = 7_919
"""From one round's seed to the next one's: a search and its validation draw from different ones."""
NICE = 10


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """All that a training depends on, beside the rows.

    Attributes:
        champion: The version that serves, and its algorithm and parameters.
        incidents: Spans that nobody confirmed, as known when the training starts.
        knobs: Set by hand; then nothing is searched.
        pages_per_week: The page budget that false alarms are held against.
    """

    kind: ModelKind
    champion: VersionRef
    algorithm: str
    parameters: dict[str, Any]
    snapshot: DatasetSnapshot
    seed: int
    trials: int
    knobs: dict[str, float] = {}
    incidents: tuple[Span, ...] = ()
    pages_per_week: float = 7.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Nothing but `quality` when the data may not be learned from.

    Attributes:
        labels: How many faults or decisions were judged, by where their truth is from.
    """

    quality: QualityReport
    trials: tuple[Trial, ...] = ()
    best: int = 0
    parameters: dict[str, Any] = {}
    validation: dict[str, dict[str, float]] = {}
    replayed: tuple[BiasCase, ...] = ()
    labels: dict[str, int] = {}


def train(job: Job, rows: pa.Table) -> Result:
    """Look at the data, search, and hold the best against the version that serves on data that no trial saw."""
    if job.kind in FITTED:
        return _foretold(job, rows)
    return _detector(job, rows) if job.kind in TABLES else _judge(job, rows)


def _foretold(job: Job, rows: pa.Table) -> Result:
    quality, trials, parameters, validation = foretold(job.algorithm, job.parameters, job.snapshot, rows)
    if not quality.passed:
        return Result(quality=quality)
    labels = {"verdict": int(quality.figures["incidents"]), "injected": 0}
    return Result(
        quality=quality,
        trials=tuple(trials),
        best=trials[0].number,
        parameters=parameters,
        validation=validation,
        labels=labels,
    )


def _detector(job: Job, rows: pa.Table) -> Result:
    material = material_of(job.kind, rows)
    quality = report(job.snapshot, rows, features_of(job.kind, material.normals()), job.incidents)
    if not quality.passed:
        return Result(quality=quality)
    known, unknown = confirmed(job.snapshot.query.faults), confirmed(job.snapshot.query.excluded)
    first, last = material.extent
    settled, split = first + int(SETTLE * (last - first)), first + int(SPLIT * (last - first))
    past = material.before(split)
    to_find = _rounds(past, job.seed, (settled, split), [*known, *unknown], SEARCHED)
    subjects = past.subjects
    seen = [put_in(past, faults) for faults in to_find]

    def measure(knobs: dict[str, float], share: float) -> dict[str, float]:
        given, found = turned(job.kind, job.parameters, knobs), []
        for number, faults in enumerate(to_find):
            part = seen[number].share(max(share, LEAST_SUBJECTS / max(len(subjects), 1)))
            mine, other = _sides(number, faults, known, unknown)
            found.append(heard(starts(job.algorithm, given, part), _in(mine, part), (first, split), other))
        return worth(pooled(found), (first, split), job.pages_per_week)

    trials = _trials(job, measure)
    parameters = turned(job.kind, job.parameters, trials[0].knobs)
    rounds = _rounds(material, job.seed + 1, (split, last), [*known, *unknown], VALIDATED)
    both = {
        name: _validated(job, given, material, rounds, (split, last), known, unknown)
        for name, given in (("champion", job.parameters), ("challenger", parameters))
    }
    used = [*known, *(fault for one in (*to_find, *rounds) for fault in one)]
    return Result(
        quality=quality,
        trials=tuple(trials),
        best=trials[0].number,
        parameters=parameters,
        validation={name: figures for name, (figures, _) in both.items()},
        replayed=tuple(both["challenger"][1]),
        labels={source: sum(f.source == source for f in used) for source in ("verdict", "injected")},
    )


def _rounds(
    material: Material, seed: int, extent: tuple[int, int], trouble: list[Fault], wanted: int
) -> list[list[Fault]]:
    """Faults at some subjects, one at each; where there are few subjects, several times over."""
    rounds = [injected(material, seed, *extent, trouble)]
    while rounds[0] and len(rounds) < MOST_ROUNDS and sum(map(len, rounds)) < wanted:
        rounds.append(injected(material, seed + ANOTHER * len(rounds), *extent, trouble))
    return rounds


def _sides(
    number: int, faults: list[Fault], known: list[Fault], unknown: list[Fault]
) -> tuple[list[Fault], list[Fault]]:
    """What is to be found in a round, and the trouble of which nothing counts: what people confirmed counts once."""
    return ([*known, *faults], unknown) if not number else (faults, [*known, *unknown])


def _validated(
    job: Job, parameters: dict[str, Any], material: Material, rounds: list[list[Fault]], extent: tuple[int, int],
    known: list[Fault], unknown: list[Fault],
) -> tuple[dict[str, float], list[BiasCase]]:  # fmt: skip
    """What parameters are worth on data that no trial saw, and case by case. What people confirmed counts in the first
    round, and so does what is told for nothing."""  # noqa: D205, D209
    found, cases = [], list[BiasCase]()
    for number, faults in enumerate(rounds):
        told = starts(job.algorithm, parameters, put_in(material, faults))
        mine, other = _sides(number, faults, known, unknown)
        found.append(heard(told, mine, extent, other))
        seen = cases_of(told, [(fault, entity_of(fault, material)) for fault in mine], extent, other)
        cases += seen if not number else [one for one in seen if one.is_true is not False]
    return worth(pooled(found), extent, job.pages_per_week), cases


def _trials(job: Job, measure: Measure) -> list[Trial]:
    """The search, or what was set by hand before what serves."""
    if not job.knobs:
        return search(job.kind, job.trials, job.seed, measure)
    return [
        Trial(number=number, knobs=knobs, rung=len(RUNGS) - 1, metrics=measure(knobs, 1.0), rank=2 - number)
        for number, knobs in ((1, job.knobs), (0, {}))
    ]


def _in(faults: list[Fault], part: Material) -> list[Fault]:
    """Faults that a share of the data can show at all."""
    if part.kind in ("metrics", "entities"):
        slots = set(part.slot.tolist())
        mine = [one for slot, one in enumerate(part.series) if slot in slots]
        there = {f"metric:{one.id}" for one in mine} | {f"entity:{one.entity}" for one in mine}
    else:
        there = set(part.subjects)
    return [fault for fault in faults if not fault.subject or fault.subject in there]


def _judge(job: Job, rows: pa.Table) -> Result:
    cases = [msgspec.json.decode(body, type=Case) for body in rows["case"].to_pylist()]
    seen, held = judged_cases.halves(cases)
    figures = {"labels": float(len(cases))}
    if len(cases) < judged_cases.LEAST_LABELS or not held:
        says = f"needs {judged_cases.LEAST_LABELS} labels, has {len(cases)}"
        return Result(quality=QualityReport(passed=False, problems=(says,), figures=figures))

    def measure(knobs: dict[str, float], share: float) -> dict[str, float]:
        some = seen[: max(1, round(share * len(seen)))]
        return accuracy(job.kind, job.algorithm, turned(job.kind, job.parameters, knobs), some)

    trials = _trials(job, measure)
    parameters = turned(job.kind, job.parameters, trials[0].knobs)
    validation = {
        name: accuracy(job.kind, job.algorithm, given, held)
        for name, given in (("champion", job.parameters), ("challenger", parameters))
    }
    return Result(
        quality=QualityReport(passed=True, figures=figures),
        trials=tuple(trials),
        best=trials[0].number,
        parameters=parameters,
        validation=validation,
        labels={"verdict": len(cases), "injected": 0},
    )


def main(folder: Path, parent: int) -> None:
    """Do the job of a folder; gives way to everything else on the machine."""
    os.nice(NICE)
    _end_with(parent)
    job = msgspec.json.decode((folder / JOB).read_bytes(), type=Job)
    result = train(job, read_rows(folder / ROWS, job.snapshot))
    write_whole(folder / RESULT, canonical(msgspec.to_builtins(result)))


def _end_with(parent: int) -> None:
    """A platform that is killed takes its trainings along: the next one does them again, from the same files."""
    import threading
    import time

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
