"""Recorded faults in two shops, with metrics, spans and log lines: does the deployed diagnoser name the service?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mainstay.app.mlops.deployed import deployed
from mainstay.domain.signals import F64
from mainstay.evaluate.rca.incidents import PREFIX, Question, answered, paces, ranked, reported, works
from mainstay.evaluate.rca.plain import robust_z, traversal
from mainstay.evaluate.rca.recordings import CaseRow, Recordings, case_rows, folder_of

PROTOCOL = """\
nezha (IntelligentDDS/Nezha): the deployed diagnoser ranks the services of each case from its metrics, spans and log
lines, and from what the normal_* files hold of times before the case (nothing after it, no other case). The moment of
the fault is not given: it begins somewhere in the first of the case's minutes, as an alert would say. ac1, ac3, avg5:
share of cases whose service is among the first 1, 3, mean of 1 to 5; a tie counts as the worst rank. said, brier:
the mean probability of the first and its Brier score; brier_base: of saying each time how often it is right.
cpu_s_per_case: CPU seconds from the case's columns to its answer, sketching spans and mining log lines included. z_*:
the largest robust z-score of a service's metrics; traversal_*: of services beyond 3 those that call no such service."""

SYSTEMS = ("TrainTicket", "OnlineBoutique")
NAMES = {"TrainTicket": "train_ticket", "OnlineBoutique": "online_boutique"}
FIRST_MS, STEP_MS = 60_000, 20_000


def run(data: Path, predictions: Path | None) -> dict[str, Any]:
    """Figures per system; `nezha.parquet` when `predictions` is a folder.

    Raises:
        BadInput: No such recordings in `data`, or neither labels nor a folder for predictions.
    """
    folder = folder_of(data, "nezha")
    with deployed() as platform:
        answers = [answered(platform, question) for question in questions(folder)]
    found = reported(answers, "nezha", predictions)
    for system in SYSTEMS:
        mine = [answer for answer in answers if answer.question.group == system]
        found |= ranked(mine, f"{NAMES[system]}_") if mine and "predictions" not in found else {}
    return found


def questions(folder: Path) -> Iterator[Question]:
    """The cases of both systems as a diagnoser's inputs."""
    rows = case_rows(folder)
    for system in SYSTEMS:
        mine = [row for row in rows if row.system == system]
        recordings = Recordings(folder, system) if mine else None
        for row in mine:
            if recordings is not None:
                yield _question(recordings, row)


def _question(recordings: Recordings, row: CaseRow) -> Question:
    begun = time.process_time()
    gauges = recordings.gauges(row)
    now, past = recordings.sketch(row.name), recordings.past(row)
    survey = {
        "onsets_ms": list(range(row.began_ms, row.began_ms + FIRST_MS + 1, STEP_MS)),
        "gauges": [g for g in gauges if g["kind"] != "latency" or not now.calls],  # spans say whose time it is
        "paces": paces(now, past),
        "works": works(now, past),
    }
    edges = recordings.edges
    inputs = {
        "at_ms": row.began_ms + 3 * FIRST_MS, "incident": row.name, "onset_ms": row.began_ms,
        "edges": [[PREFIX + caller, PREFIX + callee] for caller, callee in edges], "survey": survey,
    }  # fmt: skip
    services = sorted({g["entity"].removeprefix(PREFIX) for g in gauges} | {entity for entity, _ in now.calls})
    cpu_s = time.process_time() - begun
    z = dict.fromkeys(services, 0.0)
    for gauge in gauges:
        before, since = _split(gauge, row.began_ms + FIRST_MS // 2)
        name = gauge["entity"].removeprefix(PREFIX)
        z[name] = max(z[name], robust_z(before, since))
    called = {(caller, toward) for caller, toward, _ in now.paces if toward} | set(edges)
    plain = {"z": z, "traversal": traversal(z, sorted(called))}
    return Question(row.name, row.system, row.truth, inputs, services, plain, cpu_s)


def _split(gauge: Mapping[str, Any], onset_ms: int) -> tuple[F64, F64]:
    at, value = np.asarray(gauge["at_ms"]), np.asarray(gauge["value"])
    return np.concatenate([np.asarray(gauge["past"]), value[at < onset_ms]]), value[at >= onset_ms]
