"""The review of a project for those who manage and audit it: put together from what is stored, and never from rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import version as release

import numpy as np
from sqlalchemy import Connection, Engine

from app.core.causes import cause_text, likely
from app.core.errors import InvalidError
from app.core.incidents import Incident, incidents
from app.core.model import Model, Outcome, Task, Version, Window
from app.core.overrides import SET_BY
from app.core.project_review import Chart, ModelReview, ProjectReview, ReviewedIncident, VersionSummary, figures_of
from app.core.project_review_page import render
from app.core.svg_charts import Line
from app.core.timeline import Event, EventKind
from app.services.causes import explain_window
from app.services.overrides import list_overrides
from app.services.read_models.series import Series, series
from app.services.read_models.timeline import events_of
from app.services.read_models.version_records import MEASURES, VersionRecord, version_records
from app.services.scorecards import model_scorecard
from app.storage.alert_changes import changes_until
from app.storage.catalogue import find_model, list_models, list_versions
from app.storage.engine import read

MOST_MODELS = 20
MOST_CHANGES, MOST_INCIDENTS, MOST_EXPLAINED, MOST_EVENTS, MOST_CAUSES = 20_000, 100, 30, 300, 3
QUALITY = {"performance": "realised, with the labels that came", "estimated_performance": "estimated, without labels"}
_RETRAINING_DECIDED = frozenset({"retraining was asked for", "retraining was cancelled"})
_DECIDED = frozenset({EventKind.LIMIT, EventKind.SILENCE, EventKind.ROLLBACK, EventKind.DEPLOYMENT})


def project_review(
    engine: Engine, now: datetime, *, since: datetime, until: datetime, models: Sequence[str] = ()
) -> ProjectReview:
    """The review of these models, or of all, over [since, until).

    Raises NotFoundError for a model, InvalidError for a span that is empty or more models than a document holds.
    """
    if since >= until:
        raise InvalidError("since", since.isoformat(), f"allowed is a time before until, {until.isoformat()}")
    with read(engine) as connection:
        if not models:
            models = [one.name for one in list_models(connection)]
        found = [find_model(connection, name) for name in dict.fromkeys(models)]
    if not 0 < len(found) <= MOST_MODELS:
        raise InvalidError("models", len(found), f"allowed are 1 to {MOST_MODELS} in one document; name them")
    reviews = [_model(engine, model, since, until, now) for model in found]
    return ProjectReview(now, since, until, release("watchkeeper"), reviews)


def project_review_page(
    engine: Engine, now: datetime, *, since: datetime, until: datetime, models: Sequence[str] = ()
) -> str:
    """The same as one HTML document without scripts. Raises as `project_review`."""
    return render(project_review(engine, now, since=since, until=until, models=models))


def _model(engine: Engine, model: Model, since: datetime, until: datetime, now: datetime) -> ModelReview:
    with read(engine) as connection:
        versions = list_versions(connection, model.id)
        events = events_of(connection, model, since, until)
        happened = _incidents(connection, versions, since, until, now)
        explained = [
            ReviewedIncident(one, _causes(connection, model, one) if place < MOST_EXPLAINED else ())
            for place, one in enumerate(happened[:MOST_INCIDENTS])
        ]
    decisions = [one for one in events if is_decision(one)]
    history = [one for one in events if one.kind is not EventKind.ALERT and not is_decision(one)]
    records = {one.version: one for one in version_records(engine, model.name, since, until)}
    card = model_scorecard(engine, model.name, None, now).card if versions else None
    return ModelReview(
        name=model.name,
        owner=model.owner,
        task=model.task.value,
        goals=goals(model, list_overrides(engine, model.name)),
        figures=figures_of(happened, len(decisions), since, min(until, now)),
        versions=[_version(one, records.get(one.name)) for one in versions],
        charts=_charts(engine, model, versions, since, until),
        incidents=explained,
        decisions=decisions[-MOST_EVENTS:],
        history=history[-MOST_EVENTS:],
        takeovers=[one for one in events if is_takeover(one)],
        scorecard=card,
        left_out=_left_out(len(happened), len(decisions), len(history)),
    )


def is_decision(event: Event) -> bool:
    """Whether somebody, or a policy in somebody's name, decided it."""
    if event.kind is EventKind.RETRAINING:
        return event.what in _RETRAINING_DECIDED
    return event.kind in _DECIDED and (bool(event.author) or event.kind is EventKind.ROLLBACK)


