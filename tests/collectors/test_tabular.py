"""Files become the same records whatever their format and chunks, and a bad row costs itself alone."""

import csv
import gzip
import json
import math
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import InvalidError, NotFoundError, WatchkeeperError
from app.core.model import Model, Source, Task, Version, Window
from app.core.records import FeatureValue, Scalar
from collectors.tabular import (
    Chunk,
    ColumnMapping,
    CorrectionMapping,
    CorrectionReader,
    Kind,
    PredictionReader,
    Records,
    Table,
    open_table,
)
from collectors.tabular.cells import decide_kind
from collectors.tabular.references import ReferenceReader
from collectors.tabular.roles import parse_time
from collectors.tabular.text_file import LONGEST_LINE

MODEL = Model(name="late", task=Task.BINARY)
REGRESSION = Model(name="delay", task=Task.REGRESSION)
VERSION = Version(model_id=1, name="1")
MAPPING = ColumnMapping(timestamp="at", score="p")

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def columns_of(table: Table, rows: int = 10_000) -> dict[str, list[FeatureValue]]:
    found: dict[str, list[FeatureValue]] = {name: [] for name in table.columns}
    for chunk in table.chunks(rows):
        for name in found:
            found[name] += chunk.columns[name]
    return found


def cells(tmp_path: Path, text: str, expected: dict[str, Kind] | None = None) -> dict[str, list[FeatureValue]]:
    return columns_of(open_table(write(tmp_path / "a.csv", text), expected=expected))


def read_all(path: Path, mapping: ColumnMapping, *, model: Model = MODEL, rows: int = 10_000) -> Records:
    table = open_table(path, expected=mapping.kinds(model.task))
    reader = PredictionReader(model, VERSION, mapping, frozenset(table.columns))
    parts = [reader.read(chunk) for chunk in table.chunks(rows)]
    return Records(
        predictions=[record for part in parts for record in part.predictions],
        prediction_lines=[line for part in parts for line in part.prediction_lines],
        corrections=[record for part in parts for record in part.corrections],
        correction_lines=[line for part in parts for line in part.correction_lines],
        errors=[error for part in parts for error in part.errors],
    )


# --- What a cell of text means ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "", "-3"], Kind.WHOLE, [1, None, -3]),
        (["1", "2.5", " 3"], Kind.NUMBER, [1.0, 2.5, 3.0]),
        (["1e3", ".5", "5."], Kind.NUMBER, [1000.0, 0.5, 5.0]),
        (["1", "nan", "-inf", "", "Infinity"], Kind.WHOLE, [1, "NaN", "-Infinity", None, "Infinity"]),
        (["NaN", "inf"], Kind.NUMBER, ["NaN", "Infinity"]),
        (["1e400", "-1e400"], Kind.NUMBER, ["Infinity", "-Infinity"]),
        (["True", "false", ""], Kind.BOOLEAN, [True, False, None]),
        (["02134", "10001"], Kind.TEXT, ["02134", "10001"]),
        (["a", "1", "nan"], Kind.TEXT, ["a", "1", "nan"]),
        (["1_000", "0x10"], Kind.TEXT, ["1_000", "0x10"]),
        (["9007199254740993", "1"], Kind.WHOLE, [9007199254740992.0, 1]),
        (["", ""], Kind.ANY, [None, None]),
    ],
)
def test_a_column_is_what_all_its_cells_are(tmp_path: Path, texts: list[str], kind: Kind, values: list[Scalar]) -> None:
    read = cells(tmp_path, "x,y\n" + "".join(f"{text},.\n" for text in texts))["x"]

    assert decide_kind(texts) is kind
    assert read == values
    assert [type(value) for value in read] == [type(value) for value in values]


def test_few_misfits_among_numbers_stay_texts_and_many_make_a_category(tmp_path: Path) -> None:
    few = cells(tmp_path, "x,y\n" + "1.5,.\n" * 95 + "NA,.\n" * 5)["x"]
    many = cells(tmp_path, "x,y\n" + "1.5,.\n" * 94 + "NA,.\n" * 6)["x"]

    assert few == [1.5] * 95 + ["NA"] * 5
    assert many == ["1.5"] * 94 + ["NA"] * 6


def test_what_is_known_of_a_column_beats_what_its_cells_look_like(tmp_path: Path) -> None:
    expected = {"id": Kind.TEXT, "x": Kind.NUMBER}

    read = cells(tmp_path, "id,x\n1,a\n2,7\n3,b\n", expected)

    assert read == {"id": ["1", "2", "3"], "x": ["a", 7, "b"]}


