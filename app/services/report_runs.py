"""Making the reports that were asked for, one at a time, each in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from app.core.feature_json import served_features
from app.core.model import Task
from app.core.reports import ReportKind, ReportOrder
from app.core.sample import MOST_ROWS, Sample, Values, counted_columns, feature_values, finite_numbers
from app.reports.child import TIME_LIMIT_SECONDS, ReportError, make
from app.storage import reports, tables
from app.storage.engine import read, write
from app.storage.recipes import Recipe, load_recipes
from app.storage.reports import ClaimedReport
from app.storage.samples import find_sample
from app.storage.sampling import Sampled, SampledPrediction, sample_predictions

KEPT_REPORTS = 50
"""Finished reports kept of a version; a page takes about a megabyte."""
ABANDONED_AFTER = timedelta(seconds=2 * TIME_LIMIT_SECONDS)

NO_SAMPLE = (
    "no rows of the reference are kept: there is none, or it was stored before samples were kept; import it (again)"
)


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What one round did."""

    made: int = 0
    failed: int = 0


def make_reports(engine: Engine, now: datetime, *, environment: Mapping[str, str]) -> ReportSummary:
    """Make every report that waits, the oldest first. Two workers at once make each of them once."""
    _give_up_abandoned(engine, now)
    made = failed = 0
    while True:
        with write(engine) as connection:
            claimed = reports.claim(connection, now)
        if claimed is None:
            return ReportSummary(made, failed)
        try:
            _make(engine, claimed, now, environment)
            made += 1
        except ReportError as error:
            failed += 1
            with write(engine) as connection:
                reports.fail(connection, claimed.id, now, str(error))


def _give_up_abandoned(engine: Engine, now: datetime) -> None:
    """A worker that died left its report running, and nobody will finish it."""
    with read(engine) as connection:
        left = reports.abandoned(connection, now - ABANDONED_AFTER)
    for report_id in left:
        with write(engine) as connection:
            reports.fail(connection, report_id, now, "the worker that made it has ended; ask for it again")


def _make(engine: Engine, claimed: ClaimedReport, now: datetime, environment: Mapping[str, str]) -> None:
    order = _order(engine, claimed)
    made = make(order, environment)
    with write(engine) as connection:
        reports.finish(
            connection,
            claimed.id,
            now,
            html=made.html,
            json=made.json,
            sampling=order.sampling,
            reference_rows=order.reference.rows,
            current_rows=order.current.rows,
        )
        reports.prune(connection, claimed.version_id, KEPT_REPORTS)


def _order(engine: Engine, claimed: ClaimedReport) -> ReportOrder:
    names = select(tables.model.c.name, tables.version.c.name).select_from(tables.version.join(tables.model))
    with read(engine) as connection:
        recipe = load_recipes(connection, [claimed.version_id]).get(claimed.version_id)
        reference = find_sample(connection, claimed.version_id)
        named = connection.execute(names.where(tables.version.c.id == claimed.version_id)).one_or_none()
    if recipe is None or named is None:
        raise ReportError("the version was removed")
    if reference is None:
        raise ReportError(NO_SAMPLE)
    layout = recipe.layout
    return ReportOrder(
        id=claimed.id,
        model=named[0],
        version=named[1],
        task=layout.task,
        kind=claimed.kind,
        since=claimed.since,
        until=claimed.until,
        numeric=[feature.name for feature in layout.numeric],
        classes=layout.classes if layout.task is Task.BINARY else [],
        reference=reference,
        current=_current(engine, claimed, recipe),
    )


def _current(engine: Engine, claimed: ClaimedReport, recipe: Recipe) -> Sample:
    """A sample of what was served; for quality, of what was served and has a label."""
    found = sample_predictions(
        engine,
        claimed.version_id,
        claimed.since,
        claimed.until,
        MOST_ROWS,
        labelled=claimed.kind is ReportKind.QUALITY,
    )
    rows, layout = found.rows, recipe.layout
    served = served_features(layout, [row.features for row in rows]).columns
    features = feature_values(layout, counted_columns(layout, served))
    return Sample(found.total, features, _predicted(layout.task, rows), _scores(found), _labels(layout.task, rows))


def _predicted(task: Task, rows: list[SampledPrediction]) -> Values:
    if task is Task.REGRESSION:
        return finite_numbers([row.predicted_value for row in rows])
    return [row.predicted_class for row in rows]


def _scores(found: Sampled) -> Values:
    return finite_numbers([row.score for row in found.rows])


def _labels(task: Task, rows: list[SampledPrediction]) -> Values:
    if task is Task.REGRESSION:
        return finite_numbers([row.label_value for row in rows])
    return [row.label_class for row in rows]
