"""Rows with texts of any size, read a portion at a time, so that memory does not grow with what somebody sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, text

if TYPE_CHECKING:
    import psycopg

MOST_CHARACTERS = 32 << 20
"""Of the texts of a portion, but for its last FETCHED rows. Decoded, lists of numbers take up to ten times as much."""
FETCHED = 500
"""Rows that are asked for at once."""

_numbers = count(1)


def portions(connection: Connection, query: str, texts: int, **values: object) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of the query as the driver makes them, in lists that are not empty; `texts`: how many of the last
    columns are texts. Other statements may run on the connection meanwhile.
    """
    with _cursor(connection, query, values) as cursor:
        rows: list[tuple[Any, ...]] = []
        size = 0
        while fetched := cursor.fetchmany(FETCHED):
            rows += fetched
            size += sum(len(part) for row in fetched for part in row[-texts:] if part is not None)
            if size >= MOST_CHARACTERS:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows


@contextmanager
def _cursor(connection: Connection, query: str, values: dict[str, object]) -> Iterator[Any]:
    """A cursor that has only as many rows in memory as are fetched."""
    if connection.dialect.name == "sqlite":
        with closing(connection.execute(text(query), values)) as result:
            yield result.cursor
        return
    connection.execute(text("SET LOCAL cursor_tuple_fraction = 1"))  # all rows are wanted, not the first ones soon
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor(f"portions_{next(_numbers)}") as cursor:
        cursor.execute(str(text(query).compile(dialect=connection.dialect)).encode(), values)
        yield cursor
