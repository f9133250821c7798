"""Every check runs for each segment, by the segment's own normal variation, and tells what it tells of those rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select

from app.core.budget import allowed_rate
from app.core.case import EARLY_WINDOWS, Case
from app.core.checks.rollback_ready import RollbackReady
from app.core.checks.staleness import Staleness
from app.core.fold import fold_whole
from app.core.model import Model, Outcome, Task, Version
from app.services import baselines
from app.services.alerting import alert
from app.services.checks import all_checks, feature_lookback
from app.services.evaluate import NO_ROWS, evaluate
from app.services.gate import judge_model
from app.services.read_models.segments import model_segments
from app.services.references import store_reference
from app.storage import tables
from app.storage.catalogue import add_model, add_version
from app.storage.engine import read, write
from app.storage.recipes import load_recipes
from collectors.tabular import ColumnMapping
from tests.core.checks.cases import DAY, LIVE, START, binary, days, folded, rows_of, run_of_days, series
from tests.services.test_evaluate import measurements, store, until

COUNT = 6
MAPPING = ColumnMapping(timestamp="time", score="score", prediction="predicted", label="label", latency="latency")

OF_THE_WHOLE = {Staleness.name, RollbackReady.name}
"""Checks that ask nothing of rows, and so nothing of segments."""


@pytest.fixture
def reference() -> pd.DataFrame:
    return binary(days(32, 150), np.random.default_rng(1))


@pytest.fixture
def served() -> pd.DataFrame:
    """Six days; from the third on the rows of kind b are far off."""
    frame = binary(days(COUNT, 150, LIVE), np.random.default_rng(2)).assign(source="ground_truth")
    off = (frame["kind"] == "b") & (frame["time"] >= pd.Timestamp(LIVE + 2 * DAY))
    frame.loc[off, "x"] += 3.0
    frame.loc[off, "label"] = np.where(frame.loc[off, "label"] == "1", "0", "1")
    return frame


def register(engine: Engine, reference: pd.DataFrame | None, folder: Path, mapping: ColumnMapping = MAPPING) -> Version:
    with write(engine) as connection:
        model = add_model(connection, Model("m", Task.BINARY, segment_by=("kind",)), START)
        version = add_version(connection, Version(model.id, "v"), START)
    if reference is not None:
        reference.drop(columns="input").to_parquet(path := folder / "reference.parquet")
        store_reference(engine, model, version, path, mapping, now=LIVE, out_of_sample=True)
    return version


def case_of(engine: Engine, version: Version, reference: pd.DataFrame, served: pd.DataFrame, kind: str) -> Case:
    """The case of the rows of one kind, folded here and now; what scores mean is learnt from all rows."""
    with read(engine) as connection:
        layout = load_recipes(connection, [version.id])[version.id].layout
    mine, normal = served[served["kind"] == kind], reference[reference["kind"] == kind]
    windows, profiles, normals = (
        run_of_days(LIVE, COUNT),
        folded(layout, mine, Task.BINARY),
        folded(layout, normal, Task.BINARY),
    )
    whole, all_rows = (
        fold_whole(layout, rows_of(normal, Task.BINARY)),
        fold_whole(layout, rows_of(reference, Task.BINARY)),
    )
    stacked = series(profiles, windows, layout)
    return Case(
        model=Model("m", Task.BINARY),
        version=version,
        layout=layout,
        windows=windows,
        first=0,
        outcomes=stacked.outcomes,
        features=stacked.features,
        first_features=max(0, -feature_lookback()),
        reference=series(normals, run_of_days(START, 32), layout),
        calibration=whole.outcomes,
        training=whole.features,
        early=series(profiles, windows[:EARLY_WINDOWS], layout),
        now=until(COUNT),
        allowed_rate=allowed_rate(Model("m", Task.BINARY), all_checks().values()),
        shares=4,
        calibrator=None if len(normal) >= baselines.ENOUGH_LABELS else all_rows.outcomes,
    )


def test_segments_are_judged_as_their_rows_alone_would_be(
    engine: Engine, reference: pd.DataFrame, served: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "ENOUGH_LABELS", 2_000)  # a has so many, b has not
    version = register(engine, reference, tmp_path)
    store(engine, version, served)
    evaluate(engine, until(COUNT))
    rows = measurements(engine, version)
    for kind in ("a", "b"):
        case = case_of(engine, version, reference, served, kind)
        found = {
            (row.window_start, row.check, row.subject): (row.outcome, row.value, row.limit)
            for row in rows
            if row.segment == f"kind={kind}"
        }
        checks = [one for one in all_checks().values() if Task.BINARY in one.tasks and one.name not in OF_THE_WHOLE]
        wanted = {
            (one.window.start, one.check, one.subject): (one.outcome.value, one.value, one.limit)
            for check in checks
            for one in check.evaluate(case)
        }
        assert found.keys() == wanted.keys()
        for key, (outcome, value, limit) in wanted.items():
            assert found[key][0] == outcome, key
            assert found[key][1:] == pytest.approx((value, limit), abs=1e-9), key
    assert {row.segment for row in rows} == {"", "kind=a", "kind=b", "kind=c"}


def test_only_the_segment_that_is_off_is_in_breach_and_the_alert_names_it(
    engine: Engine, reference: pd.DataFrame, served: pd.DataFrame, tmp_path: Path
) -> None:
    version = register(engine, reference, tmp_path)
    store(engine, version, served)
    evaluate(engine, until(COUNT))
    skew = {
        row.segment: row.outcome
        for row in measurements(engine, version)
        if (row.check, row.subject) == ("training_serving_skew", "x") and row.window_start == until(COUNT - 1)
    }
    assert (skew["kind=a"], skew["kind=b"]) == ("ok", "breach")
    alert(engine, until(COUNT))
    with read(engine) as connection:
        messages = {row.check: row.message for row in connection.execute(select(tables.notification))}
    lines = messages["training_serving_skew"]["lines"]
    assert ("x", "kind=b") in {(line["subject"], line["segment"]) for line in lines}
    assert not [line for line in lines if line["segment"] == "kind=a"]
    # The gate is about the whole: its verdict and its findings are those of a model without segments.
    assert {one.measurement.segment for one in judge_model(engine, "m", now=until(COUNT)).findings} == {None}


def test_quality_that_falls_names_the_segment_among_its_causes(
    engine: Engine, reference: pd.DataFrame, served: pd.DataFrame, tmp_path: Path
) -> None:
    from app.services.causes import explain

    version = register(engine, reference, tmp_path)
    store(engine, version, served)
    evaluate(engine, until(COUNT))
    found = explain(engine, "m", check="performance")
    assert found is not None
    segments = [cause for cause in found.causes if cause.kind == "segment"]
    assert segments[0].subject == "kind=b"
    assert segments[0].excess > 1
    shares = served[served["time"] >= pd.Timestamp(found.window_start)]["kind"].value_counts(normalize=True)
    assert segments[0].importance == pytest.approx(shares["b"])


def test_the_worst_segments_come_first(
    engine: Engine, reference: pd.DataFrame, served: pd.DataFrame, tmp_path: Path
) -> None:
    version = register(engine, reference, tmp_path)
    store(engine, version, served)
    evaluate(engine, until(COUNT))
    found = model_segments(engine, "m")
    last = served[served["time"] >= pd.Timestamp(LIVE + 3 * DAY)]
    right = last["predicted"] == last["label"]
    first = found.segments[0]
    assert [one.segment for one in found.segments] == ["kind=b", "kind=a", "kind=c"]
    assert (found.since, found.until) == (LIVE + 3 * DAY, until(COUNT))
    assert {one.segment: one.rows for one in found.segments} == {
        f"kind={kind}": size for kind, size in last["kind"].value_counts().items()
    }
    assert sum(one.share for one in found.segments) == pytest.approx(1)
    assert first.excess > 1 > found.segments[1].excess
    newest = last["time"] >= pd.Timestamp(until(COUNT - 1))
    gap = right[newest].mean() - right[newest & (last["kind"] == "b")].mean()
    assert first.quality_gap == pytest.approx(gap)
    assert found.segments[2].outcome in (Outcome.OK, Outcome.NOT_EVALUATED)


def test_the_overflow_is_said(engine: Engine, served: pd.DataFrame, tmp_path: Path) -> None:
    version = register(engine, None, tmp_path)
    store(engine, version, served.assign(kind=[f"k{n % 50}" for n in range(len(served))]))
    evaluate(engine, until(COUNT))
    [attribute] = model_segments(engine, "m").attributes
    assert (attribute.values, attribute.other_values) == (20, 30)
    assert attribute.other_rows == len(served) * 30 // 50
    assert attribute.overflow() == "30 other values of kind (540 rows) are counted together as kind=(other)"


def test_judging_twice_finds_nothing_new_and_late_labels_bring_segments_back(
    engine: Engine, reference: pd.DataFrame, served: pd.DataFrame, tmp_path: Path
) -> None:
    version = register(engine, reference, tmp_path)
    store(engine, version, served, labels=False)
    first = evaluate(engine, until(COUNT))
    assert first.measurements == len(measurements(engine, version))
    assert evaluate(engine, until(COUNT)).measurements == 0
    store(engine, version, served, rows=False)
    evaluate(engine, until(COUNT) + timedelta(hours=1))
    quality = [row for row in measurements(engine, version) if (row.check, row.subject) == ("performance", "accuracy")]
    assert {row.segment for row in quality if row.outcome == Outcome.BREACH} >= {"kind=b"}


def test_a_segment_has_a_calibration_of_its_own_where_it_has_the_labels(
    engine: Engine, reference: pd.DataFrame, tmp_path: Path
) -> None:
    version = register(engine, reference, tmp_path)
    with read(engine) as connection:
        recipe = load_recipes(connection, [version.id])[version.id]
    sizes = reference["kind"].value_counts()
    assert sizes["a"] > baselines.ENOUGH_LABELS > sizes["c"]
    assert baselines.baseline(engine, recipe, "kind=a").calibrator is None
    lent = baselines.baseline(engine, recipe, "kind=c")
    assert lent.calibrator is baselines.baseline(engine, recipe).calibration
    assert lent.calibration is not None
    assert int(lent.calibration.rows) == sizes["c"]


def test_kept_baselines_are_read_once_and_take_no_more_than_they_may(
    engine: Engine, reference: pd.DataFrame, tmp_path: Path
) -> None:
    version = register(engine, reference, tmp_path)
    with read(engine) as connection:
        recipe = load_recipes(connection, [version.id])[version.id]
    one = baselines.baseline(engine, recipe, "kind=a")
    assert baselines.baseline(engine, recipe, "kind=a") is one
    asked: list[int] = []

    def compute(number: int) -> Callable[[], baselines.Baseline]:
        def read_again() -> baselines.Baseline:
            asked.append(number)
            return one

        return read_again

    room = baselines.Kept(2 * baselines._size(one))
    for number in (1, 2, 1, 3, 1, 2):
        assert room.get(number, compute(number)) is one
    assert asked == [1, 2, 3, 2]


def test_a_segment_that_the_reference_does_not_have_says_so(
    engine: Engine, reference: pd.DataFrame, served: pd.DataFrame, tmp_path: Path
) -> None:
    version = register(engine, reference[reference["kind"] != "b"], tmp_path)
    store(engine, version, served)
    evaluate(engine, until(COUNT))
    reasons = {
        row.reason
        for row in measurements(engine, version)
        if (row.check, row.segment) == ("training_serving_skew", "kind=b")
    }
    assert reasons == {NO_ROWS}


def test_a_segment_below_the_minimum_is_not_evaluated(
    engine: Engine, reference: pd.DataFrame, served: pd.DataFrame, tmp_path: Path
) -> None:
    version = register(engine, reference, tmp_path)
    store(engine, version, served)
    evaluate(engine, until(COUNT))
    small = [
        row for row in measurements(engine, version) if (row.check, row.segment) == ("training_serving_skew", "kind=c")
    ]
    assert {row.outcome for row in small} == {Outcome.NOT_EVALUATED}
    assert all("at least 30 are needed" in row.reason for row in small)


@pytest.mark.parametrize("as_attribute", [True, False])
def test_a_reference_gives_segments_to_its_values_from_a_feature_or_an_attribute_column(
    engine: Engine, reference: pd.DataFrame, tmp_path: Path, as_attribute: bool
) -> None:
    mapping = ColumnMapping(**{**_fields(MAPPING), "attributes": ("kind",) if as_attribute else ()})
    version = register(engine, reference, tmp_path, mapping)
    with read(engine) as connection:
        recipe = load_recipes(connection, [version.id])[version.id]
        stored = connection.execute(
            select(tables.reference_profile.c.segment, tables.reference_profile.c.rows).where(
                tables.reference_profile.c.version_id == version.id
            )
        ).all()
    assert recipe.attributes[0].values == ("a", "b", "c")
    assert ("kind" in recipe.layout.feature_names) is not as_attribute
    sums: dict[str, int] = {}
    for segment, rows in stored:
        sums[segment] = sums.get(segment, 0) + rows
    sizes = reference["kind"].value_counts()
    assert sums == {"": len(reference), **{f"kind={kind}": int(size) for kind, size in sizes.items()}}


def _fields(mapping: ColumnMapping) -> dict[str, Any]:
    return {name: getattr(mapping, name) for name in ColumnMapping.__slots__}


def test_a_declared_attribute_that_the_reference_lacks_is_a_warning(
    engine: Engine, reference: pd.DataFrame, tmp_path: Path
) -> None:
    with write(engine) as connection:
        model = add_model(connection, Model("m", Task.BINARY, segment_by=("country",)), START)
        version = add_version(connection, Version(model.id, "v"), START)
    reference.drop(columns="input").to_parquet(path := tmp_path / "reference.parquet")
    said = store_reference(engine, model, version, path, MAPPING, now=LIVE, out_of_sample=True).warnings
    assert any("no column 'country'" in warning for warning in said)
