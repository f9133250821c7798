"""Which version of a model is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from app.core.errors import NotFoundError
from app.core.fold import WHOLE
from app.core.model import Stage, Version
from app.storage import tables


def choose_version(connection: Connection, versions: Sequence[Version], name: str | None = None) -> Version:
    """The one of that name; without one, the one of `shown_version`.

    Raises NotFoundError on an unknown name, and when there is no version at all.
    """
    known = [version.name for version in versions]
    if name is not None or not versions:
        match = next((version for version in versions if version.name == name), None)
        if match is None:
            raise NotFoundError("version", name or "", known, "add one with `watchkeeper version add`")
        return match
    return shown_version(versions, _newest_windows(connection, versions)) or versions[-1]


def shown_version(versions: Sequence[Version], newest: Mapping[int, datetime]) -> Version | None:
    """The one that stands for the model, given the newest window with data of each version that has any.

    Among those with data the newest that is live, else the one with the newest window; without data the newest.
    """
    with_data = [version for version in versions if version.id in newest]
    live = [version for version in with_data if version.stage is Stage.LIVE]
    if live or not with_data:
        return max(live or versions, key=lambda version: version.id, default=None)
    return max(with_data, key=lambda version: (newest[version.id], version.id))


def _newest_windows(connection: Connection, versions: Sequence[Version]) -> dict[int, datetime]:
    """The start of the newest window with predictions, by version."""
    version_id, of_profile = tables.version.c.id, tables.profile.c
    mine = and_(of_profile.version_id == version_id, of_profile.segment == WHOLE)
    newest = select(func.max(of_profile.window_start)).where(mine).correlate(tables.version).scalar_subquery()
    rows = connection.execute(select(version_id, newest).where(version_id.in_(v.id for v in versions)))
    return {found: start for found, start in rows if start is not None}
