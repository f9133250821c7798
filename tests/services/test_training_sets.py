"""Training sets hold what an independent reading of the raw rows gives, whole or not at all, and again the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update

from app.core.errors import ConflictError, InvalidError, NotFoundError, WatchkeeperError
from app.core.model import Source, Task, Version
from app.core.training_set import AsOf, Manifest
from app.services import training_sets
from app.services.catalogue import register_version
from app.services.exclusions import end_exclusion, exclude, list_exclusions
from app.services.training_files import Format
from app.services.training_sets import Exported, Query, export_training_set
from app.storage import tables
from app.storage.engine import read, write
from tests.services.served import NOW, SOURCES, START, Served, correction, prediction, serve, store

HOUR = timedelta(hours=1)
AUTHORS = st.sampled_from([None, "ann", "bob"])


def export(engine: Engine, served: Served, path: Path, format_: Format = Format.PARQUET, **asked: Any) -> Exported:
    query = Query(served.model.name, **{"since": START, "until": START + 3 * HOUR, **asked})
    return export_training_set(engine, NOW, query, path, format_)


def rows_of(path: Path) -> pd.DataFrame:
    found: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    return found


# --- An independent reading: everything from raw rows with pandas and loops, in the words of docs/flywheel.md ---------


def expected(engine: Engine, served: Served) -> tuple[dict[str, tuple[Any, ...]], dict[str, int]]:
    """(version/prediction id) -> (label, source, authors, weight), and how many are left out for each reason."""
    with read(engine) as connection:
        rows = pd.read_sql(select(tables.prediction), connection).sort_values("id")
        said = pd.read_sql(select(tables.correction).where(tables.correction.c.model_id == served.model.id), connection)
    rows = rows[rows.version_id.isin(served.version_ids)].astype(object)
    rows = rows.where(rows.notna(), None)
    excluded = {id_ for one in list_exclusions(engine, served.model.name) for id_ in one["prediction_ids"]}
    found: dict[int, tuple[Any, ...]] = {}
    out = dict.fromkeys(("contested", "excluded", "same_request", "versions_disagree"), 0)
    row: Any
    for row in rows.itertuples():
        about = said[
            (said.prediction_id == row.prediction_id) & (said.version_id.isna() | (said.version_id == row.version_id))
        ]
        about = about[about.withdraws.isna() & ~about.id.isin(about.withdraws)]
        about = about[about.label_class.notna()].sort_values(["said_at", "id"])
        if about.empty:
            continue
        source = next(one for one in ("ground_truth", "audit", "user") if (about.source == one).any())
        strongest = about[about.source == source].copy()
        strongest["author"] = strongest.author.fillna("?")
        last = strongest.groupby("author").tail(1)
        verdicts = set(last.label_class == "yes")
        if row.prediction_id in excluded:
            out["excluded"] += 1
        elif len(verdicts) > 1:
            out["contested"] += 1
        else:
            p = strongest.probability.iloc[-1] if source == "audit" else math.nan
            alone = pd.isna(p) or (about.source == "user").any()
            request = row.request_id or row.prediction_id
            label = strongest.label_class.iloc[-1]
            found[row.id] = (row, request, source, label, len(last), 1.0 if alone else 1 / p)
    kept = {}
    for id_, (row, request, source, label, authors, weight) in found.items():
        strength = SOURCES.index(Source(source))
        others = [one for one in found.values() if one[1] == request]
        if len({one[0].version_id for one in others}) < len(others):  # a request of several rows
            others = [one for one in others if one[0].prediction_id == row.prediction_id]
        best = [
            one for one in others if SOURCES.index(Source(one[2])) == max(SOURCES.index(Source(o[2])) for o in others)
        ]
        if len({one[3] == "yes" for one in best}) > 1:
            out["versions_disagree"] += 1
        elif strength < max(SOURCES.index(Source(one[2])) for one in best) or id_ != min(one[0].id for one in best):
            out["same_request"] += 1
        else:
            kept[f"{row.version_id}/{row.prediction_id}"] = (label, source, authors, weight)
    return kept, out


def predicted(version_id: int, key: str, request: str | None, minutes: float) -> Any:
    row = prediction(version_id, key, "yes", minutes=minutes)
    return (*row[:9], request, *row[10:])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_history_exports_as_an_independent_reading_of_it(
    engine: Engine, tmp_path: Path, data: st.DataObject
) -> None:
    served = serve(engine, Task.BINARY)
    with read(engine) as connection:
        newest = connection.scalar(select(func.max(tables.correction.c.id))) or 0
    versions, keys = st.sampled_from(served.version_ids), st.sampled_from(["p0", "p1", "p2", "p3"])
    requests = st.sampled_from([None, "r0", "r1"])
    predictions = st.builds(predicted, versions, keys, requests, st.integers(0, 100))
    audits = {"probability": st.sampled_from([None, 0.1, 0.5])}
    corrections = [
        st.builds(
            correction,
            st.just(served.model),
            keys,
            st.sampled_from([None, "no", "yes", "other"]),
            st.just(source),
            version_id=st.one_of(st.none(), versions),
            at=st.integers(0, 3),
            author=AUTHORS,
            withdraws=st.one_of(st.none(), st.none(), st.integers(1, 12).map(lambda n: newest + n)),
            **(audits if source is Source.AUDIT else {}),
        )
        for source in SOURCES
    ]
    store(engine, data.draw(st.lists(st.one_of(predictions, *corrections), max_size=30)))
    if data.draw(st.booleans()):
        exclude(engine, NOW, served.model.name, author="ann", comment="test", prediction_ids=["p3"])
    kept, out = expected(engine, served)
    if not kept:
        with pytest.raises(WatchkeeperError, match="has no labelled prediction"):
            export(engine, served, tmp_path / "set.parquet")
        return
    manifest = export(engine, served, tmp_path / "set.parquet").manifest
    names: dict[Any, int] = dict(zip(map(str, range(1, 9)), served.version_ids, strict=False))
    rows = rows_of(tmp_path / "set.parquet")
    found = {
        f"{names[row.version]}/{row.prediction_id}": (row.label, row.label_source, row.label_authors, row.weight)
        for row in rows.itertuples()
    }
    assert found == kept
    assert manifest.left_out == out
    assert manifest.rows == len(kept)
    assert manifest.weight == pytest.approx(sum(one[3] for one in kept.values()))


# --- Files -----------------------------------------------------------------------------------------------------------

FEATURES: list[dict[str, Any]] = [
    {"x": 1.5, "kind": "a"},
    {"x": 3, "kind": 'a "quoted", long\nname'},
    {"x": "NaN", "kind": None},
    {"x": "-Infinity", "kind": ""},
    {"x": None, "kind": True},
    {"x": "three", "kind": 7.0},
    {"kind": "ä", "more": 1},
]


@pytest.fixture
def served(engine: Engine) -> Served:
    """A binary model of two versions; the first one answered seven requests, all of them with ground truth."""
    served = serve(engine, Task.BINARY)
    one = served.version_ids[0]
    store(engine, [prediction(one, f"p{i}", features=given, minutes=i) for i, given in enumerate(FEATURES)])
    store(engine, [correction(served.model, f"p{i}", "yes") for i in range(len(FEATURES))])
    return served


def recomputed(manifest: Manifest, rows: list[list[Any]]) -> str:
    """The hash as docs/flywheel.md tells it."""

    def told(value: Any, type_: str) -> Any:
        if type_ == "number" and value is not None and not math.isfinite(value):
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if type_ == "time" and not isinstance(value, str) else value

    types = [one.type for one in manifest.columns]
    lines = [[manifest.model, [[one.name, one.type] for one in manifest.columns]]]
    lines += [[told(value, type_) for value, type_ in zip(row, types, strict=True)] for row in rows]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    return hashlib.sha256(text.encode()).hexdigest()


def test_csv_and_parquet_hold_the_same_rows_under_one_hash_that_anybody_can_compute(
    engine: Engine, served: Served, tmp_path: Path
) -> None:
    parquet, csv = tmp_path / "set.parquet", tmp_path / "set.csv"
    first, second = export(engine, served, parquet), export(engine, served, csv, Format.CSV)
    assert first.manifest == second.manifest
    assert first.file_sha256 == hashlib.sha256(parquet.read_bytes()).hexdigest()
    types = {
        one.name: pyarrow.float64() if one.type == "number" else pyarrow.string() for one in first.manifest.columns
    }
    convert = pyarrow.csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    tables_read = [
        pyarrow.parquet.read_table(parquet),
        pyarrow.csv.read_csv(
            csv, convert_options=convert, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)
        ),
    ]
    for table in tables_read:
        rows = [list(row.values()) for row in table.to_pylist()]
        assert recomputed(first.manifest, rows) == first.manifest.content_sha256
    assert first.manifest.unreadable == {"x": 1}


def test_features_come_as_the_reference_types_them(engine: Engine, served: Served, tmp_path: Path) -> None:
    export(engine, served, tmp_path / "set.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "set.parquet")
    kinds = table["feature.kind"].to_pylist()
    assert kinds == ["a", 'a "quoted", long\nname', None, "", "true", "7", "ä"]
    numbers = table["feature.x"].to_pylist()
    assert [numbers[i] for i in (0, 1, 3, 4, 5, 6)] == [1.5, 3.0, -math.inf, None, None, None]
    assert math.isnan(numbers[2])


def test_without_a_reference_the_features_are_there_as_received(engine: Engine, served: Served, tmp_path: Path) -> None:
    with write(engine) as connection:
        connection.execute(tables.reference.delete())
    export(engine, served, tmp_path / "set.parquet")
    assert [json.loads(text) for text in rows_of(tmp_path / "set.parquet")["features"]] == FEATURES


def test_an_interrupted_export_leaves_no_file_and_no_manifest(engine: Engine, served: Served, tmp_path: Path) -> None:
    path = tmp_path / "sets" / "set.parquet"
    path.parent.mkdir()
    path.write_text("an older one")
    with (
        patch.object(training_sets, "feature_columns", autospec=True, side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        export(engine, served, path)
    assert path.read_text() == "an older one"
    assert list(path.parent.iterdir()) == [path]
    assert training_sets.list_manifests(engine, served.model.name) == []


# --- As of -----------------------------------------------------------------------------------------------------------


def later_corrections(engine: Engine, served: Served) -> None:
    store(engine, [correction(served.model, "p0", "no", at=5)])


def later_predictions(engine: Engine, served: Served) -> None:
    store(engine, [prediction(served.version_ids[1], "p1", minutes=3), correction(served.model, "p9", "no")])
    store(engine, [prediction(served.version_ids[0], "p9", minutes=3)])


def later_withdrawal(engine: Engine, served: Served) -> None:
    with read(engine) as connection:
        said = connection.scalar(select(tables.correction.c.id).where(tables.correction.c.prediction_id == "p6"))
    store(engine, [correction(served.model, "p6", None, withdraws=said)])


def later_exclusion(engine: Engine, served: Served) -> None:
    exclude(engine, NOW, served.model.name, author="ann", comment="test", since=START, until=START + HOUR / 20)


def later_end_of_an_exclusion(engine: Engine, served: Served) -> None:
    [first] = list_exclusions(engine, served.model.name)
    end_exclusion(engine, NOW, served.model.name, first["id"], author="bob")


@pytest.mark.parametrize(
    "later",
    [later_corrections, later_predictions, later_withdrawal, later_exclusion, later_end_of_an_exclusion],
)
def test_as_of_gives_the_very_same_set_whatever_came_later(
    engine: Engine, served: Served, tmp_path: Path, later: Callable[[Engine, Served], None]
) -> None:
    exclude(engine, NOW, served.model.name, author="ann", comment="test", prediction_ids=["p2"])
    first = export(engine, served, tmp_path / "first.parquet").manifest
    later(engine, served)
    again = export(engine, served, tmp_path / "again.parquet", as_of=AsOf.parse(first.as_of)).manifest
    now = export(engine, served, tmp_path / "now.parquet").manifest
    assert again.content_sha256 == first.content_sha256 != now.content_sha256
    assert again == first


def test_a_withdrawn_correction_disappears(engine: Engine, served: Served, tmp_path: Path) -> None:
    later_withdrawal(engine, served)
    export(engine, served, tmp_path / "set.parquet")
    assert "p6" not in set(rows_of(tmp_path / "set.parquet")["prediction_id"])


def test_what_cannot_be_asked_is_refused_by_name(engine: Engine, served: Served, tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    for asked, error in (
        ({"until": START}, InvalidError),
        ({"as_of": AsOf(10**6, 0)}, InvalidError),
        ({"version": "9"}, NotFoundError),
    ):
        with pytest.raises(error):
            export(engine, served, path, **asked)
    exclude(engine, NOW, served.model.name, author="a", comment="c", since=START, until=START + HOUR)
    with pytest.raises(WatchkeeperError, match=r"has no labelled prediction .* \(7 excluded\)"):
        export(engine, served, path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "prediction_ids"),
        ({"since": START, "prediction_ids": ["p"]}, "prediction_ids"),
        ({"since": START}, "until"),
        ({"since": START, "until": START}, "until"),
        ({"prediction_ids": ["p"], "author": " "}, "author"),
        ({"prediction_ids": ["p"], "comment": ""}, "comment"),
        ({"prediction_ids": ["p\n"]}, "prediction_ids"),
    ],
)
def test_a_wrong_exclusion_is_refused_by_name(engine: Engine, values: dict[str, Any], field: str) -> None:
    served = serve(engine, Task.BINARY)
    with pytest.raises(InvalidError) as error:
        exclude(engine, NOW, served.model.name, **{"author": "ann", "comment": "why", **values})
    assert error.value.field == field


def test_a_new_version_names_what_it_was_trained_on(engine: Engine, served: Served, tmp_path: Path) -> None:
    manifest = export(engine, served, tmp_path / "set.parquet").manifest
    name = served.model.name
    new = register_version(engine, name, Version(0, "3", training_set=manifest.content_sha256), NOW)
    assert (new.training_set, new.newest_training_row) == (manifest.content_sha256, manifest.newest_row)
    assert manifest.newest_row == START + timedelta(minutes=6)
    assert register_version(engine, name, Version(0, "3", training_set=manifest.content_sha256), NOW) == new
    with pytest.raises(ConflictError, match="training_set"):
        register_version(engine, name, Version(0, "3"), NOW)
    other = serve(engine, Task.BINARY)
    with pytest.raises(NotFoundError, match="training set"):
        register_version(engine, other.model.name, Version(0, "3", training_set=manifest.content_sha256), NOW)


def test_labels_of_rows_not_yet_folded_are_in_the_set(engine: Engine, served: Served, tmp_path: Path) -> None:
    with write(engine) as connection:
        connection.execute(update(tables.batch).values(folded_at=None))
    assert export(engine, served, tmp_path / "set.parquet").manifest.rows == len(FEATURES)
