"""Searching stored predictions: a page at a time, in the order of their events, within bounds that are always said.

A search never reads more rows than its bounds allow, nor longer. Where it stops for that, it says how far it looked,
and the next one goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from app.core.errors import InvalidError
from app.core.model import Model
from app.core.prediction_filter import BEGINNING, PredictionFilter
from app.core.segments import OTHER, attribute_of, segment_name
from app.storage import catalogue
from app.storage.json_values import Condition
from app.storage.prediction_conditions import KnownValues, begins, conditions, named
from app.storage.prediction_search import (
    Direction,
    Portion,
    Position,
    Span,
    count_of,
    end_of,
    ids_named,
    orders_by_bytes,
    rows_among,
    rows_of,
)
from app.storage.segments import load_values
from app.storage.tables import version as version_table
from app.storage.time_limit import Limited, TimeIsUpError, limited

MOST_ROWS = 1_000
"""Of one page."""
MOST_COUNTED = 10_000
_FIRST_PORTION, _LARGEST_PORTION = 500, 20_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many predictions one search looks at, at most, and for how many seconds."""

    rows: int = 200_000
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: of these versions of the model (none: of all), of events in [since, until)."""

    model: str
    versions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    wanted: PredictionFilter = field(default_factory=PredictionFilter)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, the newest first. `older` and `newer` say where the search goes on; None: there is nothing more.

    `looked`: how many predictions were looked at. `stopped_at`: the time of the event where the search came to its
    bounds before the page was full; None where it did not.
    """

    rows: list[dict[str, Any]]
    older: str | None
    newer: str | None
    looked: int
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many were found; `complete`: that is all of them, otherwise at least so many."""

    found: int
    complete: bool


Report = Callable[[Page], None]
"""Called between portions with the page as it is so far, stopped there. It may raise, to give up."""


def find(
    engine: Engine,
    search: Search,
    *,
    limit: int = 50,
    before: str | None = None,
    after: str | None = None,
    bounds: Bounds = Bounds(),
    report: Report | None = None,
) -> Page:
    """The newest predictions that are looked for, those `before` a page's end, or the ones just `after` its beginning.

    Raises NotFoundError for the model or a version, InvalidError for what is asked, TimeIsUpError where not even the
    first portion could be looked at.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidError("limit", limit, f"allowed is from 1 to {MOST_ROWS}")
    if before and after:
        raise InvalidError("after", after, "give either before or after")
    direction = Direction.NEWER if after else Direction.OLDER
    start = position(before or after or "")
    with limited(engine, bounds.seconds) as connection:
        prepared = _prepare(connection, search)
        walk = _Walk(connection, prepared, direction, start, limit + 1, bounds, report)
        walk.go()
    return walk.page(limit)


def examples(engine: Engine, search: Search, most: int = 20) -> list[dict[str, Any]]:
    """Some of the newest predictions that are looked for, at little cost: those among the newest 20,000."""
    return find(engine, search, limit=most, bounds=Bounds(rows=20_000, seconds=3.0)).rows


def count(
    engine: Engine,
    search: Search,
    *,
    most: int = MOST_COUNTED,
    bounds: Bounds = Bounds(seconds=3.0),
) -> Count:
    """How many predictions are looked for, up to `most`, within the bounds. Raises as `find` does."""
    found = looked = 0
    with limited(engine, bounds.seconds) as connection:
        prepared = _prepare(connection, search)
        if prepared.ids is not None:
            everything = Portion(Direction.OLDER)
            rows = rows_among(connection, prepared.span, everything, prepared.ids, prepared.condition, most + 1)
            return Count(min(len(rows), most), len(rows) <= most)
        try:
            for portion, size in _portions(connection, prepared.span, Portion(Direction.OLDER), most + 1):
                found += count_of(connection, prepared.span, portion, prepared.condition, most + 1 - found)
                looked += size
                if found > most or (looked >= bounds.rows and portion.end is not None):
                    return Count(min(found, most), complete=False)
        except TimeIsUpError:
            return Count(found, complete=False)
    return Count(found, complete=True)


def portable(page: Page) -> list[dict[str, Any]]:
    """The rows without what only the database knows them by; features and attributes are objects."""
    hidden = ("id", "version_id")
    rows = [{name: value for name, value in row.items() if name not in hidden} for row in page.rows]
    for row in rows:
        for name in ("features", "attributes"):
            row[name] = None if row[name] is None else json.loads(row[name])
    return rows


# --- What is looked for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A search in terms of the database. `ids`: the rows of that prediction id, where those could be looked up."""

    model: Model
    names: dict[int, str]
    span: Span
    condition: Condition | None
    ids: list[int] | None


def _prepare(connection: Limited, search: Search) -> _Prepared:
    db = connection.connection
    model = catalogue.find_model(db, search.model)
    search.wanted.check(model.task)
    if search.versions:
        versions = [catalogue.find_version(db, model.id, name) for name in search.versions]
    else:
        versions = catalogue.list_versions(db, model.id)
    names = {version.id: version.name for version in versions}
    span = Span([*names], search.since, search.until)
    condition = conditions(db, model, search.wanted, _known_values(db, [*names], search.wanted.segment))
    ids = None
    if search.wanted.prediction_id:
        by_beginning = search.wanted.prediction_id.endswith(BEGINNING)
        if not by_beginning or orders_by_bytes(db):
            ids = ids_named(connection, span, named(search.wanted))
        if ids is None:
            like = begins(search.wanted)
            condition = like if condition is None else like & condition
    return _Prepared(model, names, span, condition, ids)


