"""What the MLOps layer keeps: experiments, training runs, rollouts, findings. One table, one row per kind and id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement

from mainstay.domain.changes import ChangeForecast, ChangeImpact, PlaceboTally
from mainstay.domain.effects import Effects
from mainstay.domain.ledger import Entry
from mainstay.domain.rollouts import GatePolicyRecord, Rollout
from mainstay.domain.silences import Silence, Suppression, Window, Withholding
from mainstay.domain.similar import PastIncident
from mainstay.domain.training import Experiment, TrainingRequest, TrainingRun
from mainstay.domain.watching import Finding, Governance, RecallMark
from mainstay.store import documents as doc
from mainstay.store import schema
from mainstay.store import transaction as tx
from mainstay.store.database import Database
from mainstay.store.feed import Feed

T = TypeVar("T")


class RecordKind(Generic[T]):
    """One type among the model records.

    Args:
        word: Its name in the table and in the live feed.
        of: Reads (subject, status, at_ms) off a record: what it is about, how it stands, since when.
    """

    def __init__(self, word: str, kind: type[T], of: Callable[[T], tuple[str, str, int]]) -> None:
        def columns(record: T) -> doc.Columns:
            subject, status, at_ms = of(record)
            own: Any = record
            return {"kind": word, "id": own.id, "subject": subject, "status": status, "at_ms": at_ms}

        self.word, self.type = word, kind
        self.documents = doc.Kind(
            kind, schema.model_records, columns, ("-at_ms", "-id"), word, lambda one: str(columns(one)["id"])
        )


RECORDS: dict[type[Any], RecordKind[Any]] = {
    kind.type: kind
    for kind in (
        RecordKind[Any]("training-request", TrainingRequest, lambda r: (f"{r.kind}:{r.scope}", r.trigger, r.at_ms)),
        RecordKind[Any](
            "training-run", TrainingRun, lambda r: (f"{r.request.kind}:{r.request.scope}", r.status, r.started_ms)
        ),
        RecordKind[Any]("experiment", Experiment, lambda e: (e.model, str(e.version or ""), e.at_ms)),
        RecordKind[Any]("rollout", Rollout, lambda r: (r.scope, r.stage, r.since_ms)),
        RecordKind[Any]("gate-policy", GatePolicyRecord, lambda p: (p.policy.name, p.status, p.at_ms)),
        RecordKind[Any]("finding", Finding, lambda f: (f"{f.kind}:{f.scope}", f.status, f.at_ms)),
        RecordKind[Any]("governance", Governance, lambda g: (g.id, g.materiality, g.at_ms)),
        RecordKind[Any]("change-impact", ChangeImpact, lambda i: (i.entity, i.verdict, i.at_ms)),
        RecordKind[Any]("change-forecast", ChangeForecast, lambda f: (f.change, f.outcome, f.at_ms)),
        RecordKind[Any]("placebo-tally", PlaceboTally, lambda t: (t.id, "", t.at_ms)),
        RecordKind[Any]("silence", Silence, lambda s: (s.by, s.ended_by, s.ends_ms)),
        RecordKind[Any]("maintenance", Window, lambda w: (w.by, w.ended_by, w.ends_ms)),
        RecordKind[Any]("suppression", Suppression, lambda s: (s.id, s.mode, s.at_ms)),
        RecordKind[Any]("withholding", Withholding, lambda w: (w.ref, w.status, w.at_ms)),
        RecordKind[Any]("past-incident", PastIncident, lambda p: (p.ending.entity, p.ending.judged, p.since_ms)),
        RecordKind[Any]("recall-mark", RecallMark, lambda m: (str(m.version), m.status, m.at_ms)),
    )
}
"""By type. A record's type has a field `id`; another one is one line here."""


def save_decided(write: tx.Transaction, effects: Effects) -> None:
    """What a batch of the pipeline decided about models, in the batch's own transaction."""
    write.save(doc.DEPLOYMENT, effects.deployments.values())
    _save(write, effects.records.values())


class ModelStore:
    """Reads and writes of model records, for one tenant; safe from any thread.

    A write and its ledger entries commit together, and the live feed tells of them under the kind's name.
    """

    def __init__(self, database: Database, tenant: str, feed: Feed) -> None:
        self._database, self._tenant, self._feed = database, tenant, feed

    def save(self, *records: Any, entries: Iterable[Entry] = ()) -> None:
        """Keep the newest state of records, together with ledger entries."""
        with self._writing() as write:
            _save(write, records)
            write.append(entries)

    def one(self, kind: type[T], name: str) -> T | None:
        """The record of this type with this id."""
        found: list[T] = self._find(kind, 1, (), id=name)
        return found[0] if found else None

    def find(
        self,
        kind: type[T],
        *,
        subject: str | None = None,
        status: str | None = None,
        since_ms: int | None = None,
        limit: int | None = 200,
    ) -> list[T]:
        """Newest first."""
        later = () if since_ms is None else (schema.model_records.c.at_ms >= since_ms,)
        return self._find(kind, limit, later, subject=subject, status=status)

    def _find(
        self, kind: type[T], limit: int | None, conditions: Sequence[ColumnElement[bool]], **equal: Any
    ) -> list[T]:
        record = RECORDS[kind]
        with self._database.reading() as connection:
            return record.documents.find(connection, self._tenant, conditions, limit, kind=record.word, **equal)

    @contextmanager
    def _writing(self) -> Iterator[tx.Transaction]:
        with self._database.writing() as connection:
            write = tx.Transaction(connection, self._tenant)
            yield write
        self._feed.publish(write.changed)


def _save(write: tx.Transaction, records: Iterable[Any]) -> None:
    for record in records:
        write.save(RECORDS[type(record)].documents, [record])
