"""Files into the database: predictions, corrections, offline features; chunk by chunk, resumable, and never twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Protocol, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Engine

from app.core.errors import InvalidError
from app.core.layout import Layout
from app.core.model import Model, Version
from app.core.records import CorrectionRecord, OfflineFeaturesRecord, PredictionRecord, Rejection
from app.services.ingest import (
    load_targets,
    resolve_corrections,
    resolve_offline_features,
    resolve_predictions,
    store,
    store_offline_features,
)
from app.storage import progress as stored_progress
from app.storage.engine import read
from app.storage.references import find_reference
from collectors.tabular import (
    Chunk,
    ColumnMapping,
    CorrectionMapping,
    CorrectionReader,
    Kind,
    OfflineFeaturesReader,
    PredictionReader,
    Records,
    RowError,
    Table,
    check_columns,
    open_table,
)

CHUNK_ROWS = 5_000
"""Rows per transaction: few enough that a collector on the same SQLite database waits about a tenth of a second."""
SHOWN_ERRORS = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the reading of a file stands: `rows` so far, and the `share` of the file that is behind, 0..1."""

    rows: int
    share: float


Report: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Differences:
    """The features that a file has and the reference of its version lacks, and the other way round."""

    unknown: Sequence[str]
    lacking: Sequence[str]

    @classmethod
    def of(cls, names: Sequence[str], layout: Layout) -> Differences:
        """In the order of the file, and in that of the reference."""
        here, there = frozenset(names), frozenset(layout.feature_names)
        unknown = [name for name in names if name not in there]
        return cls(unknown, [name for name in layout.feature_names if name not in here])


@dataclass(slots=True)
class ImportSummary:
    """What an import did. `read` rows gave `accepted`, `duplicates` and `rejected` ones, and `labels` new truths.

    `errors` are the first rejections. `lines_before`: so many lines an earlier run had stored; they were passed over.
    `differences` None: there is no reference to compare the file's columns with, or it is no file of predictions.
    """

    lines_before: int = 0
    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    labels: int = 0
    differences: Differences | None = None
    errors: list[RowError] = field(default_factory=list)

    @property
    def was_complete(self) -> bool:
        """True when an earlier run had stored all of the file."""
        return self.lines_before > 0 and self.read == 0

    def reject(self, errors: Sequence[RowError], shown: int = SHOWN_ERRORS) -> None:
        """Count the errors' rows, and keep the first errors."""
        self.rejected += len(errors)
        self.errors += errors[: max(0, shown - len(self.errors))]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do: the first records as they would be stored, and the rows that it would reject.

    `differences`: as in `ImportSummary`.
    """

    records: Sequence[PredictionRecord | CorrectionRecord | OfflineFeaturesRecord]
    read: int
    rejected: int
    differences: Differences | None
    errors: Sequence[RowError]


class Reader(Protocol):
    """What turns chunks into records."""

    def read(self, chunk: Chunk) -> Records: ...


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file with the reader of its rows, and the key under which its progress is kept.

    `differences`: as in `ImportSummary`.
    """

    table: Table
    reader: Reader
    key: str
    differences: Differences | None = None


def import_predictions(
    engine: Engine,
    model: Model,
    version: Version,
    path: Path,
    mapping: ColumnMapping,
    *,
    now: datetime,
    format: str | None = None,  # noqa: A002  the word of the command line
    timezone: str | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Report | None = None,
) -> ImportSummary:
    """Store a file's rows as predictions, and its labels, where it has any, as ground truth.

    Each chunk is one transaction together with the progress of the file. A label is said at its row's own time.
    Raises InvalidError or NotFoundError when the file, the mapping or the time zone cannot be used at all.
    """
    source = open_predictions(engine, model, version, path, mapping, format=format, timezone=timezone)
    return _import(engine, source, now, chunk_rows, progress)


def import_corrections(
    engine: Engine,
    model: Model,
    version: Version | None,
    path: Path,
    mapping: CorrectionMapping,
    *,
    now: datetime,
    format: str | None = None,  # noqa: A002  the word of the command line
    timezone: str | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Report | None = None,
) -> ImportSummary:
    """Store a file's rows as corrections. Without a timestamp column they are said when the file was last changed.

    `version` None: they hold for every version of the model that has the prediction. Errors as in `import_predictions`.
    """
    source = open_corrections(model, version, path, mapping, format=format, timezone=timezone)
    return _import(engine, source, now, chunk_rows, progress)


def import_offline_features(
    engine: Engine,
    model: Model,
    version: Version,
    path: Path,
    mapping: ColumnMapping,
    *,
    now: datetime,
    format: str | None = None,  # noqa: A002  the word of the command line
    chunk_rows: int = CHUNK_ROWS,
    progress: Report | None = None,
) -> ImportSummary:
    """Store a file's rows as what the offline pipeline computes for predictions; errors as in `import_predictions`."""
    source = open_offline_features(engine, model, version, path, mapping, format=format)
    return _import(engine, source, now, chunk_rows, progress)


def open_predictions(
    engine: Engine,
    model: Model,
    version: Version,
    path: Path,
    mapping: ColumnMapping,
    *,
    format: str | None = None,  # noqa: A002  the word of the command line
    timezone: str | None = None,
) -> Source:
    """A file of predictions, ready to be previewed or imported. Its features are read as the reference has them."""
    if mapping.timestamp is None:
        raise InvalidError(
            "timestamp column", None, "predictions need one, since they are judged by the time they were made"
        )
    zone = zone_of(timezone)
    with read(engine) as connection:
        reference = find_reference(connection, version.id)
    expected = {**(feature_kinds(reference.layout) if reference else {}), **mapping.kinds(model.task)}
    table = open_table(path, format, expected=expected, exclude=mapping.exclude)
    features = mapping.features(table.columns)
    reader = PredictionReader(model, version, mapping, frozenset(table.columns), zone)
    differences = Differences.of(features, reference.layout) if reference and reference.layout.feature_names else None
    return Source(table, reader, _key(path, "predictions", model.id, version.id, mapping, timezone), differences)


