"""The model card of a version: YAML head and Markdown, in the format of the Hugging Face hub, from what is recorded.

Nothing in it is written by hand but owner and purpose; a figure without evidence says so. The head's fields are those
of https://github.com/huggingface/hub-docs/blob/main/modelcard.md (`model-index` holds the results).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from mainstay.domain.ledger import LedgerEntry
from mainstay.domain.models import Deployment, ModelKind, ModelVersion
from mainstay.domain.shares import told
from mainstay.domain.watching import BiasReport, Finding, Governance, RiskScore, Share, Standing
from mainstay.mlops.governance.inventory import purpose_of
from mainstay.mlops.own.building import is_brought

LIMITS: Mapping[str, tuple[str, ...]] = {
    "metrics": (
        "It sees one series at a time, and knows no rhythm longer than a day before it has three of them.",
        "A missing value is not judged: silence is another detector's subject.",
    ),
    "edges": ("It needs traces; a call that nobody makes says nothing.",),
    "logs": ("It counts lines by template; what stands in them is not understood.",),
    "entities": ("It needs several metrics of one entity, and learns from weeks, not from minutes.",),
    "predictions": ("It sees what is sent to it: predictions and, later, labels.",),
    "forecaster": ("It goes on with what was: of what has never happened it knows nothing.",),
    "correlator": ("It goes by time, calls and hosts; two faults at once that touch are told apart only by these.",),
    "suppressor": ("It goes by who depends on whom and who began first; a fault beside another looks like a symptom.",),
    "diagnoser": ("A suspect is ranked, not proved; what is not watched is never one.",),
    "planner": (
        "It chooses among the runbooks that there are, and fills in nothing that the inventory does not hold.",
    ),
    "impact": (
        "Two changes of one service in one minute are not told apart; what comes later than the last look is not seen.",
        "Without three unchanged peers it compares before with after alone.",
    ),
    "change-risk": (
        "Its factors are set by hand until changes were scored; of what a change contains it knows nothing.",
    ),
    "predictor": (
        "What comes without a sign it cannot foretell; the shipped weights are priors, not learned.",
        "It is in shadow: it is counted what it would have told, and nobody is paged.",
    ),
    "similarity": ("It sees what alerts and suspects say; what people did by hand is known only where it was told.",),
}
PIPELINES: Mapping[ModelKind, str] = {"metrics": "time-series-forecasting", "entities": "time-series-forecasting"}
"""Only where the hub has a name for it that is true."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a card is written from."""

    version: ModelVersion
    standing: Standing
    risk: RiskScore
    precision: Share | None = None
    recall: Share | None = None
    governance: Governance | None = None
    deployments: Sequence[Deployment] = ()
    findings: Sequence[Finding] = ()
    approvals: Sequence[LedgerEntry] = ()
    bias: BiasReport | None = None
    children: Sequence[ModelVersion] = ()
    experiment: Mapping[str, Any] = field(default_factory=dict)


def card(facts: Facts) -> str:
    """The card, ready to be kept as README.md beside the artefact."""
    head = yaml.safe_dump(_head(facts), sort_keys=False, allow_unicode=True, width=120)
    sections = (
        _summary(facts),
        _uses(facts),
        _data(facts),
        _metrics(facts),
        _bias(facts),
        _limits(facts),
        _drift(facts),
        _approvals(facts),
        _lineage(facts),
    )
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections)
    return f"---\n{head}---\n\n# {facts.version.ref}\n\n{body}\n"


def _head(facts: Facts) -> dict[str, Any]:
    version = facts.version
    head: dict[str, Any] = {
        "license": "other",
        "license_name": "yours",
        "library_name": "mainstay",
        "model_name": str(version.ref),
        "tags": ["mainstay", version.kind, version.algorithm],
    }
    if version.kind in PIPELINES:
        head["pipeline_tag"] = PIPELINES[version.kind]
    if version.parent:
        head["base_model"] = str(version.parent)
    if version.dataset:
        head["datasets"] = [f"sha256:{version.dataset}"]
    results = [{"name": n, "type": n, "value": v} for n, v in sorted(version.metrics.items())]
    results += [
        {"name": f"{name} (verdicts, n={one.n}, 95 % {one.low}–{one.high})", "type": name, "value": one.value}
        for name, one in (("precision", facts.precision), ("recall", facts.recall))
        if one is not None and one.value is not None
    ]
    if results:
        task = {"type": PIPELINES.get(version.kind, version.kind)}
        dataset = {"name": "this installation", "type": f"sha256:{version.dataset or 'verdicts'}"}
        result = {"task": task, "dataset": dataset, "metrics": results}
        head["model-index"] = [{"name": str(version.ref), "results": [result]}]
    return head


