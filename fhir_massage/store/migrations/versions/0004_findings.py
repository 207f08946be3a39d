"""A row a finding, so that what the rules save can be counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table of findings."""
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("source", sa.String(100), nullable=False),
        sa.Column("card", sa.String(100), nullable=False, index=True),
        sa.Column("rule", sa.String(100), nullable=False, index=True),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("payer", sa.String(100), nullable=False),
        sa.Column("at_risk", sa.Float),
    )