def is_takeover(event: Event) -> bool:
    """Whether another version answered from then on."""
    return event.kind is EventKind.ROLLBACK or (event.kind is EventKind.DEPLOYMENT and event.what.endswith("went live"))


def goals(model: Model, limits: Sequence[dict[str, object]]) -> list[tuple[str, str]]:
    """What its owner declared, as (what, value)."""
    fire_after = ", ".join(f"{check} {windows}" for check, windows in sorted(model.fire_after.items()))
    found = [
        ("Windows", f"of one {model.window.value}"),
        ("Labels are expected within", _days(model.label_delay) if model.label_delay else "no time was declared"),
        ("Training data at most this old", _days(model.max_staleness) if model.max_staleness else "no limit declared"),
        ("Last rollback drill at most this old", _days(model.max_drill_age)),
        ("Confident from a score of", f"{model.confident_threshold:g}"),
        ("False alarms accepted", f"{model.false_alarms_per_month:g} in 30 days"),
        ("Windows in breach until an alert", fire_after or "as each check has it"),
        ("Judged by segment", ", ".join(model.segment_by) or "no"),
    ]
    for one in limits:
        subject = f" of {one['subject']}" if one["subject"] else ""
        where = f" in {one['segment']}" if one["segment"] else ""
        found.append(
            (f"Limit of {one['check']}{subject}{where}", f"{one['limit']:g}, {SET_BY} {one['author']}: {one['reason']}")
        )
    return found


def _incidents(
    connection: Connection, versions: Sequence[Version], since: datetime, until: datetime, now: datetime
) -> list[Incident]:
    """Those that began before `until`, as they stand now: one that ended later is not going on."""
    found = incidents(changes_until(connection, [one.id for one in versions], now, MOST_CHANGES))
    return [one for one in found if one.began < until and (one.ended is None or one.ended > since)]


def _causes(connection: Connection, model: Model, one: Incident) -> Sequence[str]:
    window = Window(one.window_start, one.window_start + model.window.delta)
    causes, _ = explain_window(connection, one.version_id, window, one.check, "")
    return [cause_text(cause) for cause in likely(causes, MOST_CAUSES)]


def _version(one: Version, record: VersionRecord | None) -> VersionSummary:
    trained = f"{one.newest_training_row:%Y-%m-%d}" if one.newest_training_row else "not said"
    runs_on = ", ".join(text for text in (one.framework, one.format, one.runtime, one.hardware) if text)
    if record is None:
        return VersionSummary(one.name, one.stage.value, trained, runs_on, 0, "answered nothing")
    quality = "cannot tell: too few labels" if record.quality is None else f"{record.measure} {record.quality:.4g}"
    return VersionSummary(one.name, one.stage.value, trained, runs_on, record.predictions, quality)


def _charts(engine: Engine, model: Model, versions: Sequence[Version], since: datetime, until: datetime) -> list[Chart]:
    measure = MEASURES[model.task]
    charts = []
    for check, how in QUALITY.items():
        lines = [
            _line(version.name, found, rate=model.task is not Task.REGRESSION)
            for version in versions
            for found in series(engine, version.id, check, since=since, until=until, subjects=[measure])
        ]
        charts.append(Chart(f"{measure.upper() if measure == 'mae' else measure.capitalize()}, {how}", lines))
    return charts


def _line(name: str, found: Series, *, rate: bool) -> Line:
    """As a line; the normal range of a rate within 0 to 1, where it can lie at all."""
    normal = (np.clip(found.low, 0, 1), np.clip(found.high, 0, 1)) if rate else (found.low, found.high)
    breaches = [outcome is Outcome.BREACH for outcome in found.outcomes]
    values, low, high = map(_known, (found.values, *normal))
    return Line(name, found.starts, values, low, high, breaches)


def _known(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _left_out(happened: int, decisions: int, history: int) -> str:
    counts = (
        ("incidents", happened, MOST_INCIDENTS),
        ("decisions", decisions, MOST_EVENTS),
        ("events", history, MOST_EVENTS),
    )
    said = [f"the newest {most} of {count} {name}" for name, count, most in counts if count > most]
    explained = [f"causes are ranked for the newest {MOST_EXPLAINED} incidents"] if happened > MOST_EXPLAINED else []
    return f"Of what happened this lists {'; '.join(said + explained)}." if said or explained else ""


def _days(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{days:g} days" if days != 1 else "1 day"
