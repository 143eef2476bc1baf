"""The words of the ledger: one entry per decision, chained by hash, naming what it rests on."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

EntryKind = Literal[
    "alert", "alert-resolved", "grouping", "incident", "suppression", "diagnosis", "plan", "approval", "step",
    "verification", "verdict", "label", "page", "version", "deployment", "batch", "user", "policy", "resolution",
    "experiment", "training", "silence",
    "finding", "recall", "inventory", "gate", "rollout", "impact", "change-forecast", "prediction", "similarity",
]  # fmt: skip


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A decision before it is chained: what, about what, by whom, resting on which earlier entries.

    Attributes:
        id: Derived from what it records, so that a replay does not write it twice.
        actor: A version (`metrics@7`), a person (`user:ada`), or `mainstay`.
        rests_on: Ids of entries, versions or digests that this decision used.
        inputs: Everything that the decision looked at; frozen beside the entry for `reperform`. None when there is
            nothing to repeat.
        output: What was decided.
    """

    id: str
    kind: EntryKind
    at_ms: int
    actor: str
    subject: str
    output: dict[str, Any]
    rests_on: tuple[str, ...] = ()
    inputs: dict[str, Any] | None = None


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in its place in the chain. `hash` covers everything above it, `previous` included."""

    seq: int
    id: str
    kind: EntryKind
    at_ms: int
    actor: str
    subject: str
    output: dict[str, Any]
    rests_on: tuple[str, ...]
    inputs_digest: str
    previous: str
    hash: str
