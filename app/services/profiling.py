"""Files into portable profiles, without a server: constant memory, whatever the size of the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

import msgspec

from app.core.codec import decode_layout
from app.core.errors import InvalidError
from app.core.layout import Layout
from app.core.model import Model, Task, Version, Window, WindowLength
from app.core.portable import MOST_WINDOWS, SUFFIX, PortableProfile, decode, portable
from app.core.soundness import check_layout
from app.services.imports import Progress, Report, feature_kinds, zone_of
from app.services.ingest import CLOCK_TOLERANCE, EARLIEST
from app.services.reference_layout import LayoutLearner
from app.services.row_profiles import CHUNK_ROWS, CountedRows, FoldedRows
from collectors.tabular import ColumnMapping, RowError, Table, open_table
from collectors.tabular.references import ReferenceReader, ReferenceRows

_SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: which column is what, and where names and times do not say it, their format and zone."""

    mapping: ColumnMapping
    now: datetime
    format: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Profiled:
    """The profiles of some files; `rejected` rows were left out, `errors` are the first, `warnings` what was odd."""

    profiles: PortableProfile
    rows: int
    rejected: int
    errors: Sequence[RowError]
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Files:
    """Opened files with the features that are looked for, read one after another, once or twice."""

    tables: Sequence[Table]
    reader: ReferenceReader
    readings: int
    report: Report | None

    def rows(self, reading: int) -> Iterator[ReferenceRows]:
        done = 0
        for number, table in enumerate(self.tables):
            for chunk in table.chunks(CHUNK_ROWS):
                done += len(chunk.lines) + len(chunk.broken)
                yield self.reader.read(chunk)
                if self.report is not None:
                    share = (number + chunk.share) / len(self.tables)
                    self.report(Progress(done, (reading + share) / self.readings))


def profile_files(
    paths: Sequence[Path],
    reading: Reading,
    *,
    by: WindowLength | None,
    layout: Layout | None = None,
    learn_for: tuple[Model, Version] | None = None,
    progress: Report | None = None,
) -> Profiled:
    """The profiles of all rows of the files: one per window that `by` says, or one in all.

    With a `layout` the files are read once and counted by it; columns that it does not know are left out. Without one
    they are read twice: a first time to learn it, for the model and version of `learn_for`.
    Raises InvalidError or NotFoundError when a file, the mapping or the time zone cannot be used at all.
    """
    if by is not None and reading.mapping.timestamp is None:
        raise InvalidError("timestamp column", None, f"profiles by {by} need one")
    sources = _digests(paths)
    warnings: list[str] = []
    if layout is None:
        assert learn_for is not None
        layout = _learn(paths, reading, learn_for, progress, warnings)
        rows = _open(paths, reading, layout, 2, progress).rows(1)
    else:
        files = _open(paths, reading, layout, 1, progress)
        warnings += _unlike(files.tables, reading.mapping, layout)
        rows = files.rows(0)
    folded, counted = FoldedRows(by), CountedRows()
    for chunk in rows:
        folded.add(layout, chunk)
        counted.add(chunk)
        if len(folded.windows) > MOST_WINDOWS:
            raise InvalidError("windows", len(folded.windows), f"one file may hold {MOST_WINDOWS}; profile fewer rows")
    _require_rows(counted)
    profiles = portable(layout, by, sources, folded.windows)
    return Profiled(profiles, counted.rows, counted.rejected, counted.errors, warnings)


def read_profiles(path: Path) -> PortableProfile:
    """The profiles of a file. Raises InvalidError when it is none."""
    return decode(_content(path))


def read_layout(path: Path) -> Layout:
    """The layout of a profile file, or of JSON text as the collector gives it. Raises InvalidError for other files."""
    if path.suffix == SUFFIX:
        return read_profiles(path).layout
    try:
        layout = decode_layout(_content(path).decode())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidError("layout", path.name, f"it must be a {SUFFIX} file or a layout in JSON: {error}") from error
    check_layout(layout)
    return layout


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise InvalidError("file", str(path), "it must be an existing file")
    return path.read_bytes()


def _digests(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file. Raises InvalidError when two are the same."""
    digests: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise InvalidError("file", str(path), "it must be an existing file")
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if digest in digests:
            raise InvalidError(
                "file", str(path), f"it holds the same as {digests[digest]}, whose rows are counted once"
            )
        digests[digest] = path
    return list(digests)


def _learn(
    paths: Sequence[Path],
    reading: Reading,
    learn_for: tuple[Model, Version],
    progress: Report | None,
    warnings: list[str],
) -> Layout:
    """The layout of a first reading of the files."""
    model, version = learn_for
    kinds = reading.mapping.kinds(model.task)
    tables = [open_table(path, reading.format, expected=kinds, exclude=reading.mapping.exclude) for path in paths]
    features = dict.fromkeys(name for table in tables for name in reading.mapping.features(table.columns))
    files = _Files(tables, _reader(model.task, reading, list(features)), 2, progress)
    learner = LayoutLearner(model, version, files.reader.features, texts=reading.mapping.texts)
    counted = CountedRows()
    for rows in files.rows(0):
        learner.add(rows)
        counted.add(rows)
    _require_rows(counted)
    layout = learner.layout()
    warnings += learner.warnings
    return layout


def _open(paths: Sequence[Path], reading: Reading, layout: Layout, readings: int, progress: Report | None) -> _Files:
    """The files, their texts read as the layout says."""
    mapping = reading.mapping
    expected = {**feature_kinds(layout), **mapping.kinds(layout.task)}
    tables = [open_table(path, reading.format, expected=expected, exclude=mapping.exclude) for path in paths]
    for table in tables:
        mapping.features(table.columns)  # names that the file does not have are an error before anything is read
    return _Files(tables, _reader(layout.task, reading, layout.feature_names), readings, progress)


def _reader(task: Task, reading: Reading, features: Sequence[str]) -> ReferenceReader:
    span = Window(EARLIEST, reading.now + CLOCK_TOLERANCE)
    return ReferenceReader(task, reading.mapping, features, span, zone_of(reading.timezone))


def _unlike(tables: Sequence[Table], mapping: ColumnMapping, layout: Layout) -> Iterator[str]:
    """Where the files' columns and the layout's features differ."""
    there = dict.fromkeys(name for table in tables for name in mapping.features(table.columns))
    known = layout.feature_names
    if unknown := [name for name in there if name not in set(known)]:
        yield f"columns that the layout does not know are left out: {_listed(unknown)}"
    if lacking := [name for name in known if name not in there]:
        yield f"features of the layout that no file has count as missing: {_listed(lacking)}"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _require_rows(counted: CountedRows) -> None:
    if not counted.rows:
        first = f"; the first error: {counted.errors[0]}" if counted.errors else ""
        raise InvalidError("rows", 0, f"a profile needs at least one row that can be read{first}")
