"""Segments as stored: by which attributes each version is counted, since when, and what is known of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, exists, func, insert, select, update

from app.core.distinct import pack_sketch, unpack_sketch
from app.core.segments import AttributeValues, segment_name
from app.storage.tables import measurement, model, profile, segmentation, version

NOT_SEGMENTED = "{}"

_SINCE = msgspec.json.Decoder(dict[str, datetime | None])


def any_segmented(connection: Connection) -> bool:
    """Whether any version is counted by segments."""
    return bool(connection.scalar(select(exists().where(version.c.segmented != NOT_SEGMENTED))))


def load_values(connection: Connection, version_id: int, segmented: str) -> tuple[AttributeValues, ...]:
    """What is known of the attributes that the version is counted by, in the order of their declaration."""
    if segmented == NOT_SEGMENTED:
        return ()
    query = select(segmentation).where(segmentation.c.version_id == version_id)
    rows = {row.attribute: row._mapping for row in connection.execute(query)}  # "values" is a method of a row
    return tuple(
        AttributeValues(
            attribute,
            tuple(rows[attribute]["values"]),
            unpack_sketch(rows[attribute]["overflow"]),
            since,
            rows[attribute]["revision"],
        )
        for attribute, since in _SINCE.decode(segmented).items()
    )


def save_values(connection: Connection, values: Mapping[tuple[int, str], AttributeValues]) -> bool:
    """Keep what is known of attributes, by version and name; False when any was changed since it was read."""
    s = segmentation.c
    for (version_id, attribute), known in values.items():
        as_read = (s.version_id == version_id, s.attribute == attribute, s.revision == known.revision)
        statement = update(segmentation).where(*as_read).values(**_stored(known, known.revision + 1))
        if connection.execute(statement).rowcount != 1:
            return False
    return True


def replace_values(connection: Connection, version_id: int, values: Mapping[str, Sequence[str]]) -> None:
    """Give segments to these values of the version's attributes, by their names, in place of all others."""
    s = segmentation.c
    for known in load_values(connection, version_id, _segmented(connection, version_id)):
        fresh = AttributeValues(known.attribute, tuple(values.get(known.attribute, ())))
        mine = (s.version_id == version_id, s.attribute == known.attribute)
        connection.execute(update(segmentation).where(*mine).values(**_stored(fresh, known.revision + 1)))


def segment_all(connection: Connection, version_id: int) -> None:
    """Count all of the version by the attributes that its model declares now: a part of every rebuild."""
    declared = connection.scalar(
        select(model.c.segment_by).join(version, version.c.model_id == model.c.id).where(version.c.id == version_id)
    )
    _segment(connection, version_id, dict.fromkeys(declared or ()))


def segment_from_now(
    connection: Connection, version_id: int, declared: Sequence[str], step: timedelta
) -> datetime | None:
    """Count the version by these attributes from its next window on; the start of that one, None where it is the first.

    `step` is the length of a window. An attribute that it is counted by already stays as it is; one that is declared
    no more is forgotten.
    """
    _lock(connection, version_id)
    newest = connection.scalar(select(func.max(profile.c.window_start)).where(profile.c.version_id == version_id))
    since = None if newest is None else newest + step
    known = _SINCE.decode(_segmented(connection, version_id))
    _segment(connection, version_id, {attribute: known.get(attribute, since) for attribute in declared})
    return since


def _segment(connection: Connection, version_id: int, since: Mapping[str, datetime | None]) -> None:
    s = segmentation.c
    known = set(connection.scalars(select(s.attribute).where(s.version_id == version_id)))
    for attribute in known - since.keys():
        _forget(connection, version_id, attribute)
    for attribute in since.keys() - known:
        values = _stored(AttributeValues(attribute), 1)
        connection.execute(insert(segmentation).values(version_id=version_id, attribute=attribute, **values))
    text = msgspec.json.encode(dict(since)).decode()
    connection.execute(update(version).where(version.c.id == version_id).values(segmented=text))


def _forget(connection: Connection, version_id: int, attribute: str) -> None:
    """Nothing that is counted later may add to what was counted before the attribute went."""
    for table in (profile, measurement):
        mine = (
            table.c.version_id == version_id,
            table.c.segment.startswith(segment_name(attribute, ""), autoescape=True),
        )
        connection.execute(delete(table).where(*mine))
    of_attribute = (segmentation.c.version_id == version_id, segmentation.c.attribute == attribute)
    connection.execute(delete(segmentation).where(*of_attribute))


def _lock(connection: Connection, version_id: int) -> None:
    """Make a fold that is about to save wait for us, on PostgreSQL; SQLite has one writer anyway."""
    same = {"segmented": version.c.segmented}
    connection.execute(update(version).where(version.c.id == version_id).values(same))


def _segmented(connection: Connection, version_id: int) -> str:
    segmented: str = connection.scalars(select(version.c.segmented).where(version.c.id == version_id)).one()
    return segmented


def _stored(known: AttributeValues, revision: int) -> dict[str, Any]:
    return {"values": list(known.values), "overflow": pack_sketch(known.overflow), "revision": revision}
