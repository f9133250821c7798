"""How the rows of each version are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, select

from app.core.codec import decode_layout
from app.core.layout import Layout, default_layout
from app.core.model import Task, WindowLength
from app.core.segments import AttributeValues
from app.core.truth import Decision
from app.storage.segments import load_values
from app.storage.tables import model, reference, version


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a recipe rests on. While it stays the same, what was counted by the recipe may be added to the profiles."""

    rebuild_position: int | None
    digest: str | None
    created_at: datetime | None
    segmented: str
    daily_since: datetime | None = None
    daily_until: datetime | None = None
    daily_segments: str = "{}"

    def daily_from(self, segment: str) -> datetime | None:
        """From when on the segment's hours are counted by day, until `daily_until`; None: none are."""
        later = decode_times(self.daily_segments).get(segment)
        return self.daily_since if later is None else later

    def is_daily(self, segment: str, start: datetime) -> bool:
        """Whether the window that starts then is counted in the profile of its day: its hours are rolled up."""
        if self.daily_until is None or start >= self.daily_until:
            return False
        since = self.daily_from(segment)
        return since is not None and since <= start

    def kept_from(self, first: datetime) -> datetime:
        """The first window that may be judged, of a version that began with `first`: none before rolled-up ones may."""
        return first if self.daily_until is None else max(first, self.daily_until)


@lru_cache(maxsize=64)
def decode_times(text: str) -> Mapping[str, datetime]:
    """Times by segment, of JSON text."""
    return msgspec.json.decode(text, type=dict[str, datetime])


def encode_times(times: Mapping[str, datetime]) -> str:
    """JSON text; the same for the same times."""
    return msgspec.json.encode(times, order="sorted").decode()


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the rows of one version become profiles."""

    version_id: int
    model_id: int
    window: WindowLength
    decision: Decision
    layout: Layout
    stamp: Stamp
    attributes: tuple[AttributeValues, ...] = ()


def load_recipes(connection: Connection, version_ids: Iterable[int]) -> dict[int, Recipe]:
    """The recipe of each version; one that is gone is left out."""
    return {version_id: found for version_id in version_ids if (found := _load(connection, version_id)) is not None}


def unchanged(connection: Connection, stamps: Mapping[int, Stamp], *, alone: bool = False) -> bool:
    """True when every version still has its stamp, and will have it until the caller's transaction ends.

    `alone`: until then nobody else passes here for any of them.
    """
    if not stamps:
        return True
    # On PostgreSQL the share lock makes whoever asks for a rebuild wait for us; SQLite has one writer anyway. Neither
    # lock is in the way of a collector, whose new rows only need the version to stay there.
    # In the order in which whoever asks for several rebuilds at once takes them, so that neither waits for the other.
    query = _stamps().where(version.c.id.in_(stamps)).order_by(version.c.id)
    query = query.with_for_update(read=not alone, key_share=alone, of=version)
    return {row.id: _stamp(row._mapping) for row in connection.execute(query)} == stamps


def _stamp(row: RowMapping) -> Stamp:
    return Stamp(*(row[spec.name] for spec in fields(Stamp)))


def _stamps() -> Select[Any]:
    joined = version.outerjoin(reference, reference.c.version_id == version.c.id)
    return select(
        version.c.id,
        version.c.rebuild_position,
        reference.c.digest,
        reference.c.created_at.label("created_at"),
        version.c.segmented,
        version.c.daily_since,
        version.c.daily_until,
        version.c.daily_segments,
    ).select_from(joined)


def _load(connection: Connection, version_id: int) -> Recipe | None:
    query = (
        _stamps()
        .join(model, model.c.id == version.c.model_id)
        .where(version.c.id == version_id)
        .add_columns(
            version.c.model_id,
            model.c.task,
            model.c.window,
            model.c.positive_label,
            model.c.confident_threshold,
            version.c.decision_threshold,
            reference.c.layout,
        )
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    row = found._mapping  # the column "window" is no Python name of a row
    task = Task(row["task"])
    layout = (
        _decoded(row["layout"])
        if row["layout"] is not None
        else default_layout(
            task,
            positive_label=row["positive_label"],
            threshold=row["decision_threshold"],
            confident=row["confident_threshold"],
        )
    )
    stamp = _stamp(row)
    decision = Decision(task, row["positive_label"])
    attributes = load_values(connection, version_id, stamp.segmented)
    return Recipe(version_id, row["model_id"], WindowLength(row["window"]), decision, layout, stamp, attributes)


@lru_cache(maxsize=32)
def _decoded(text: str) -> Layout:
    """Cached by the text: a layout takes milliseconds to decode, and the arrays made from it are kept with it."""
    return decode_layout(text)
