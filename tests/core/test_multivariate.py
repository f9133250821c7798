"""Reconstruction errors against scikit-learn's PCA, and the laws that whole steps give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from app.core.columns import Numbers, State, parse_numbers
from app.core.layout import numeric_feature
from app.core.multivariate import (
    EXPLAINED,
    LEAST_ROWS,
    MOST_COLUMNS,
    MOST_COMPONENTS,
    Multivariate,
    Standard,
    learn_multivariate,
)

Matrix = NDArray[np.float64]


def columns_of(values: Matrix) -> list[Numbers]:
    return [parse_numbers(column.copy()) for column in values.T]


def learnt(values: Matrix) -> Multivariate | None:
    columns = columns_of(values)
    features = [numeric_feature(str(i), column) for i, column in enumerate(columns)]
    return learn_multivariate([Standard(f.mean, f.sd, f.low, f.high) for f in features], columns)


def related(rng: np.random.Generator, rows: int, columns: int) -> Matrix:
    """Columns that depend on a third as many hidden ones, in units of all sizes."""
    hidden = rng.normal(size=(rows, max(1, columns // 3)))
    mixed = hidden @ rng.normal(size=(hidden.shape[1], columns)) + 0.5 * rng.normal(size=(rows, columns))
    return np.asarray(mixed * 10.0 ** rng.integers(-5, 6, columns) + rng.normal(size=columns))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_errors_are_what_scikit_learns_components_leave(seed: int, columns: int) -> None:
    values = related(np.random.default_rng(seed), 3000, columns)
    found = learnt(values)
    assert found is not None

    low, high = np.quantile(values, (0.001, 0.999), axis=0)
    clipped = np.clip(values, low, high)
    standard = (clipped - clipped.mean(axis=0)) / clipped.std(axis=0)
    oracle = PCA().fit(standard)
    enough = int(np.searchsorted(np.cumsum(oracle.explained_variance_ratio_), EXPLAINED)) + 1
    oracle = PCA(min(enough, MOST_COMPONENTS, columns - 1)).fit(standard)
    assert len(found.components) == oracle.n_components_
    remainder = standard - oracle.inverse_transform(oracle.transform(standard))
    usual = np.maximum((remainder**2).mean(axis=0), 2.0**-10)
    expected = remainder**2 / usual

    error, squares = found.errors(columns_of(values))
    assert error.values == pytest.approx(np.sqrt(expected.mean(axis=1)), abs=0.05)
    assert squares.mean(axis=1) / 2**16 == pytest.approx(expected.mean(axis=0), abs=0.05)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5000))
def test_a_row_has_the_same_error_whatever_stands_beside_it(seed: int, rows: int) -> None:
    """To the last bit, or profiles would not add."""
    rng = np.random.default_rng(seed)
    found = learnt(related(rng, 500, 12))
    assert found is not None
    values = rng.standard_cauchy(size=(rows, 12)) * 10.0 ** rng.integers(-3, 3, 12)
    values[rng.random(values.shape) < 0.1] = np.nan
    order = rng.permutation(rows)
    error, squares = found.errors(columns_of(values))
    shuffled, shuffled_squares = found.errors(columns_of(values[order]))
    assert_array_equal(shuffled.values, error.values[order])
    assert_array_equal(shuffled_squares, squares[:, order])
    alone, _ = found.errors(columns_of(values[-1:]))
    assert alone.values[0] == error.values[-1]


def test_a_row_of_too_few_numbers_has_no_error_and_infinities_count_as_the_bounds() -> None:
    rng = np.random.default_rng(1)
    reference = related(rng, 500, 4)
    found = learnt(reference)
    assert found is not None
    rows = np.repeat(reference[:1], 4, axis=0)
    rows[1, :3], rows[2, 0], rows[3, 0] = np.nan, np.inf, 1.7e308
    error, squares = found.errors(columns_of(rows))
    assert error.states is not None
    assert error.states.tolist() == [-1, State.MISSING, -1, -1]
    assert squares[:, 1].sum() == 0
    assert error.values[2] == error.values[3]


def test_what_does_not_vary_and_too_few_rows_have_no_components() -> None:
    rng = np.random.default_rng(2)
    values = related(rng, 500, 3)
    assert learnt(values[: LEAST_ROWS - 1]) is None
    assert learnt(values[:, :1]) is None
    values[:, 1:] = [1e9, 0.1]
    assert learnt(values) is None
    assert learn_multivariate([], []) is None


def test_copies_of_a_column_leave_no_infinite_weight() -> None:
    x = np.random.default_rng(3).normal(size=2000)
    found = learnt(np.stack([x, x, 2 * x], axis=-1))
    assert found is not None
    assert found.weights == [2**11] * 3
    error, _ = found.errors(columns_of(np.array([[1.0, 1.0, 2.0], [1.0, -1.0, 2.0]])))
    assert error.values[0] < 0.2
    assert error.values[1] > 20


def test_of_many_columns_those_that_depend_on_others_are_kept() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(2000, 150))
    values[:, 149] = values[:, 7] + 0.1 * rng.normal(size=2000)
    found = learnt(values)
    assert found is not None
    assert len(found.columns) == MOST_COLUMNS
    assert len(found.components) == MOST_COMPONENTS
    assert {7, 149} <= set(found.columns)