def test_a_later_misfit_stays_a_text_and_changes_no_other_cell(tmp_path: Path) -> None:
    read = cells(tmp_path, "x,y\n" + "1,.\n" * 20_000 + "odd,.\n2.5,.\n0x10,.\n")["x"]

    assert read == [1] * 20_000 + ["odd", 2.5, "0x10"]


def test_a_column_that_begins_empty_is_read_cell_by_cell(tmp_path: Path) -> None:
    read = cells(tmp_path, "x,y\n" + ",.\n" * 10_000 + "1,.\n2.5,.\ntrue,.\n007,.\nb,.\n")["x"]

    assert read[10_000:] == [1, 2.5, True, "007", "b"]


# --- CSV --------------------------------------------------------------------------------------------------------------

some_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
csv_cell = st.one_of(
    some_text,
    st.floats().map(repr),
    st.integers(-(10**6), 10**6).map(str),
    st.sampled_from(["", "true", "False", "nan", "-inf", " 7 ", "+3", "1e5", "1e999", "0x1f", "1_0", "008", "9" * 30]),
)


@in_one_folder
@given(rows=st.lists(st.tuples(csv_cell, csv_cell), min_size=1, max_size=30), quoting=st.sampled_from([0, 1, 2]))
def test_the_fast_and_the_careful_way_read_the_same(tmp_path: Path, rows: list[tuple[str, str]], quoting: Any) -> None:
    """A broken line sends its block the careful way; the other lines must not notice."""
    text = StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows([("a", "b"), *rows])

    assert cells(tmp_path, text.getvalue()) == cells(tmp_path, text.getvalue() + "broken\n")


@in_one_folder
@given(lines=st.lists(st.text('ab,," \r1', max_size=9), min_size=1, max_size=4))
def test_stray_quotes_and_returns_mean_the_same_on_both_ways(tmp_path: Path, lines: list[str]) -> None:
    text = "\n".join(lines)

    assert cells(tmp_path, f"a,b\n{text}\n") == cells(tmp_path, f"a,b\nbroken\n{text}\n")


@in_one_folder
@given(rows=st.lists(st.tuples(csv_cell, csv_cell), max_size=30), size=st.integers(1, 7))
def test_chunks_change_nothing(tmp_path: Path, rows: list[tuple[str, str]], size: int) -> None:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([("a", "b"), *rows])
    table = open_table(write(tmp_path / "a.csv", text.getvalue()))

    assert columns_of(table, size) == columns_of(table)
    assert [line for chunk in table.chunks(size) for line in chunk.lines] == [
        line for chunk in table.chunks() for line in chunk.lines
    ]


def test_broken_lines_cost_themselves_alone(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        b'a,b\n1,2\nonly one\n3,4\n\xff\xfe,5\n6,"a\nquoted ""cell"""\n\n7,8,9\n10,nul\0\n11,12\r\n13,last',
    )
    [chunk] = open_table(path).chunks()

    assert list(chunk.columns["a"]) == [1, 3, 6, 11, 13]
    assert list(chunk.columns["b"]) == ["2", "4", 'a\nquoted "cell"', "12", "last"]
    assert list(chunk.lines) == [2, 4, 6, 11, 12]
    assert [(error.line, error.error) for error in chunk.broken] == [
        (3, "1 cells where the header has 2 columns"),
        (5, "it is not UTF-8"),
        (9, "3 cells where the header has 2 columns"),
        (10, "it holds a NUL character, which no text may"),
    ]
    assert chunk.end == 12


def test_a_quoted_cell_may_cross_the_end_of_a_chunk(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'a,b\n1,"x\ny\nz"\n2,w\n')

    chunks = list(open_table(path).chunks(1))

    assert [list(chunk.columns["b"]) for chunk in chunks] == [["x\ny\nz"], ["w"]]
    assert [(list(chunk.lines), chunk.end) for chunk in chunks] == [([2], 4), ([5], 5)]


