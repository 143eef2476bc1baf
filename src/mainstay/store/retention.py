"""What the control store lets go when it is old; what it keeps for ever, and how it says so.

The ledger itself stays whole: an entry is small, and a chain with holes proves nothing. What an entry looked at (its
frozen inputs, most of the weight) goes; its digest stays in the entry, so that inputs kept elsewhere can still be held
against it. Alerts, incidents, plans and changes go when they are over. Verdicts, labels and versions stay: models are
trained and judged by them.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, and_, delete, func, select

from mainstay.domain.ledger import Entry
from mainstay.store import schema
from mainstay.store.transaction import Transaction, meta

MARK = "expired_ms"
DAY_MS = 86_400_000
MOST = 1_000
"""Rows of a table at a time: a commit of the pipeline must never wait long."""

_ENDED = ("rejected", "expired", "withdrawn", "succeeded", "failed", "undone", "escalated")


def expired_ms(write: Transaction) -> int:
    """Before this moment things may have gone; 0 while nothing has."""
    return int(meta(write.connection, write.tenant, MARK) or 0)


def expire(write: Transaction, before_ms: int, now_ms: int) -> dict[str, int]:
    """Let go what is older than `before_ms`, at most 1,000 rows a table; how many went, by table.

    The first time that something of a day goes, the ledger says so.
    """
    before_ms = max(before_ms // DAY_MS * DAY_MS, expired_ms(write))
    gone = {table.name: _delete(write, table, condition) for table, condition in _may_go(before_ms)}
    if any(gone.values()) and before_ms > expired_ms(write):
        write.set_meta(MARK, str(before_ms))
        write.append([_entry(before_ms, now_ms)])
    return {name: count for name, count in gone.items() if count}


def _may_go(before_ms: int) -> list[tuple[Table, ColumnElement[bool]]]:
    alerts, incidents, plans = schema.alerts.c, schema.incidents.c, schema.plans.c
    return [
        (schema.frozen, schema.frozen.c.at_ms < before_ms),
        (schema.alerts, and_(alerts.status == "resolved", alerts.at_ms < before_ms)),
        (schema.incidents, and_(incidents.status.in_(["resolved", "merged"]), incidents.updated_ms < before_ms)),
        (schema.plans, and_(plans.status.in_(_ENDED), plans.created_ms < before_ms)),
        (schema.approvals, schema.approvals.c.at_ms < before_ms),
        (schema.steps, schema.steps.c.at_ms < before_ms),
        (schema.pages, schema.pages.c.sent_ms < before_ms),
        (schema.changes, schema.changes.c.at_ms < before_ms),
    ]


def _delete(write: Transaction, table: Table, condition: ColumnElement[bool]) -> int:
    key = next(column for column in table.primary_key if column.name != "tenant")
    mine = and_(table.c.tenant == write.tenant, condition)
    some = list(write.connection.execute(select(key).where(mine).limit(MOST)).scalars())
    if not some:
        return 0
    there = and_(mine, key.in_(some))
    count = write.connection.execute(select(func.count()).select_from(table).where(there)).scalar() or 0
    write.connection.execute(delete(table).where(there))
    return count


def _entry(before_ms: int, now_ms: int) -> Entry:
    return Entry(
        id=f"retention:{before_ms}",
        kind="policy",
        at_ms=now_ms,
        actor="mainstay",
        subject="retention",
        output={
            "gone_before_ms": before_ms,
            "what": "frozen inputs, and what was over: alerts, incidents, plans, changes",
        },
    )
