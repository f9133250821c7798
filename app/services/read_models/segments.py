"""A model's worst segments, and what had no room for a segment of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from app.core.causes import Reading
from app.core.distinct import KEPT, distinct
from app.core.fold import WHOLE
from app.core.model import Model, Outcome
from app.core.segment_ranking import QUALITY, RankedSegment, rank_segments
from app.core.segments import OTHER, AttributeValues, segment_name
from app.services.read_models.choice import choose_version
from app.storage import tables
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read
from app.storage.recipes import load_recipes

WINDOWS = 3
"""The newest windows that are looked at, beside those whose labels are still due: what "2 of the last 3" needs."""
MOST_WINDOWS = 31

_m, _p = tables.measurement.c, tables.profile.c


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that a version is counted by. `since`: the first window that is; None: all are.

    `other_rows` came with one of about `other_values` values that have no segment of their own.
    """

    attribute: str
    since: datetime | None
    values: int
    other_values: int
    other_rows: int

    def overflow(self) -> str:
        """What had no room, in words; empty when everything had."""
        if not self.other_values:
            return ""
        about = "about " if self.other_values >= KEPT else ""
        said = f"{about}{self.other_values} other values of {self.attribute} ({self.other_rows} rows)"
        return f"{said} are counted together as {segment_name(self.attribute, OTHER)}"


@dataclass(frozen=True, slots=True)
class ModelSegments:
    """The segments of a version, the worst first, by its windows that start from `since` until before `until`."""

    model: str
    version: str
    since: datetime | None
    until: datetime | None
    attributes: tuple[Attribute, ...]
    segments: tuple[RankedSegment, ...]

    def rows(self) -> list[dict[str, Any]]:
        """The segments for programs and tables."""
        return [_row(rank, one) for rank, one in enumerate(self.segments, start=1)]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for programs."""
        attributes = [{**asdict(one), "overflow": one.overflow()} for one in self.attributes]
        names = ("model", "version", "since", "until")
        return {**{name: getattr(self, name) for name in names}, "attributes": attributes, "segments": self.rows()}


def model_segments(engine: Engine, model: str, version: str | None = None) -> ModelSegments:
    """Rank the segments of a version (without a name, of the one that the model is shown by).

    Raises NotFoundError on an unknown model or version.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        chosen = choose_version(connection, list_versions(connection, found.id), version)
        recipe = load_recipes(connection, [chosen.id])[chosen.id]
        newest = _newest(connection, chosen.id)
        attributes = tuple(_attribute(connection, chosen.id, known) for known in recipe.attributes)
        if newest is None:
            return ModelSegments(found.name, chosen.name, None, None, attributes, ())
        since = newest - _span(found)
        readings, quality = _readings(connection, chosen.id, since)
        rows = _rows(connection, chosen.id, since, newest)
    whole = rows.pop(WHOLE, 0)
    until = newest + found.window.delta
    ranked = tuple(rank_segments(readings, quality, rows, whole))
    return ModelSegments(found.name, chosen.name, since, until, attributes, ranked)


def _span(model: Model) -> timedelta:
    """From the first window that counts to the newest one."""
    length = model.window.delta
    return min((WINDOWS - 1) * length + model.label_delay, (MOST_WINDOWS - 1) * length)


def _newest(connection: Connection, version_id: int) -> datetime | None:
    query = select(func.max(_m.window_start)).where(_m.version_id == version_id, _m.segment == WHOLE)
    newest: datetime | None = connection.scalar(query)
    return newest


def _readings(connection: Connection, version_id: int, since: datetime) -> tuple[list[Reading], list[Reading]]:
    """The newest verdict on each series; and those on quality in the window of the newest on the whole."""
    query = (
        select(_m.check, _m.subject, _m.outcome, _m.value, _m.limit, _m.normal, _m.segment, _m.window_start)
        .where(_m.version_id == version_id, _m.window_start >= since, _m.outcome != Outcome.NOT_EVALUATED.value)
        .order_by(_m.window_start)
    )
    newest: dict[tuple[str, str, str], tuple[datetime, Reading]] = {}
    for check, subject, outcome, value, limit, normal, segment, start in connection.execute(query):
        reading = Reading(check, subject, Outcome(outcome), value, limit, normal, segment)
        newest[check, subject, segment] = (start, reading)
    quality = [
        reading
        for (check, subject, _), (start, reading) in newest.items()
        if (check, subject) in QUALITY and start == newest.get((check, subject, WHOLE), (None, None))[0]
    ]
    return [reading for _, reading in newest.values()], quality


def _rows(connection: Connection, version_id: int, since: datetime, newest: datetime) -> dict[str, int]:
    """Predictions of each segment, and of the whole, in the windows."""
    query = (
        select(_p.segment, func.sum(_p.rows))
        .where(_p.version_id == version_id, _p.window_start >= since, _p.window_start <= newest)
        .group_by(_p.segment)
    )
    return {segment: int(rows) for segment, rows in connection.execute(query)}


def _attribute(connection: Connection, version_id: int, known: AttributeValues) -> Attribute:
    other = segment_name(known.attribute, OTHER)
    query = select(func.sum(_p.rows)).where(_p.version_id == version_id, _p.segment == other)
    rows = int(connection.scalar(query) or 0)
    return Attribute(known.attribute, known.since, len(known.values), distinct(known.overflow), rows)


def _row(rank: int, one: RankedSegment) -> dict[str, Any]:
    worst, quality = next(iter(one.breaches), None), one.quality
    return {
        "rank": rank,
        "segment": one.segment,
        "rows": one.rows,
        "share": one.share,
        "outcome": one.outcome.value,
        "breaches": len(one.breaches),
        "excess": one.excess,
        "check": worst.check if worst else None,
        "subject": worst.subject if worst else None,
        "value": worst.value if worst else None,
        "limit": worst.limit if worst else None,
        "quality_measure": f"{quality.check} {quality.subject}" if quality else None,
        "quality": quality.value if quality else None,
        "quality_gap": one.quality_gap,
    }
