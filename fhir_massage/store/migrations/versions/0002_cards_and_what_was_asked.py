"""What each card held, what was asked and asserted, and feedback in full."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table of cards, and the columns beside what was kept before."""
    op.create_table(
        "cards",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("topic", sa.String(100), nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
    )
    for column in (
        sa.Column("patient", sa.String(100)),
        sa.Column("reviewed", sa.JSON),
        sa.Column("assertions", sa.JSON),
        sa.Column("request", sa.JSON),
        sa.Column("answer", sa.JSON),
    ):
        op.add_column("hook_calls", column)
    op.create_index("ix_hook_calls_patient", "hook_calls", ["patient"])
    for column in (
        sa.Column("outcome_at", sa.DateTime(timezone=True)),
        sa.Column("suggestions", sa.JSON),
        sa.Column("reason_system", sa.String(200)),
        sa.Column("comment", sa.Text),
    ):
        op.add_column("feedback", column)
