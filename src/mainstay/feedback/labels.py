"""From a verdict to labels: which version is judged, about what, true or false."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

from mainstay.domain.models import VersionRef
from mainstay.domain.verdicts import Label, Verdict, VerdictKind

Topic = Literal["alert", "cause", "grouping", "missed", "plan"]
TOPICS: Mapping[VerdictKind, Topic] = {
    "anomaly": "alert",
    "not-anomaly": "alert",
    "right-cause": "cause",
    "wrong-cause": "cause",
    "merge": "grouping",
    "split": "grouping",
    "missed": "missed",
    "plan-worked": "plan",
    "plan-failed": "plan",
}
_TRUE: frozenset[VerdictKind] = frozenset({"anomaly", "right-cause", "plan-worked"})


def labels_of(verdict: Verdict, judged: Iterable[tuple[VersionRef, str]]) -> list[Label]:
    """One label per judged version and subject.

    The id says who judged what, not how: a person who changes their mind replaces their label. The former word stays
    in the ledger.
    """
    topic = TOPICS[verdict.kind]
    return [
        Label(
            id=label_id(verdict, topic, ref, subject),
            model=ref.model,
            version=ref.version,
            subject=subject,
            is_true=verdict.kind in _TRUE,
            kind=topic,
            from_verdict=verdict.id,
            by=verdict.by,
            at_ms=verdict.at_ms,
        )
        for ref, subject in dict.fromkeys(judged)
    ]


def label_id(verdict: Verdict, topic: Topic, ref: VersionRef, subject: str) -> str:
    """Derived from who judged what of which version; for something missed also from the minute."""
    minute = str((verdict.since_ms or verdict.at_ms) // 60_000) if topic == "missed" else ""
    parts = (verdict.tenant, verdict.by, topic, subject, str(ref), minute)
    return "L-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]
