"""Judge closed windows: profiles in, measurements out. Late rows and labels bring a window back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from app.core.budget import allowed_rate
from app.core.case import EARLY_WINDOWS, ENOUGH_WINDOWS, Case, Check, Series, lookback
from app.core.distances import enough_rows
from app.core.drills import Recovery
from app.core.fold import WHOLE
from app.core.judgement import NO_REFERENCE
from app.core.labels import settling_time
from app.core.layout import Layout
from app.core.model import Measurement, Model, Outcome, Stage, Version, Window, WindowLength
from app.core.overrides import Override
from app.core.profile import FeatureCounts, OutcomeCounts
from app.services.baselines import Baseline, baseline, seasons_of
from app.services.checks import all_checks, feature_lookback, segment_checks
from app.services.recovery import recovery_of
from app.storage import evaluations, set_aside, unfolded
from app.storage.catalogue import list_models, list_versions
from app.storage.engine import read, snapshot, write
from app.storage.overrides import list_overrides
from app.storage.recipes import Recipe, load_recipes, unchanged

MOST_OLDEST_WINDOWS = 1_000
"""Looked at to find where production began; far more than stray rows from before it touch."""
ROWS_PER_COMMIT = 2_000
"""Measurements written at a time, so that no writer waits long for us."""

NO_ROWS = "the reference has no rows of this segment"


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
    """Judge every closed window that is new, or whose rows or labels changed since it was judged.

    While stored rows wait to be counted, no window is closed that ended after the first of them came: what looks like
    silence may be theirs.

    Raises ExceptionGroup, once all others are judged, with the error of every version that could not be: each carries
    the names of its model and version as a note.
    """
    with read(engine) as connection:
        pairs = [(m, v) for m in list_models(connection) for v in list_versions(connection, m.id)]
        standby = [version.id for _, version in pairs if version.stage is Stage.REGISTERED]
        last_rows = evaluations.newest_windows(connection, standby)
        waiting_since, aside = unfolded.waiting_since(connection), set_aside.aside_since(connection)
    counted_until = now if waiting_since is None else min(now, waiting_since)
    summary = EvaluationSummary()
    failures: list[Exception] = []
    for model, version in pairs:
        if version.stage is Stage.RETIRED:
            continue
        try:
            closed = model.window.start_of(min(counted_until, aside.get(version.id, now)))
            if version.id in last_rows:
                closed = min(closed, _falls_silent(last_rows[version.id], model.window))
            summary += _evaluate_version(engine, model, version, now, closed)
        except Exception as error:  # noqa: BLE001  what is damaged in one version must not leave the others unwatched
            error.add_note(f"model {model.name!r} version {version.name!r}")
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"{len(failures)} versions could not be evaluated", failures)
    return summary


def _evaluate_version(
    engine: Engine, model: Model, version: Version, now: datetime, closed: datetime
) -> EvaluationSummary:
    """Judge the version's windows that end by `closed`."""
    with read(engine) as connection:
        oldest = evaluations.oldest_windows(connection, version.id, closed, MOST_OLDEST_WINDOWS)
        first = production_start(oldest, model.window.delta)
        recipe = load_recipes(connection, [version.id]).get(version.id)
        if first is None or recipe is None or recipe.stamp.rebuild_position is not None:
            return EvaluationSummary()
        kept = recipe.stamp.kept_from(first)
        progress = evaluations.progress(connection, version.id, kept, closed)
        limits = tuple(one.override for one in list_overrides(connection, model.id))
    due = _due(model, kept, progress, now, closed)
    if not due:
        return EvaluationSummary()
    with read(engine) as connection:
        going_back = recovery_of(connection, model) if version.stage is Stage.LIVE else None
    known = baseline(engine, recipe)
    subject = _Subject(model, version, recipe, first, kept, closed, known, now, overrides=limits, recovery=going_back)
    return _judge(engine, subject, due, progress.judged_at)


def _falls_silent(last_rows: datetime, length: WindowLength) -> datetime:
    """The end of the first window without rows, which is the last that needs a look while a version stands by: it ends
    the version's alerts. Once it gets requests again, the windows between have their turn.
    """
    return last_rows + 2 * length.delta


