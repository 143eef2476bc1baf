"""The model card of a version that users run in production, written from what it predicted and what became of that.

The same format as `cards`: a YAML head in the fields of the Hugging Face hub, then Markdown. What only its makers know
(training data, intended use beyond the purpose that was written down) is said to be unknown, not guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from mainstay.domain.alerts import Alert
from mainstay.domain.ledger import LedgerEntry
from mainstay.domain.predictions import Evenness, InProduction
from mainstay.domain.shares import share, told
from mainstay.domain.watching import Governance, ModelRiskPart, Share
from mainstay.mlops.governance.bias import LEAST
from mainstay.mlops.governance.cards import moment
from mainstay.mlops.governance.served import name_of

UNKNOWN = "Not known here: Mainstay sees what it predicts, not how it was made."


@dataclass(frozen=True, slots=True)
class ServedFacts:
    """Everything that the card is written from."""

    standing: InProduction
    even: Evenness
    risk: Sequence[ModelRiskPart]
    governance: Governance | None = None
    alerts: Sequence[Alert] = ()
    entries: Sequence[LedgerEntry] = ()
    services: Sequence[str] = ()


def served_card(facts: ServedFacts) -> str:
    """The card, as Markdown with a YAML head."""
    head = yaml.safe_dump(_head(facts), sort_keys=False, allow_unicode=True, width=120)
    sections = (
        ("In plain words", _summary(facts)),
        ("Intended use", _uses(facts)),
        ("Data", UNKNOWN + " What it is fed: " + (_inputs(facts.standing) or "no window is over yet") + "."),
        ("Metrics", _metrics(facts.standing)),
        ("Evenness", _even(facts.even)),
        ("Limits", "- " + "\n- ".join(_limits(facts))),
        ("Drift history", _drift(facts.alerts)),
        ("Approvals and changes", _entries(facts.entries)),
        ("Lineage", _lineage(facts)),
    )
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections)
    return f"---\n{head}---\n\n# {_ref(facts.standing)}\n\n{body}\n"


def wrong(standing: InProduction) -> Share:
    """How often it was on the wrong side of one half, of all that has a label."""
    return share(sum(one.wrong for one in standing.groups), standing.labelled, LEAST)


def _ref(standing: InProduction) -> str:
    return f"{name_of(standing)}@{standing.version}"


def _head(facts: ServedFacts) -> dict[str, Any]:
    standing, of_all = facts.standing, wrong(facts.standing)
    head: dict[str, Any] = {
        "license": "other",
        "license_name": "yours",
        "model_name": _ref(standing),
        "tags": ["mainstay", "production"],
    }
    results = []
    if of_all.value is not None:
        name = f"share wrong (n={of_all.n}, 95 % {of_all.low}–{of_all.high})"
        results.append({"name": name, "type": "error", "value": of_all.value})
    if standing.loss_now is not None:
        results.append({"name": "squared loss, newest labels", "type": "brier_score", "value": standing.loss_now})
    if results:
        dataset = {"name": "labels of this installation", "type": "labels"}
        result = {"task": {"type": "tabular-classification"}, "dataset": dataset, "metrics": results}
        head["model-index"] = [{"name": _ref(standing), "results": [result]}]
    return head


def _summary(facts: ServedFacts) -> str:
    standing, of_all = facts.standing, wrong(facts.standing)
    if of_all.value is None:
        said = f"How often it is right is not known: {standing.labelled} of its predictions have a label."
    else:
        said = (
            f"Of ten predictions about {round(10 * (1 - of_all.value))} are right: {of_all.n:,} have a label, and "
            f"{of_all.hits:,} of them were wrong ({of_all.low:.1%} to {of_all.high:.1%}, 19 times of 20)."
        )
    now = "; ".join(standing.firing)
    drifts = f"It is not what it was: {now}." if now else "It is as usual." if standing.is_known else "It is learned."
    parts = "; ".join(f"{part.points} {part.name} ({part.says})" for part in facts.risk)
    return f"{said} {drifts} Its risk is {min(100, sum(part.points for part in facts.risk))} of 100: {parts}."


def _uses(facts: ServedFacts) -> str:
    known, standing = facts.governance or Governance(id=""), facts.standing
    validated = f"{known.validator}, {moment(known.validated_ms)}" if known.validator else "nobody yet"
    return "\n".join(
        (
            f"- {known.purpose or 'Its purpose is not written down (`mainstay models inventory NAME --purpose …`).'}",
            f"- Owner: {known.owner or 'nobody yet'}. Materiality: {known.materiality}. Validated by: {validated}.",
            f"- Runs as `{standing.entity}`; {standing.predictions:,} predictions, last {moment(standing.last_ms)}.",
        )
    )


def _inputs(standing: InProduction) -> str:
    return ", ".join(f"{one.feature} (PSI {one.psi:.2f}, {one.missing:.0%} missing)" for one in standing.drift)


def _metrics(standing: InProduction) -> str:
    before, now = (
        "too few labels" if loss is None else f"{loss:.4g}" for loss in (standing.loss_before, standing.loss_now)
    )
    return (
        f"- share wrong: {told(wrong(standing))}\n- squared loss: first labels {before}, newest {now}\n"
        f"- labels that found no prediction: {standing.unmatched:,}"
    )


def _even(even: Evenness) -> str:
    lines = [
        f"- {one.group}: wrong {told(one.wrong)}, elsewhere {'–' if one.rest is None else f'{one.rest:.2f}'}"
        for one in even.groups
    ]
    return "\n".join([f"{even.says}.", "", *lines]).rstrip()


def _limits(facts: ServedFacts) -> list[str]:
    findings = facts.governance.findings if facts.governance else ()
    said = ["A prediction is judged by |label − score| squared; `wrong` is the other side of one half."]
    return [*said, *(f"The validator asks for: {one}" for one in findings)]


def _drift(alerts: Sequence[Alert]) -> str:
    lines = [
        f"- {moment(one.since_ms)} {one.name}: {one.summary} "
        f"({f'over {moment(one.ended_ms)}' if one.ended_ms else 'open'}; decided by {one.decided_by})"
        for one in alerts
    ]
    return "\n".join(lines) or "None was found."


def _entries(entries: Sequence[LedgerEntry]) -> str:
    lines = [f"- {moment(one.at_ms)} {one.kind} by {one.actor} (entry `{one.id}`)" for one in reversed(list(entries))]
    return "\n".join(lines) or "Nobody has written down who answers for it."


def _lineage(facts: ServedFacts) -> str:
    services = ", ".join(facts.services) or "none is known (send `service` with the predictions)"
    return f"- How it was made: {UNKNOWN[0].lower()}{UNKNOWN[1:]}\n- Services that decide by it: {services}."