def _summary(facts: Facts) -> tuple[str, str]:
    """What a person who has never seen a model card takes from it."""
    ref, one = facts.version.ref, facts.precision
    if one is None or one.value is None:
        right = f"How often {ref} is right is not known: too few of its decisions were judged ({one.n if one else 0})."
    else:
        right = (
            f"Of ten things that {ref} says, about {round(10 * one.value)} are right: people and outcomes judged "
            f"{one.n}, and {one.hits} of them were. 19 times of 20 the truth lies between {one.low:.0%} and "
            f"{one.high:.0%}."
        )
    stands = "It stands." if facts.standing.is_sound else "It does not stand: " + "; ".join(facts.standing.says) + "."
    score = f"Its risk is {facts.risk.value} of 100" + (
        ": " + "; ".join(f"{part.points} {part.name} ({part.says})" for part in facts.risk.parts) + "."
    )
    return "In plain words", f"{right} {stands} {score}"


def _uses(facts: Facts) -> tuple[str, str]:
    governance, kind = facts.governance, facts.version.kind
    purpose = (governance.purpose if governance else "") or purpose_of(kind)
    owner = governance.owner if governance and governance.owner else "nobody yet"
    roles = ((one, one.role_of(facts.version.ref)) for one in facts.deployments)
    served = (f"{role} in {one.scope} since {moment(one.since_ms)}" for one, role in roles if role)
    scopes = ", ".join(served) or "nothing at present"
    return "Intended use", _lines(
        f"It {purpose}." if not purpose.endswith(".") else purpose,
        f"Owner: {owner}. Materiality: {governance.materiality if governance else 'medium'}.",
        f"Serves: {scopes}.",
        "Not for: deciding about people; anything outside of the systems that this installation watches.",
    )


def _data(facts: Facts) -> tuple[str, str]:
    version = facts.version
    if not version.dataset and is_brought(version.algorithm):
        return "Data", f"It was brought from outside ({version.why}): what it learned from is not known here."
    if not version.dataset:
        return "Data", "Its parameters were set by hand; it learns what is usual from the stream itself."
    found = facts.experiment.get("snapshot") or {}
    rows = f" {found['row_count']} rows, {moment(found['since_ms'])} to {moment(found['until_ms'])}." if found else ""
    return (
        "Data",
        f"Fitted on the snapshot `{version.dataset}`.{rows} Feature view {version.feature_view or 'not named'}.",
    )


def _metrics(facts: Facts) -> tuple[str, str]:
    judged = [
        f"- {name} by verdicts: {told(one)}"
        for name, one in (("precision", facts.precision), ("recall", facts.recall))
        if one is not None
    ]
    offline = [f"- {name} when it was made: {value:.6g}" for name, value in sorted(facts.version.metrics.items())]
    return "Metrics", "\n".join([*judged, *offline]) or "Nothing was measured of it yet."


def _bias(facts: Facts) -> tuple[str, str]:
    if facts.bias is None:
        return "Evenness", "Not looked at."
    lines = [f"- {row.says}" for row in facts.bias.rows]
    return "Evenness", f"{facts.bias.says}.\n\n" + "\n".join(lines)


def _limits(facts: Facts) -> tuple[str, str]:
    open_ = facts.governance.findings if facts.governance else ()
    found = [f"The validator asks for: {one}" for one in open_]
    return "Limits", _lines(*LIMITS.get(facts.version.kind, ()), *found)


def _drift(facts: Facts) -> tuple[str, str]:
    lines = [
        f"- {moment(one.at_ms)} {one.measure.replace('_', ' ')} in {one.scope}: {one.says}"
        + (f" (over {moment(one.ended_ms)}: {one.ended_why})" if one.ended_ms else " (open)")
        for one in facts.findings
    ]
    return "Drift history", "\n".join(lines) or "None was found."


def _approvals(facts: Facts) -> tuple[str, str]:
    lines = [
        f"- {moment(one.at_ms)} {one.kind} by {one.actor}: {_why(one.output)} (entry `{one.id}`)"
        for one in facts.approvals
    ]
    return "Approvals and changes", "\n".join(lines) or "Nobody has approved or deployed it."


def _lineage(facts: Facts) -> tuple[str, str]:
    version = facts.version
    return "Lineage", _lines(
        f"Artefact sha256 `{version.artefact}`, algorithm {version.algorithm}, code {version.code_version}, "
        f"seed {version.seed}.",
        f"Made by {version.created_by} at {moment(version.created_ms)}: {version.why}.",
        f"Parent: {version.parent or 'none'}. Children: {', '.join(str(one.ref) for one in facts.children) or 'none'}.",
        f"Experiment: {version.experiment or 'none'}. Attestation sha256 `{version.attestation}`.",
    )


def _why(output: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {output[name]}" for name in ("decision", "stage", "live", "scope", "why") if output.get(name)
    )


def _lines(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def moment(at_ms: int | None) -> str:
    """A moment in UTC.

    >>> moment(0), moment(1767225600000)
    ('never', '2026-01-01 00:00 UTC')
    """
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_ms / 1000)) if at_ms else "never"
