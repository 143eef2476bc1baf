"""Where a version comes from and what it did: data → experiment → version → deployments → all that it caused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from mainstay.domain.ledger import LedgerEntry
from mainstay.domain.models import ModelVersion, VersionRef
from mainstay.domain.training import Experiment, Lineage
from mainstay.mlops.own.building import is_brought
from mainstay.mlops.recall import recall

MOST_GENERATIONS = 100


def lineage(
    version: ModelVersion,
    versions: Sequence[ModelVersion],
    experiment: Experiment | None,
    ledger: Callable[[], Iterable[LedgerEntry]],
    limit: int = 1000,
) -> Lineage:
    """Walk from the data to the last step that a version caused.

    `ledger` gives the chain from its first entry, whenever called. All that was caused is counted, `limit` listed.
    """
    caused = recall(ledger(), version.ref, limit)
    return Lineage(
        version=version.ref,
        dataset=experiment.snapshot if experiment else None,
        experiment=experiment,
        feature_view=version.feature_view,
        parents=_parents(version, {one.ref: one for one in versions}),
        children=tuple(sorted(one.ref for one in versions if one.parent == version.ref)),
        registered={
            "artefact": version.artefact, "attestation": version.attestation, "code_version": version.code_version,
            "algorithm": version.algorithm, "is_brought": is_brought(version.algorithm),
            "seed": version.seed, "metrics": version.metrics,
            "dataset": version.dataset, "by": version.created_by, "why": version.why, "at_ms": version.created_ms,
        },
        deployments=tuple(_deployments(ledger(), str(version.ref))),
        caused=caused.counts,
        entries=tuple(msgspec.to_builtins(caused.entries)),
    )  # fmt: skip


def _parents(version: ModelVersion, known: dict[VersionRef, ModelVersion]) -> tuple[VersionRef, ...]:
    found: list[VersionRef] = []
    parent = version.parent
    while parent is not None and len(found) < MOST_GENERATIONS:
        found.append(parent)
        parent = known[parent].parent if parent in known else None
    return tuple(found)


def _deployments(ledger: Iterable[LedgerEntry], name: str) -> Iterable[dict[str, Any]]:
    """Each time it went live, became shadow or canary, or was replaced."""
    for entry in ledger:
        if entry.kind == "deployment" and (role := _role(entry.output, name)):
            yield {
                "entry": entry.id, "at_ms": entry.at_ms, "kind": entry.subject, "role": role, "by": entry.actor,
                "scope": entry.output.get("scope", "*"), "why": entry.output.get("why", ""),
            }  # fmt: skip


def _role(output: dict[str, Any], name: str) -> str:
    roles = (("live", "live"), ("canary", "canary"), ("shadow", "shadow"), ("before", "replaced"))
    return next((role for field, role in roles if output.get(field) == name), "")
