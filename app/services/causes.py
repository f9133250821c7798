"""Why a check is in breach: the measurements of the same window, ranked by the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from app.core.causes import EXPLAINED, Cause, CauseKind, Reading, cause_text, part_of_misfit, rank
from app.core.checks.multivariate_drift import NAMED_SHARE, moved_together
from app.core.checks.multivariate_drift import PLUGIN as MULTIVARIATE
from app.core.errors import InvalidError
from app.core.fold import WHOLE
from app.core.importance import Importance
from app.core.model import Model, Outcome, Version, Window
from app.services.baselines import read_baseline
from app.services.read_models.choice import choose_version
from app.services.read_models.measurement_rows import measurements
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import snapshot
from app.storage.profiles import load_profile
from app.storage.recipes import load_recipes
from app.storage.samples import find_importance
from app.storage.tables import measurement, profile, verdict_count

NO_BREACH = "no check whose causes could be ranked is in breach"
NOTHING_JUDGED = "cannot tell: no window has been judged yet; run `watchkeeper run`"
NOT_EXPLAINED = "causes of this check are not ranked: what it measures is itself where to look"
NO_IMPORTANCE = (
    "importance is not known: the reference was stored without a sample of its rows, or with too few scores and "
    "labels; import it again"
)

_m, _count = measurement.c, verdict_count.c


@dataclass(frozen=True, slots=True)
class Explanation:
    """The likely causes of one check's breach in one window. `note` says what the ranking had to do without."""

    model: str
    version: str
    check: str
    window_start: datetime
    causes: tuple[Cause, ...]
    note: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """The causes for programs, the likeliest first: the fields of Cause, its rank and its text."""
        return [{"rank": n, **asdict(cause), "text": cause_text(cause)} for n, cause in enumerate(self.causes, start=1)]


def nothing_to_explain(engine: Engine, model: str, version: str | None = None) -> str:
    """What `explain` means by None: that nothing is in breach, or that nobody can tell. Raises NotFoundError."""
    return NO_BREACH if measurements(engine, model=model, version=version, limit=1) else NOTHING_JUDGED


def explain(
    engine: Engine,
    model: str,
    version: str | None = None,
    check: str | None = None,
    window: datetime | None = None,
) -> Explanation | None:
    """Why the check was in breach in the window that holds the time `window`; None when no such check was.

    Without a check it is the one in breach that matters most, without a window the newest one in breach, without a
    version the one that the model is shown by. Raises NotFoundError on an unknown model or version, InvalidError for a
    check whose breaches have no causes to rank.
    """
    if check is not None and check not in EXPLAINED:
        raise InvalidError("check", check, f"causes are ranked for {', '.join(EXPLAINED)}")
    with snapshot(engine) as connection:
        found = find_model(connection, model)
        chosen = choose_version(connection, list_versions(connection, found.id), version)
        breach = _breach(connection, found, chosen, check, window)
        if breach is None:
            return None
        importance = find_importance(connection, chosen.id)
        check, start = breach
        causes = causes_of(connection, chosen.id, Window(start, start + found.window.delta), check)
    return Explanation(found.name, chosen.name, check, start, tuple(causes), _note(importance))


def _note(importance: Mapping[str, Importance]) -> str:
    known = any(one.weight is not None for one in importance.values())
    return "" if known else NO_IMPORTANCE


def explain_window(
    connection: Connection, version_id: int, window: Window, check: str, segment: str
) -> tuple[list[Cause], str]:
    """The likely causes in that window, and what the ranking had to do without or why there is none."""
    if check not in EXPLAINED:
        return [], NOT_EXPLAINED
    return causes_of(connection, version_id, window, check, segment), _note(find_importance(connection, version_id))


