"""The control store: what was decided, about what, by whom; and what people may do.

One commit per batch of the pipeline holds everything that the batch decided, its ledger entries and its sequence
number, or nothing of it. Everything is safe to call from any thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, func, select

from mainstay.domain.alerts import Alert, AlertStatus
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import DEFAULT_TENANT, Edge, Entity
from mainstay.domain.incidents import Incident, IncidentStatus
from mainstay.domain.ledger import Entry, EntryKind, LedgerEntry
from mainstay.domain.models import Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.domain.pages import Page
from mainstay.domain.protocols import Clock
from mainstay.domain.runbooks import Approval, Plan, PlanStatus, StepResult
from mainstay.domain.signals import Template
from mainstay.domain.verdicts import Label, Verdict
from mainstay.domain.views import Funnel, IncidentLine
from mainstay.ledger import Head, Verified, verify
from mainstay.store import documents as doc
from mainstay.store import mlops, retention, schema
from mainstay.store import transaction as tx
from mainstay.store.database import Database
from mainstay.store.feed import Feed
from mainstay.store.people import People
from mainstay.store.plans import answer_plan, note_dry_run, unanswered, use_approval

T = TypeVar("T")


class Control:
    """Reads and writes of the control plane, for one tenant.

    Args:
        url_or_path: A file (made when it is not there) or a SQLAlchemy URL.
        clock: For the expiry of tokens and the numbers of the feed; nothing that is decided takes its time from here.
    """

    def __init__(self, url_or_path: str | Path, clock: Clock, *, tenant: str = DEFAULT_TENANT) -> None:
        self.tenant = tenant
        self.database = Database(url_or_path)
        self.feed = Feed(first=clock.now_ns() // 1_000_000)
        self.people = People(self.database, clock, tenant)
        self._decided_seq = int(self.meta("decided_seq") or 0)
        self._entities: dict[str, Entity] = {}  # as last written: each tick brings all of them, and few ever change

    @property
    def decided_seq(self) -> int:
        """The last inbox record whose effects are committed; effects at or below it are dropped."""
        return self._decided_seq

    def commit(self, effects: Effects) -> None:
        """Everything that a batch decided, in one transaction; nothing at all if it was committed before."""
        with self._writing() as write:
            if effects.decided_seq <= int(tx.meta(write.connection, self.tenant, "decided_seq") or 0):
                return
            write.save(doc.ENTITY, [e for e in effects.entities.values() if self._entities.get(e.id) != e])
            write.save(doc.EDGE, effects.edges.values())
            write.save(doc.TEMPLATE, effects.templates.values())
            write.save(doc.CHANGE, effects.changes.values())
            write.save(doc.ALERT, effects.alerts.values())
            write.save(doc.INCIDENT, effects.incidents.values())
            plans = unanswered(write, effects.plans)
            overtaken = effects.plans.keys() - plans.keys()
            write.save(doc.PLAN, plans.values())
            write.save_new(doc.PAGE, effects.pages.values())
            write.save_new(doc.VERDICT, effects.verdicts.values())
            write.save(doc.LABEL, effects.labels.values())
            mlops.save_decided(write, effects)
            write.append(e for e in effects.entries if not (e.kind == "plan" and e.subject in overtaken))
            write.set_meta("decided_seq", str(effects.decided_seq))
        self._entities.update(effects.entities)
        self._decided_seq = effects.decided_seq

    def append(self, *entries: Entry) -> list[LedgerEntry]:
        """Ledger entries that come with no document."""
        with self._writing() as write:
            return write.append(entries)

    # -- incidents and what they are made of

    def incidents(
        self, status: IncidentStatus | None = None, limit: int = 100, before: str | None = None
    ) -> list[Incident]:
        """Newest opened first; `before` is the id of the last one of the page before."""
        return self._page(doc.INCIDENT, limit, before, status=status)

    def incident_lines(
        self, status: IncidentStatus | None = None, limit: int = 100, before: str | None = None, words: str = ""
    ) -> list[IncidentLine]:
        """As `incidents`, without what only an incident's own page needs; of those in which all these words stand."""
        kind = doc.INCIDENT_LINE
        with self.database.reading() as connection:
            older = [] if before is None else [kind.older_than(connection, self.tenant, before)]
            return kind.search(connection, self.tenant, words, older, limit, status=status)

    def incident(self, incident: str) -> Incident | None:
        """The incident with this id."""
        return self._one(doc.INCIDENT, id=incident)

    def incident_counts(self) -> dict[str, int]:
        """How many incidents there are per status."""
        table = schema.incidents.c
        query = select(table.status, func.count()).where(table.tenant == self.tenant).group_by(table.status)
        with self.database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def alerts(
        self,
        status: AlertStatus | None = None,
        entity: str | None = None,
        limit: int = 500,
        before: str | None = None,
        *,
        suppressed: bool | None = None,
    ) -> list[Alert]:
        """Newest onset first; `before` is the id of the last one of the page before."""
        is_held = None if suppressed is None else int(suppressed)
        return self._page(doc.ALERT, limit, before, status=status, entity=entity, suppressed=is_held)

    def alert(self, alert: str) -> Alert | None:
        """The alert with this id."""
        return self._one(doc.ALERT, id=alert)

    def alerts_by_id(self, ids: Sequence[str]) -> list[Alert]:
        """Those of these alerts that are known, by onset."""
        return sorted(self._by_id(doc.ALERT, ids), key=lambda alert: (alert.since_ms, alert.id))

    def changes(
        self, since_ms: int = 0, until_ms: int | None = None, entities: Sequence[str] | None = None, limit: int = 500
    ) -> list[Change]:
        """Newest first; `until_ms` is included."""
        table = schema.changes.c
        conditions = [table.at_ms >= since_ms]
        if until_ms is not None:
            conditions.append(table.at_ms <= until_ms)
        if entities is not None:
            conditions.append(table.entity.in_([doc.storable(name) for name in entities]))
        return self._find(doc.CHANGE, limit, conditions)

    def changes_by_id(self, ids: Sequence[str]) -> list[Change]:
        """Those of these changes that are known."""
        return self._by_id(doc.CHANGE, ids)

    def funnel(self, since_ms: int) -> Funnel:
        """Alerts, incidents and alerts that were held back since then; signals and anomalies are not known here."""
        alerts, incidents = schema.alerts.c, schema.incidents.c
        held = select(func.count(), func.sum(alerts.suppressed)).where(
            alerts.tenant == self.tenant, alerts.since_ms >= since_ms
        )
        opened = select(func.count()).where(incidents.tenant == self.tenant, incidents.opened_ms >= since_ms)
        with self.database.reading() as connection:
            count, suppressed = connection.execute(held).one()
            found = connection.execute(opened).scalar() or 0
        return Funnel(since_ms=since_ms, alerts=count, not_paged=suppressed or 0, incidents=found)

    # -- what is watched

    def entities(self) -> list[Entity]:
        """Everything that is watched, by id."""
        return self._find(doc.ENTITY)

    def entity(self, entity: str) -> Entity | None:
        """The entity with this id."""
        return self._one(doc.ENTITY, id=entity)

    def edges(self) -> list[Edge]:
        """Who calls whom."""
        return self._find(doc.EDGE)

    def templates(self, ids: Sequence[int | str]) -> list[Template]:
        """Those of these log templates that are known."""
        return self._by_id(doc.TEMPLATE, [str(one) for one in ids])

    # -- plans, approvals, steps

    def plans(self, incident: str | None = None, status: PlanStatus | None = None, limit: int = 500) -> list[Plan]:
        """Newest first."""
        return self._find(doc.PLAN, limit, incident=incident, status=status)

    def plan(self, plan: str) -> Plan | None:
        """The plan with this id."""
        return self._one(doc.PLAN, id=plan)

    def save_plan(self, plan: Plan, entries: Iterable[Entry] = ()) -> None:
        """Keep the newest state of a plan."""
        self._save(doc.PLAN, plan, entries)

    def note_dry_run(self, plan: str, digest: str, says: Sequence[str]) -> None:
        """Keep what a plan said that it would do, unless it is another plan by now."""
        with self._writing() as write:
            note_dry_run(write, plan, digest, says)

    def approvals(self, plan: str) -> list[Approval]:
        """What people said to a plan, in order."""
        return self._find(doc.APPROVAL, plan=plan)

    def save_approval(self, approval: Approval, entries: Iterable[Entry] = ()) -> None:
        """Keep a yes or no. One that is kept already stays as it is: a used one does not become unused."""
        with self._writing() as write:
            write.save_new(doc.APPROVAL, [approval])
            write.append(entries)

    def answer_plan(self, approval: Approval, of: Collection[PlanStatus], entries: Iterable[Entry] = ()) -> bool:
        """Keep a yes or no together with the plan's new status; False when the plan is another or over by now."""
        with self._writing() as write:
            return answer_plan(write, approval, of, entries)

    def use_approval(self, approval: str, at_ms: int, entries: Iterable[Entry] = ()) -> bool:
        """Use it up. True once, for one caller; False when it is used, expired, a no, or not there."""
        with self._writing() as write:
            return use_approval(write, approval, at_ms, entries)

    def steps(self, plan: str) -> list[StepResult]:
        """What the steps of a plan did, in order."""
        return self._find(doc.STEP, plan=plan)

    def save_step(self, step: StepResult, entries: Iterable[Entry] = ()) -> None:
        """Keep the newest state of a step."""
        self._save(doc.STEP, step, entries)

    # -- feedback, pages, models

    def verdicts(self, subject: str | None = None, limit: int = 1000) -> list[Verdict]:
        """Newest first."""
        return self._find(doc.VERDICT, limit, subject=subject)

    def labels(self, model: str | None = None, limit: int | None = None) -> list[Label]:
        """Oldest first."""
        return self._find(doc.LABEL, limit, model=model)

    def pages_due(self, now_ms: int, limit: int = 100) -> list[Page]:
        """Pages that are not sent and whose time has come, the longest waiting first."""
        table = schema.pages.c
        return self._find(doc.PAGE, limit, [table.sent_ms.is_(None), table.next_try_ms <= now_ms])

    def pages(self, incident: str) -> list[Page]:
        """Every page about one incident."""
        return self._find(doc.PAGE, incident=incident)

    def save_pages(self, pages: Iterable[Page]) -> None:
        """Keep pages that no batch decided (a runbook's notice, the heartbeat); a key that is kept stays as it is."""
        with self._writing() as write:
            write.save_new(doc.PAGE, pages)

    def mark_page(self, page: Page, entries: Iterable[Entry] = ()) -> None:
        """Keep what became of a page: sent, or tried and when to try again."""
        self._save(doc.PAGE, page, entries)

    def versions(self, model: str | None = None) -> list[ModelVersion]:
        """Every model version, by name and number."""
        return self._find(doc.VERSION, model=model)

    def version(self, ref: VersionRef) -> ModelVersion | None:
        """One model version."""
        return self._one(doc.VERSION, model=ref.model, version=ref.version)

    def save_version(self, version: ModelVersion, entries: Iterable[Entry] = ()) -> None:
        """Keep a version. It is immutable: one that is kept already stays as it is."""
        with self._writing() as write:
            write.save_new(doc.VERSION, [version])
            write.append(entries)

    def deployments(self, kind: ModelKind | None = None) -> list[Deployment]:
        """What serves, by kind and scope."""
        return self._find(doc.DEPLOYMENT, kind=kind)

    def save_deployment(self, deployment: Deployment, entries: Iterable[Entry] = ()) -> None:
        """Change what serves."""
        self._save(doc.DEPLOYMENT, deployment, entries)

    # -- the ledger

    def ledger(self, after_seq: int = 0, limit: int = 1000) -> list[LedgerEntry]:
        """Entries in the order of the chain."""
        with self.database.reading() as connection:
            return tx.entries_of(connection, self.tenant, after_seq, limit)

    def ledger_stream(self) -> Iterator[LedgerEntry]:
        """The whole chain from its first entry; memory does not grow with it."""
        with self.database.reading() as connection:
            yield from tx.stream(connection, self.tenant)

    def ledger_page(
        self, before: int | None = None, limit: int = 100, subject: str | None = None, kind: EntryKind | None = None
    ) -> list[LedgerEntry]:
        """Newest first."""
        table = schema.ledger.c
        query = select(schema.ledger).where(table.tenant == self.tenant)
        for column, value in ((table.subject, subject), (table.kind, kind)):
            query = query if value is None else query.where(column == doc.storable(value))
        if before is not None:
            query = query.where(table.seq < before)
        with self.database.reading() as connection:
            return [tx.entry_of(row) for row in connection.execute(query.order_by(table.seq.desc()).limit(limit))]

    def ledger_entry(self, entry: str) -> LedgerEntry | None:
        """The entry with this id."""
        table = schema.ledger.c
        query = select(schema.ledger).where(table.tenant == self.tenant, table.id == doc.storable(entry))
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        return tx.entry_of(row) if row else None

    def ledger_head(self) -> Head | None:
        """Place and hash of the last entry: what to export."""
        with self.database.reading() as connection:
            return tx.head(connection, self.tenant)

    def frozen(self, digest: str) -> dict[str, Any] | None:
        """The inputs that an entry rested on, by their digest."""
        with self.database.reading() as connection:
            body = tx.frozen_bytes(connection, self.tenant, digest)
        return None if body is None else msgspec.json.decode(body, type=dict[str, Any])

    def verify_ledger(self, head: Head | None = None) -> Verified:
        """Walk the whole chain and the frozen inputs; against `head`, if one was exported."""
        with self.database.reading() as connection:
            ahead: dict[str, bytes] = {}
            chain = tx.stream(connection, self.tenant, ahead)
            gone_ms = int(tx.meta(connection, self.tenant, retention.MARK) or 0)
            return verify(chain, head, lambda digest: tx.thawed(ahead.get(digest), digest), gone_ms)

    # -- the rest

    def meta(self, name: str) -> str | None:
        """A small value kept under a name."""
        with self.database.reading() as connection:
            return tx.meta(connection, self.tenant, name)

    def set_meta(self, name: str, value: str) -> None:
        """Keep a small value under a name."""
        with self._writing() as write:
            write.set_meta(name, value)

    def expire(self, before_ms: int, now_ms: int) -> dict[str, int]:
        """Let go what is over and older than that, a thousand rows a table at most; the ledger stays whole."""
        with self._writing() as write:
            return retention.expire(write, before_ms, now_ms)

    def close(self) -> None:
        """Let go of the file, and of everybody who listens."""
        self.feed.close()
        self.database.close()

    @contextmanager
    def _writing(self) -> Iterator[tx.Transaction]:
        with self.database.writing() as connection:
            write = tx.Transaction(connection, self.tenant)
            yield write
        self.feed.publish(write.changed)

    def _save(self, kind: doc.Kind[T], document: T, entries: Iterable[Entry]) -> None:
        with self._writing() as write:
            write.save(kind, [document])
            write.append(entries)

    def _one(self, kind: doc.Kind[T], /, **key: object) -> T | None:
        with self.database.reading() as connection:
            return kind.one(connection, self.tenant, **key)

    def _by_id(self, kind: doc.Kind[T], ids: Sequence[str]) -> list[T]:
        with self.database.reading() as connection:
            return kind.by_id(connection, self.tenant, ids)

    def _find(
        self,
        kind: doc.Kind[T],
        /,
        limit: int | None = None,
        conditions: Sequence[ColumnElement[bool]] = (),
        **equal: object,
    ) -> list[T]:
        with self.database.reading() as connection:
            return kind.find(connection, self.tenant, conditions, limit, **equal)

    def _page(self, kind: doc.Kind[T], limit: int, before: str | None, **equal: object) -> list[T]:
        with self.database.reading() as connection:
            older = [] if before is None else [kind.older_than(connection, self.tenant, before)]
            return kind.find(connection, self.tenant, older, limit, **equal)
