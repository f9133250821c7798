"""Storing a reference: its rows give the bins of the version and, window by window, the model's normal variation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from app.core.errors import InvalidError
from app.core.fold import UNKNOWN, Rows, Truth, fold, fold_whole
from app.core.importance import importance_of
from app.core.layout import Layout
from app.core.model import Model, Source, Task, Version, Window
from app.core.profile import Profile
from app.core.sample import Sample
from app.services.imports import SHOWN_ERRORS, Progress, Report, zone_of
from app.services.ingest import CLOCK_TOLERANCE, EARLIEST
from app.services.rebuild import rebuild_version
from app.services.reference_layout import LayoutLearner
from app.services.reference_sample import ReferenceSampler
from app.storage import references as stored
from app.storage.catalogue import set_newest_training_row
from app.storage.engine import write
from app.storage.samples import PackedSample, replace_sample
from collectors.tabular import ColumnMapping, RowError, Table, open_table
from collectors.tabular.references import ReferenceReader, ReferenceRows

CHUNK_ROWS = 50_000
NEEDED_WINDOWS = 30


@dataclass(frozen=True, slots=True)
class ReferenceSummary:
    """What was stored, and what its owner should know. `rejected` rows were left out; `errors` are the first ones."""

    rows: int
    windows: int
    features: int
    warnings: list[str]
    rejected: int
    errors: list[RowError]


@dataclass(slots=True)
class _Folded:
    """The profiles of all rows: by window, or as one `whole` where rows have no time."""

    windows: dict[datetime, Profile] = field(default_factory=dict)
    whole: Profile | None = None
    newest: datetime | None = None

    def add(self, layout: Layout, rows: ReferenceRows, model: Model, version: Version, *, timed: bool) -> None:
        if not len(rows):
            return
        columns = _columns(layout, rows, version)
        if not timed:
            part = fold_whole(layout, columns)
            self.whole = part if self.whole is None else self.whole + part
            return
        for start, profile in fold(layout, columns, model.window).items():
            self.windows[start] = self.windows[start] + profile if start in self.windows else profile
        self.newest = max(time for time in (*rows.times, self.newest) if time is not None)

    def profiles(self) -> list[stored.ReferenceProfile]:
        if self.whole is not None:
            return [stored.ReferenceProfile(None, self.whole)]
        return [stored.ReferenceProfile(start, self.windows[start]) for start in sorted(self.windows)]


@dataclass(slots=True)
class _Counted:
    """The rows that were read, and those that were left out."""

    rows: int = 0
    rejected: int = 0
    errors: list[RowError] = field(default_factory=list)

    def add(self, rows: ReferenceRows) -> None:
        self.rows += len(rows)
        self.rejected += len(rows.errors)
        self.errors += rows.errors[: max(0, SHOWN_ERRORS - len(self.errors))]


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is read twice, and reported on as one piece of work."""

    table: Table
    reader: ReferenceReader
    report: Report | None

    def rows(self, reading: int) -> Iterator[ReferenceRows]:
        done = 0
        for chunk in self.table.chunks(CHUNK_ROWS):
            rows = self.reader.read(chunk)
            done += len(chunk.lines) + len(chunk.broken)
            yield rows
            if self.report is not None:
                self.report(Progress(done, (reading + chunk.share) / 2))


def store_reference(
    engine: Engine,
    model: Model,
    version: Version,
    path: Path,
    mapping: ColumnMapping,
    *,
    now: datetime,
    format: str | None = None,  # noqa: A002  the word of the command line
    timezone: str | None = None,
    out_of_sample: bool | None = None,
    progress: Report | None = None,
) -> ReferenceSummary:
    """Give the version the rows of a file as its reference, in place of any other, and judge what it served anew.

    Labels are the outcomes of the rows. `out_of_sample`: were the scores made by a model that had not seen the rows?
    Raises InvalidError or NotFoundError when the file, the mapping or the time zone cannot be used at all.
    """
    file = _open(model, path, mapping, format, timezone, now, progress)
    learner, counted = LayoutLearner(model, version, file.reader.features), _Counted()
    for rows in file.rows(0):
        learner.add(rows)
        counted.add(rows)
    if not counted.rows:
        first = f"; the first error: {counted.errors[0]}" if counted.errors else ""
        raise InvalidError("file", path.name, f"a reference needs at least one row that can be read{first}")
    layout, folded = learner.layout(), _Folded()
    sampler = ReferenceSampler(layout)
    for rows in file.rows(1):
        folded.add(layout, rows, model, version, timed=mapping.timestamp is not None)
        sampler.add(rows, _decided(layout, rows, version))
    reference = stored.Reference(layout, counted.rows, mapping.timestamp is not None, out_of_sample, _digest(path), now)
    _replace(engine, version, reference, folded, sampler.sample(), now)
    warnings = [*learner.warnings, *_warnings(model, mapping, reference, len(folded.windows), counted)]
    features = len(layout.numeric) + len(layout.categorical)
    return ReferenceSummary(counted.rows, len(folded.profiles()), features, warnings, counted.rejected, counted.errors)