def causes_of(connection: Connection, version_id: int, window: Window, check: str, segment: str = WHOLE) -> list[Cause]:
    """The likely causes of the check's breach in that window, for all rows or a segment, the strongest first."""
    if check not in EXPLAINED:
        return []
    readings = _readings(connection, version_id, window.start, segment)
    if segment == WHOLE and CauseKind.SEGMENT in EXPLAINED[check]:
        readings += _segments(connection, version_id, window.start, check)
    if check == MULTIVARIATE.name:
        readings += _moved_together(connection, version_id, window.start, segment)
    return rank(check, readings, find_importance(connection, version_id))


def _moved_together(connection: Connection, version_id: int, window_start: datetime, segment: str) -> list[Reading]:
    """Each feature's share of what no longer fits in that window; nothing when the window is no longer kept."""
    recipe = load_recipes(connection, [version_id])[version_id]
    stored = load_profile(connection, version_id, segment, window_start, features=True)
    training = read_baseline(connection, version_id, recipe.window, segment).training
    if recipe.layout.multivariate is None or training is None or stored is None or stored.features is None:
        return []
    moved = moved_together(recipe.layout, stored.features, training)
    return [part_of_misfit(feature, share, NAMED_SHARE) for feature, share in moved.items()]


def _breach(
    connection: Connection, model: Model, version: Version, check: str | None, window: datetime | None
) -> tuple[str, datetime] | None:
    """The check and the start of the window to explain."""
    query = select(_count.check, func.max(_count.window_start).label("start")).where(
        _count.version_id == version.id, _count.breach > 0, _count.check.in_(EXPLAINED)
    )
    if check is not None:
        query = query.where(_count.check == check)
    if window is not None:
        query = query.where(_count.window_start == model.window.start_of(window))
    breaches = {row.check: row.start for row in connection.execute(query.group_by(_count.check))}
    if not breaches:
        return None
    # What is in breach still comes before what is over, and what was in breach long ago explains nothing about now.
    lasting = breaches if window is not None else _lasting(connection, version, breaches)
    newest = max(lasting.values())
    order = [name for name in EXPLAINED if name in lasting]
    recent = [name for name in order if newest - lasting[name] <= model.label_delay + model.window.delta]
    return recent[0], lasting[recent[0]]


def _lasting(connection: Connection, version: Version, breaches: dict[str, datetime]) -> dict[str, datetime]:
    """Those of the breaches after which the check has judged no window yet; all of them when it has after each."""
    judged = select(_count.check, func.max(_count.window_start).label("start")).where(
        _count.version_id == version.id, _count.ok + _count.breach > 0, _count.check.in_(breaches)
    )
    newest = {row.check: row.start for row in connection.execute(judged.group_by(_count.check))}
    return {check: start for check, start in breaches.items() if newest[check] == start} or breaches


def _readings(connection: Connection, version_id: int, window_start: datetime, segment: str) -> list[Reading]:
    query = select(_m.check, _m.subject, _m.outcome, _m.value, _m.limit, _m.normal).where(
        _m.version_id == version_id,
        _m.window_start == window_start,
        _m.segment == segment,
        _m.outcome != Outcome.NOT_EVALUATED.value,
    )
    return [
        Reading(check, subject, Outcome(outcome), value, limit, normal)
        for check, subject, outcome, value, limit, normal in connection.execute(query)
    ]


def _segments(connection: Connection, version_id: int, window_start: datetime, check: str) -> list[Reading]:
    """What the check found in the window's segments, with each one's share of the window's rows."""
    p = profile.c
    sizes = select(p.segment, p.rows).where(p.version_id == version_id, p.window_start == window_start)
    rows = dict(connection.execute(sizes).all())
    total = max(1, rows.get(WHOLE, 0))
    query = select(_m.segment, _m.subject, _m.outcome, _m.value, _m.limit, _m.normal).where(
        _m.version_id == version_id,
        _m.window_start == window_start,
        _m.check == check,
        _m.segment != WHOLE,
        _m.outcome != Outcome.NOT_EVALUATED.value,
    )
    return [
        Reading(check, subject, Outcome(outcome), value, limit, normal, segment, rows.get(segment, 0) / total)
        for segment, subject, outcome, value, limit, normal in connection.execute(query)
    ]