def test_an_open_quote_does_not_swallow_the_file(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'x' * 90}\n" for n in range(20_000))
    path = write(tmp_path / "a.csv", 'a,b\n0,"open\n' + rows)

    chunks = list(open_table(path).chunks())
    lost = [error for chunk in chunks for error in chunk.broken]

    assert [error.line for error in lost] == [2]
    assert sum(len(chunk.lines) for chunk in chunks) > 18_000


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert open_table(write(tmp_path / "a.csv", b"\xef\xbb\xbfa,b\n1,2\n")).columns == ["a", "b"]


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert columns_of(open_table(write(tmp_path / "a.csv", "a,b\n"))) == {"a": [], "b": []}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "starts with a line of column names"),
        ("a.csv", b"\xff,b\n1,2\n", "UTF-8"),
        ("a.csv", b"a,b,a\n", "given twice: a"),
        ("a.csv", b"a,b\n1," + b"x" * LONGEST_LINE, "at most 1048576 bytes"),
        ("a.csv.gz", gzip.compress(b"a,b\n" + bytes(range(32, 127)) * 99)[:-20], "must be readable to its end"),
        ("a.ndjson", b"", "it is empty"),
        ("a.ndjson", b"[1]\n", "holds one JSON object"),
        ("a.parquet", b"a,b\n1,2\n", "no Parquet file"),
        ("a.xlsx", b"", "its name must end in .csv"),
    ],
)
def test_a_file_of_another_kind_says_what_it_should_be(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(InvalidError, match=says):
        columns_of(open_table(write(tmp_path / name, content)))


def test_a_missing_file_and_an_unknown_format_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="must be an existing file"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(InvalidError, match="format: 'xml' is not allowed; allowed are csv, parquet, ndjson"):
        open_table(write(tmp_path / "a.csv", "a\n"), "xml")


def test_an_uploaded_file_has_no_suffix_but_a_format(tmp_path: Path) -> None:
    path = write(tmp_path / "upload", gzip.compress(b"a,b\n1,2\n"))

    assert columns_of(open_table(path, "csv")) == {"a": [1], "b": [2]}


# --- NDJSON -----------------------------------------------------------------------------------------------------------


def test_ndjson_lines_stand_for_themselves(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        '{"a": 1, "b": NaN}\n\n{"a": {}}\nnonsense\n{"a": "\\ud800"}\n{"b": "x", "c": -Infinity}\n{"a": 1e999}\n'
        + '{"a": 1%s}' % ("0" * 400),
    )
    [chunk] = open_table(path).chunks()

    assert chunk.columns == {"a": [1, None, "Infinity"], "b": ["NaN", "x", None], "c": [None, "-Infinity", None]}
    assert list(chunk.lines) == [1, 6, 7]
    assert [error.line for error in chunk.broken] == [3, 4, 5, 8]
    assert chunk.broken[0].error == "a: dict is not allowed; allowed are number, string, boolean, null, list of numbers"


@pytest.mark.parametrize("rows", [100, 10_000, 20_000])
def test_a_key_that_comes_late_is_a_feature_of_its_own_rows_only(tmp_path: Path, rows: int) -> None:
    lines = [{"at": "2026-01-01T00:00:00Z", "p": 0.5, "x": 1}] * 10_003
    lines[10_001] = {**lines[10_001], "late": True}
    path = write(tmp_path / "a.ndjson", "\n".join(map(json.dumps, lines)))

    features = [record.features for record in read_all(path, MAPPING, rows=rows).predictions]

    assert features[10_000:] == ['{"x":1}', '{"x":1,"late":true}', '{"x":1}']


# --- Parquet ----------------------------------------------------------------------------------------------------------


def test_parquet_columns_carry_their_types(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "whole": pa.array([1, None], pa.int32()),
            "real": pa.array([math.nan, None], pa.float32()),
            "flag": [True, None],
            "word": pa.array(["b", None]).dictionary_encode(),
            "at": pa.array([moment, None], pa.timestamp("ns", "UTC")),
            "local": pa.array([moment.replace(tzinfo=None), None], pa.timestamp("ms")),
            "day": [date(2026, 3, 1), None],
            "price": pa.array([None, None], pa.decimal128(9, 2)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")

    assert columns_of(open_table(tmp_path / "a.parquet")) == {
        "whole": [1, None],
        "real": ["NaN", None],
        "flag": [True, None],
        "word": ["b", None],
        "at": ["2026-03-01T12:00:00+00:00", None],
        "local": ["2026-03-01T12:00:00", None],
        "day": ["2026-03-01", None],
        "price": [None, None],
    }


def test_a_nested_parquet_column_must_be_excluded(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "nested": [{"b": 2}]}), tmp_path / "a.parquet")

    with pytest.raises(InvalidError, match=r"nested: 'struct<.*exclude the column"):
        open_table(tmp_path / "a.parquet")
    [chunk] = open_table(tmp_path / "a.parquet", exclude=["nested"]).chunks()
    assert chunk.columns == {"a": [1]}


# --- Records ----------------------------------------------------------------------------------------------------------

rows_of_any_format = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.integers(0, 10**9).map(lambda n: f"k{n}"),
            "at": st.integers(10**14, 1767 * 10**12).map(lambda us: datetime.fromtimestamp(us / 10**6, UTC)),
            "answer": st.sampled_from(["0", "1"]),
            "p": st.floats(),
            "truth": st.sampled_from(["0", "1", None]),
            "ms": st.none() | st.floats(0, 1e6),
            "number": st.none() | st.floats(),
            "count": st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
            "flag": st.none() | st.booleans(),
            "word": st.none() | st.text(st.characters(codec="utf-8", categories=["L", "P", "Zs"]), min_size=1),
        }
    ),
    min_size=1,
    max_size=20,
)


