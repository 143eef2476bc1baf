"""A finding: what one kind of signal says of one entity, as evidence that can be added up and looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`evidence` in nats that this entity behaves otherwise than usual; `modality` is the kind of signal."""

    entity: str
    modality: str
    evidence: float
    says: str
    kind: Literal["metric", "edge", "log"]
    ref: str


def strongest(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The strongest finding of each entity: signals of one kind are the same fact seen again, so they do not add up."""
    best: dict[str, Finding] = {}
    for finding in findings:
        if finding.entity not in best or finding.evidence > best[finding.entity].evidence:
            best[finding.entity] = finding
    return best
