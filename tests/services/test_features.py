"""Features of every kind on their whole way: a file, HTTP bodies, the fold, the checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select

from app.core.codec import decode_counts
from app.core.columns import State
from app.core.errors import InvalidError
from app.core.layout import Layout
from app.core.model import Model, Outcome, Task, Version
from app.core.profile import FeatureCounts
from app.core.stats.lists import STATISTICS as LISTS
from app.core.stats.projections import PROJECTIONS
from app.core.stats.text import STATISTICS, text_statistics
from app.services.evaluate import evaluate
from app.services.fold import fold
from app.services.imports import import_predictions
from app.services.ingest import store
from app.services.references import store_reference
from app.storage import catalogue
from app.storage.engine import read, write
from app.storage.references import find_reference, reference_profiles
from app.storage.samples import find_importance, find_sample
from app.storage.tables import measurement, profile
from collectors.native import decode_predictions
from collectors.tabular import ColumnMapping, open_table

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
LIVE = datetime(2026, 5, 1, tzinfo=UTC)
DAYS, PER_DAY = 31, 40
MAPPING = ColumnMapping(timestamp="at", score="p", label="truth")
WORDS = ["the", "late", "flight", "from", "Berlin", "was", "cancelled", "again", "why", "42"]
Records = list[dict[str, Any]]


def records(start: datetime, days: int, seed: int) -> Records:
    """Rows of a model that reads comments, their embedding and a series of readings."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(days * PER_DAY):
        p = float(rng.uniform())
        comment = " ".join(rng.choice(WORDS, rng.integers(2, 12))) + "." * int(rng.integers(1, 4))
        at = start + n * timedelta(days=1) / PER_DAY
        answers = {"at": at.isoformat(), "p": p, "truth": int(rng.uniform() < p)}
        vector, series = rng.normal(size=12).tolist(), rng.normal(5, 2, rng.integers(0, 9)).tolist()
        rows.append({**answers, "comment": comment, "vector": vector, "readings": series})
    return rows


REFERENCE = records(START, DAYS, seed=1)
SERVED = records(LIVE, 3, seed=2)


@pytest.fixture
def target(engine: Engine) -> tuple[Model, Version]:
    with write(engine) as connection:
        model = catalogue.add_model(connection, Model(name="m", task=Task.BINARY), NOW)
        return model, catalogue.add_version(connection, Version(model_id=model.id, name="1"), NOW)


def only(rows: Records, *features: str) -> Records:
    """The rows with these features alone."""
    return [{name: row[name] for name in ("at", "p", "truth", *features)} for row in rows]


def written(path: Path, rows: Records) -> Path:
    """The rows as a file of the format that its name says."""
    if path.suffix == ".ndjson":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif path.suffix == ".csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        pd.DataFrame(rows).to_parquet(path)
    return path


def refer(engine: Engine, target: tuple[Model, Version], path: Path, mapping: ColumnMapping = MAPPING) -> Layout:
    summary = store_reference(engine, *target, path, mapping, now=NOW, out_of_sample=True)
    assert summary.rejected == 0
    with read(engine) as connection:
        found = find_reference(connection, target[1].id)
    assert found is not None
    return found.layout


def send(engine: Engine, rows: Records) -> None:
    """The rows as one body of the native format."""
    outer = ("at", "p", "truth")
    body = [
        {
            "model": "m",
            "version": "1",
            "prediction_id": str(n),
            "timestamp": row["at"],
            "score": row["p"],
            "features": {name: value for name, value in row.items() if name not in outer},
        }
        for n, row in enumerate(rows)
    ]
    decoded = decode_predictions(json.dumps(body).encode(), lines=False)
    assert not decoded.rejected
    assert store(engine, decoded.records, [], NOW)[0].accepted == len(rows)


def profiles(engine: Engine) -> list[FeatureCounts]:
    """What was folded, oldest first."""
    with read(engine) as connection:
        packed = connection.scalars(select(profile.c.features).order_by(profile.c.window_start)).all()
    return [decode_counts(FeatureCounts, one) for one in packed]


def breaches(engine: Engine, check: str) -> set[str]:
    with read(engine) as connection:
        found = connection.execute(select(measurement).where(measurement.c["check"] == check))
        return {row.subject for row in found if row.outcome == Outcome.BREACH}


def subjects(engine: Engine, check: str) -> set[str]:
    with read(engine) as connection:
        found = select(measurement.c.subject).where(measurement.c["check"] == check).distinct()
        return set(connection.scalars(found))


def judged(engine: Engine, rows: Records) -> None:
    send(engine, rows)
    fold(engine, NOW)
    evaluate(engine, NOW)


