"""The trust benchmark on models so small that it takes seconds: same seed, same answer, and changes are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson

from app.core.model import Task
from benchmarks.rivals import ChunkAlerts
from benchmarks.simulation import Change, World, blocks
from benchmarks.trials import Cell, Store, complete, run
from benchmarks.trust_page import rate

SMALL = World(features=5, rows=200, reference_days=40, served_days=20, lag=0.0)
SHIFTED = Cell("shifted", SMALL, Change(shift=2.0, start=12), trials=1)


def test_a_trial_is_the_same_whenever_it_is_run() -> None:
    assert run(SHIFTED, 0) == run(SHIFTED, 0)
    assert run(SHIFTED, 0) != run(SHIFTED, 1)


def test_the_past_does_not_depend_on_what_will_change() -> None:
    quiet, shifted = (next(blocks(SMALL, change, 3))[1] for change in (Change(), SHIFTED.change))
    np.testing.assert_array_equal(quiet.features["normal_000"], shifted.features["normal_000"])


def test_a_shift_of_two_sds_is_told_from_its_second_day_on_about_the_feature_that_moved() -> None:
    told = [(one.day, one.subjects) for one in run(SHIFTED, 0).alerts if one.check == "training_serving_skew"]
    assert told == [(13, ["normal_000"])]


@pytest.mark.parametrize("task", list(Task))
def test_flipped_labels_and_noise_make_realised_quality_worse_and_leave_the_features_alone(task: Task) -> None:
    cell = Cell("worse", replace(SMALL, task=task), Change(flip=0.4, shrink=1.0, start=12))
    checks = {one.check for one in run(cell, 0).alerts if one.day >= cell.change.start}
    assert "performance" in checks
    assert "training_serving_skew" not in checks


def test_the_estimate_follows_a_shift_and_is_blind_to_flipped_labels() -> None:
    moved = run(Cell("moved", SMALL, Change(shift=1.0, shifted=5, start=12)), 0).gaps["accuracy"]
    assert moved.error < moved.unmoved
    flipped = run(Cell("flipped", SMALL, Change(flip=0.2, start=12)), 0).gaps["accuracy"]
    assert flipped.bias == pytest.approx(-flipped.realised, abs=0.03)


def test_days_are_as_correlated_as_the_world_says() -> None:
    world = World(features=5, rows=50, reference_days=500, served_days=0, lag=0.8, effect=2.0)
    parts = [rows for _, rows in blocks(world, Change(), 1)]
    days = np.concatenate([part.times // 86_400_000_000 for part in parts])
    values = np.concatenate([np.asarray(part.features["normal_000"]) for part in parts])
    _, which = np.unique(days, return_inverse=True)
    means = np.bincount(which, values) / np.bincount(which)
    # sd of the estimates: about .06 for the correlation, .13 for the sd
    assert np.corrcoef(means[1:], means[:-1])[0, 1] == pytest.approx(0.8, abs=0.12)
    assert means.std() == pytest.approx(2.0, abs=0.5)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    store, cell = Store(tmp_path), replace(SHIFTED, world=replace(SMALL, rows=50), trials=2)
    assert not complete([cell], store, seconds=-1)
    assert complete([replace(cell, trials=1)], store, seconds=60)
    first = store.records(cell)
    assert complete([cell], store, seconds=60)
    assert [record.trial for record in store.records(cell)] == [0, 1]
    assert store.records(cell)[0] == first[0]
    assert Store(tmp_path, digest="another program").records(cell) == []


@pytest.mark.parametrize("events", [0, 1, 7])
def test_the_ends_of_an_interval_are_the_rates_at_which_so_many_events_become_improbable(events: int) -> None:
    value, lower, upper = rate(events, 4.0)
    assert value == events / 4
    assert poisson.cdf(events, upper * 4) == pytest.approx(0.025)
    assert lower == 0 if not events else poisson.sf(events - 1, lower * 4) == pytest.approx(0.025)


def test_a_series_that_stays_outside_its_band_begins_once() -> None:
    days = np.array([[True, False], [True, False], [False, False], [True, True], [True, True]])
    assert ChunkAlerts("drift", days).begun == [0, 3]