def replay(
    engine: Engine,
    model: Model,
    version: Version,
    now: datetime,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    tried: Sequence[Override] = (),
    check: str | None = None,
    segment: str | None = None,
) -> Iterator[tuple[int, Sequence[Window], list[Measurement]]]:
    """Measure the closed windows that start in [since, until) again, portion by portion, and write nothing.

    Hours that are rolled up to days cannot be measured any more, and are left out.
    `model` may have another budget than the stored one; limits that are `tried` come before those that people set.
    `check` and `segment`: by this check alone, in this segment alone ("": of all rows); None: by and in all.
    Yields the number of all these windows, those of the portion, and what was found in them.
    """
    closed = model.window.start_of(now)
    with read(engine) as connection:
        oldest = evaluations.oldest_windows(connection, version.id, closed, MOST_OLDEST_WINDOWS)
        first = production_start(oldest, model.window.delta)
        recipe = load_recipes(connection, [version.id]).get(version.id)
        stored = tuple(one.override for one in list_overrides(connection, model.id))
        going_back = recovery_of(connection, model) if version.stage is Stage.LIVE else None
    if first is None or recipe is None:
        return
    kept = recipe.stamp.kept_from(first)
    limits = (*tried, *stored)
    known = baseline(engine, recipe)
    whole = _Subject(model, version, recipe, first, kept, closed, known, now, overrides=limits, recovery=going_back)
    parts = [one for one in _with_segments(engine, whole) if segment in (None, one.segment)]
    with read(engine) as connection:
        early = {one.segment: _early(connection, one) for one in parts}
    due = [window for window in _windows(kept, closed, model.window) if _within(window, since, until)]
    for windows in _portions(due, recipe.layout):
        yield (
            len(due),
            windows,
            [found for one in parts for found in _found(engine, one, windows, early[one.segment], check)],
        )


def _found(
    engine: Engine, subject: _Subject, windows: Sequence[Window], early: Series, check: str | None = None
) -> list[Measurement]:
    """What the checks (or this one) say of the version or segment in those of the windows that belong to its life."""
    mine = [window for window in windows if window.start >= subject.first]
    if not mine:
        return []
    with snapshot(engine) as connection:
        case, _ = _case(connection, subject, mine, early)
    case = _with_seasons(engine, subject, case)
    return _measure(case, check) if subject.segment == WHOLE else _measure_segment(case, subject.segment, check)


def _within(window: Window, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or window.start >= since) and (until is None or window.start < until)


def production_start(starts: Sequence[datetime], length: timedelta) -> datetime | None:
    """The first window of a version's life in production, from the `starts` of its oldest windows with rows, in order.

    A few rows of long before, such as a trial or a sender whose clock was wrong, are no beginning: they would fill the
    windows that normal is learnt from with silence. So what lasted less than EARLY_WINDOWS, and less than the silence
    after it, is passed over, if that silence lasted ENOUGH_WINDOWS or more.
    """
    first = previous = starts[0] if starts else None
    for start in starts:
        assert first is not None
        assert previous is not None
        life = previous + length - first
        silence = start - (previous + length)
        if life >= EARLY_WINDOWS * length:
            break
        if silence >= max(ENOUGH_WINDOWS * length, life):
            first = start
        previous = start
    return first


def _judge(engine: Engine, subject: _Subject, due: Sequence[Window], judged_at: datetime | None) -> EvaluationSummary:
    """Measure and store a run of windows, portion by portion."""
    subject, *segments = _with_segments(engine, subject)
    with read(engine) as connection:
        early = _early(connection, subject)
        early_of = {one.segment: _early(connection, one) for one in segments}
    due = _with_settled(subject, due, settling_time(early, subject.model, subject.now), judged_at)
    summary = EvaluationSummary(versions=1)
    revisions: dict[datetime, int] = {}
    for windows in _portions(due, subject.recipe.layout):
        with snapshot(engine) as connection:
            case, seen = _case(connection, subject, windows, early)
        revisions |= seen
        found = _measure(_with_seasons(engine, subject, case))
        # The whole comes last: what tells that a window is judged must not be there before its segments are.
        step = _segments_per_commit(windows, subject.recipe.layout)
        for at in range(0, len(segments), step):
            stored = _judge_segments(engine, segments[at : at + step], windows, early_of)
            if stored is None:
                return summary
            summary += stored
        # Revisions are marked with the last portion: a run that breaks off is done again from its start.
        if not _store(engine, subject, windows, found, revisions if windows[-1] == due[-1] else {}):
            break
        breaches = sum(one.outcome is Outcome.BREACH for one in found)
        summary += EvaluationSummary(0, len(windows), len(found), breaches)
    return summary


