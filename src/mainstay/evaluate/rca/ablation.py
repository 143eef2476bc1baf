"""What each kind of signal adds to a diagnosis: the same cases, the same version, with one kind withheld or alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mainstay.app.mlops.deployed import deployed
from mainstay.evaluate.rca import nezha, petshop
from mainstay.evaluate.rca.incidents import Answer, Question, answered
from mainstay.evaluate.rca.ranks import figures, rank
from mainstay.evaluate.rca.recordings import folder_of

PROTOCOL = """\
ablation: the cases of nezha and petshop (those with a normal time) under their protocols, asked again with one kind of
signal withheld (no_*) and with one kind alone (only_*). The figures are ac1 and ac3."""

Fact = Mapping[str, Any]
SIGNALS: dict[str, Callable[[str, Fact], bool]] = {
    "metrics": lambda table, _: table == "gauges",
    "own_time": lambda table, fact: table == "paces" and not fact["toward"],
    "edge_gap": lambda table, fact: table == "paces" and bool(fact["toward"]),
    "structure": lambda table, fact: table == "habits" and fact["kind"] in ("call", "last"),
    "logs": lambda table, fact: table == "habits" and fact["kind"] in ("line", "error"),
}
"""Kind of signal → whether a fact of a table of the survey is of it."""


def run(data: Path, predictions: Path | None) -> dict[str, Any]:  # noqa: ARG001 - there is nothing to predict
    """Figures per suite and system, with and without each kind of signal.

    Raises:
        BadInput: The recordings are not there.
    """
    asked = [*nezha.questions(folder_of(data, "nezha")), *petshop.questions(folder_of(data, "petshop"))]
    ways: dict[str, Callable[[str, Fact], bool]] = {"all": lambda _table, _fact: True}
    for name, is_it in SIGNALS.items():
        ways[f"no_{name}"] = lambda table, fact, is_it=is_it: not is_it(table, fact)  # type: ignore[misc]
        ways[f"only_{name}"] = is_it
    found: dict[str, Any] = {}
    with deployed() as platform:
        for way, keep in ways.items():
            groups: dict[str, list[Answer]] = {}
            for question in asked:
                groups.setdefault(_group(question), []).append(answered(platform, question, kept(question, keep)))
            found |= {f"{group}_{way}": _figures(answers) for group, answers in groups.items() if group}
    return dict(sorted(found.items()))


def kept(question: Question, keep: Callable[[str, Fact], bool]) -> dict[str, Any]:
    """The inputs of a case with only some facts of its survey."""
    survey = question.inputs["survey"]
    works = [
        {**work, "habits": [habit for habit in work["habits"] if keep("habits", habit)]}
        for work in survey.get("works", ())
    ]
    some = {table: [fact for fact in survey.get(table, ()) if keep(table, fact)] for table in ("gauges", "paces")}
    return {**question.inputs, "survey": {**survey, **some, "works": works}}


def _group(question: Question) -> str:
    """The system, or petshop; "" for cases that have no normal time."""
    if question.group in nezha.NAMES:
        return nezha.NAMES[question.group]
    has_past = any(gauge["past"] for gauge in question.inputs["survey"]["gauges"])
    return "petshop" if has_past else ""


def _figures(answers: list[Answer]) -> str:
    reached = figures([rank(answer.scores, answer.question.truth) for answer in answers])
    return f"ac1 {reached['ac1']:.3f}, ac3 {reached['ac3']:.3f}"
