"""Indexes of large tables, built on PostgreSQL while others go on writing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

_IS_VALID = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(quote_ident(:name))")


def create_index(name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str = "") -> None:
    """Build the index; on PostgreSQL outside of any transaction, so that what the migration did before is committed.

    `where`: of those rows alone. What an interrupted build left there is dropped and built anew; an index that is whole
    stays as it is.
    """
    part: dict[str, Any] = {f"{dialect}_where": sa.text(where) for dialect in ("sqlite", "postgresql")} if where else {}
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns, unique=unique, **part)
        return
    with op.get_context().autocommit_block():
        is_valid = op.get_bind().scalar(_IS_VALID, {"name": name})
        if is_valid is False:
            op.drop_index(name, table, postgresql_concurrently=True)
        if not is_valid:
            op.create_index(name, table, columns, unique=unique, postgresql_concurrently=True, **part)