def _judge_segments(
    engine: Engine, segments: Sequence[_Subject], windows: Sequence[Window], early: Mapping[str, Series]
) -> EvaluationSummary | None:
    """Measure and store some segments' part in the windows; None when what we looked at is no more."""
    found: list[Measurement] = []
    for one in segments:
        found += _found(engine, one, windows, early[one.segment])
    if not _store(engine, segments[0], windows, found, {}, [one.segment for one in segments]):
        return None
    breaches = sum(one.outcome is Outcome.BREACH for one in found)
    return EvaluationSummary(measurements=len(found), breaches=breaches)


def _with_segments(engine: Engine, whole: _Subject) -> list[_Subject]:
    """The whole and its segments, which share the budget of false alerts."""
    parts = [whole, *_segments(engine, whole)]
    return [replace(one, shares=len(parts)) for one in parts]


def _segments(engine: Engine, whole: _Subject) -> list[_Subject]:
    """The version's segments that have rows, each from the window on with which its life in production begins."""
    found = []
    for known in whole.recipe.attributes:
        for name in known.names:
            with read(engine) as connection:
                oldest = evaluations.oldest_windows(
                    connection, whole.version.id, whole.closed, MOST_OLDEST_WINDOWS, name
                )
            first = production_start([start for start in oldest if start >= whole.first], whole.model.window.delta)
            if first is not None:
                mine = baseline(engine, whole.recipe, name)
                found.append(replace(whole, first=first, baseline=mine, segment=name))
    return found


def _due(
    model: Model, first: datetime, progress: evaluations.Progress, now: datetime, closed: datetime
) -> list[Window]:
    """The windows to judge, oldest first, without a gap: a run of windows is judged by the ones before it."""
    length = model.window
    starts = [progress.changed] if progress.changed else []
    if progress.judged is None or progress.judged_at is None:
        starts.append(first)
    else:
        starts.append(max(first, progress.judged + length.delta))
        starts += _final_since(length, model.label_delay, progress.judged_at, now, first)
    return _windows(min(starts), closed, length)


def _final_since(
    length: WindowLength, delay: timedelta, judged_at: datetime, now: datetime, first: datetime
) -> list[datetime]:
    """The oldest window whose labels were not all due when we last looked, once they are; none before."""
    provisional = length.start_of(judged_at - delay)
    return [max(first, provisional)] if provisional + length.delta <= now - delay else []


def _with_settled(
    subject: _Subject, due: Sequence[Window], settling: timedelta, judged_at: datetime | None
) -> Sequence[Window]:
    """`due`, from the oldest window on that became complete since: where labels come later than declared, nothing else
    would bring back a window that got none.
    """
    if judged_at is None or settling <= subject.model.label_delay:
        return due
    length = subject.model.window
    start = min([due[0].start, *_final_since(length, settling, judged_at, subject.now, subject.kept)])
    return _windows(start, subject.closed, length)