def open_offline_features(
    engine: Engine,
    model: Model,
    version: Version,
    path: Path,
    mapping: ColumnMapping,
    *,
    format: str | None = None,  # noqa: A002  the word of the command line
) -> Source:
    """A file of offline features, ready to be previewed or imported. They are read as the reference has them."""
    with read(engine) as connection:
        reference = find_reference(connection, version.id)
    expected = {**(feature_kinds(reference.layout) if reference else {}), **mapping.kinds(model.task)}
    table = open_table(path, format, expected=expected, exclude=mapping.exclude)
    mapping.features(table.columns)
    reader = OfflineFeaturesReader(model, version, mapping, frozenset(table.columns))
    return Source(table, reader, _key(path, "offline features", model.id, version.id, mapping))


def open_corrections(
    model: Model,
    version: Version | None,
    path: Path,
    mapping: CorrectionMapping,
    *,
    format: str | None = None,  # noqa: A002  the word of the command line
    timezone: str | None = None,
) -> Source:
    """A file of corrections, ready to be previewed or imported."""
    zone = zone_of(timezone)
    table = open_table(path, format, expected=mapping.kinds(model.task))
    check_columns(mapping.named(), table.columns)
    changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    reader = CorrectionReader(model, version.name if version else None, mapping, changed_at, zone)
    return Source(table, reader, _key(path, "corrections", model.id, version.id if version else 0, mapping, timezone))


def preview(
    engine: Engine, source: Source, *, now: datetime, most_records: int = 5, most_errors: int = 1_000
) -> Preview:
    """Read all of a file without storing anything: its first records, and what would be rejected.

    `read` and `rejected` are of the whole file; `errors` ends after `most_errors`.
    """
    summary, first = ImportSummary(), list[PredictionRecord | CorrectionRecord | OfflineFeaturesRecord]()
    targets = load_targets(engine)
    for chunk in source.table.chunks(CHUNK_ROWS):
        records = source.reader.read(chunk)
        made = resolve_predictions(targets, records.predictions, now)
        said = resolve_corrections(targets, records.corrections, now)
        computed = resolve_offline_features(targets, records.offline, now)
        summary.read += len(chunk.lines) + len(chunk.broken)
        summary.reject(_errors(records, made.rejected, said.rejected, computed.rejected), most_errors)
        shown = records.predictions or records.corrections or records.offline
        first += shown[: max(0, most_records - len(first))]
    return Preview(first, summary.read, summary.rejected, source.differences, summary.errors)


def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone of an IANA name. Raises InvalidError for a name that is none."""
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidError("timezone", name, "it must be an IANA name such as Europe/Berlin or UTC") from error


def _import(engine: Engine, source: Source, now: datetime, rows: int, progress: Report | None) -> ImportSummary:
    with read(engine) as connection:
        summary = ImportSummary(lines_before=stored_progress.lines_done(connection, source.key))
    summary.differences = source.differences
    for chunk in source.table.chunks(rows):
        if chunk.end > summary.lines_before:
            _store_chunk(engine, source, chunk, now, summary)
        if progress is not None:
            progress(Progress(summary.read, chunk.share))
    return summary


def _store_chunk(engine: Engine, source: Source, chunk: Chunk, now: datetime, summary: ImportSummary) -> None:
    records = source.reader.read(chunk)
    note = partial(stored_progress.record, key=source.key, lines=chunk.end, now=now)
    summary.read += len(chunk.lines) + len(chunk.broken)
    if records.offline:
        counted = store_offline_features(engine, records.offline, now, also=note)
        errors = _errors(records, offline=counted.rejected)
    else:
        made, said = store(engine, records.predictions, records.corrections, now, also=note)
        counted = made if records.predictions else said
        summary.labels += said.accepted if records.predictions else 0
        errors = _errors(records, made.rejected, said.rejected)
    summary.accepted += counted.accepted
    summary.duplicates += counted.duplicates
    summary.reject(errors)


def _errors(
    records: Records,
    made: Iterable[Rejection] = (),
    said: Iterable[Rejection] = (),
    offline: Iterable[Rejection] = (),
) -> list[RowError]:
    """One error per rejected row, in the order of the file."""
    errors = {error.line: error for error in records.errors}
    kinds = ((records.prediction_lines, made), (records.correction_lines, said), (records.offline_lines, offline))
    for lines, rejections in kinds:
        for rejection in rejections:
            line = lines[rejection.index]
            errors.setdefault(line, RowError(line, rejection.field, rejection.value, rejection.error))
    return [errors[line] for line in sorted(errors)]


def feature_kinds(layout: Layout) -> Mapping[str, Kind]:
    """How a layout says that the texts of features are to be read."""
    booleans = {"true", "false"}
    categories = {
        f.name: Kind.BOOLEAN if f.categories and booleans.issuperset(f.categories) else Kind.TEXT
        for f in layout.categorical
    }
    texts = {f.name: Kind.TEXT for f in layout.derived}
    return {**{f.name: Kind.NUMBER for f in layout.numbers}, **categories, **texts}


def _key(path: Path, *meaning: object) -> str:
    """The identity of an import: every byte of the file, and all that decides what its rows become."""
    with path.open("rb") as file:
        content = file_digest(file, "sha256").hexdigest()
    return sha256("\n".join(map(repr, (content, *meaning))).encode()).hexdigest()
