"""Recorded incidents as a diagnoser's inputs, what it answers, and the rows and figures that come of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.app.mlops.deployed import Deployed
from mainstay.domain.errors import BadInput
from mainstay.evaluate.rca.ranks import figures, promised, rank
from mainstay.evaluate.rca.sketches import WINDOW_MS, Sketch

PREFIX = "service:recorded/"


@dataclass(frozen=True, slots=True)
class Question:
    """One case: what the diagnoser is given, and who may be the cause.

    Attributes:
        truth: "" when there are no labels.
        plain: The scores of the plain baselines.
        cpu_s: CPU seconds from the case's columns to the inputs.
    """

    case: str
    group: str
    truth: str
    inputs: Mapping[str, Any]
    services: Sequence[str]
    plain: Mapping[str, Mapping[str, float]]
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A probability per service, and the CPU seconds of question and answer."""

    question: Question
    scores: Mapping[str, float]
    cpu_s: float


def answered(platform: Deployed, question: Question, inputs: Mapping[str, Any] | None = None) -> Answer:
    """What the deployed diagnoser says to a case; what it does not mention has no probability."""
    begun = time.process_time()
    output = platform.serving.decide("diagnoser", inputs or question.inputs).output
    scores = {name: output["entities"].get(PREFIX + name, 0.0) for name in question.services}
    return Answer(question, scores, question.cpu_s + time.process_time() - begun)


def reported(answers: Sequence[Answer], suite: str, predictions: Path | None) -> dict[str, Any]:
    """Write predictions when asked to; figures when every case has its label.

    Raises:
        BadInput: Neither labels nor a folder for predictions, or a case without a row.
    """
    if any(not answer.scores for answer in answers):
        empty = next(answer.question.case for answer in answers if not answer.scores)
        raise BadInput(f"no service was ranked for the case {empty}; does it have metrics?")
    if predictions is not None:
        write(answers, predictions / f"{suite}.parquet")
    if any(not answer.question.truth for answer in answers):
        if predictions is None:
            raise BadInput("the cases have no root_cause_service: give --predictions, there is nothing else to report")
        return {"predictions": sum(len(answer.scores) for answer in answers)}
    return {}


def ranked(answers: Sequence[Answer], prefix: str = "") -> dict[str, Any]:
    """AC@1, AC@3, Avg@5, whether probabilities come true, CPU seconds a case, with the plain baselines beside."""
    out: dict[str, Any] = {f"{prefix}cases": len(answers)}
    out |= {f"{prefix}{name}": v for name, v in figures([rank(a.scores, a.question.truth) for a in answers]).items()}
    kept = promised([answer.scores for answer in answers], [answer.question.truth for answer in answers])
    out |= {f"{prefix}{name}": value for name, value in kept.items()}
    for plain in answers[0].question.plain:
        theirs = figures([rank(a.question.plain[plain], a.question.truth) for a in answers])
        out |= {f"{prefix}{plain}_{name}": value for name, value in theirs.items()}
    out[f"{prefix}cpu_s_per_case"] = round(sum(answer.cpu_s for answer in answers) / len(answers), 3)
    return out


def write(answers: Sequence[Answer], path: Path) -> None:
    """What was decided: case, service, score, cpu_s."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [(a.question.case, name, score, a.cpu_s) for a in answers for name, score in sorted(a.scores.items())]
    columns = zip(*rows, strict=True)
    names = ("case", "service", "score", "cpu_s")
    table = pa.table({name: list(column) for name, column in zip(names, columns, strict=True)})
    parquet.write_table(table, path, compression="zstd")


def paces(now: Sketch, past: Sequence[Sketch]) -> list[dict[str, Any]]:
    """`Pace` facts."""
    found = []
    for (entity, toward, what), windows in sorted(now.paces.items()):
        at = sorted(windows)
        before = [stats for one in past for stats in one.paces.get((entity, toward, what), {}).values()]
        found.append({
            "entity": PREFIX + entity, "toward": PREFIX + toward if toward else "", "what": what,
            "at_ms": [n * WINDOW_MS for n in at], "windows": [windows[n] for n in at], "past": before,
        })  # fmt: skip
    return found


def works(now: Sketch, past: Sequence[Sketch]) -> list[dict[str, Any]]:
    """`Work` facts, also with habits that only the past has: what nobody does any more is what may be broken."""
    found = []
    for key, calls in sorted(now.calls.items()):
        at = sorted(calls)
        kinds = sorted({*now.habits.get(key, {}), *(kind for one in past for kind in one.habits.get(key, {}))})
        habits = []
        for kind, what, toward in kinds:
            heard = now.habits.get(key, {}).get((kind, what, toward), {})
            before = sum(sum(one.habits.get(key, {}).get((kind, what, toward), {}).values()) for one in past)
            habits.append({
                "kind": kind, "what": what, "toward": PREFIX + toward if toward else "",
                "heard": [heard.get(n, 0) for n in at], "past": before,
            })  # fmt: skip
        found.append({
            "entity": PREFIX + key[0], "operation": key[1], "at_ms": [n * WINDOW_MS for n in at],
            "calls": [calls[n] for n in at], "traces": now.traces[key],
            "past": sum(sum(one.calls.get(key, {}).values()) for one in past), "habits": habits,
        })  # fmt: skip
    return found
