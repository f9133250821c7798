"""The features of a version by how they stand, one of them by segments, and where the model errs along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from app.core.feature_error import FeatureError, error_by_feature
from app.core.fold import WHOLE
from app.core.importance import Importance
from app.core.model import Outcome
from app.services.read_models.known import known_column
from app.storage import tables
from app.storage.engine import read, snapshot
from app.storage.samples import find_importance

_m = tables.measurement.c
NO_SAMPLE = "the reference was stored without a sample of its rows; import it again"


@dataclass(frozen=True, slots=True)
class SubjectStanding:
    """One subject, or one segment of it, in the newest window in which the check was asked."""

    name: str
    outcome: Outcome
    value: float | None
    limit: float | None
    normal: float | None
    reason: str
    window_start: datetime

    @property
    def ratio(self) -> float:
        """How far it has gone towards its limit; 0 where that is not known, infinite beyond one that allows nothing."""
        if self.value is None or self.limit is None:
            return 0.0
        gone, span = self.value - (self.normal or 0.0), self.limit - (self.normal or 0.0)
        if not span:
            return math.inf if gone else 0.0
        return abs(gone / span)


def subjects(
    engine: Engine, version_id: int, check: str, until: datetime, segment: str = WHOLE
) -> list[SubjectStanding]:
    """Every subject of the check in its newest window before `until`, the worst first."""
    mine = (_m.version_id == version_id, _m.check == check, _m.segment == segment)
    newest = select(func.max(_m.window_start)).where(*mine, _m.window_start < until).scalar_subquery()
    query = select(tables.measurement).where(*mine, _m.window_start == newest)
    with read(engine) as connection:
        found = [_standing(row, row.subject) for row in connection.execute(query)]
    return sorted(found, key=_worst_first)


def segments(engine: Engine, version_id: int, check: str, subject: str, until: datetime) -> list[SubjectStanding]:
    """The subject in each segment, in the newest window before `until` in which any was judged; the worst first."""
    mine = (_m.version_id == version_id, _m.check == check, _m.subject == subject, _m.segment != WHOLE)
    judged = (_m.window_start < until, _m.outcome != Outcome.NOT_EVALUATED.value)
    newest = select(func.max(_m.window_start)).where(*mine, *judged).scalar_subquery()
    query = select(tables.measurement).where(*mine, _m.window_start == newest)
    with read(engine) as connection:
        found = [_standing(row, row.segment) for row in connection.execute(query)]
    return sorted(found, key=_worst_first)


def _standing(row: object, name: str) -> SubjectStanding:
    facts = {key: getattr(row, key) for key in ("value", "limit", "normal", "reason", "window_start")}
    return SubjectStanding(name, Outcome(row.outcome), **facts)  # type: ignore[attr-defined]


def _worst_first(one: SubjectStanding) -> tuple[bool, float, str]:
    return one.outcome is not Outcome.BREACH, -one.ratio, one.name


@dataclass(frozen=True, slots=True, eq=False)
class ErrorView:
    """Where the model errs along a feature, or why that cannot be told; and how much the feature tells of errors."""

    found: FeatureError | None
    reason: str
    importance: Importance | None


def feature_error(engine: Engine, version_id: int, feature: str, since: datetime, until: datetime) -> ErrorView:
    """The errors of the reference's labelled sample, along what was served in [since, until).

    Raises NotFoundError when the version's reference has no such column.
    """
    with snapshot(engine) as connection:
        known = known_column(connection, version_id, feature)
        sample, importance = known.sample, find_importance(connection, version_id).get(feature)
        if sample is None:
            return ErrorView(None, NO_SAMPLE, importance)
        now, _ = known.served(since, until)
        found = error_by_feature(known.layout, sample, feature, known.reference(), now)
    return ErrorView(None, found, importance) if isinstance(found, str) else ErrorView(found, found.reason, importance)
