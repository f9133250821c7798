"""Importance against scikit-learn's mutual information, the normal case in closed form, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from sklearn.metrics import mutual_info_score

from app.core.importance import BINS, CHANCE, ENOUGH_ROWS, binned, importance_of, informational_correlation
from app.core.model import Task
from app.core.sample import Sample, pack_sample, unpack_sample


def codes(values: np.ndarray) -> np.ndarray:
    return binned(values.tolist())


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 30), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_it_is_the_mutual_information_less_its_bias(seed: int, rows: int, columns: int, copied: float) -> None:
    """Oracles: scikit-learn's plug-in estimate, corrected by hand; 0 where scipy's G-test sees nothing."""
    rng = np.random.default_rng(seed)
    n = 3000
    x = rng.integers(0, rows, n)
    y = np.where(rng.random(n) < copied, x % columns, rng.integers(0, columns, n))

    found = informational_correlation(x, y)

    table = np.histogram2d(x, y, [range(rows + 1), range(columns + 1)])[0]
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    p = chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    bias = (len(set(x)) - 1) * (len(set(y)) - 1) / (2 * n)
    by_hand = np.sqrt(max(0.0, 1 - np.exp(-2 * (mutual_info_score(x, y) - bias))))
    assert found == pytest.approx(0.0 if p >= CHANCE else by_hand, abs=1e-9)
    assert informational_correlation(y, x) == pytest.approx(found)


@pytest.mark.parametrize("r", [0.2, 0.5, -0.8])
def test_for_normal_variables_it_is_the_size_of_the_correlation(r: float) -> None:
    """Linfoot 1957. Bins lose a little of the information, more of it where the dependence is strong."""
    x, noise = np.random.default_rng(1).normal(size=(2, 50_000))
    y = r * x + np.sqrt(1 - r**2) * noise

    assert informational_correlation(codes(x), codes(y)) == pytest.approx(abs(r), abs=0.02)


def test_what_is_independent_counts_as_nothing() -> None:
    rng = np.random.default_rng(2)
    found = [informational_correlation(codes(rng.normal(size=5000)), codes(rng.normal(size=5000))) for _ in range(50)]
    assert sum(value > 0 for value in found) <= 1


def test_a_dependence_without_correlation_is_found() -> None:
    x = np.random.default_rng(3).normal(size=5000)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 0.1
    assert informational_correlation(codes(x), codes(x**2)) > 0.95


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, order = rng.normal(size=500), rng.permutation(500)
    y = x + rng.normal(size=500)
    assert informational_correlation(codes(x[order]), codes(y[order])) == informational_correlation(codes(x), codes(y))


def test_bins_have_equal_mass_and_missing_values_one_of_their_own() -> None:
    values: list[float | str | None] = [*np.random.default_rng(4).normal(size=2000).tolist(), *[None] * 100]
    counts = np.bincount(binned(values))
    assert counts[0] == 100
    assert counts[1:].tolist() == pytest.approx([2000 / BINS] * BINS, abs=1)
    b, missing, a, again = binned(["b", None, "a", "b"]).tolist()
    assert missing == 0
    assert b == again
    assert len({a, b, missing}) == 3


def sample(rows: int, task: Task) -> Sample:
    """`x` makes the score, `hard` makes errors, `noise` makes nothing, and a gap in `gaps` gives the score away."""
    rng = np.random.default_rng(5)
    x, noise, hard = rng.normal(size=rows), rng.normal(size=rows), rng.choice(["yes", "no"], rows)
    score = 1 / (1 + np.exp(-2 * x))
    wrong = rng.random(rows) < np.where(hard == "yes", 0.4, 0.05)
    predicted = np.where(score > 0.5, "1", "0")
    label = np.where(wrong, np.where(score > 0.5, "0", "1"), predicted)
    if task is Task.REGRESSION:
        predicted, label = 3 * x, 3 * x + rng.normal(size=rows) * np.where(hard == "yes", 3, 0.3)
    gaps = [None if one > 1 else other for one, other in zip(x.tolist(), noise.tolist(), strict=True)]
    features = {"x": x.tolist(), "noise": noise.tolist(), "hard": hard.tolist(), "gaps": gaps}
    return Sample(rows, features, predicted.tolist(), score.tolist(), label.tolist())


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION, Task.MULTICLASS])
def test_each_feature_gets_what_it_tells(task: Task) -> None:
    found = importance_of(sample(5000, task), task)

    assert found["noise"].weight == 0
    x, gaps, hard = (found[name] for name in ("x", "gaps", "hard"))
    assert x.score is not None
    assert x.score > 0.7
    assert gaps.score is not None
    assert gaps.score > 0.3
    assert hard.score == 0
    assert x.error == pytest.approx(0, abs=0.1)
    assert hard.error is not None
    assert hard.error > 0.3
    assert hard.weight == hard.error


def test_too_few_rows_say_nothing() -> None:
    found = importance_of(sample(ENOUGH_ROWS - 1, Task.BINARY), Task.BINARY)
    assert {(one.score, one.error, one.weight) for one in found.values()} == {(None, None, None)}


def test_without_labels_the_error_is_unknown_and_the_score_is_not() -> None:
    rows = sample(1000, Task.BINARY)
    found = importance_of(Sample(1000, rows.features, rows.predicted, rows.score, [None] * 1000), Task.BINARY)
    assert found["x"].error is None
    assert found["x"].weight == found["x"].score


def test_a_sample_comes_back_as_it_was_packed() -> None:
    rows = sample(50, Task.BINARY)
    assert unpack_sample(pack_sample(rows)) == rows
