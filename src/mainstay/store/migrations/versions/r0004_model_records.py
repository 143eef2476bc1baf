"""Format 4: what the MLOps layer keeps (experiments, training runs, rollouts, findings), one table for all kinds."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_records",
        *(Column(name, String, primary_key=True) for name in ("tenant", "kind", "id")),
        *(Column(name, String, nullable=False) for name in ("subject", "status")),
        Column("at_ms", BigInteger, nullable=False),
        Column("body", Text, nullable=False),
    )
    op.create_index("model_records_at", "model_records", ["tenant", "kind", "at_ms", "id"])
    op.create_index("model_records_subject", "model_records", ["tenant", "kind", "subject", "at_ms"])
