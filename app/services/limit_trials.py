"""A limit that is tried before it is set: what it would have told of past windows, beside what was told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from app.core.backtest import Episode, Replay, by_window
from app.core.errors import InvalidError
from app.core.model import Measurement, Model, Outcome, Version
from app.core.overrides import Override
from app.services.evaluate import replay
from app.services.overrides import checked
from app.services.read_models.choice import choose_version
from app.storage import tables
from app.storage.alerts import begins_to_fire
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read


@dataclass(frozen=True, slots=True)
class Judging:
    """What was found in the windows, the oldest first, and the alerts that would have fired."""

    found: tuple[Measurement, ...]
    alerts: tuple[Episode, ...]


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that fired: of which subject, at the latest for which window."""

    subject: str
    window_start: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class LimitTrial:
    """The windows of a span as the limits that held judge them, and as the tried one does; what had been `raised`.

    All of one check and segment, and of one subject where the tried limit is for one. `reason` says why nothing could
    be judged.
    """

    windows: int
    now: Judging
    tried: Judging
    raised: tuple[Raised, ...]
    reason: str = ""


def try_limit(
    engine: Engine,
    now: datetime,
    model: str,
    version: str,
    limit: Override,
    *,
    since: datetime,
    until: datetime,
    progress: Callable[[float], object] = lambda _share: None,
) -> LimitTrial:
    """Judge the closed windows that start in [since, until) anew, with and without the limit; nothing is written.

    `progress` is told which share of the work is done. Raises NotFoundError on an unknown name, InvalidError for a
    limit that could not be set.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        chosen = choose_version(connection, list_versions(connection, found.id), version)
    tried = replace(checked(found, limit), tried=True)
    past = _Past(engine, found, chosen, now, since, until)
    before, windows = past.judged(tried, (), lambda share: progress(share / 2))
    after, _ = past.judged(tried, (tried,), lambda share: progress(0.5 + share / 2))
    return LimitTrial(windows, before, after, _raised(engine, chosen, tried, since, until), _reason(after.found))


@dataclass(frozen=True, slots=True)
class _Past:
    """Windows of a version to judge again."""

    engine: Engine
    model: Model
    version: Version
    now: datetime
    since: datetime
    until: datetime

    def judged(
        self, limit: Override, overrides: tuple[Override, ...], progress: Callable[[float], object]
    ) -> tuple[Judging, int]:
        """What the check of `limit` says with these overrides, and of how many windows."""
        seen, kept = Replay(self.model.fire_after), list[Measurement]()
        for due, windows, measurements in replay(
            self.engine,
            self.model,
            self.version,
            self.now,
            since=self.since,
            until=self.until,
            tried=overrides,
            check=limit.check,
            segment=limit.segment,
        ):
            mine = [one for one in measurements if limit.subject in (None, one.subject)]
            kept += mine
            for measured in by_window(mine, windows):
                seen.take(measured)
            progress(seen.windows / due)
        return Judging(tuple(kept), tuple(seen.episodes)), seen.windows


def _reason(found: Iterable[Measurement]) -> str:
    """Why no window could be judged; "" where one could."""
    reasons = [one.reason for one in found if one.outcome is Outcome.NOT_EVALUATED]
    if any(one.outcome is not Outcome.NOT_EVALUATED for one in found):
        return ""
    return max(set(reasons), key=reasons.count) if reasons else "no closed window with predictions lies in that span"


def _raised(engine: Engine, version: Version, limit: Override, since: datetime, until: datetime) -> tuple[Raised, ...]:
    a, t = tables.alert.c, tables.alert_transition.c
    query = (
        select(a.subject, t.window_start, t.at)
        .join_from(tables.alert_transition, tables.alert)
        .where(a.version_id == version.id, a.check == limit.check, a.segment == limit.segment, begins_to_fire())
        .where(t.window_start >= since, t.window_start < until)
        .order_by(t.id)
    )
    if limit.subject is not None:
        query = query.where(a.subject == limit.subject)
    with read(engine) as connection:
        return tuple(Raised(*row) for row in connection.execute(query))


def can_be_set(model: Model, check: str, subject: str | None, segment: str = "") -> str:
    """Why nobody can set that limit; "" where somebody can."""
    try:
        checked(model, Override(check, subject, segment, 0.0, "somebody", "to ask", datetime.min.replace(tzinfo=UTC)))
    except InvalidError as error:
        return error.allowed
    return ""
