"""Curves and tables from counts against scikit-learn on the raw rows, and laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from app.core.layout import Layout, build_layout
from app.core.model import Task
from app.core.profile import OutcomeCounts
from app.core.reliability import (
    confusion,
    curve,
    errors_by_score,
    groups_of,
    reliability,
    residual_edges,
    residuals,
    score_middles,
)

RNG = np.random.default_rng(7)
N = 5_000


def binary_layout() -> Layout:
    scores = np.linspace(0, 1, 2001)
    return build_layout(Task.BINARY, {}, scores=scores, classes=["no", "yes"], threshold=0.5, confident=0.9)


def counted(layout: Layout, score: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> OutcomeCounts:
    """What the fold counts of labelled rows, by a loop."""
    empty = OutcomeCounts.empty(layout)
    bins = np.searchsorted(layout.score_edges, score, side="right")
    for said, truth, at in zip(predicted, true, bins, strict=True):
        empty.outcomes[said, int(said == truth), at] += 1
        empty.confusion[said, truth] += 1
    return replace(empty, rows=np.array(score.size))


def test_the_reliability_curve_is_that_of_scikit_learn() -> None:
    score = RNG.beta(2, 2, N)
    true = (RNG.random(N) < score**1.3).astype(int)
    layout = binary_layout()
    (found,) = reliability(layout, [counted(layout, score, (score >= 0.5).astype(int), true)])

    # The oracle's bins are of equal width, so the raw rows are grouped as ours are before it sees them.
    middles = score_middles(layout)
    bins = np.searchsorted(layout.score_edges, score, side="right")
    groups = groups_of(np.bincount(bins, minlength=middles.size))[bins]
    for group in range(found.rows.size):
        mine = groups == group
        share, mean = calibration_curve(true[mine], score[mine], n_bins=1)
        assert found.rows[group] == mine.sum()
        assert found.share[group] == pytest.approx(share[0])
        assert found.score[group] == pytest.approx(mean[0], abs=1 / 200)  # rows lie in the middle of their bins
    assert (found.lower < found.share).all()
    assert (found.share < found.upper).all()


def test_equal_widths_give_the_oracle_s_own_bins() -> None:
    score = (RNG.integers(0, 100, N) + 0.5) / 100
    true = (RNG.random(N) < score).astype(int)
    middles = (np.arange(100) + 0.5) / 100
    bins = np.floor(score * 100).astype(int)
    k, n = np.bincount(bins, true, minlength=100), np.bincount(bins, minlength=100)
    found = curve(k, n, middles, np.repeat(np.arange(10), 10))
    share, mean = calibration_curve(true, score, n_bins=10)
    assert found.share == pytest.approx(share)
    assert found.score == pytest.approx(mean)
    assert found.gap == pytest.approx(float(np.sum(found.rows * np.abs(share - mean)) / N))


def test_errors_by_score_are_shares_of_wrong_rows_in_the_same_groups_on_both_sides() -> None:
    layout = binary_layout()
    sides, raw = [], []
    for power in (1.0, 3.0):
        score = RNG.random(N)
        predicted, true = (score >= 0.5).astype(int), (RNG.random(N) < score**power).astype(int)
        sides.append(counted(layout, score, predicted, true))
        raw.append(predicted != true)
    before, after = errors_by_score(layout, sides)
    for found, wrong in zip((before, after), raw, strict=True):
        assert np.sum(found.share * found.rows) == pytest.approx(wrong.sum())
    assert before.share.size == after.share.size > 5
    assert np.nanmax(after.share - before.share) > 0.1


def test_the_confusion_matrix_and_its_rates_are_those_of_scikit_learn() -> None:
    names = ["a", "b", "c", "d"]
    layout = build_layout(Task.MULTICLASS, {}, scores=np.array([0.5]), classes=names, threshold=0.5, confident=0.9)
    true = RNG.choice(4, N, p=[0.5, 0.3, 0.15, 0.05])
    predicted = np.where(RNG.random(N) < 0.7, true, RNG.integers(0, 4, N))
    found = confusion(layout, counted(layout, np.full(N, 0.7), predicted, true))

    assert found.classes == tuple(names)
    assert found.counts.tolist() == confusion_matrix(true, predicted).tolist()
    assert found.shares == pytest.approx(confusion_matrix(true, predicted, normalize="true"))
    precision, recall, f1, support = precision_recall_fscore_support(true, predicted)
    for ours, theirs in ((found.precision, precision), (found.recall, recall), (found.f1, f1)):
        assert ours == pytest.approx(theirs)
    assert found.support.tolist() == support.tolist()


def test_rare_classes_are_one_and_no_row_is_lost() -> None:
    names = [f"c{n:02}" for n in range(30)]
    layout = build_layout(Task.MULTICLASS, {}, scores=np.array([0.5]), classes=names, threshold=0.5, confident=0.9)
    true, predicted = RNG.integers(0, 30, N), RNG.integers(0, 30, N)
    found = confusion(layout, counted(layout, np.full(N, 0.7), predicted, true), most=5)
    assert len(found.classes) == 6
    assert found.classes[-1] == "(other)"
    assert found.counts.sum() == N


def test_a_binary_matrix_has_both_classes_even_without_a_row() -> None:
    found = confusion(binary_layout(), OutcomeCounts.empty(binary_layout()))
    assert found.classes == ("no", "yes")
    assert np.isnan(found.shares).all()


@given(st.lists(st.integers(0, 200), min_size=1, max_size=140), st.integers(1, 15), st.integers(1, 50))
def test_groups_are_of_neighbours_few_and_full_enough(rows: list[int], most: int, least: int) -> None:
    groups = groups_of(rows, most, least)
    assert groups[0] == 0
    assert set(np.diff(groups).tolist()) <= {0, 1}
    assert groups.max() < most
    if groups.max():
        assert np.bincount(groups, rows).min() >= least


def test_residuals_are_the_means_of_each_group() -> None:
    predicted = RNG.normal(10, 3, N)
    actual = predicted + 0.5 + RNG.normal(0, 1, N)
    edges = residual_edges(predicted)
    found = residuals(predicted, actual, edges)
    for group, mine in enumerate(np.split(np.argsort(predicted), np.cumsum(found.rows).astype(int)[:-1])):
        assert found.predicted[group] == pytest.approx(predicted[mine].mean())
        assert found.actual[group] == pytest.approx(actual[mine].mean())
    assert found.rows.sum() == N
    assert found.bias == pytest.approx(np.full(found.rows.size, -0.5), abs=0.25)
    inside = (found.lower <= found.predicted + 0.5) & (found.predicted + 0.5 <= found.upper)
    assert inside.sum() >= found.rows.size - 2


def test_too_few_rows_make_one_group() -> None:
    assert residual_edges([1.0, 2.0]).size == 0
    assert residuals([1.0, 3.0], [2.0, 4.0], []).bias.tolist() == [-1.0]
