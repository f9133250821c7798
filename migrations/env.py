"""Run by Alembic: gives it the connection it was handed and the tables to compare with."""

from __future__ import annotations

from alembic import context

from app.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    transaction_per_migration=True,  # on PostgreSQL; on SQLite all of them are in one that is open already
)
with context.begin_transaction():
    context.run_migrations()
