"""The inventory of models: who answers for each, what serves, what is open, when it is due. Also as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from mainstay.domain.models import Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.domain.watching import Finding, Governance, InventoryRow
from mainstay.mlops.watching.health import Health

PURPOSES: Mapping[str, str] = {
    "metrics": "finds samples of a series that are rare and large for it, and raises alerts",
    "edges": "finds calls between services whose latency, errors or rate changed, and raises alerts",
    "logs": "finds log lines that are new or came much more often, and raises alerts",
    "entities": "finds services, hosts and queues whose metrics together are unlike themselves, and raises alerts",
    "predictions": "watches a model that the user runs in production, and raises alerts when it drifts",
    "forecaster": "says where a metric will be, and which limit it will reach when",
    "correlator": "groups alerts into incidents",
    "suppressor": "says whose alerts are symptoms of an incident that is known already",
    "diagnoser": "ranks the suspects of an incident",
    "planner": "chooses the runbook that is proposed",
    "impact": "says what a change did, against unchanged peers and placebo changes",
    "change-risk": "says how likely a change does harm, and to whom, before it is made",
    "predictor": "says how likely each service has an incident soon; it pages nobody",
    "similarity": "finds past incidents that look like the one at hand",
}
"""What each kind is for, until somebody writes down something better."""


def purpose_of(kind: ModelKind) -> str:
    """What a kind of model is for.

    >>> purpose_of("planner")
    'chooses the runbook that is proposed'
    """
    return PURPOSES.get(kind, f"decides what is asked of a {kind}")


CSV_COLUMNS = tuple(field.name for field in msgspec.structs.fields(InventoryRow))
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inventory(
    versions: Iterable[ModelVersion],
    deployments: Iterable[Deployment],
    health: Health,
    findings: Sequence[Finding],
    risk_of: Callable[[VersionRef], int],
    at_ms: int,
) -> list[InventoryRow]:
    """One row per model, by name."""
    by_model: dict[str, list[ModelVersion]] = {}
    for version in versions:
        by_model.setdefault(version.ref.model, []).append(version)
    serving = [one for one in deployments if one.scope == "*"]
    rows = []
    for name, known in sorted(by_model.items()):
        live = next((one.live for one in serving if one.live.model == name), None)
        rows.append(_row(name, known, live, health, (findings, risk_of, at_ms)))
    return rows


def _row(
    name: str,
    versions: Sequence[ModelVersion],
    live: VersionRef | None,
    health: Health,
    now: tuple[Sequence[Finding], Callable[[VersionRef], int], int],
) -> InventoryRow:
    findings, risk_of, at_ms = now
    governance = health.governance.get(name) or Governance(id=name)
    kind = versions[0].kind
    found = [f"{one.measure} in {one.scope}" for one in findings if one.version == live]
    return InventoryRow(
        model=name,
        kind=kind,
        live=str(live or ""),
        versions=len(versions),
        owner=governance.owner,
        purpose=governance.purpose or purpose_of(kind),
        materiality=governance.materiality,
        validator=governance.validator,
        validated_ms=governance.validated_ms,
        next_review_ms=health.next_review_ms(name) or 0,
        is_overdue=health.is_overdue(name, at_ms),
        open_findings=(*governance.findings, *found),
        risk=risk_of(live or max(version.ref for version in versions)),
    )


def as_csv(rows: Iterable[InventoryRow]) -> str:
    """The inventory for a spreadsheet; no cell of it is taken for a formula.

    >>> as_csv([]).startswith("model,kind,live")
    True
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in CSV_COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    text = (
        "; ".join(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)
    )
    return f"'{text}" if text.startswith(_FORMULA) else text