def _known_values(connection: Connection, version_ids: Sequence[int], segment: str) -> KnownValues:
    """The values that have a segment, where the one of all others is asked for."""
    attribute = attribute_of(segment)
    if not segment or segment != segment_name(attribute, OTHER):
        return {}
    known: dict[int, Sequence[str]] = {}
    for version_id in version_ids:
        segmented = connection.scalar(
            version_table.select().with_only_columns(version_table.c.segmented).where(version_table.c.id == version_id)
        )
        values = load_values(connection, version_id, segmented or "{}")
        known[version_id] = next((one.values for one in values if one.attribute == attribute), ())
    return known


# --- Reading ---------------------------------------------------------------------------------------------------------


def _portions(connection: Limited, span: Span, portion: Portion, first: int) -> Iterator[tuple[Portion, int]]:
    """The span behind the portion's start in pieces that grow, each with its number of rows (of the last, at most)."""
    size = min(first, _LARGEST_PORTION)
    while span.version_ids:
        end = end_of(connection, span, portion, size)
        yield Portion(portion.direction, portion.start, end), size
        if end is None:
            return
        portion = Portion(portion.direction, end)
        size = min(2 * size, _LARGEST_PORTION)


class _Walk:
    """One way through the portions until there are rows enough, or the bounds are reached."""

    def __init__(
        self,
        connection: Limited,
        prepared: _Prepared,
        direction: Direction,
        start: Position | None,
        enough: int,
        bounds: Bounds,
        report: Report | None,
    ) -> None:
        self._connection, self._prepared, self._start = connection, prepared, start
        self._direction, self._enough, self._bounds, self._report = direction, enough, bounds, report
        self._rows: list[Row[Any]] = []
        self._looked = 0
        self._stopped: Position | None = None

    def go(self) -> None:
        """Read."""
        span, ids = self._prepared.span, self._prepared.ids
        start = Portion(self._direction, self._start)
        if ids is not None:
            self._rows += rows_among(self._connection, span, start, ids, self._prepared.condition, self._enough)
            self._looked = len(ids)
            return
        first = max(_FIRST_PORTION, self._enough) if self._prepared.condition is not None else self._enough
        reached: Position | None = None
        try:
            for portion, size in _portions(self._connection, span, start, first):
                missing = self._enough - len(self._rows)
                self._rows += rows_of(self._connection, span, portion, self._prepared.condition, missing)
                self._looked += size
                reached = portion.end
                if len(self._rows) >= self._enough:
                    return
                if reached is not None and self._looked >= self._bounds.rows:
                    self._stopped = reached
                    return
                self._tell(reached)
        except TimeIsUpError:
            if reached is None:
                raise
            self._stopped = reached

    def _tell(self, reached: Position | None) -> None:
        if self._report is not None and reached is not None:
            self._report(self.page(self._enough - 1, reached))

    def page(self, limit: int, reached: Position | None = None) -> Page:
        """What was found; `reached`: so far."""
        stopped = self._stopped or reached
        more, rows = len(self._rows) > limit, self._rows[:limit]
        beyond = cursor(_place(rows[-1])) if more else cursor(stopped) if stopped else None
        back = cursor(_place(rows[0])) if rows else cursor(self._start) if self._start else None
        back = back if self._start is not None else None
        shown = [_shown(row, self._prepared) for row in rows]
        until = stopped.event_time if stopped else None
        if self._direction is Direction.OLDER:
            return Page(shown, beyond, back, self._looked, until)
        return Page(shown[::-1], back, beyond, self._looked, until)


def _place(row: Row[Any]) -> Position:
    return Position(row.event_time, row.id)


def _shown(row: Row[Any], prepared: _Prepared) -> dict[str, Any]:
    found = {**row._mapping, "version": prepared.names[row.version_id]}
    predicted, label = (found[f"{kind}_class"] for kind in ("predicted", "label"))
    found["prediction"] = found["predicted_value"] if predicted is None else predicted
    found["label"] = found["label_value"] if label is None else label
    return found


# --- Places in the order ---------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_ID = 2**63 - 1
"""That a database can compare with."""


def cursor(place: Position) -> str:
    """A place as a text for `before` and `after`: microseconds since 1970, and the row's number."""
    return f"{(place.event_time - _EPOCH) // timedelta(microseconds=1)}-{place.id}"


def position(text: str) -> Position | None:
    """The place that a cursor names; None for "". Raises InvalidError."""
    if not text:
        return None
    microseconds, separator, row = text.partition("-")
    try:
        if not (separator and microseconds.isdecimal() and row.isdecimal()):
            raise ValueError(text)
        if int(row) > _LARGEST_ID:
            raise OverflowError(text)
        return Position(_EPOCH + timedelta(microseconds=int(microseconds)), int(row))
    except (ValueError, OverflowError):
        raise InvalidError("before or after", text, "use what stands in the link of a page") from None
