"""Format 2: users, and the digests of their tokens."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        Column("tenant", String, primary_key=True),
        Column("name", String, primary_key=True),
        Column("body", Text, nullable=False),
    )
    op.create_table(
        "tokens",
        Column("tenant", String, primary_key=True),
        Column("id", String, primary_key=True),
        *(Column(name, String, nullable=False) for name in ("digest", "kind", "owner", "parent")),
        Column("expires_ms", BigInteger, nullable=True),
        Column("body", Text, nullable=False),
    )
    op.create_index("tokens_digest", "tokens", ["digest"], unique=True)
