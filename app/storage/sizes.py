"""How much room the database takes. Nothing is counted: what the database knows of itself is read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, select, text

from app.storage.tables import metadata


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table: its size with its indexes (None: the database does not tell), and about how many rows it has."""

    name: str
    size_bytes: int | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class DatabaseSize:
    """The whole, and its tables, the largest first. `free_bytes` are inside of it and will be used again."""

    dialect: str
    size_bytes: int
    free_bytes: int
    tables: tuple[TableSize, ...]


def database_size(connection: Connection) -> DatabaseSize:
    """The sizes now; costs the same however many rows there are."""
    return _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)


def _postgresql(connection: Connection) -> DatabaseSize:
    query = text(
        "SELECT c.relname AS name, pg_total_relation_size(c.oid) AS size, c.reltuples AS rows FROM pg_class c "
        "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY size DESC, name"
    )
    # Below zero: never analysed, so that the database does not know.
    tables = [TableSize(r.name, int(r.size), int(r.rows) if r.rows >= 0 else None) for r in connection.execute(query)]
    whole = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    return DatabaseSize("postgresql", int(whole), 0, tuple(tables))


def _sqlite(connection: Connection) -> DatabaseSize:
    """The file; of a table, its largest row number, which is found at the end of its tree and not by counting."""
    pragma = {
        name: int(connection.scalar(text(f"PRAGMA {name}")) or 0)
        for name in ("page_size", "page_count", "freelist_count")
    }
    tables = [TableSize(name, None, _largest_row(connection, table)) for name, table in metadata.tables.items()]
    tables.sort(key=lambda one: (-(one.rows or 0), one.name))
    size = pragma["page_size"]
    return DatabaseSize("sqlite", size * pragma["page_count"], size * pragma["freelist_count"], tuple(tables))


def _largest_row(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.max(text("rowid"))).select_from(table)) or 0
