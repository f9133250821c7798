"""Judge closed windows: profiles in, measurements out. Late rows and labels bring a window back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from sqlalchemy import Connection, Engine

from app.core.case import ENOUGH_WINDOWS, FEATURE_LOOKBACK, LOOKBACK, Case, Series
from app.core.layout import Layout, default_layout
from app.core.model import Model, Stage, Version, Window, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts
from app.services.checks import all_checks
from app.storage import evaluations
from app.storage.catalogue import list_models, list_versions
from app.storage.engine import read, write
from app.storage.references import find_reference, reference_profiles

EARLY_WINDOWS = 90
"""Production's first windows, of which those with enough rows show what is normal for a model without a reference."""
MOST_REFERENCE_WINDOWS = 168
"""A week of hours; of a longer reference the newest windows count."""
ROWS_PER_COMMIT = 5_000
"""Measurements written at a time, so that no writer waits long for us."""


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """What one round of evaluation did."""

    versions: int = 0
    windows: int = 0
    measurements: int = 0
    breaches: int = 0

    def __add__(self, other: EvaluationSummary) -> EvaluationSummary:
        return EvaluationSummary(
            self.versions + other.versions,
            self.windows + other.windows,
            self.measurements + other.measurements,
            self.breaches + other.breaches,
        )


def evaluate(engine: Engine, now: datetime) -> EvaluationSummary:
    """Judge every closed window that is new, or whose rows or labels changed since it was judged."""
    with read(engine) as connection:
        pairs = [(m, v) for m in list_models(connection) for v in list_versions(connection, m.id)]
    summary = EvaluationSummary()
    for model, version in pairs:
        if version.stage is not Stage.RETIRED:
            summary += _evaluate_version(engine, model, version, now)
    return summary


