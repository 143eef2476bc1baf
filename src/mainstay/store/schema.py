"""The tables of the control plane: documents as canonical JSON beside the few columns that are searched.

Portable between SQLite and PostgreSQL: text, 64-bit integers, bytes, and nothing else. `tenant` is in every key.
A change here needs a migration in `migrations/versions/` and a step of `FORMAT_VERSION`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, SmallInteger, String, Table, Text

FORMAT_VERSION = 5
"""Number of the last migration. A store with a higher one was written by a newer Mainstay and is refused."""

metadata = MetaData()


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _ms(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _documents(name: str, *columns: Column[str] | Column[int] | Index) -> Table:
    return Table(name, metadata, _key("tenant"), *columns, Column("body", Text, nullable=False))


entities = _documents("entities", _key("id"), _text("kind"))
edges = _documents("edges", _key("caller"), _key("callee"))
# ids of templates are unsigned 64-bit numbers, which neither database has: they are kept as text
templates = _documents("templates", _key("id"))
changes = _documents("changes", _key("id"), _ms("at_ms"), _text("entity"), Index("changes_at", "tenant", "at_ms", "id"))
alerts = _documents(
    "alerts",
    _key("id"),
    _text("status"),
    _text("entity"),
    _text("fingerprint"),
    Column("suppressed", SmallInteger, nullable=False),
    _ms("since_ms"),
    _ms("at_ms"),
    Index("alerts_since", "tenant", "since_ms", "id"),
    Index("alerts_status", "tenant", "status", "since_ms"),
    Index("alerts_entity", "tenant", "entity", "since_ms"),
)
incidents = _documents(
    "incidents",
    _key("id"),
    _text("status"),
    _ms("opened_ms"),
    _ms("updated_ms"),
    Index("incidents_opened", "tenant", "opened_ms", "id"),
    Index("incidents_status", "tenant", "status", "opened_ms"),
)
plans = _documents(
    "plans",
    _key("id"),
    _text("incident"),
    _text("status"),
    _ms("created_ms"),
    Index("plans_incident", "tenant", "incident"),
    Index("plans_status", "tenant", "status", "created_ms"),
)
approvals = _documents(
    "approvals",
    _key("id"),
    _text("plan"),
    _text("decision"),
    _ms("at_ms"),
    _ms("expires_ms"),
    _ms("used_ms", nullable=True),
    Index("approvals_plan", "tenant", "plan"),
)
steps = _documents("steps", _key("plan"), _key("phase"), Column("position", BigInteger, primary_key=True), _ms("at_ms"))
verdicts = _documents(
    "verdicts", _key("id"), _text("subject"), _ms("at_ms"), Index("verdicts_subject", "tenant", "subject")
)
labels = _documents(
    "labels",
    _key("id"),
    _text("model"),
    Column("version", BigInteger, nullable=False),
    _ms("at_ms"),
    Index("labels_model", "tenant", "model", "version"),
)
pages = _documents(
    "pages",
    _key("id"),
    _text("incident"),
    _ms("sent_ms", nullable=True),
    _ms("next_try_ms"),
    Index("pages_due", "tenant", "sent_ms", "next_try_ms"),
)
versions = _documents("versions", _key("model"), Column("version", BigInteger, primary_key=True), _text("kind"))
deployments = _documents("deployments", _key("kind"), _key("scope"))
# what the MLOps layer keeps: experiments, training runs, rollouts, findings, …; `subject` is what it is about
model_records = _documents(
    "model_records",
    _key("kind"),
    _key("id"),
    _text("subject"),
    _text("status"),
    _ms("at_ms"),
    Index("model_records_at", "tenant", "kind", "at_ms", "id"),
    Index("model_records_subject", "tenant", "kind", "subject", "at_ms"),
)

ledger = Table(
    "ledger",
    metadata,
    _key("tenant"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _text("id"),
    _text("kind"),
    _ms("at_ms"),
    _text("actor"),
    _text("subject"),
    Column("output", Text, nullable=False),
    Column("rests_on", Text, nullable=False),
    _text("inputs_digest"),
    _text("previous"),
    _text("hash"),
    Index("ledger_id", "tenant", "id", unique=True),
    Index("ledger_subject", "tenant", "subject", "seq"),
    Index("ledger_kind", "tenant", "kind", "seq"),
)
frozen = Table(
    "frozen",
    metadata,
    _key("tenant"),
    _key("digest"),
    Column("body", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False, server_default="0"),
    Index("frozen_at", "tenant", "at_ms"),
)
meta = Table("meta", metadata, _key("tenant"), _key("name"), Column("value", Text, nullable=False))

users = _documents("users", _key("name"))
tokens = _documents(
    "tokens",
    _key("id"),
    Column("digest", String, nullable=False),
    _text("kind"),
    _text("owner"),
    _text("parent"),
    _ms("expires_ms", nullable=True),
    Index("tokens_digest", "digest", unique=True),
)
