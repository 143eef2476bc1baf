"""Format 3: when frozen inputs were last rested on, so that they can go when they are old."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("frozen", Column("at_ms", BigInteger, nullable=False, server_default="0"))
    # Which of them an old entry shares with a new one is not known: all count as new, and stay longest.
    op.execute("UPDATE frozen SET at_ms = (SELECT COALESCE(MAX(at_ms), 0) FROM ledger)")
    op.create_index("frozen_at", "frozen", ["tenant", "at_ms"])
