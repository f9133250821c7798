"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Double, Integer, TypeDecorator

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite only counts up a primary key by itself when its type is exactly INTEGER."""


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware time, in UTC on both sides. A naive time is a programming error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; every stored time needs one")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return _from_sqlite if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


@lru_cache(maxsize=10_000)
def _from_sqlite(value: str | None) -> datetime | None:
    """The time that SQLite holds as text. Kept, because all rows of a window have the same few times."""
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def sqlite_time(value: datetime) -> str:
    """The text under which SQLite holds a time; what UtcDateTime writes, for statements that go around SQLAlchemy."""
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.isoformat(" ", "microseconds")[:26]  # without the zone


class Number(TypeDecorator[float]):
    """A double that keeps NaN: SQLite would turn it into NULL, so it is held there as the text 'NaN'."""

    impl = Double()
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> Any:
        return sqlite_number(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        return None if value is None else float(value)

    def bind_processor(self, dialect: Dialect) -> Any:
        return sqlite_number if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return (lambda value: None if value is None else float(value)) if dialect.name == "sqlite" else None


def sqlite_number(value: float | None) -> float | str | None:
    """The value under which SQLite holds a double (see Number)."""
    return "NaN" if value is not None and math.isnan(value) else value