def _evaluate_version(engine: Engine, model: Model, version: Version, now: datetime) -> EvaluationSummary:
    with read(engine) as connection:
        due = _due(connection, model, version, now)
        baseline = _baseline(connection, engine, model, version) if due else None
    summary = EvaluationSummary(versions=1 if due else 0)
    if baseline is None:
        return summary
    step = max(1, ROWS_PER_COMMIT // (20 + 2 * len(baseline.layout.feature_names)))
    for at in range(0, len(due), step):
        summary += _judge(engine, model, version, baseline, due[at : at + step], now)
    return summary


def _due(connection: Connection, model: Model, version: Version, now: datetime) -> list[Window]:
    """The windows to judge, oldest first, without a gap: a run of windows is judged by the ones before it."""
    length = model.window
    open_from = length.start_of(now)
    progress = evaluations.progress(connection, version.id, open_from)
    if progress.first is None or evaluations.is_rebuilding(connection, version.id):
        return []
    starts = [progress.changed] if progress.changed else []
    if progress.judged is None:
        starts.append(progress.first)
    elif progress.judged + length.delta < open_from:
        # A new window has closed: those whose labels were not due yet may be final now.
        starts.append(max(progress.first, length.start_of(progress.judged + length.delta - model.label_delay)))
    return _windows(min(starts), open_from, length) if starts else []


def _windows(start: datetime, end: datetime, length: WindowLength) -> list[Window]:
    count = max(0, (end - start) // length.delta)
    return [Window(start + i * length.delta, start + (i + 1) * length.delta) for i in range(count)]


@dataclass(frozen=True, slots=True, eq=False)
class _Baseline:
    """What does not change from round to round: the layout, the reference, and where production began."""

    layout: Layout
    reference: Series | None
    calibration: OutcomeCounts | None


def _baseline(connection: Connection, engine: Engine, model: Model, version: Version) -> _Baseline:
    reference = find_reference(connection, version.id)
    if reference is not None:
        return _stored_baseline(engine, version.id, model.window, reference.created_at)
    layout = default_layout(
        model.task,
        positive_label=model.positive_label,
        threshold=version.decision_threshold,
        confident=model.confident_threshold,
    )
    return _Baseline(layout, None, None)


@lru_cache(maxsize=8)
def _stored_baseline(engine: Engine, version_id: int, length: WindowLength, _created_at: datetime) -> _Baseline:
    """Cached: it costs a decode per reference window, and only a new reference changes it."""
    with read(engine) as connection:
        reference = find_reference(connection, version_id)
        stored = reference_profiles(connection, version_id)
    assert reference is not None
    whole = OutcomeCounts.stack([part.profile.outcomes for part in stored]).sum()
    timed = [(part.window_start, part.profile) for part in stored if part.window_start is not None]
    # Windows that hold less than half of the usual rows, such as a first or last day cut short, say more about
    # chance than about the model.
    usual = float(np.median([part.rows for _, part in timed])) if timed else 0.0
    full = [(start, part) for start, part in timed if part.rows >= usual / 2][-MOST_REFERENCE_WINDOWS:]
    series = None
    if full:
        series = Series(
            tuple(Window(start, start + length.delta) for start, _ in full),
            OutcomeCounts.stack([part.outcomes for _, part in full]),
            FeatureCounts.stack([part.features for _, part in full]),
        )
    return _Baseline(reference.layout, series, whole)


def _judge(
    engine: Engine, model: Model, version: Version, baseline: _Baseline, due: Sequence[Window], now: datetime
) -> EvaluationSummary:
    """Measure and store one run of windows."""
    with read(engine) as connection:
        case, revisions = _case(connection, model, version, baseline, due, now)
    found = [
        measurement
        for check in all_checks().values()
        if model.task in check.tasks
        for measurement in check.evaluate(case)
    ]
    with write(engine) as connection:
        if evaluations.is_rebuilding(connection, version.id):
            return EvaluationSummary()  # what we looked at is no more; the windows stay due
        evaluations.replace_measurements(connection, version.id, found, due[0].start, due[-1].end, now)
        evaluations.mark_judged(connection, version.id, revisions)
    return EvaluationSummary(0, len(due), len(found), sum(one.outcome == "breach" for one in found))


def _case(
    connection: Connection,
    model: Model,
    version: Version,
    baseline: _Baseline,
    due: Sequence[Window],
    now: datetime,
) -> tuple[Case, dict[datetime, int]]:
    """The case of a run of windows, and the revisions of the profiles that it rests on."""
    length = model.window
    first = evaluations.progress(connection, version.id, due[-1].end).first
    assert first is not None
    begin = max(first, due[0].start - LOOKBACK * length.delta)
    features_begin = max(first, due[0].start - FEATURE_LOOKBACK * length.delta)
    windows = _windows(begin, due[-1].end, length)
    outcomes = evaluations.outcomes_between(connection, version.id, begin, due[-1].end)
    features = evaluations.features_between(connection, version.id, features_begin, due[-1].end)
    first_features = (features_begin - begin) // length.delta
    case = Case(
        model=model,
        version=version,
        layout=baseline.layout,
        windows=tuple(windows),
        first=(due[0].start - begin) // length.delta,
        outcomes=_stack_outcomes(baseline.layout, windows, {start: counts for start, (_, counts) in outcomes.items()}),
        features=_stack_features(baseline.layout, windows[first_features:], features),
        first_features=first_features,
        reference=baseline.reference,
        calibration=baseline.calibration,
        early=_early(connection, version, baseline, _windows(first, now, length)[:EARLY_WINDOWS]),
        now=now,
    )
    return case, {start: revision for start, (revision, _) in outcomes.items() if start >= due[0].start}


def _early(connection: Connection, version: Version, baseline: _Baseline, windows: Sequence[Window]) -> Series:
    """Production's first windows; their features only where the reference has too few windows of its own."""
    begin, end = windows[0].start, windows[-1].end
    outcomes = evaluations.outcomes_between(connection, version.id, begin, end)
    short = baseline.reference is None or len(baseline.reference) < ENOUGH_WINDOWS
    features = evaluations.features_between(connection, version.id, begin, end) if short else {}
    return Series(
        tuple(windows),
        _stack_outcomes(baseline.layout, windows, {start: counts for start, (_, counts) in outcomes.items()}),
        _stack_features(baseline.layout, windows, features),
    )


def _stack_outcomes(
    layout: Layout, windows: Sequence[Window], stored: Mapping[datetime, OutcomeCounts]
) -> OutcomeCounts:
    empty = OutcomeCounts.empty(layout)
    return OutcomeCounts.stack([stored.get(window.start, empty) for window in windows])


def _stack_features(
    layout: Layout, windows: Sequence[Window], stored: Mapping[datetime, FeatureCounts]
) -> FeatureCounts:
    empty = FeatureCounts.empty(layout)
    return FeatureCounts.stack([stored.get(window.start, empty) for window in windows])
