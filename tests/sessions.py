"""Sessions of PostgreSQL that a test ends from outside."""

from __future__ import annotations

from sqlalchemy import Engine


def end_lease_sessions(engine: Engine) -> None:
    """End the sessions that hold a lease in this database, and in no other: tests beside this one hold their own."""
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND datname = current_database() AND pid <> pg_backend_pid()"
        )
