"""Projections against the same directions on the raw vectors, and the laws that exact sums give."""

from __future__ import annotations

import struct
from hashlib import shake_256
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest

from app.core.stats.lists import STATISTICS, list_statistics
from app.core.stats.projections import MOST_DIMENSIONS, PROJECTIONS, directions, project, step_exponent


@pytest.mark.parametrize("dimension", [8, 64, MOST_DIMENSIONS])
def test_directions_are_unit_vectors_uniform_on_the_sphere(dimension: int) -> None:
    """The components of one of dimension D, times sqrt(D), are all but standard normal."""
    found = directions("vector", dimension) / 2**12
    assert_allclose(np.linalg.norm(found, axis=0), 1.0, atol=0.02)
    if dimension > 8:
        assert kstest(found.ravel() * np.sqrt(dimension), "norm").pvalue > 0.01
        assert np.abs(found.T @ found - np.eye(PROJECTIONS)).max() < 5 / np.sqrt(dimension)


def test_directions_follow_from_name_and_dimension_alone() -> None:
    """Profiles of years rest on them. Oracle: the standard library's normal distribution."""
    bits = struct.unpack(f"<{8 * PROJECTIONS}I", shake_256(b"8:vector").digest(4 * 8 * PROJECTIONS))
    normal = np.array([NormalDist().inv_cdf((one + 0.5) / 2**32) for one in bits]).reshape(8, PROJECTIONS)
    expected = np.round(4096 * normal / np.sqrt((normal**2).sum(axis=0)))
    assert_array_equal(directions("vector", 8), expected)
    assert expected[0, :4].tolist() == [-362, -1769, 798, 1714]
    assert not np.array_equal(directions("vector", 8), directions("other", 8))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.integers(8, 40))
def test_it_is_the_projection_of_the_raw_vector_to_a_few_ten_thousandths(seed: int, scale: float, dims: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(20, dims)) * scale
    found = project(vectors, "v", step_exponent(np.abs(vectors).max()))
    assert_allclose(found, vectors @ directions("v", dims) / 2**12, atol=1e-4 * np.abs(vectors).max())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3000))
def test_a_row_is_projected_alike_whatever_stands_beside_it(seed: int, rows: int) -> None:
    """To the last bit: sums of floats would not be."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_cauchy(size=(rows, 33))
    order, row = rng.permutation(rows), int(rng.integers(rows))
    found = project(vectors, "v", 5)
    assert_array_equal(project(vectors[order], "v", 5), found[order])
    assert_array_equal(project(vectors[row : row + 1], "v", 5)[0], found[row])


def test_what_is_not_finite_has_no_projection_and_what_is_huge_has_a_finite_one() -> None:
    vectors = np.ones((4, 8))
    vectors[0, 3], vectors[1, 0], vectors[2] = np.nan, np.inf, 1.7e308
    found = project(vectors, "v", step_exponent(1.0))
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).all()
    assert project(vectors[:0], "v", 0).shape == (0, PROJECTIONS)
    assert step_exponent(0.0) == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=6), max_size=5))
def test_statistics_of_lists_are_numpys_of_each(lists: list[list[float]]) -> None:
    found = list_statistics([np.array(one, dtype=np.float64) for one in lists])
    assert found.shape == (len(lists), len(STATISTICS))
    for row, one in zip(found, lists, strict=True):
        filled = [np.mean(one), np.min(one), np.max(one), np.std(one)] if one else [np.nan] * 4
        assert_allclose(row, [len(one), *filled], atol=1e-9, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(), max_size=20), min_size=1, max_size=6))
def test_statistics_of_a_list_are_alike_whatever_stands_beside_it(lists: list[list[float]]) -> None:
    arrays = [np.array(one, dtype=np.float64) for one in lists]
    assert_array_equal(list_statistics(arrays)[-1], list_statistics(arrays[-1:])[0])
