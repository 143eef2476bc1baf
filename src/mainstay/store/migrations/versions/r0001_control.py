"""Format 1: decisions, what they are about, and the ledger."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, SmallInteger, String, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_AND_ID = ("tenant", "id")
# table → its columns beside the key and the body; ":i" is a 64-bit number, ":s" a small one, ":n" a number or nothing
DOCUMENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "entities": (TENANT_AND_ID, ("kind",)),
    "edges": (("tenant", "caller", "callee"), ()),
    "series": (TENANT_AND_ID, ("entity", "metric")),
    "templates": (TENANT_AND_ID, ()),
    "changes": (TENANT_AND_ID, ("at_ms:i", "entity")),
    "alerts": (TENANT_AND_ID, ("status", "entity", "fingerprint", "suppressed:s", "since_ms:i", "at_ms:i")),
    "incidents": (TENANT_AND_ID, ("status", "opened_ms:i", "updated_ms:i")),
    "plans": (TENANT_AND_ID, ("incident", "status", "created_ms:i")),
    "approvals": (TENANT_AND_ID, ("plan", "decision", "at_ms:i", "expires_ms:i", "used_ms:n")),
    "steps": (("tenant", "plan", "phase", "position:i"), ("at_ms:i",)),
    "verdicts": (TENANT_AND_ID, ("subject", "at_ms:i")),
    "labels": (TENANT_AND_ID, ("model", "version:i", "at_ms:i")),
    "pages": (TENANT_AND_ID, ("incident", "sent_ms:n", "next_try_ms:i")),
    "versions": (("tenant", "model", "version:i"), ("kind",)),
    "deployments": (("tenant", "kind", "scope"), ()),
}
INDEXES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("series_entity", "series", ("tenant", "entity")),
    ("series_metric", "series", ("tenant", "metric")),
    ("changes_at", "changes", ("tenant", "at_ms", "id")),
    ("alerts_since", "alerts", ("tenant", "since_ms", "id")),
    ("alerts_status", "alerts", ("tenant", "status", "since_ms")),
    ("alerts_entity", "alerts", ("tenant", "entity", "since_ms")),
    ("incidents_opened", "incidents", ("tenant", "opened_ms", "id")),
    ("incidents_status", "incidents", ("tenant", "status", "opened_ms")),
    ("plans_incident", "plans", ("tenant", "incident")),
    ("plans_status", "plans", ("tenant", "status", "created_ms")),
    ("approvals_plan", "approvals", ("tenant", "plan")),
    ("verdicts_subject", "verdicts", ("tenant", "subject")),
    ("labels_model", "labels", ("tenant", "model", "version")),
    ("pages_due", "pages", ("tenant", "sent_ms", "next_try_ms")),
    ("ledger_subject", "ledger", ("tenant", "subject", "seq")),
    ("ledger_kind", "ledger", ("tenant", "kind", "seq")),
)


def upgrade() -> None:
    for name, (keys, rest) in DOCUMENTS.items():
        columns = [_column(key, is_key=True) for key in keys] + [_column(other, is_key=False) for other in rest]
        op.create_table(name, *columns, Column("body", Text, nullable=False))
    op.create_table(
        "ledger",
        Column("tenant", String, primary_key=True),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        *(_column(name, is_key=False) for name in ("id", "kind", "at_ms:i", "actor", "subject")),
        Column("output", Text, nullable=False),
        Column("rests_on", Text, nullable=False),
        *(_column(name, is_key=False) for name in ("inputs_digest", "previous", "hash")),
    )
    op.create_table("frozen", *_keys("tenant", "digest"), Column("body", LargeBinary, nullable=False))
    op.create_table("meta", *_keys("tenant", "name"), Column("value", Text, nullable=False))
    op.create_index("ledger_id", "ledger", ["tenant", "id"], unique=True)
    for name, table, columns_of in INDEXES:
        op.create_index(name, table, list(columns_of))


def _keys(*names: str) -> list[Column[str]]:
    return [Column(name, String, primary_key=True) for name in names]


def _column(spec: str, *, is_key: bool) -> Column[str] | Column[int]:
    name, _, kind = spec.partition(":")
    if not kind:
        return Column(name, String, primary_key=is_key, nullable=False)
    number = SmallInteger if kind == "s" else BigInteger
    return Column(name, number, primary_key=is_key, nullable=kind == "n", autoincrement=False)