def as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "at": row["at"].isoformat()} for row in rows)
    return path


def as_ndjson(path: Path, rows: list[dict[str, Any]]) -> Path:
    return write(path, "\n".join(json.dumps({**row, "at": row["at"].isoformat()}) for row in rows))


def as_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    schema = {"p": pa.float64(), "ms": pa.float64(), "number": pa.float64(), "count": pa.int64(), "flag": pa.bool_()}
    times = pa.timestamp("us", "UTC")
    fields = [(name, times if name == "at" else schema.get(name, pa.string())) for name in rows[0]]
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), path)
    return path


@in_one_folder
@given(rows=rows_of_any_format, size=st.integers(1, 9))
def test_every_format_gives_the_same_records(tmp_path: Path, rows: list[dict[str, Any]], size: int) -> None:
    # What a text cannot say by itself is said by the first row: every kind of value occurs, and words are no numbers.
    first = {"number": 0.5, "count": 1, "flag": True, "word": "zebra", "truth": "1", "ms": 1.0}
    rows = [{**rows[0], **first}, *rows]
    for row in rows[1:]:
        row["word"] = None if row["word"] is None else f"w{row['word'].strip()}"
    mapping = ColumnMapping(id="key", timestamp="at", prediction="answer", score="p", label="truth", latency="ms")
    files = (
        as_csv(tmp_path / "a.csv", rows),
        as_ndjson(tmp_path / "a.ndjson", rows),
        as_parquet(tmp_path / "a.pq", rows),
    )

    from_csv, from_ndjson, from_parquet = (comparable(read_all(file, mapping, rows=size)) for file in files)

    assert len(from_csv[0]) == len(rows)
    assert from_csv == from_ndjson == from_parquet


def comparable(records: Records) -> tuple[list[Any], list[Any]]:
    """With features decoded, since 1 and 1.0 are the same number, and NaN made equal to itself."""
    predictions = [
        (r.prediction_id, r.event_time, json.loads(r.features), r.predicted_class, repr(r.score), r.latency_ms)
        for r in records.predictions
    ]
    return predictions, list(records.corrections)


def test_a_row_becomes_a_prediction_and_its_truth(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "key,at,answer,p,truth,ms,trace,age,kind,note\n7,2026-01-01T01:00:00+01:00,True,0.9,0,12.5,t1,31,b,x\n",
    )
    mapping = ColumnMapping(
        id="key",
        timestamp="at",
        prediction="answer",
        score="p",
        label="truth",
        latency="ms",
        request_id="trace",
        exclude=("note",),
    )
    records = read_all(path, mapping)
    [prediction], [truth] = records.predictions, records.corrections

    assert prediction.prediction_id == "7"
    assert prediction.event_time == datetime(2026, 1, 1, tzinfo=UTC)
    assert prediction.features == '{"age":31,"kind":"b"}'
    assert (prediction.predicted_class, prediction.score, prediction.latency_ms) == ("1", 0.9, 12.5)
    assert prediction.request_id == "t1"
    assert (truth.prediction_id, truth.label, truth.source) == ("7", "0", Source.GROUND_TRUTH)
    assert truth.said_at == prediction.event_time


