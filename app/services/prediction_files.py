"""Found predictions as a file, Parquet or CSV, written a portion at a time.

A spreadsheet takes a cell of a CSV file that begins with =, +, -, @, a tab or a return for a formula, and whoever sends
predictions chooses their texts. Texts that begin so get an apostrophe in front, which spreadsheets take for "this is a
text". Numbers are numbers, and Parquet holds everything as it was received.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from sqlalchemy import Engine

from app.services.explorer import Bounds, Page, Search, find
from app.services.training_files import Format, iso, replacing

MOST_ROWS = 50_000
MOST_BYTES = 100_000_000
"""After which no further portion is written."""
_PORTION = 1_000
_BOUNDS = Bounds(rows=5_000_000, seconds=30.0)
"""Of one portion of the file."""
_LONGEST_NAME = 120
_FORMULA = re.compile(r"[=+\-@\t\r]")

_SCHEMA = pa.schema(
    [
        ("event_time", pa.timestamp("us", "UTC")),
        *((name, pa.string()) for name in ("prediction_id", "version", "predicted_class")),
        *((name, pa.float64()) for name in ("predicted_value", "score")),
        ("label_class", pa.string()),
        ("label_value", pa.float64()),
        ("label_source", pa.string()),
        *((name, pa.bool_()) for name in ("shown", "corrected", "audited")),
        ("latency_ms", pa.float64()),
        *((name, pa.string()) for name in ("request_id", "unit_id", "attributes", "features")),
    ]
)
"""`attributes` and `features` are JSON, as received."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds. `complete`: all that was looked for; otherwise the newest of it."""

    rows: int
    complete: bool


Report = Callable[[int], None]
"""Called between portions with the number of rows so far. It may raise, to give up: then no file is left."""


def write_file(
    engine: Engine,
    search: Search,
    path: Path,
    format_: Format,
    *,
    most: int = MOST_ROWS,
    most_bytes: int = MOST_BYTES,
    report: Report | None = None,
    bounds: Bounds = _BOUNDS,
) -> Written:
    """Write the newest predictions that are looked for, up to `most`, to a file at `path` of about `most_bytes`.

    `bounds` are those of each portion of 1,000 rows. Raises as `explorer.find` does.
    """
    rows, before, complete = 0, None, False
    with replacing(path) as partial, _writer(partial, format_, search) as writer:
        while rows < most:

            def looked(_page: Page, so_far: int = rows) -> None:
                if report is not None:
                    report(so_far)

            page = find(engine, search, limit=min(_PORTION, most - rows), before=before, bounds=bounds, report=looked)
            if page.rows:
                writer.write_table(_table(page.rows, format_))
            rows, before = rows + len(page.rows), page.older
            if report is not None:
                report(rows)
            if before is None:
                complete = True
                break
            if page.stopped_at is not None or partial.stat().st_size >= most_bytes:
                break
    return Written(rows, complete)


def file_name(search: Search, format_: Format) -> str:
    """A name that says what is in it: the model, the time, and the conditions."""
    times = [f"{time:%Y%m%d}" if time else "" for time in (search.since, search.until)]
    parts = [search.model, *search.versions, "-to-".join(filter(None, times)), *search.wanted.words()]
    name = re.sub(r"[^\w.]+", "-", " ".join(filter(None, parts))).strip("-.")
    return f"{name[:_LONGEST_NAME]}.{format_.value}"


def description(search: Search) -> dict[str, Any]:
    """What a Parquet file says about itself, under the key `watchkeeper` of its metadata."""
    return {
        "model": search.model,
        "versions": list(search.versions),
        "since": iso(search.since) if search.since else None,
        "until": iso(search.until) if search.until else None,
        "filters": search.wanted.words(),
        "order": "event_time, newest first",
    }


def _writer(path: Path, format_: Format, search: Search) -> Any:
    if format_ is Format.CSV:
        return pa.csv.CSVWriter(path, _text_times(_SCHEMA.empty_table()).schema)
    said = {"watchkeeper": json.dumps(description(search), ensure_ascii=False)}
    return pa.parquet.ParquetWriter(path, _SCHEMA.with_metadata(said), compression="zstd")


def _table(rows: Sequence[dict[str, Any]], format_: Format) -> pa.Table:
    columns = [[row[name] for row in rows] for name in _SCHEMA.names]
    if format_ is Format.CSV:
        columns = [[safe(value) for value in column] for column in columns]
    table = pa.table([pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], _SCHEMA)
    return _text_times(table) if format_ is Format.CSV else table


def safe(value: Any) -> Any:
    """The value so that no spreadsheet takes it for a formula."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _text_times(table: pa.Table) -> pa.Table:
    times = [iso(value) for value in table["event_time"].to_pylist()]
    return table.set_column(0, "event_time", pa.array(times, pa.string()))
