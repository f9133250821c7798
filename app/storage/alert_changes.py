"""The changes of a model's alerts, as they were written down."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from app.core.incidents import AlertChange
from app.core.messages import subject_text
from app.storage.tables import alert, alert_transition, version

_c, _a = alert_transition.c, alert.c


def changes_until(
    connection: Connection, version_ids: Collection[int], until: datetime, most: int
) -> list[AlertChange]:
    """The newest `most` changes up to `until` of the versions' alerts, the oldest first."""
    query = (
        select(alert_transition, _a.version_id, _a.check, _a.subject, _a.segment, _a.severity, version.c.name)
        .join_from(alert_transition, alert)
        .join(version, version.c.id == _a.version_id)
        .where(_a.version_id.in_(version_ids), _c.at <= until)
        .order_by(_c.id.desc())
        .limit(most)
    )
    return [
        AlertChange(
            row.alert_id,
            row.version_id,
            row.name,
            row.check,
            subject_text(row.subject, row.segment).strip(" ,") or "all rows",
            row.severity,
            row.old_state,
            row.new_state,
            row.reason,
            row.at,
            row.window_start,
        )
        for row in connection.execute(query)
    ][::-1]