def _windows(start: datetime, end: datetime, length: WindowLength) -> list[Window]:
    count = max(0, (end - start) // length.delta)
    return [Window(start + i * length.delta, start + (i + 1) * length.delta) for i in range(count)]


def _segments_per_commit(windows: Sequence[Window], layout: Layout) -> int:
    return max(1, ROWS_PER_COMMIT // (len(windows) * _rows_per_window(layout)))


def _rows_per_window(layout: Layout) -> int:
    """About how many measurements a window has."""
    return 40 + 4 * (len(layout.column_names) + len(layout.embeddings))


def _portions(due: Sequence[Window], layout: Layout) -> Iterator[Sequence[Window]]:
    """Runs of windows short enough for one commit each."""
    step = max(1, ROWS_PER_COMMIT // _rows_per_window(layout))
    return (due[at : at + step] for at in range(0, len(due), step))


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """Whom a round is about: a version or a segment of it, how it is counted, and its closed windows in production,
    [first, closed). `shares` are the parts, all rows and each segment, that divide the model's budget of false alerts.

    Those from `kept` on may be judged: before, hours are rolled up to days, and would look like silence.
    """

    model: Model
    version: Version
    recipe: Recipe
    first: datetime
    kept: datetime
    closed: datetime
    baseline: Baseline
    now: datetime
    segment: str = WHOLE
    shares: int = 1
    overrides: tuple[Override, ...] = ()
    recovery: Recovery | None = None


def _measure(case: Case, only: str | None = None) -> list[Measurement]:
    checks = [check for check in all_checks().values() if _applies(check, case, only)]
    return [measurement for check in checks for measurement in check.evaluate(case)]


def _applies(check: Check, case: Case, only: str | None) -> bool:
    return case.model.task in check.tasks and only in (None, check.name)


def _measure_segment(case: Case, segment: str, only: str | None = None) -> list[Measurement]:
    checks = [check for check in segment_checks() if _applies(check, case, only)]
    return [_of_segment(one, segment) for check in checks for one in check.evaluate(case)]


def _of_segment(found: Measurement, segment: str) -> Measurement:
    return replace(found, segment=segment, reason=NO_ROWS if found.reason == NO_REFERENCE else found.reason)


def _store(
    engine: Engine,
    subject: _Subject,
    windows: Sequence[Window],
    found: Sequence[Measurement],
    revisions: Mapping[datetime, int],
    segments: Sequence[str] = (WHOLE,),
) -> bool:
    """Keep what was found; False when a rebuild or a new reference came meanwhile: what we looked at is no more."""
    version_id = subject.version.id
    with write(engine) as connection:
        # Who judges the same version at the same moment replaces what we found, in place of inserting beside it.
        if not unchanged(connection, {version_id: subject.recipe.stamp}, alone=True):
            return False
        evaluations.replace_measurements(
            connection, version_id, found, windows[0].start, windows[-1].end, subject.now, segments=segments
        )
        evaluations.mark_judged(connection, version_id, revisions)
    return True


def _case(
    connection: Connection, subject: _Subject, due: Sequence[Window], early: Series
) -> tuple[Case, dict[datetime, int]]:
    """The case of a run of windows, and the revisions of the profiles that it rests on."""
    known, version_id, length = subject.baseline, subject.version.id, subject.model.window
    begin = max(subject.first, subject.kept, due[0].start - lookback(length) * length.delta)
    features_begin = max(subject.first, subject.kept, due[0].start - feature_lookback() * length.delta)
    windows = _windows(begin, due[-1].end, length)
    first_features = (features_begin - begin) // length.delta
    outcomes = evaluations.outcomes_between(connection, version_id, begin, due[-1].end, subject.segment)
    features = evaluations.features_between(connection, version_id, features_begin, due[-1].end, subject.segment)
    case = Case(
        model=subject.model,
        version=subject.version,
        layout=subject.recipe.layout,
        windows=tuple(windows),
        first=(due[0].start - begin) // length.delta,
        outcomes=_stack_outcomes(subject.recipe.layout, windows, outcomes),
        features=_stack_features(subject.recipe.layout, windows[first_features:], features),
        first_features=first_features,
        reference=known.reference,
        calibration=known.calibration,
        training=known.training,
        early=early,
        now=subject.now,
        allowed_rate=allowed_rate(subject.model, all_checks().values()),
        shares=subject.shares,
        overrides=subject.overrides,
        segment=subject.segment,
        calibrator=known.calibrator,
        recovery=subject.recovery,
    )
    return case, {start: revision for start, (revision, _) in outcomes.items() if start >= due[0].start}


def _with_seasons(engine: Engine, subject: _Subject, case: Case) -> Case:
    """The case with what its windows' seasons showed in the reference, where it knows seasons."""
    windows = case.windows[case.rule_start :]
    return replace(case, seasons=seasons_of(engine, subject.recipe, subject.baseline, windows, subject.segment))


def _early(connection: Connection, subject: _Subject) -> Series:
    """Production's first closed windows; their features only where the reference has too few windows of its own."""
    windows = _windows(subject.first, subject.closed, subject.model.window)[:EARLY_WINDOWS]
    begin, end, known = windows[0].start, windows[-1].end, subject.baseline
    outcomes = evaluations.outcomes_between(connection, subject.version.id, begin, end, subject.segment)
    short = known.reference is None or enough_rows(known.reference.outcomes.rows).sum() < ENOUGH_WINDOWS
    features = (
        evaluations.features_between(connection, subject.version.id, begin, end, subject.segment) if short else {}
    )
    return Series(
        tuple(windows),
        _stack_outcomes(subject.recipe.layout, windows, outcomes),
        _stack_features(subject.recipe.layout, windows, features),
    )


def _stack_outcomes(
    layout: Layout, windows: Sequence[Window], stored: Mapping[datetime, tuple[int, OutcomeCounts]]
) -> OutcomeCounts:
    empty = (0, OutcomeCounts.empty(layout))
    return OutcomeCounts.stack([stored.get(window.start, empty)[1] for window in windows])


def _stack_features(
    layout: Layout, windows: Sequence[Window], stored: Mapping[datetime, FeatureCounts]
) -> FeatureCounts:
    empty = FeatureCounts.empty(layout)
    return FeatureCounts.stack([stored.get(window.start, empty) for window in windows])
