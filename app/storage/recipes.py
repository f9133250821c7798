"""How the rows of each version are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, Select, select

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


def unchanged(connection: Connection, stamps: Mapping[int, Stamp]) -> bool:
    """True when every version still has its stamp, and will have it until the caller's transaction ends."""
    if not stamps:
        return True
    # On PostgreSQL the share lock makes whoever asks for a rebuild wait for us; SQLite has one writer anyway.
    query = _stamps().where(version.c.id.in_(stamps)).with_for_update(read=True, of=version)
    return {
        row.id: Stamp(row.rebuild_position, row.digest, row.created_at, row.segmented)
        for row in connection.execute(query)
    } == stamps


def _stamps() -> Select[tuple[int, int | None, str | None, datetime | None, str]]:
    joined = version.outerjoin(reference, reference.c.version_id == version.c.id)
    return select(
        version.c.id,
        version.c.rebuild_position,
        reference.c.digest,
        reference.c.created_at.label("created_at"),
        version.c.segmented,
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
    stamp = Stamp(row["rebuild_position"], row["digest"], row["created_at"], row["segmented"])
    decision = Decision(task, row["positive_label"])
    attributes = load_values(connection, version_id, stamp.segmented)
    return Recipe(version_id, row["model_id"], WindowLength(row["window"]), decision, layout, stamp, attributes)


@lru_cache(maxsize=32)
def _decoded(text: str) -> Layout:
    """Cached by the text: a layout takes milliseconds to decode, and the arrays made from it are kept with it."""
    return decode_layout(text)
