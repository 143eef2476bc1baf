"""What one batch decided: all of it commits in one control transaction, or none of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Edge, Entity
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Deployment
from mainstay.domain.pages import Page
from mainstay.domain.runbooks import Plan
from mainstay.domain.signals import Template
from mainstay.domain.verdicts import Label, Verdict

KEYED = (
    "entities", "edges", "templates", "changes", "alerts", "incidents", "plans", "pages", "verdicts", "labels",
    "deployments", "records",
)  # fmt: skip


@dataclass(slots=True)
class Effects:
    """Collected while a batch travels the stages; newest state per id wins.

    `decided_seq` is the last record of the batch. `records` are what the MLOps layer keeps (rollouts, findings, …), by
    "kind:id"; `store/mlops.py` knows their tables.
    """

    decided_seq: int = 0
    entities: dict[str, Entity] = field(default_factory=dict)
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict)
    templates: dict[int, Template] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    records: dict[str, Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def merge(self, later: Effects) -> None:
        """Take up what a later record decided; its states replace ours."""
        for name in KEYED:
            getattr(self, name).update(getattr(later, name))
        self.entries += later.entries
        self.decided_seq = max(self.decided_seq, later.decided_seq)
