"""Storing a reference: its rows give the bins of the version and, window by window, the model's normal variation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

from sqlalchemy import Engine

from app.core.codec import layout_digest
from app.core.errors import InvalidError
from app.core.importance import importance_of
from app.core.model import Model, Task, Version, Window
from app.core.sample import Sample
from app.services.imports import Progress, Report, zone_of
from app.services.ingest import CLOCK_TOLERANCE, EARLIEST
from app.services.rebuild import rebuild_version
from app.services.reference_layout import LayoutLearner
from app.services.reference_sample import ReferenceSampler
from app.services.row_profiles import CHUNK_ROWS, CountedRows, FoldedRows, decided
from app.services.segment_profiles import FoldedSegments, FrequentValues
from app.storage import references as stored
from app.storage.catalogue import set_newest_training_row
from app.storage.engine import read, write
from app.storage.samples import PackedSample, replace_sample
from app.storage.uploads import rows_left_out
from collectors.tabular import ColumnMapping, RowError, Table, open_table
from collectors.tabular.references import ReferenceReader, ReferenceRows

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
    learner, counted = LayoutLearner(model, version, file.reader.features, texts=mapping.texts), CountedRows()
    frequent = FrequentValues()
    for rows in file.rows(0):
        learner.add(rows)
        frequent.add(rows)
        counted.add(rows)
    if not counted.rows:
        first = f"; the first error: {counted.errors[0]}" if counted.errors else ""
        raise InvalidError("file", path.name, f"a reference needs at least one row that can be read{first}")
    by = model.window if mapping.timestamp is not None else None
    layout, folded, segments = learner.layout(), FoldedRows(by), FoldedSegments.of(frequent.values())
    sampler = ReferenceSampler(layout)
    for rows in file.rows(1):
        segments.add(folded.add(layout, rows, segments.group(rows)))
        sampler.add(rows, decided(layout, rows))
    reference = stored.Reference(layout, counted.rows, mapping.timestamp is not None, out_of_sample, _digest(path), now)
    _replace(engine, version, reference, folded, segments, sampler.sample(), now)
    warnings = [*learner.warnings, *_warnings(model, mapping, reference, len(folded.windows), counted)]
    warnings += _left_out(engine, version, reference)
    warnings += _without_segments(model, file.reader)
    features = len(layout.feature_names)
    return ReferenceSummary(counted.rows, len(folded.windows), features, warnings, counted.rejected, counted.errors)


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
    features = mapping.features(table.columns)
    there = {*features, *mapping.named()}
    attributes = [name for name in model.segment_by if name in there]
    reader = ReferenceReader(model.task, mapping, features, span, zone_of(timezone), attributes)
    return _File(table, reader, report)


def _replace(
    engine: Engine,
    version: Version,
    reference: stored.Reference,
    folded: FoldedRows,
    segments: FoldedSegments,
    sample: Sample,
    now: datetime,
) -> None:
    by_time = sorted(folded.windows.items(), key=lambda window: window[0] or now)
    windows = [stored.ReferenceProfile(start, profile) for start, profile in by_time]
    importance = importance_of(sample, reference.layout.task, reference.layout.derived)
    packed = PackedSample.of(sample, importance)
    by_segment, values = list(segments.profiles()), {name: known.values for name, known in segments.known.items()}
    with write(engine) as connection:
        stored.replace(connection, version.id, reference, windows, by_segment, values)
        replace_sample(connection, version.id, packed)
        if version.newest_training_row is None and folded.newest is not None:
            set_newest_training_row(connection, version.id, folded.newest)
    rebuild_version(engine, version.id, now)


def _warnings(
    model: Model, mapping: ColumnMapping, reference: stored.Reference, windows: int, counted: CountedRows
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


def _left_out(engine: Engine, version: Version, reference: stored.Reference) -> Iterator[str]:
    """Uploaded profiles that were counted by the bins of an earlier reference."""
    with read(engine) as connection:
        rows = rows_left_out(connection, version.id, layout_digest(reference.layout))
    if rows:
        yield f"uploaded profiles of {rows} rows have the old layout and are left out: send them with the new one"


def _without_segments(model: Model, reader: ReferenceReader) -> Iterator[str]:
    """Attributes that the model is watched by, and of which the file says nothing."""
    for name in model.segment_by:
        if name not in reader.attributes:
            yield (
                f"no column {name!r}: its segments have no reference, and limits are learnt from production's first "
                "windows; where it is no feature, name it as an attribute column"
            )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
