"""The tables of version 0.1.0, which made them without steps: where they are there, they stay."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables where they are missing."""
    if sa.inspect(op.get_bind()).has_table("hook_calls"):
        return
    op.create_table(
        "hook_calls",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("service", sa.String(100), nullable=False, index=True),
        sa.Column("hook_instance", sa.String(100), nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("cards", sa.JSON, nullable=False),
        sa.Column("milliseconds", sa.Float, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("service", sa.String(100), nullable=False, index=True),
        sa.Column("card", sa.String(100), nullable=False, index=True),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text),
    )