def test_a_regression_predicts_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "at,y,truth,x\n" + "2026-01-01T00:00:00Z,3,2.5,1\n2026-01-01T00:00:00Z,soon,1,1\n")
    mapping = ColumnMapping(timestamp="at", prediction="y", label="truth")

    records = read_all(path, mapping, model=REGRESSION)

    assert [(r.predicted_class, r.predicted_value) for r in records.predictions] == [(None, 3.0)]
    assert [r.label for r in records.corrections] == [2.5]
    assert [error.error for error in records.errors] == [
        "'soon' is not a number; allowed are numbers, NaN, Infinity and -Infinity"
    ]


def test_equal_rows_without_ids_stay_two_and_a_second_reading_finds_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "at,p,x\n" + "2026-01-01T00:00:00Z,0.5,1\n" * 2)

    first = [record.prediction_id for record in read_all(path, MAPPING).predictions]
    again = [record.prediction_id for record in read_all(path, MAPPING, rows=1).predictions]

    assert len(set(first)) == 2
    assert again == first


def test_a_changed_cell_changes_the_derived_id(tmp_path: Path) -> None:
    variants = [
        "2026-01-01T00:00:00Z,0.5,1",
        "2026-01-01T00:00:01Z,0.5,1",
        "2026-01-01T00:00:00Z,0.6,1",
        "2026-01-01T00:00:00Z,0.5,2",
    ]
    ids = {
        read_all(write(tmp_path / "a.csv", f"at,p,x\n{row}\n"), MAPPING).predictions[0].prediction_id
        for row in variants
    }

    assert len(ids) == len(variants)


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        ("k,yesterday,0,0.5,1,,", "at", "'yesterday' is no time; allowed are ISO 8601"),
        ("k,1767225600,0,0.5,1,,", "at", "is no time"),
        ("k,2026-01-01T00:00:00,0,0.5,1,,", "at", "has no time zone"),
        ("k,,0,0.5,1,,", "at", "it is missing"),
        (",2026-01-01T00:00:00Z,0,0.5,1,,", "key", "it is missing"),
        ("k" * 201 + ",2026-01-01T00:00:00Z,0,0.5,1,,", "key", "1 to 200 characters"),
        ("k,2026-01-01T00:00:00Z,0,high,1,,", "p", "'high' is not a number"),
        ("k,2026-01-01T00:00:00Z,,,1,,", "answer", "a class, or a score that decides it"),
        ("k,2026-01-01T00:00:00Z,0,0.5,1,-1,", "ms", "milliseconds, 0 or more"),
        ("k,2026-01-01T00:00:00Z,0,0.5,1,nan,", "ms", "milliseconds, 0 or more"),
        ("k,2026-01-01T00:00:00Z," + "c" * 201 + ",0.5,1,,", "answer", "1 to 200 characters"),
    ],
)
def test_a_cell_that_does_not_fit_faults_its_row_and_no_other(tmp_path: Path, row: str, field: str, says: str) -> None:
    good = "g{},2026-01-01T00:00:00Z,1,0.5,1,2,\n"
    path = write(tmp_path / "a.csv", f"key,at,answer,p,truth,ms,x\n{good.format(1)}{row}\n{good.format(2)}")
    mapping = ColumnMapping(id="key", timestamp="at", prediction="answer", score="p", label="truth", latency="ms")

    records = read_all(path, mapping)

    assert [record.prediction_id for record in records.predictions] == ["g1", "g2"]
    assert [record.prediction_id for record in records.corrections] == ["g1", "g2"]
    [error] = records.errors
    assert (error.line, error.field) == (3, field)
    assert says in error.error


def test_a_nul_in_a_text_faults_its_row(tmp_path: Path) -> None:
    rows = [{"at": "2026-01-01T00:00:00Z", "p": 0.5, "x": x} for x in ("a\0b", "\\u0000", "fine")]
    records = read_all(write(tmp_path / "a.ndjson", "\n".join(map(json.dumps, rows))), MAPPING)

    assert [json.loads(record.features)["x"] for record in records.predictions] == ["\\u0000", "fine"]
    assert [(error.line, error.field) for error in records.errors] == [(1, "x")]


def test_a_file_without_features_is_still_one_of_predictions(tmp_path: Path) -> None:
    records = read_all(write(tmp_path / "a.csv", "at,p\n2026-01-01T00:00:00Z,0.5\n"), MAPPING)

    assert [record.features for record in records.predictions] == ["{}"]


# --- Mapping and times ------------------------------------------------------------------------------------------------


