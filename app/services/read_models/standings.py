"""How the checks of a version stand, counted in the database: the rows are never more than checks times windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import CTE, ColumnElement, Connection, Integer, Select, and_, column, false, or_, select, values

from app.core.fold import WHOLE
from app.core.model import Outcome
from app.storage import tables
from app.storage.types import UtcDateTime
from app.storage.verdict_counts import COUNTED, counting

RECENT_WINDOWS = 30

Counts: TypeAlias = Mapping[Outcome, int]
"""How many subjects had which outcome in one window."""

_measurement, _count = tables.measurement.c, tables.verdict_count.c


class Standing(StrEnum):
    """How a model stands, worst first. CANNOT_TELL is a state of its own: it is never shown as healthy."""

    BREACH = "breach"
    CANNOT_TELL = "cannot_tell"
    NO_DATA = "no_data"
    OK = "ok"

    @property
    def urgency(self) -> int:
        """0 for the worst."""
        return tuple(Standing).index(self)


@dataclass(frozen=True, slots=True)
class CheckStanding:
    """What a check found in its newest window that could be judged: `breaches` of `judged` subjects.

    `window_start` is that window's start, None when there is none, and `since` the start of the first window of the
    present run of breaches, as far back as was looked. `cannot_tell` counts the subjects without a verdict in the
    newest window of all. `trend` has the subjects in breach window by window, oldest first.
    """

    check: str
    breaches: int
    judged: int
    cannot_tell: int
    window_start: datetime | None
    since: datetime | None
    trend: tuple[int, ...]

    @property
    def standing(self) -> Standing:
        if self.window_start is None:
            return Standing.CANNOT_TELL
        return Standing.BREACH if self.breaches else Standing.OK


def recent(since: Mapping[int, datetime], segment: str = WHOLE) -> ColumnElement[bool]:
    """Measurements of all rows, or of a segment, of these versions, in windows from each one's time on."""
    chosen = [
        and_(_measurement.version_id == version_id, _measurement.window_start >= start)
        for version_id, start in since.items()
    ]
    return and_(or_(false(), *chosen), _measurement.segment == segment)


def windows_since(since: Mapping[int, datetime]) -> CTE:
    """Rows `version_id` and `since` to join with, of at least one version: SQLite takes no thousand conditions."""
    return (
        values(column("version_id", Integer), column("since", UtcDateTime), name="shown").data([*since.items()]).cte()
    )


def check_standings(
    connection: Connection, since: Mapping[int, datetime], segment: str = WHOLE
) -> dict[int, list[CheckStanding]]:
    """The standing of every check of each version, the worst check first, judged on the windows from `since` on."""
    if not since:
        return {}
    found: dict[int, dict[str, dict[datetime, Counts]]] = {}
    query = _counted(since) if segment == WHOLE else counting(recent(since, segment))
    for version_id, start, check, ok, breach, untold in connection.execute(query):
        counts = {Outcome.OK: ok, Outcome.BREACH: breach, Outcome.NOT_EVALUATED: untold}
        found.setdefault(version_id, {}).setdefault(check, {})[start] = counts
    return {
        version_id: sorted(
            (stand(check, by_window) for check, by_window in by_check.items()),
            key=lambda found: (found.standing.urgency, -found.breaches, found.check),
        )
        for version_id, by_check in found.items()
    }


def _counted(since: Mapping[int, datetime]) -> Select[Any]:
    """The counts that were kept of all rows, of these versions (at least one), in windows from each one's time on."""
    shown = windows_since(since)
    columns = (_count.version_id, _count.window_start, _count.check, *(_count[name] for name in COUNTED.values()))
    same = _count.version_id == shown.c.version_id
    return select(*columns).join_from(shown, tables.verdict_count, same).where(_count.window_start >= shown.c.since)


def stand(check: str, by_window: Mapping[datetime, Counts]) -> CheckStanding:
    """The standing of one check from its outcomes per window (at least one)."""
    starts = sorted(by_window)
    counts = [by_window[start] for start in starts]
    breaches = [one.get(Outcome.BREACH, 0) for one in counts]
    judged = [n + one.get(Outcome.OK, 0) for n, one in zip(breaches, counts, strict=True)]
    last = max((i for i, n in enumerate(judged) if n), default=None)
    return CheckStanding(
        check,
        breaches=0 if last is None else breaches[last],
        judged=0 if last is None else judged[last],
        cannot_tell=by_window[starts[-1]].get(Outcome.NOT_EVALUATED, 0),
        window_start=None if last is None else starts[last],
        since=None if last is None else _run_start(starts[: last + 1], breaches, judged),
        trend=tuple(breaches),
    )


def _run_start(starts: Sequence[datetime], breaches: Sequence[int], judged: Sequence[int]) -> datetime | None:
    """The first window of the run of breaches at the end; windows without a verdict do not interrupt it."""
    since = None
    for i in reversed(range(len(starts))):
        if breaches[i]:
            since = starts[i]
        elif judged[i]:
            break
    return since


def overall(checks: Iterable[CheckStanding], *, served: bool, open_alerts: int) -> Standing:
    """How the model stands. A breach counts as soon as it was measured, with or without an alert about it."""
    standings = {check.standing for check in checks}
    if open_alerts or Standing.BREACH in standings:
        return Standing.BREACH
    if Standing.OK in standings:
        return Standing.OK
    return Standing.CANNOT_TELL if served else Standing.NO_DATA
