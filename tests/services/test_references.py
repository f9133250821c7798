"""A reference gives the version its bins and its windows, says what is odd, and has what was served judged anew."""

import csv
import gzip
import hashlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, func, insert, select

from app.core.codec import decode_counts
from app.core.columns import State
from app.core.errors import InvalidError
from app.core.model import Model, Task, Version, WindowLength
from app.core.profile import RIGHT, WRONG, FeatureCounts, OutcomeCounts, Profile
from app.core.sample import MOST_ROWS
from app.services import references as service
from app.services.fold import fold
from app.services.imports import Progress, import_predictions
from app.services.references import ReferenceSummary, store_reference
from app.storage import catalogue
from app.storage.engine import read, write
from app.storage.references import find_reference, reference_profiles
from app.storage.samples import find_importance, find_sample
from app.storage.tables import measurement, profile
from collectors.tabular import ColumnMapping

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
MAPPING = ColumnMapping(id="key", timestamp="at", prediction="answer", score="p", label="truth")


@pytest.fixture
def add(engine: Engine) -> Callable[..., tuple[Model, Version]]:
    """Registers a model with one version."""

    def register(task: Task = Task.BINARY, **fields: Any) -> tuple[Model, Version]:
        with write(engine) as connection:
            model = catalogue.add_model(connection, Model(name="m", task=task, **fields), NOW)
            return model, catalogue.add_version(connection, Version(model_id=model.id, name="1"), NOW)

    return register


def frame(days: int = 40, per_day: int = 50) -> pd.DataFrame:
    """Rows in a shuffled order, so that no window is ever finished early."""
    random = np.random.default_rng(7)
    rows = days * per_day
    score = random.beta(2, 3, rows)
    return pd.DataFrame(
        {
            "key": [f"k{n}" for n in range(rows)],
            "at": [(START + timedelta(minutes=1440 / per_day * n)).isoformat() for n in range(rows)],
            "answer": (score >= 0.5).astype(int),
            "p": score,
            "truth": (random.random(rows) < score).astype(int),
            "x": random.normal(3, 2, rows),
            "word": random.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]),
        }
    ).sample(frac=1, random_state=1)


def as_csv(path: Path, rows: pd.DataFrame) -> Path:
    rows.to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL)
    return path


def store(engine: Engine, target: tuple[Model, Version], path: Path, **options: Any) -> ReferenceSummary:
    mapping = options.pop("mapping", MAPPING)
    return store_reference(engine, *target, path, mapping, now=NOW, **{"out_of_sample": True, **options})


def windows(engine: Engine, version: Version) -> dict[datetime | None, Profile]:
    with read(engine) as connection:
        return {window.window_start: window.profile for window in reference_profiles(connection, version.id)}