@pytest.mark.parametrize("ending", ["ndjson", "csv", "parquet"])
def test_a_text_is_counted_alike_from_every_format(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path, ending: str
) -> None:
    """Oracle: the statistics of the raw texts, whose range and number the profile must have."""
    reference, served = only(REFERENCE, "comment"), only(SERVED, "comment")
    layout = refer(engine, target, written(tmp_path / f"a.{ending}", reference))

    assert [one.name for one in layout.numeric] == [f"comment::{name}" for name in STATISTICS]
    assert layout.feature_names == ["comment"]
    with read(engine) as connection:
        whole = FeatureCounts.stack(
            [one.profile.features for one in reference_profiles(connection, target[1].id)]
        ).sum()
    raw = text_statistics([row["comment"] for row in REFERENCE])
    assert whole.numeric.sum(axis=-1).tolist() == [len(REFERENCE)] * len(STATISTICS)
    np.testing.assert_allclose(whole.lowest, raw.min(axis=0))
    np.testing.assert_allclose(whole.highest, raw.max(axis=0))
    np.testing.assert_allclose([one.mean for one in layout.numeric], raw.mean(axis=0), rtol=0.01)

    import_predictions(engine, *target, written(tmp_path / f"b.{ending}", served), MAPPING, now=NOW)
    fold(engine, NOW)
    imported = FeatureCounts.stack(profiles(engine)).sum()
    np.testing.assert_allclose(imported.highest, text_statistics([row["comment"] for row in served]).max(axis=0))


@pytest.mark.parametrize("ending", ["ndjson", "parquet"])
def test_lists_and_vectors_are_counted_alike_from_files_and_over_http(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path, ending: str
) -> None:
    """Oracle: the raw lists."""
    reference, served = only(REFERENCE, "vector", "readings"), only(SERVED, "vector", "readings")
    served[0]["readings"], served[1]["vector"] = [1.0, "NaN"], [0.5, 1.5]
    layout = refer(engine, target, written(tmp_path / f"a.{ending}", reference))

    assert layout.feature_names == ["readings", "vector"]
    assert [one.name for one in layout.numeric] == [f"readings::{name}" for name in LISTS]
    assert [(one.name, one.dimension) for one in layout.embeddings] == [("vector", 12)]
    send(engine, served)
    fold(engine, NOW)
    (sent,) = [FeatureCounts.stack(profiles(engine)).sum()]
    lengths = [len(row["readings"]) for row in served]
    filled = np.concatenate([row["readings"] for row in served[1:]])
    assert sent.states[0].sum() == 0
    assert sent.states[1:, State.MISSING].tolist() == [lengths.count(0)] * 4
    assert sent.states[1:, State.NAN].tolist() == [1] * 4
    assert (sent.lowest[0], sent.highest[0]) == (min(lengths), max(lengths))
    assert (sent.lowest[2], sent.highest[3]) == pytest.approx((filled.min(), filled.max()))
    assert sent.latent_states[:PROJECTIONS, State.INVALID].tolist() == [1] * PROJECTIONS
    assert sent.vectors(layout).tolist() == [len(served) - 1]

    files = [row for row in served if "NaN" not in row["readings"]]
    import_predictions(engine, *target, written(tmp_path / f"b.{ending}", files), MAPPING, now=NOW)
    fold(engine, NOW)
    both = FeatureCounts.stack(profiles(engine)).sum()
    assert both.vectors(layout).tolist() == [2 * len(served) - 3]
    assert both.states[1, State.NAN] == 1


def test_a_vector_that_changed_is_named_and_no_projection_is(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    refer(engine, target, written(tmp_path / "a.parquet", only(REFERENCE, "vector")))
    turned = [{**row, "vector": [one + 1.0 for one in row["vector"]]} for row in only(SERVED, "vector")]
    judged(engine, turned)

    assert breaches(engine, "training_serving_skew") == {"vector"}
    for check in ("training_serving_skew", "data_drift", "missing_values"):
        assert subjects(engine, check) == {"vector"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1.0] * 4097, "a list of at most 4096 numbers"),
        ([1.0, "one"], "a list of at most 4096 numbers"),
        ([[1.0]], "a list of at most 4096 numbers"),
        ([None], "a list of at most 4096 numbers"),
        ("x" * 65_537, "at most 65536 characters"),
    ],
)
def test_what_is_too_long_or_of_no_kind_is_rejected_by_name(value: object, said: str, tmp_path: Path) -> None:
    outer = {"model": "m", "version": "1", "prediction_id": "1", "timestamp": "2026-05-01T00:00:00Z", "score": 0.5}
    (rejected,) = decode_predictions(json.dumps({**outer, "features": {"f": value}}).encode(), lines=False).rejected
    assert rejected.field == "features.f"
    assert said in rejected.error
    if isinstance(value, list):
        path = written(tmp_path / "a.ndjson", [{"f": value}, {"f": 1.0}])
        (chunk,) = open_table(path).chunks()
        assert len(chunk.broken) == 1
        assert "f: " in chunk.broken[0].error


