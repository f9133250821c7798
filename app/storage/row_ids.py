"""Rows by a list of ids that may be long: one bound value, so that one prepared statement serves every length."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY


def among(connection: Connection, column: ColumnElement[Any], ids: Sequence[int]) -> ColumnElement[bool]:
    """The condition that `column` is one of the ids."""
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(list(ids))).table_valued("value").c.value))
    return column == any_(bindparam(None, list(ids), ARRAY(BigInteger)))


def among_sql(connection: Connection, column: str, name: str) -> str:
    """The same for a statement written by hand, with the ids bound as `name` by `bound`."""
    if connection.dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each(:{name}))"  # noqa: S608  names of ours, never values
    return f"{column} = ANY(CAST(:{name} AS bigint[]))"


def bound(connection: Connection, ids: Sequence[int]) -> str | list[int]:
    """The value to bind for `among_sql`."""
    return json.dumps(list(ids)) if connection.dialect.name == "sqlite" else list(ids)
