"""The benchmark of a window in memory on small frames: what it judges is right, and what is missing is said."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from app.core.model import Outcome
from benchmarks import skew
from benchmarks.in_memory import SIDES, SLICE, everything, frames, measure, profile, univariate
from benchmarks.in_memory import _layout as layout_of

ROWS = SLICE + SLICE // 2
FIGURES = {"prepared": 1.0, "seconds": 0.1, "processor": 0.2, "memory": 30.0, "sum": 16e9, "copy": 8e9}
RIVAL = {"prepared": 1.0, "seconds": 10.0, "processor": 8.0, "memory": 600.0, "sum": 1.0, "copy": 1.0}
MISSING = "ERROR: no matching distribution"


def test_the_window_is_judged_by_a_learnt_limit_and_the_feature_that_moved_is_told() -> None:
    reference, window = frames(12_000)
    found = {one.subject: one for one in univariate(reference)(window)}
    exact = wasserstein_distance(reference["f0"], window["f0"]) / reference["f0"].std()
    assert found["f0"].value == pytest.approx(exact, rel=0.02)
    assert {one.outcome for one in found.values()} == {Outcome.OK}  # a breach needs two windows of the last three
    assert [name for name, one in found.items() if one.reason] == ["f0"]
    assert found["f0"].limit is not None
    assert found["f0"].value > found["f0"].limit
    assert len(found) == skew.FEATURES


def test_with_everything_the_reconstruction_error_is_judged_too() -> None:
    reference, window = frames(12_000)
    checks = {one.check for one in everything(reference)(window) if one.limit is not None}
    assert checks == {"training_serving_skew", "multivariate_drift"}


def test_the_slices_of_a_profile_hold_every_row_once() -> None:
    reference, window = frames(ROWS)
    layout = layout_of(reference)
    features = profile(layout, window).features
    for place, name in enumerate(window):
        edges = [-np.inf, *layout.edge_arrays[place], np.inf]
        expected = np.histogram(window[name], edges)[0]
        np.testing.assert_array_equal(features.numeric[place, : expected.size], expected)


def test_a_measurement_has_every_figure_that_the_table_needs() -> None:
    figures = measure("univariate", 12_000)
    assert figures.keys() == FIGURES.keys()
    assert all(value > 0 for name, value in figures.items() if name != "memory")


def test_every_rival_has_a_side() -> None:
    assert {rival.side for rival in skew.RIVALS} <= SIDES.keys()


def test_the_share_of_the_memory_bandwidth_is_of_the_faster_way_to_read() -> None:
    lines = skew.lines(1_000_000, FIGURES, dict.fromkeys(("evidently", "whylogs", "nannyml"), (FIGURES, RIVAL)))
    share = next(line for line in lines if line.unit == "%")
    assert share.ours == pytest.approx(10.0)  # 160 MB at 16 GB/s take 10 ms of the 100 ms
    ratios = {line.compared_with: line.ratio for line in lines if line.wanted and line.unit == "s"}
    assert ratios == {rival.name: pytest.approx(0.01) for rival in skew.RIVALS}


def test_a_rival_that_cannot_be_installed_says_why_and_the_others_stay() -> None:
    pairs: dict[str, tuple[skew.Figures, skew.Figures | str]] = {
        "evidently": (FIGURES, RIVAL),
        "whylogs": (FIGURES, MISSING),
        "nannyml": (FIGURES, RIVAL),
    }
    lines = [line for line in skew.lines(1_000, FIGURES, pairs) if "whylogs" in line.compared_with]
    assert [(line.ratio, line.compared_with) for line in lines] == [(None, f"whylogs profile: {MISSING}")]


def test_the_reason_is_the_last_line_of_what_a_program_said() -> None:
    failed = subprocess.CalledProcessError(1, "pip", stderr="WARNING: a | b\nERROR: no | such\n\n")
    assert skew.reason(failed) == "ERROR: no / such"
    assert skew.reason(subprocess.CalledProcessError(3, "pip")) == "exit code 3"