def test_parquet_says_which_list_is_too_long(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", [{"f": [1.0] * 4097}])
    with pytest.raises(InvalidError, match=r"f: 'a list of 4097' is not allowed.*4096"):
        list(open_table(path).chunks())


def test_a_text_that_changed_is_named_with_what_changed_about_it(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    refer(engine, target, written(tmp_path / "a.ndjson", only(REFERENCE, "comment")))
    judged(engine, [{**row, "comment": row["comment"].upper()} for row in only(SERVED, "comment")])

    assert breaches(engine, "training_serving_skew") == {"comment::upper_case"}
    assert subjects(engine, "missing_values") == {"comment"}
    assert breaches(engine, "missing_values") == set()


def test_texts_that_are_missing_or_no_texts_count_once(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    refer(engine, target, written(tmp_path / "a.ndjson", only(REFERENCE, "comment")))
    odd: Sequence[Any] = [None, 17]
    rows = only(SERVED, "comment")
    judged(engine, [{**row, "comment": odd[n] if (n := i % 4) < 2 else row["comment"]} for i, row in enumerate(rows)])

    assert breaches(engine, "missing_values") == {"comment"}
    assert breaches(engine, "schema") == {"comment"}
    assert breaches(engine, "training_serving_skew") == set()


def test_a_reference_keeps_what_its_texts_are_counted_as_and_how_much_that_matters(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    rows = only(REFERENCE, "comment", "vector")
    telling = [{**row, "comment": row["comment"] + "!" * round(20 * row["p"])} for row in rows]
    refer(engine, target, written(tmp_path / "a.parquet", telling))

    with read(engine) as connection:
        sample, importance = find_sample(connection, target[1].id), find_importance(connection, target[1].id)
    assert sample is not None
    assert list(sample.features) == [f"comment::{name}" for name in STATISTICS]
    np.testing.assert_allclose(
        np.array([*sample.features.values()], float).T, text_statistics([row["comment"] for row in telling])
    )
    weights = {name: found.weight for name, found in importance.items()}
    assert weights["comment"] == max(weights["comment::symbols"] or 0, weights["comment::length"] or 0)
    assert (weights["comment::symbols"] or 0) > 0.5 > (weights["comment::words"] or 0)


def test_few_texts_are_categories_unless_declared(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    path = written(tmp_path / "a.csv", only(REFERENCE[:60], "comment"))
    assert [one.name for one in refer(engine, target, path).categorical] == ["comment"]
    mapping = ColumnMapping(timestamp="at", score="p", label="truth", texts=("comment",))
    assert [one.name for one in refer(engine, target, path, mapping).derived] == ["comment"]
    with pytest.raises(InvalidError, match="text column"):
        refer(engine, target, path, ColumnMapping(timestamp="at", score="p", texts=("truth",), label="truth"))


def test_no_feature_may_have_the_name_of_what_is_counted_of_another(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    rows = [{**row, "comment::length": 1.0} for row in REFERENCE]
    with pytest.raises(InvalidError, match=r"'comment::length' is not allowed.* rename or exclude it"):
        refer(engine, target, written(tmp_path / "a.ndjson", rows))


@pytest.mark.parametrize("ending", ["ndjson", "csv", "parquet"])
def test_a_boolean_is_the_same_category_from_every_format(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path, ending: str
) -> None:
    reference = [{**row, "flag": n % 3 == 0} for n, row in enumerate(only(REFERENCE))]
    served = [{**row, "flag": n % 3 == 0} for n, row in enumerate(only(SERVED))]
    layout = refer(engine, target, written(tmp_path / f"a.{ending}", reference))
    assert [one.categories for one in layout.categorical] == [["false", "true"]]

    send(engine, served)
    misfits = [{**served[0], "flag": "NA"}] if ending == "csv" else []  # makes no texts of the others
    import_predictions(engine, *target, written(tmp_path / f"b.{ending}", served + misfits), MAPPING, now=NOW)
    fold(engine, NOW)
    counts = FeatureCounts.stack(profiles(engine)).sum().categories[0].tolist()
    assert counts == [160, 80, len(misfits)]
