"""How risky a version is to rely on, 0–100: always the sum of its parts, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mainstay.domain.models import ModelVersion
from mainstay.domain.shares import told
from mainstay.domain.watching import (
    BiasReport,
    Finding,
    Governance,
    ModelRiskPart,
    RiskScore,
    Share,
    Standing,
)

MATERIALITY = {"high": 20, "medium": 10, "low": 0}
MEASURES = {
    "data_drift": 20, "concept_drift": 20, "accuracy": 25, "calibration": 10, "score_drift": 10, "runtime": 5,
}  # fmt: skip
REASONS = {"canary": 10, "unverified": 40, "rolled_back": 25, "overdue": 15, "drifting": 0}
"""Drifting counts by its findings."""


def risk(
    version: ModelVersion,
    standing: Standing,
    findings: Iterable[Finding],
    governance: Governance | None,
    precision: Share | None,
    bias: BiasReport | None = None,
    *,
    is_brought: bool = False,
) -> RiskScore:
    """The score of one version, as it is known now; `is_brought`: a user's own."""
    parts = [_materiality(governance), *_findings(findings), *_reasons(standing), *_people(governance)]
    parts += _evidence(version, precision, is_brought=is_brought)
    if bias is not None and bias.status == "worse":
        parts.append(_part("bias", 15, f"it serves some worse: {bias.says}"))
    parts = [part for part in parts if part.points]
    return RiskScore(version=version.ref, value=min(100, sum(part.points for part in parts)), parts=tuple(parts))


def _materiality(governance: Governance | None) -> ModelRiskPart:
    weight = governance.materiality if governance else "medium"
    return _part("materiality", MATERIALITY[weight], f"a wrong word of it does {weight} harm")


def _findings(findings: Iterable[Finding]) -> list[ModelRiskPart]:
    worst: dict[str, Finding] = {}
    for finding in findings:
        if finding.status == "open":
            worst.setdefault(finding.measure, finding)
    return [_part(measure, MEASURES[measure], one.says) for measure, one in sorted(worst.items())]


def _reasons(standing: Standing) -> list[ModelRiskPart]:
    by_reason = {
        reason: next((s for s in standing.says if _speaks_of(reason, s)), reason) for reason in standing.reasons
    }
    return [_part(reason, REASONS[reason], says) for reason, says in by_reason.items()]


def _people(governance: Governance | None) -> list[ModelRiskPart]:
    if governance is None or not governance.owner:
        return [_part("owner", 5, "nobody answers for it")]
    if not governance.validated_ms:
        return [_part("validation", 10, f"nobody but {governance.owner} has looked at it")]
    open_ = len(governance.findings)
    says = f"{open_} findings of {governance.validator} are open: {'; '.join(governance.findings)}"
    return [_part("open findings", min(15, 5 * open_), says)]


def _evidence(version: ModelVersion, precision: Share | None, *, is_brought: bool) -> Sequence[ModelRiskPart]:
    parts = []
    if precision is None or precision.value is None:
        parts.append(_part("evidence", 10, "too few of its decisions were judged to know how often it is right"))
    else:
        parts.append(_part("precision", round(20 * (1 - precision.value)), f"precision {told(precision)}"))
    if not version.dataset:
        says = "somebody brought it: what it learned from is not known here"
        by_hand = "its parameters were set by hand, not learned here"
        parts.append(_part("priors", 5, says if is_brought else by_hand))
    return parts


def _speaks_of(reason: str, says: str) -> bool:
    words = {
        "canary": "in canary",
        "unverified": "could not be served",
        "rolled_back": "rolled back",
        "overdue": "ran out",
    }
    return words.get(reason, "drifts") in says


def _part(name: str, points: int, says: str) -> ModelRiskPart:
    return ModelRiskPart(name=name, points=points, says=says)
