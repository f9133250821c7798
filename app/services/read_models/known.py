"""What charts are counted from, kept while the database says that it is the same.

Somebody who goes from feature to feature looks at the same reference and the same windows each time. All is read
within the caller's `snapshot`, and what it is kept by is asked there, too: nobody is shown what was true of another
reference.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, func, select

from app.core.codec import add_counts
from app.core.errors import NotFoundError
from app.core.fold import WHOLE
from app.core.layout import Layout
from app.core.profile import FeatureCounts
from app.core.sample import Sample
from app.storage import tables
from app.storage.references import find_layout
from app.storage.samples import find_sample

Answer = TypeVar("Answer")
Summed: TypeAlias = tuple[FeatureCounts, int]
"""Profiles added, and how many they were."""

AT_A_TIME = 32
"""Profiles read at once."""
KEPT_LAYOUTS, KEPT_SUMS, KEPT_SAMPLES = 32, 64, 1
"""A sum of 100 features takes 170 KB; a sample of 10,000 rows some 30 MB."""


class LruCache(Generic[Answer]):
    """The answers that were asked for last, at most so many. Two who ask for a new one at once may both make it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The answer of that key, which nobody may change."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = make()
        with self._lock:
            self._answers[key] = made
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return made


_layouts: LruCache[Layout] = LruCache(KEPT_LAYOUTS)
_sums: LruCache[Summed] = LruCache(KEPT_SUMS)
_samples: LruCache[Sample | None] = LruCache(KEPT_SAMPLES)


@dataclass(frozen=True, slots=True)
class Known:
    """A version's reference, within a snapshot. `key` is another one as soon as another reference is stored."""

    connection: Connection
    version_id: int
    key: Hashable

    @property
    def layout(self) -> Layout:
        """How the version's values are binned."""
        return _layouts.get(self.key, self._find_layout)

    def _find_layout(self) -> Layout:
        layout = find_layout(self.connection, self.version_id)
        assert layout is not None
        return layout

    @property
    def sample(self) -> Sample | None:
        """The sample of the reference's rows; None for one stored before samples were kept."""
        return _samples.get(self.key, lambda: find_sample(self.connection, self.version_id))

    def reference(self, segment: str = WHOLE) -> FeatureCounts:
        """All windows of the reference, or of a segment of it, added."""
        c = tables.reference_profile.c
        query = select(c.features).where(c.version_id == self.version_id, c.segment == segment)
        return _sums.get((self.key, "reference", segment), lambda: self._sum(query))[0]

    def served(self, since: datetime, until: datetime, segment: str = WHOLE) -> Summed:
        """The windows that start in [since, until) added; rolled-up hours come as whole days."""
        hours, days = tables.profile.c, tables.daily_profile.c
        first_day = since - timedelta(days=1)
        now, windows = self._span(hours, segment, (hours.window_start >= since, hours.window_start < until))
        earlier, whole_days = self._span(days, segment, (days.window_start > first_day, days.window_start < until))
        return now + earlier, windows + whole_days

    def _span(self, c: Any, segment: str, within: tuple[ColumnElement[bool], ...]) -> Summed:
        """The profiles of one table; every change of one counts its revision up, and a new one is newer."""
        mine = (c.version_id == self.version_id, c.segment == segment, *within)
        ends = (func.min(c.window_start), func.max(c.window_start))  # or new windows of another span look the same
        marks = (func.count(), *ends, func.sum(c.revision), func.max(c.updated_at))
        state = self.connection.execute(select(*marks).where(*mine)).one()
        key = (self.key, c.revision.table.name, segment, *state)
        return _sums.get(key, lambda: self._sum(select(c.features).where(*mine)))

    def _sum(self, query: Select[Any]) -> Summed:
        return add_counts(FeatureCounts.empty(self.layout), self.connection.scalars(query).yield_per(AT_A_TIME))


def known_of(connection: Connection, version_id: int) -> Known | None:
    """What is known of the version's reference; None while it has none."""
    c = tables.reference.c
    stored = connection.execute(select(c.digest, c.created_at).where(c.version_id == version_id)).one_or_none()
    if stored is None:
        return None
    return Known(connection, version_id, (connection.engine, version_id, stored.digest, stored.created_at))


def known_column(connection: Connection, version_id: int, column: str) -> Known:
    """The same. Raises NotFoundError when the version's reference has no such column."""
    known = known_of(connection, version_id)
    names = known.layout.column_names if known else []
    if known is None or column not in names:
        raise NotFoundError("feature", column, names)
    return known
