"""Run by Alembic: takes the steps over the connection that ``fhir_massage.store.schema`` hands in."""

from __future__ import annotations

from alembic import context

from fhir_massage.store.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