def test_every_row_is_counted_in_its_window(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: pandas groups the same rows by day."""
    monkeypatch.setattr(service, "CHUNK_ROWS", 300)
    target, rows = add(), frame()

    summary = store(engine, target, as_csv(tmp_path / "a.csv", rows))

    assert summary == ReferenceSummary(2000, 40, 2, [], 0, [])
    by_day = rows.assign(day=rows["at"].str[:10], hit=rows["answer"] == rows["truth"]).groupby("day")
    found = windows(engine, target[1])
    assert [f"{start:%Y-%m-%d}" for start in found if start] == list(by_day.groups)
    for (_, of_day), counted in zip(by_day, found.values(), strict=True):
        assert counted.rows == len(of_day)
        assert counted.features.numeric[0].sum() == len(of_day)
        assert counted.features.lowest[0] == of_day["x"].min()
        assert counted.features.categories[0].tolist() == [*of_day["word"].value_counts()[["a", "b", "c"]], 0]
        assert counted.outcomes.outcomes[:, RIGHT].sum() == of_day["hit"].sum()
        assert counted.outcomes.outcomes[:, WRONG].sum() == (~of_day["hit"]).sum()


def test_a_sample_of_its_rows_is_kept_with_what_its_features_tell(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sampled row is a row of the file, all of it; chunks play no part in which rows are chosen."""
    monkeypatch.setattr(service, "CHUNK_ROWS", 300)
    target, rows = add(), frame()
    rows["p"] = 1 / (1 + np.exp(-rows["x"]))
    rows["answer"] = (rows["p"] >= 0.5).astype(int)
    rows.loc[rows.index[::10], "word"] = None
    path = as_csv(tmp_path / "a.csv", rows)

    store(engine, target, path)

    with read(engine) as connection:
        kept, importance = find_sample(connection, target[1].id), find_importance(connection, target[1].id)
    assert kept is not None
    assert (kept.rows, kept.total, kept.labelled) == (2000, 2000, 2000)
    expected = rows.astype({"answer": str, "truth": str}).replace({np.nan: None})
    found = list(zip(kept.features["x"], kept.features["word"], kept.predicted, kept.score, kept.label, strict=True))
    assert found == [
        pytest.approx(row) for row in expected[["x", "word", "answer", "p", "truth"]].itertuples(index=False, name=None)
    ]
    assert importance["x"].score == pytest.approx(1, abs=0.02)
    assert importance["word"].weight == 0

    store(engine, target, as_csv(tmp_path / "larger.csv", more := frame(per_day=300)))
    with read(engine) as connection:
        bounded = find_sample(connection, target[1].id)
    assert bounded is not None
    assert (bounded.rows, bounded.total) == (MOST_ROWS, 12_000)
    assert set(bounded.features["x"]) < set(more["x"])


def test_the_layout_has_equal_mass_bins_and_both_classes(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target, rows = add(positive_label="late"), frame()
    rows[["answer", "truth"]] = rows[["answer", "truth"]].replace({0: "in time", 1: "late"}).astype(str)
    path = as_csv(tmp_path / "a.csv", rows)

    store(engine, target, path)

    with read(engine) as connection:
        reference = find_reference(connection, target[1].id)
        version = catalogue.find_version(connection, target[0].id, "1")
    assert reference is not None
    assert reference.layout.classes == ["in time", "late"]
    assert [feature.name for feature in reference.layout.numeric] == ["x"]
    counts = np.histogram(rows["x"], [-np.inf, *reference.layout.numeric[0].edges, np.inf])[0]
    assert counts.min() >= 2000 // 128
    assert counts.max() <= 2000 // 128 + 1
    assert reference.layout.categorical[0].categories == ["a", "b", "c"]
    assert (reference.rows, reference.has_timestamps, reference.out_of_sample) == (2000, True, True)
    assert reference.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert version.newest_training_row == pd.to_datetime(rows["at"]).max().to_pydatetime()


def test_the_format_and_the_chunks_of_the_file_do_not_matter(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, rows = add(), frame(days=5)
    store(engine, target, as_csv(tmp_path / "a.csv", rows))
    expected = windows(engine, target[1])
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), tmp_path / "a.parquet")
    rows.to_json(tmp_path / "a.ndjson", orient="records", lines=True, double_precision=15)
    (tmp_path / "upload").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    monkeypatch.setattr(service, "CHUNK_ROWS", 33)

    for name, kind in (("a.parquet", None), ("upload", "csv")):
        store(engine, target, tmp_path / name, format=kind)
        assert_equal(windows(engine, target[1]), expected)
    summary = store(engine, target, tmp_path / "a.ndjson")
    assert summary.rows == len(rows)
    assert [part.rows for part in windows(engine, target[1]).values()] == [part.rows for part in expected.values()]


def assert_equal(found: dict[Any, Profile], expected: dict[Any, Profile], *, but: Collection[str] = ()) -> None:
    assert list(found) == list(expected)
    for start, part in expected.items():
        for kind in ("features", "outcomes"):
            for name, array in getattr(part, kind).arrays().items():
                if name not in but:
                    np.testing.assert_array_equal(getattr(found[start], kind).arrays()[name], array, err_msg=name)


def test_hours_are_windows_of_a_model_that_is_judged_by_the_hour(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target = add(window=WindowLength.HOUR)

    summary = store(engine, target, as_csv(tmp_path / "a.csv", frame(days=2, per_day=48)))

    assert summary.windows == 48
    assert {part.rows for part in windows(engine, target[1]).values()} == {2}


def test_without_timestamps_there_is_one_whole(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target = add()
    mapping = ColumnMapping(prediction="answer", score="p", label="truth", exclude=("key", "at"))

    summary = store(engine, target, as_csv(tmp_path / "a.csv", frame(days=3)), mapping=mapping)

    assert (summary.rows, summary.windows) == (150, 1)
    assert summary.warnings == [
        "the reference has no timestamps: limits are learnt from the first 30 production windows"
    ]
    [(start, whole)] = windows(engine, target[1]).items()
    assert start is None
    assert whole.rows == 150


def test_the_score_decides_where_the_answer_is_left_out(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target, rows = add(), frame(days=3)
    store(engine, target, as_csv(tmp_path / "a.csv", rows))
    expected = windows(engine, target[1])

    store(engine, target, as_csv(tmp_path / "b.csv", rows.drop(columns="answer")), mapping=MAPPING_WITHOUT_ANSWER)

    assert_equal(windows(engine, target[1]), expected)


MAPPING_WITHOUT_ANSWER = ColumnMapping(id="key", timestamp="at", score="p", label="truth")


def test_a_regression_counts_its_errors(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target, rows = add(Task.REGRESSION), frame(days=3)
    rows["answer"], rows["truth"] = rows["x"] * 2, rows["x"] * 2 + 0.5
    mapping = ColumnMapping(id="key", timestamp="at", prediction="answer", label="truth", exclude=("p",))

    store(engine, target, as_csv(tmp_path / "a.csv", rows), mapping=mapping)

    errors = sum(part.outcomes.errors for part in windows(engine, target[1]).values())
    assert errors == pytest.approx([75, 37.5, -75])


def test_many_classes_stand_in_the_order_of_their_frequency(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target, rows = add(Task.MULTICLASS), frame(days=3)
    rows["answer"] = rows["truth"] = rows["word"]

    store(engine, target, as_csv(tmp_path / "a.csv", rows))

    with read(engine) as connection:
        reference = find_reference(connection, target[1].id)
    assert reference is not None
    assert reference.layout.classes[:3] == ["a", "b", "c"]


def change(rows: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return rows.assign(**columns)


@pytest.mark.parametrize(
    ("rows", "options", "warning"),
    [
        (frame(29), {}, "windows of one day in the reference: 29, where limits need 30"),
        (frame(), {"mapping": ColumnMapping("key", "at", "answer", "p", exclude=("truth",))}, "without a label column"),
        (frame(), {"mapping": ColumnMapping("key", "at", "answer", None, "truth", exclude=("p",))}, "without a score"),
        (frame(), {"out_of_sample": None}, "the scores may be in sample: nobody said that they are not"),
        (frame(), {"out_of_sample": False}, "the scores are in sample"),
        (change(frame(), x=1.5), {}, "constant in the reference, so that any other value is a shift: x"),
        (change(frame(), word="a"), {}, "constant in the reference, so that any other value is a shift: word"),
        (change(frame(), void=None), {}, "feature 'void' has no value in any row; it is left out"),
        (change(frame(), answer=0, truth=0), {}, "no row has the positive label '1'; all that was seen is '0'"),
        (change(frame(), at=["never", *frame()["at"][1:]]), {}, "rows left out: 1; the first: line 2: at: 'never'"),
        (change(frame(), x=["NA", *frame()["x"][1:]]), {}, "feature 'x' holds 1 values among 2000 that are no numbers"),
    ],
)
def test_what_is_odd_is_said(
    engine: Engine,
    add: Callable[..., tuple[Model, Version]],
    tmp_path: Path,
    rows: pd.DataFrame,
    options: dict[str, Any],
    warning: str,
) -> None:
    summary = store(engine, add(), as_csv(tmp_path / "a.csv", rows), **options)

    [said] = summary.warnings
    assert said.startswith(warning)


def test_a_stray_text_is_an_invalid_value_and_an_empty_cell_a_missing_one(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target, rows = add(), frame(days=1)
    rows["x"] = ["NA", "", "nan", "-inf", *rows["x"].astype(str)[4:]]

    store(engine, target, as_csv(tmp_path / "a.csv", rows))

    [part] = windows(engine, target[1]).values()
    states = part.features.states[0]
    assert {state: states[state] for state in State} == {
        State.MISSING: 1,
        State.NAN: 1,
        State.POSITIVE_INFINITY: 0,
        State.NEGATIVE_INFINITY: 1,
        State.INVALID: 1,
    }


def test_a_binary_model_has_two_classes(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    path = as_csv(tmp_path / "a.csv", change(frame(days=1), truth=["yes", "no"] * 25))

    with pytest.raises(InvalidError, match=r"0, 1, no, yes.* a binary model has its positive label '1' and one other"):
        store(engine, add(), path)


def test_a_file_without_a_good_row_is_no_reference(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target = add()

    with pytest.raises(InvalidError, match=r"at least one row.*line 2: at: 'never' is no time"):
        store(engine, target, as_csv(tmp_path / "a.csv", change(frame(days=1), at="never")))

    with read(engine) as connection:
        assert find_reference(connection, target[1].id) is None


def test_a_new_reference_takes_the_place_of_the_old_one(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    target = add()
    store(engine, target, as_csv(tmp_path / "a.csv", frame(days=5)))
    with write(engine) as connection:
        connection.execute(insert(measurement).values(old_measurement(target[1])))
        connection.execute(insert(profile).values(old_profile(target[1])))

    store(engine, target, as_csv(tmp_path / "b.csv", frame(days=3)))

    assert len(windows(engine, target[1])) == 3
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(measurement)) == 0
        assert connection.scalar(select(func.count()).select_from(profile)) == 0


def old_measurement(version: Version) -> dict[str, Any]:
    return {
        "version_id": version.id,
        "check": "volume",
        "subject": "",
        "window_start": START,
        "window_end": NOW,
        "outcome": "ok",
        "statistic": "rows",
        "evaluated_at": NOW,
    }


def old_profile(version: Version) -> dict[str, Any]:
    parts = {"features": b"", "outcomes": b""}
    return {"version_id": version.id, "window_start": START, "rows": 1, "revision": 1, "updated_at": NOW, **parts}


@pytest.mark.parametrize("folded_before", [True, False])
def test_what_was_served_before_is_counted_by_the_new_bins(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path, folded_before: bool
) -> None:
    """The same rows, served and as a reference, give the same profiles to the last bit; only a service has inputs."""
    target, path = add(), as_csv(tmp_path / "a.csv", frame(days=4))
    import_predictions(engine, *target, path, MAPPING, now=NOW)
    if folded_before:
        fold(engine, NOW)

    store(engine, target, path)
    if not folded_before:
        fold(engine, NOW)

    # A reference does not say when its labels came.
    assert_equal(served(engine), windows(engine, target[1]), but={"replays", "label_delays"})


def served(engine: Engine) -> dict[datetime | None, Profile]:
    with read(engine) as connection:
        rows = connection.execute(select(profile).order_by(profile.c.window_start)).all()
    return {
        row.window_start: Profile(
            decode_counts(FeatureCounts, row.features), decode_counts(OutcomeCounts, row.outcomes)
        )
        for row in rows
    }


def test_progress_covers_both_readings(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK_ROWS", 100)
    pq.write_table(pa.Table.from_pandas(frame(days=4), preserve_index=False), tmp_path / "a.parquet")
    seen: list[Progress] = []

    store(engine, add(), tmp_path / "a.parquet", progress=seen.append)

    assert [step.share for step in seen] == [0.25, 0.5, 0.75, 1.0]
    assert [step.rows for step in seen] == [100, 200, 100, 200]


@pytest.mark.parametrize("sentinel", [1.7976931348623157e308, 1e200])
def test_the_largest_doubles_make_bins_that_rows_can_be_counted_by(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path, sentinel: float
) -> None:
    target, rows = add(), frame(days=3)
    rows["x"] = rows["x"].where(np.arange(len(rows)) % 3 > 0, sentinel)
    rows["word"] = np.where(np.arange(len(rows)) % 2, sentinel, -sentinel)

    store(engine, target, as_csv(tmp_path / "a.csv", rows))

    with read(engine) as connection:
        stored = find_reference(connection, target[1].id)
    assert stored is not None
    assert np.isfinite([[one.mean, one.sd, one.low, one.high] for one in stored.layout.numeric]).all()
    assert np.isfinite(stored.layout.centres).all()
    assert np.isfinite(stored.layout.quanta).all()
    features = sum((part.features for part in windows(engine, target[1]).values()), FeatureCounts.empty(stored.layout))
    assert features.numeric.sum(axis=-1).tolist() == [len(rows)] * 2


def test_a_labelled_regression_reference_says_what_errors_to_expect(
    engine: Engine, add: Callable[..., tuple[Model, Version]], tmp_path: Path
) -> None:
    """The error is three times as large for one word; oracle: the realised error of the same days."""
    target, rows = add(Task.REGRESSION), frame()
    noise = np.random.default_rng(8).normal(size=len(rows)) * np.where(rows["word"] == "c", 3.0, 1.0)
    rows = rows.assign(answer=rows["x"], truth=rows["x"] + noise).drop(columns="p")
    rows.loc[rows["at"] >= "2026-02-05", "word"] = "c"  # the last days are hard, and as far off as ever
    path = as_csv(tmp_path / "a.csv", rows)

    store(engine, target, path, mapping=ColumnMapping(id="key", timestamp="at", prediction="answer", label="truth"))

    with read(engine) as connection:
        reference = find_reference(connection, target[1].id)
    assert reference is not None
    losses = reference.layout.losses
    assert losses is not None
    found = OutcomeCounts.stack([one.outcomes for one in windows(engine, target[1]).values()])
    expected = found.sum().expected_errors * losses.quanta / 2000
    assert expected == pytest.approx([np.abs(noise).mean(), (noise**2).mean()], rel=0.02)

    unlabelled = ColumnMapping(id="key", timestamp="at", prediction="answer", exclude=("truth",))
    store(engine, target, path, mapping=unlabelled)
    with read(engine) as connection:
        again = find_reference(connection, target[1].id)
    assert again is not None
    assert again.layout.losses is None