def test_a_column_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(NotFoundError, match="no column 'time'; known are: at, p, x"):
        ColumnMapping(timestamp="time").features(["at", "p", "x"])
    with pytest.raises(NotFoundError, match="no column 'y'"):
        ColumnMapping(timestamp="at", exclude=("y",)).features(["at", "p", "x"])


@pytest.mark.parametrize("columns", [["", "a"], ["x" * 201], [f"c{n}" for n in range(2_001)]])
def test_features_have_names_and_are_not_too_many(columns: list[str]) -> None:
    with pytest.raises(WatchkeeperError, match="exclude"):
        ColumnMapping().features(columns)


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-07-01T12:00:00Z", None, "2026-07-01T12:00:00+00:00"),
        ("2026-07-01 12:00:00.5+02:00", None, "2026-07-01T10:00:00.500000+00:00"),
        ("2026-07-01 12:00", "Europe/Berlin", "2026-07-01T10:00:00+00:00"),
        ("2026-01-01", "America/New_York", "2026-01-01T05:00:00+00:00"),
        ("2026-07-01T12:00:00Z", "Europe/Berlin", "2026-07-01T12:00:00+00:00"),
    ],
)
def test_times_become_utc(text: str, zone: str | None, utc: str) -> None:
    assert parse_time(text, ZoneInfo(zone) if zone else None).isoformat() == utc


def test_a_time_beyond_the_calendar_is_an_error() -> None:
    with pytest.raises(ValueError, match="beyond the calendar"):
        parse_time("0001-01-01T00:00:00", ZoneInfo("Asia/Tokyo"))


# --- Corrections and references ---------------------------------------------------------------------------------------

SAID = datetime(2026, 2, 1, tzinfo=UTC)


def corrections_of(path: Path, mapping: CorrectionMapping) -> Records:
    table = open_table(path, expected=mapping.kinds(Task.BINARY))
    [chunk] = table.chunks()
    return CorrectionReader(MODEL, "1", mapping, SAID).read(chunk)


def test_corrections_name_what_is_true_and_who_says_so(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "key,truth,at,who,why\n1,True,2026-01-02T00:00:00Z,ann,audit\n2,,2026-01-02T00:00:00Z,,user\n3,0,,,user\n4,0,2026-01-02T00:00:00Z,,rumour\n",
    )
    records = corrections_of(path, CorrectionMapping("key", "truth", "at", source="why", author="who"))

    [said] = records.corrections
    assert (said.prediction_id, said.label, said.source, said.author, said.version) == ("1", "1", "audit", "ann", "1")
    assert [(error.line, error.field) for error in records.errors] == [(3, "truth"), (4, "at"), (5, "why")]
    assert records.errors[2].error == "'rumour' is no source; allowed are user, audit, ground_truth"


def test_corrections_without_times_are_all_said_at_once(tmp_path: Path) -> None:
    records = corrections_of(write(tmp_path / "a.csv", "key,truth\n1,1\n"), CorrectionMapping("key", "truth"))

    assert [(said.said_at, said.source) for said in records.corrections] == [(SAID, Source.GROUND_TRUTH)]


def test_a_reference_keeps_its_good_rows_as_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "at,p,truth,x\n2026-01-01T00:00:00Z,0.5,1,3\n2031-01-01T00:00:00Z,0.5,1,4\n")
    table = open_table(path, expected={"at": Kind.TEXT, "truth": Kind.TEXT})
    mapping = ColumnMapping(timestamp="at", score="p", label="truth")
    span = Window(datetime(1970, 1, 2, tzinfo=UTC), SAID + timedelta(minutes=5))
    [chunk] = table.chunks()

    rows = ReferenceReader(Task.BINARY, mapping, mapping.features(table.columns), span).read(chunk)

    assert (list(rows.features["x"]), list(rows.scores), list(rows.label_classes)) == ([3], [0.5], ["1"])
    assert [(error.line, error.field) for error in rows.errors] == [(3, "at")]


def test_chunks_say_how_much_of_the_file_is_behind(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 50_000))
    pq.write_table(pa.table({"a": range(100)}), tmp_path / "a.parquet")

    def shares(chunks: list[Chunk]) -> list[float]:
        return [chunk.share for chunk in chunks]

    assert shares(list(open_table(path).chunks(10_000)))[-1] == 1.0
    assert shares(list(open_table(tmp_path / "a.parquet").chunks(25))) == [0.25, 0.5, 0.75, 1.0]
