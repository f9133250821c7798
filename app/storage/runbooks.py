"""Runbooks that people declared."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from app.core.runbooks import Runbook
from app.storage.tables import runbook


def put_runbook(connection: Connection, new: Runbook) -> None:
    """Store the runbook in place of one for the same."""
    remove_runbook(connection, new.project, new.model, new.check)
    values = {name: getattr(new, name) for name in Runbook.__dataclass_fields__}
    connection.execute(insert(runbook).values(values))


def remove_runbook(connection: Connection, project: str, model: str, check: str) -> bool:
    """Remove the runbook; False when there was none."""
    row = runbook.c
    same = (row.project == project, row.model == model, row.check == check)
    return connection.execute(delete(runbook).where(*same)).rowcount > 0


def list_runbooks(connection: Connection, project: str = "default") -> list[Runbook]:
    """All of the project, by model and check."""
    query = select(runbook).where(runbook.c.project == project).order_by(runbook.c.model, runbook.c.check)
    return [Runbook(**row) for row in connection.execute(query).mappings()]
