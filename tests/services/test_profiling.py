"""Files become the profiles that the database would hold of them, in one file or in parts."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import URL, Engine

from app.core.codec import encode_layout, layout_digest
from app.core.errors import InvalidError, NotFoundError
from app.core.model import Model, Task, Version, WindowLength
from app.core.portable import PortableProfile, encode, merge
from app.core.profile import Profile
from app.services import profiling
from app.services.profiling import Profiled, Reading, profile_files, read_layout, read_profiles
from app.services.references import store_reference
from app.storage import catalogue
from app.storage.engine import engine_for, read, write
from app.storage.references import find_reference, reference_profiles
from collectors.tabular import ColumnMapping
from tests.core.test_profile import assert_equal

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MAPPING = ColumnMapping(id="key", timestamp="at", score="p", label="truth", latency="ms")
LEARN_FOR = (Model("", Task.BINARY), Version(0, ""))


def frame(days: int = 6, per_day: int = 40, first: int = 0, seed: int = 7) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = days * per_day
    score = random.beta(2, 3, rows)
    return pd.DataFrame(
        {
            "key": [f"k{first + n}" for n in range(rows)],
            "at": [(START + timedelta(days=first, minutes=1440 / per_day * n)).isoformat() for n in range(rows)],
            "p": score,
            "truth": (random.random(rows) < score).astype(int),
            "ms": random.exponential(5, rows),
            "x": np.where(random.random(rows) < 0.1, np.nan, random.normal(3, 2, rows)),
            "zip": random.choice(["02134", "00501", "94110"], rows),
        }
    )


def as_csv(path: Path, rows: pd.DataFrame) -> Path:
    rows.to_csv(path, index=False)
    return path


def profiled(*paths: Path, by: WindowLength | None = WindowLength.DAY, **options: Any) -> Profiled:
    reading = Reading(options.pop("mapping", MAPPING), NOW, timezone=options.pop("timezone", None))
    return profile_files(paths, reading, by=by, **{"learn_for": LEARN_FOR, **options})


def assert_same(one: PortableProfile, other: PortableProfile) -> None:
    assert layout_digest(one.layout) == layout_digest(other.layout)
    assert list(one.windows) == list(other.windows)
    for (_, mine), (_, theirs) in zip(one.profiles(), other.profiles(), strict=True):
        assert_equal(mine, theirs)


@pytest.fixture
def database(sqlite_url: URL) -> Engine:
    return engine_for(sqlite_url)


def test_a_file_gives_the_profiles_that_the_database_would_hold(database: Engine, tmp_path: Path) -> None:
    """Oracle: the reference that the same file gives."""
    path = as_csv(tmp_path / "a.csv", frame())
    with write(database) as connection:
        model = catalogue.add_model(connection, Model("m", Task.BINARY), NOW)
        version = catalogue.add_version(connection, Version(model.id, "1"), NOW)
    store_reference(database, model, version, path, MAPPING, now=NOW, out_of_sample=True)
    with read(database) as connection:
        reference = find_reference(connection, version.id)
        windows = {window.window_start: window.profile for window in reference_profiles(connection, version.id)}

    found = profiled(path)

    assert reference is not None
    assert encode_layout(found.profiles.layout) == encode_layout(reference.layout)
    assert (found.rows, found.rejected, list(found.profiles.windows)) == (240, 0, list(windows))
    for start, profile in found.profiles.profiles():
        assert_equal(profile, windows[start])


def test_files_profiled_apart_and_merged_equal_files_profiled_together(tmp_path: Path) -> None:
    paths = [as_csv(tmp_path / f"{day}.csv", frame(3, first=day, seed=day)) for day in (0, 2, 4)]

    together = profiled(*paths).profiles
    apart = [profiled(path, layout=together.layout).profiles for path in paths]

    assert_same(merge(apart), together)
    assert_same(merge(apart[::-1]), together)
    assert merge(apart).sources == together.sources
    assert len(together.windows) == 7  # days 2 and 4 are in two files each


@pytest.mark.parametrize("suffix", ["parquet", "ndjson"])
def test_every_format_gives_the_same(tmp_path: Path, suffix: str) -> None:
    rows = frame()
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        rows.astype({"x": "Float64"}).to_parquet(path)
    else:
        records = rows.astype(object).where(rows.notna(), None).to_dict("records")
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    by_csv = profiled(as_csv(tmp_path / "a.csv", rows)).profiles

    assert_same(profiled(path, layout=by_csv.layout).profiles, by_csv)


def test_all_rows_can_be_one_profile_without_times(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "a.csv", frame().drop(columns="at"))

    found = profiled(path, by=None, mapping=ColumnMapping(id="key", score="p", label="truth", latency="ms")).profiles

    assert list(found.windows) == [None]
    assert found.profile(None).rows == 240


def test_by_hour_adds_to_by_day(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "a.csv", frame())
    days = profiled(path).profiles
    hours = profiled(path, by=WindowLength.HOUR, layout=days.layout).profiles

    summed: dict[datetime, Profile] = {}
    for start, profile in hours.profiles():
        assert start is not None
        day = start.replace(hour=0)
        summed[day] = summed[day] + profile if day in summed else profile

    assert list(summed) == list(days.windows)
    for start, profile in days.profiles():
        assert start is not None
        assert_equal(summed[start], profile)


def test_a_layout_says_how_texts_are_read_and_other_columns_are_left_out(tmp_path: Path) -> None:
    layout = profiled(as_csv(tmp_path / "a.csv", frame())).profiles.layout
    other = frame().assign(zip="7", extra=1).drop(columns="x")

    found = profiled(as_csv(tmp_path / "b.csv", other), layout=layout)

    assert found.warnings == [
        "columns that the layout does not know are left out: extra",
        "features of the layout that no file has count as missing: x",
    ]
    total = next(profile for _, profile in found.profiles.profiles()).features
    assert total.categories[0].tolist() == [0, 0, 0, 40]  # "7" is a zip code, as the layout's were
    assert total.states[0].tolist() == [40, 0, 0, 0, 0]


def test_the_layout_of_a_profile_file_and_of_json_are_the_same(tmp_path: Path) -> None:
    profiles = profiled(as_csv(tmp_path / "a.csv", frame())).profiles
    wkp, text = tmp_path / "a.wkp", tmp_path / "layout.json"
    wkp.write_bytes(encode(profiles))
    text.write_text(encode_layout(profiles.layout))

    assert layout_digest(read_layout(wkp)) == layout_digest(read_layout(text)) == layout_digest(profiles.layout)
    assert_same(read_profiles(wkp), profiles)
    text.write_text(encode_layout(profiles.layout).replace('"binary"', '"regression"'))
    with pytest.raises(InvalidError, match="classes"):
        read_layout(text)
    with pytest.raises(InvalidError, match="layout in JSON"):
        read_layout(as_csv(tmp_path / "a.csv", frame()))


def test_rows_that_cannot_be_taken_are_counted_once_and_said(tmp_path: Path) -> None:
    rows = frame()
    rows.loc[3, "at"] = "yesterday"
    rows.loc[5, "at"] = "2027-01-01T00:00:00Z"

    found = profiled(as_csv(tmp_path / "a.csv", rows))

    assert (found.rows, found.rejected) == (238, 2)
    assert ["yesterday" in str(found.errors[0]), "out of range" in str(found.errors[1])] == [True, True]


def test_what_cannot_be_profiled_at_all_is_an_error(tmp_path: Path) -> None:
    path, copy = as_csv(tmp_path / "a.csv", frame()), as_csv(tmp_path / "b.csv", frame())

    with pytest.raises(InvalidError, match="whose rows are counted once"):
        profiled(path, copy)
    with pytest.raises(InvalidError, match="profiles by day need one"):
        profiled(path, mapping=ColumnMapping(score="p"))
    with pytest.raises(NotFoundError, match="no column 'speed'"):
        profiled(path, mapping=ColumnMapping(timestamp="at", latency="speed"))
    with pytest.raises(InvalidError, match="at least one row"):
        profiled(as_csv(tmp_path / "c.csv", frame().assign(at="never")))
    with pytest.raises(InvalidError, match="existing file"):
        profiled(tmp_path / "nowhere.csv")


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "CHUNK_ROWS", 500)
    # Both hold more rows than decide what a column of text holds.
    small = as_csv(tmp_path / "small.csv", frame(2, per_day=6_000))
    large = as_csv(tmp_path / "large.csv", frame(2, per_day=24_000))
    layout = profiled(small).profiles.layout

    def peak(path: Path) -> int:
        tracemalloc.start()
        profiled(path, layout=layout)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(small)  # what is cached on the way stays
    assert peak(large) < 1.2 * peak(small)


def test_what_errors_to_expect_travels_with_a_profile(tmp_path: Path) -> None:
    """Rows without labels, counted elsewhere by the layout of a profile file; oracle: the errors that were hidden."""
    mapping = ColumnMapping(id="key", timestamp="at", prediction="p", label="truth")

    def errors(hard: float, seed: int) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        rows = frame(days=5, per_day=400, seed=seed).drop(columns="ms")
        word = np.where(random.random(2_000) < hard, "hard", "easy")
        off = random.normal(size=2_000) * np.where(word == "hard", 4.0, 1.0)
        return rows.assign(word=word, truth=rows["p"] + off)

    learn_for = (Model("", Task.REGRESSION), Version(0, ""))
    learnt = profiled(as_csv(tmp_path / "a.csv", errors(0.2, 1)), mapping=mapping, learn_for=learn_for)
    wkp = tmp_path / "a.wkp"
    wkp.write_bytes(encode(learnt.profiles))
    layout, later = read_layout(wkp), errors(0.7, 2)

    unlabelled = ColumnMapping(id="key", timestamp="at", prediction="p")
    served = as_csv(tmp_path / "b.csv", later.drop(columns="truth"))
    found = read_counts(profiled(served, by=None, mapping=unlabelled, layout=layout).profiles)

    assert layout.losses is not None
    truth = (later["p"] - later["truth"]).abs().mean()
    assert found.outcomes.expected_errors[0] * layout.losses.quanta[0] / 2_000 == pytest.approx(truth, rel=0.1)


def read_counts(profiles: PortableProfile) -> Profile:
    ((_, profile),) = profiles.profiles()
    return profile
