"""The claims that a FHIR server told of and that are still to be reviewed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "told",
        sa.Column("claim", sa.String(64), primary_key=True),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("due", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("taken_until", sa.Float),
        sa.Column("since", sa.Float),
    )
    op.create_index("ix_told_due", "told", ["due"])
