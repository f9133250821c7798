"""What happened to a model in a span of time: events of every kind in one list, each kind from one query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, or_, select

from app.core.alerting import State
from app.core.codec import decode_array
from app.core.drills import DrillState
from app.core.errors import InvalidError
from app.core.fold import WHOLE
from app.core.label_arrivals import Arrival, Labels, arrivals
from app.core.messages import subject_text
from app.core.model import Model, Version
from app.core.patterns import fits
from app.core.profile import OutcomeCounts
from app.core.retraining_run import RunState
from app.core.timeline import Event, EventKind, deployment_text, difference, in_order, names_text
from app.services.retraining_runs import WORKER
from app.storage import silences, tables
from app.storage.catalogue import find_model, list_versions
from app.storage.deployments import deployments_between
from app.storage.engine import read

USUAL_SPAN = timedelta(days=14)
"""What is shown where nobody says since when."""
MOST_LABEL_WINDOWS = 500
"""Windows of a version whose labels are looked at, the newest."""


@dataclass(frozen=True, slots=True)
class Span:
    """The model, its versions (oldest first), and the time [since, until) that is asked about."""

    model: Model
    versions: tuple[Version, ...]
    since: datetime
    until: datetime

    @property
    def names(self) -> dict[int, str]:
        return {version.id: version.name for version in self.versions}

    def holds(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        return (column >= self.since) & (column < self.until)


Source: TypeAlias = Callable[[Connection, Span], Iterable[Event]]
"""A small query that gives the events of its kind; those outside of the span are left out by who asks."""


def timeline(engine: Engine, model: str, since: datetime, until: datetime, kinds: Collection[str] = ()) -> list[Event]:
    """The events of the model in [since, until), the oldest first; of these kinds alone where any are given.

    Raises NotFoundError for the model, InvalidError for a kind that there is not or a span that is empty.
    """
    if since >= until:
        raise InvalidError("since", since.isoformat(), f"allowed is a time before {until.isoformat()}")
    for kind in kinds:
        if kind not in set(EventKind):
            raise InvalidError("kind", kind, f"allowed are {', '.join(EventKind)}")
    with read(engine) as connection:
        events = events_of(connection, find_model(connection, model), since, until)
    return [event for event in events if not kinds or event.kind in kinds]


def events_of(connection: Connection, model: Model, since: datetime, until: datetime) -> list[Event]:
    """Every event of the model in [since, until), the oldest first."""
    span = Span(model, tuple(list_versions(connection, model.id)), since, until)
    events = [event for source in SOURCES for event in source(connection, span)]
    return in_order(event for event in events if since <= event.at < until)


def _deployments(connection: Connection, span: Span) -> Iterator[Event]:
    for found in deployments_between(connection, span.model.id, span.since, span.until):
        one, change = found.deployment, found.deployment.change
        kind = EventKind.ROLLBACK if change.kind.goes_back else EventKind.DEPLOYMENT
        yield Event(change.at, kind, deployment_text(one), one.version, change.author, change.reason)


def _dependencies(_connection: Connection, span: Span) -> Iterator[Event]:
    """How what each version runs on differs from the one before it, as of its deployment."""
    for before, version in pairwise(span.versions):
        at, changed = version.deployed_at or version.created_at, difference(before, version)
        if at is not None and changed:
            what = f"version {version.name} differs from {before.name}: {changed}"
            yield Event(at, EventKind.DEPENDENCIES, what, version.name)


def _references(connection: Connection, span: Span) -> Iterator[Event]:
    reference = tables.reference.c
    query = select(reference.version_id, reference.rows, reference.created_at).where(
        reference.version_id.in_(span.names), span.holds(reference.created_at)
    )
    for row in connection.execute(query):
        name = span.names[row.version_id]
        yield Event(row.created_at, EventKind.REFERENCE, f"a reference of {row.rows:,} rows was stored", name)


def _labels(connection: Connection, span: Span) -> Iterator[Event]:
    """From the delays that profiles count: no raw row is read."""
    profile = tables.profile.c
    lookback = max(span.until - span.since, 2 * span.model.label_delay, timedelta(days=30))
    query = (
        select(profile.version_id, profile.window_start, profile.outcomes)
        .where(
            profile.version_id.in_(span.names),
            profile.segment == WHOLE,
            profile.window_start >= span.since - lookback,
            profile.window_start < span.until,
        )
        .order_by(profile.window_start.desc())
        .limit(MOST_LABEL_WINDOWS)
    )
    rows = connection.execute(query).all()
    for version_id in {row.version_id for row in rows}:
        mine = [row for row in rows if row.version_id == version_id]
        delays = np.array([decode_array(OutcomeCounts, row.outcomes, "label_delays") for row in mine])
        starts, length = [row.window_start for row in mine], span.model.window.delta
        complete = len(rows) < MOST_LABEL_WINDOWS
        for labels in arrivals(starts, delays, length, span.until, from_the_first=complete):
            yield Event(labels.at, EventKind.LABELS, _labels_text(labels, span.model), span.names[version_id])


def _labels_text(labels: Labels, model: Model) -> str:
    usual = f"usually about {labels.usual:.0f} per {model.window.value}"
    match labels.what:
        case Arrival.BEGAN:
            return f"labels began to come: {labels.count}"
        case Arrival.STOPPED:
            return f"labels stopped: the last {labels.count} came about then, {usual}"
        case Arrival.BULK:
            return f"many labels came: about {labels.count}, {usual}"


def _limits(connection: Connection, span: Span) -> Iterator[Event]:
    limit = tables.limit_override.c
    query = select(tables.limit_override).where(
        limit.model_id == span.model.id, or_(span.holds(limit.set_at), span.holds(limit.removed_at))
    )
    for row in connection.execute(query).mappings():
        where = subject_text(row["subject"] or "", row["segment"])
        whose = row["check"] + (f" of {where}" if where else "")
        set_to = f"the limit of {whose} was set to {row['limit']:g}"
        yield Event(row["set_at"], EventKind.LIMIT, set_to, "", row["author"], row["reason"])
        if row["removed_at"] is not None:
            removed = f"the limit of {whose} is learnt again"
            yield Event(row["removed_at"], EventKind.LIMIT, removed, "", row["removed_by"], row["removal_reason"])


def _drills(connection: Connection, span: Span) -> Iterator[Event]:
    drill = tables.drill.c
    query = select(tables.drill).where(
        drill.model_id == span.model.id, or_(span.holds(drill.started_at), span.holds(drill.finished_at))
    )
    for row in connection.execute(query):
        name = span.names[row.version_id]
        yield Event(row.started_at, EventKind.DRILL, f"a drill of going back to version {name} began", name, row.author)
        if row.finished_at is not None:
            ended = "was called off" if row.state == DrillState.CALLED_OFF.value else row.state
            said = f"the drill of version {name} {ended}"
            yield Event(row.finished_at, EventKind.DRILL, said, name, row.called_off_by, row.reason)


def _silences(connection: Connection, span: Span) -> Iterator[Event]:
    """Those that name the model; a pattern may name others as well."""
    for stored in silences.list_silences(connection):
        one, matcher = stored.silence, stored.silence.matcher
        if one.never_held or not (fits(matcher.project, span.model.project) and fits(matcher.model, span.model.name)):
            continue
        what = f"alerts with {matcher.words} were silenced"
        yield Event(one.starts, EventKind.SILENCE, what, "", one.author, one.comment)
        if one.expires is not None:
            over = f"the silence of alerts with {matcher.words} was over"
            yield Event(one.expires, EventKind.SILENCE, over, "", stored.ended_by)


_VERBS = {State.FIRING.value: "fired"}
"""What is said of an alert that changes to this state; of the others, their names say it."""


def _alerts(connection: Connection, span: Span) -> Iterator[Event]:
    """One event for what changed together: of one check and version, in one round."""
    alert, change = tables.alert.c, tables.alert_transition.c
    query = (
        select(change.at, change.old_state, change.new_state, change.reason, alert.id, alert.version_id, alert.check)
        .add_columns(alert.subject, alert.segment)
        .join_from(tables.alert_transition, tables.alert)
        .where(alert.version_id.in_(span.names), span.holds(change.at))
        .order_by(change.id)
    )
    together: dict[tuple[Any, ...], list[Any]] = {}
    for row in connection.execute(query):
        what = _VERBS.get(row.new_state, row.new_state) if row.old_state != row.new_state else "changed"
        together.setdefault((row.at, row.version_id, row.check, what), []).append(row)
    for (at, version_id, check, verb), rows in together.items():
        whom = names_text(name for name in (subject_text(row.subject, row.segment) for row in rows) if name)
        what = f"{check} {verb}" + (f" for {whom}" if whom else "")
        yield Event(at, EventKind.ALERT, what, span.names[version_id], "", rows[0].reason, rows[0].id)


_STEPS = {
    RunState.WAITING: "a retraining waits for approval",
    RunState.REQUESTED: "retraining was asked for",
    RunState.ACCEPTED: "retraining was taken on",
    RunState.RUNNING: "retraining runs",
    RunState.SUCCEEDED: "retraining succeeded",
    RunState.FAILED: "retraining failed",
    RunState.TIMED_OUT: "retraining timed out",
    RunState.CANCELLED: "retraining was cancelled",
}


def _retraining(connection: Connection, span: Span) -> Iterator[Event]:
    """Every step of every run."""
    run, step = tables.retraining_run.c, tables.retraining_transition.c
    query = (
        select(step.at, step.new_state, step.reason, step.by, run.version_id)
        .join_from(tables.retraining_transition, tables.retraining_run)
        .where(run.model_id == span.model.id, span.holds(step.at))
        .order_by(step.id)
    )
    for row in connection.execute(query):
        author = "" if row.by == WORKER else row.by
        what = _STEPS[RunState(row.new_state)]
        yield Event(row.at, EventKind.RETRAINING, what, span.names[row.version_id], author, row.reason)


SOURCES: tuple[Source, ...] = (
    _deployments,
    _dependencies,
    _references,
    _labels,
    _limits,
    _drills,
    _silences,
    _alerts,
    _retraining,
)
