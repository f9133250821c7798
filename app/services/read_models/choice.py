"""Which version of a model is meant."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from app.core.errors import NotFoundError
from app.core.model import Version
from app.storage import tables


def choose_version(connection: Connection, versions: Sequence[Version], name: str | None = None) -> Version:
    """The one of that name; without one, the newest that has data, else the newest.

    Raises NotFoundError on an unknown name, and when there is no version at all.
    """
    known = [version.name for version in versions]
    if name is not None or not versions:
        match = next((version for version in versions if version.name == name), None)
        if match is None:
            raise NotFoundError("version", name or "", known, "add one with `watchkeeper version add`")
        return match
    version_id = tables.profile.c.version_id
    has_data = select(version_id).where(version_id.in_(v.id for v in versions)).distinct()
    served = set(connection.scalars(has_data))
    return max(versions, key=lambda version: (version.id in served, version.id))