def _open(
    model: Model,
    path: Path,
    mapping: ColumnMapping,
    format: str | None,  # noqa: A002
    timezone: str | None,
    now: datetime,
    report: Report | None,
) -> _File:
    table = open_table(path, format, expected=mapping.kinds(model.task), exclude=mapping.exclude)
    span = Window(EARLIEST, now + CLOCK_TOLERANCE)
    reader = ReferenceReader(model.task, mapping, mapping.features(table.columns), span, zone_of(timezone))
    return _File(table, reader, report)


def _replace(
    engine: Engine, version: Version, reference: stored.Reference, folded: _Folded, sample: Sample, now: datetime
) -> None:
    packed = PackedSample.of(sample, importance_of(sample, reference.layout.task))
    with write(engine) as connection:
        stored.replace(connection, version.id, reference, folded.profiles())
        replace_sample(connection, version.id, packed)
        if version.newest_training_row is None and folded.newest is not None:
            set_newest_training_row(connection, version.id, folded.newest)
    rebuild_version(engine, version.id, now)


def _columns(layout: Layout, rows: ReferenceRows, version: Version) -> Rows:
    """The rows as the fold takes them; without times they all stand at 0."""
    times = [0 if time is None else round(time.timestamp() * 1e6) for time in rows.times]
    latencies = [np.nan if latency is None else latency for latency in rows.latencies]
    return Rows(
        times=np.array(times, dtype=np.int64),
        predicted_class=_decided(layout, rows, version),
        predicted_value=rows.values,
        score=rows.scores,
        latency_ms=np.array(latencies, dtype=np.float64),
        truth=_truth(layout, rows),
        features=rows.features,
    )


def _decided(layout: Layout, rows: ReferenceRows, version: Version) -> list[str | None]:
    """[N] the predicted classes; a binary one that the file leaves out is decided by its score."""
    if layout.task is not Task.BINARY:
        return list(rows.classes)
    negative, positive = layout.classes
    decided = (
        None if s is None or s != s else positive if s >= version.decision_threshold else negative for s in rows.scores
    )
    return [by_score if name is None else name for name, by_score in zip(rows.classes, decided, strict=True)]


def _truth(layout: Layout, rows: ReferenceRows) -> Truth:
    truth = Truth.unknown(len(rows))
    if layout.task is Task.REGRESSION:
        truth.label_value[:] = [np.nan if value is None else value for value in rows.label_values]
        labelled = ~np.isnan(truth.label_value)
    else:
        truth.label_class[:] = rows.label_classes
        labelled = np.array([name is not None for name in rows.label_classes], dtype=np.bool_)
    truth.source[:] = np.where(labelled, Source.GROUND_TRUTH.strength, UNKNOWN)
    return truth


def _warnings(
    model: Model, mapping: ColumnMapping, reference: stored.Reference, windows: int, counted: _Counted
) -> list[str]:
    """What the owner should know, in sentences."""
    warnings = []
    if counted.rejected:
        warnings.append(f"rows left out: {counted.rejected}; the first: {counted.errors[0]}")
    if not reference.has_timestamps:
        warnings.append(
            f"the reference has no timestamps: limits are learnt from the first {NEEDED_WINDOWS} production windows"
        )
    elif windows < NEEDED_WINDOWS:
        warnings.append(
            f"windows of one {model.window} in the reference: {windows}, where limits need {NEEDED_WINDOWS}; "
            "until then checks that learn their limit say `learning`"
        )
    if mapping.label is None:
        warnings.append("without a label column quality can be neither estimated nor compared with the reference")
    if mapping.score is None and model.task is not Task.REGRESSION:
        warnings.append("without a score column neither confidence nor performance without labels can be watched")
    if not reference.out_of_sample and mapping.label is not None:
        said = (
            "are in sample" if reference.out_of_sample is False else "may be in sample: nobody said that they are not"
        )
        warnings.append(f"the scores {said}; on its training rows a model is overconfident, and production looks worse")
    return warnings


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
