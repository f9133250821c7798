"""The sample is uniform, bounded, and the same however the rows arrive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.columns import categories_of
from app.core.records import Scalar
from app.core.reservoir import Reservoir


def sample(values: list[Scalar], most: int, sizes: list[int], seed: int = 0) -> list[Scalar]:
    reservoir = Reservoir(["x"], most, seed)
    start = 0
    for size in [*sizes, len(values)]:
        part = values[start : start + size]
        reservoir.add({"x": part}, len(part))
        start += size
    return list(reservoir.columns()["x"])


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.none() | st.integers(-5, 5) | st.sampled_from(["a", "NaN"]) | st.booleans(), max_size=120),
    most=st.integers(1, 40),
    sizes=st.lists(st.integers(0, 30), max_size=10),
)
def test_chunks_do_not_matter_and_the_order_of_rows_is_kept(values: list[Scalar], most: int, sizes: list[int]) -> None:
    chosen = sample(values, most, sizes)

    assert len(chosen) == min(most, len(values))
    assert canonical(chosen) == canonical(sample(values, most, []))
    if len(values) <= most:
        assert canonical(chosen) == canonical(values)


def canonical(values: list[Scalar]) -> list[str | None]:
    """By name, since a number may become a float, and in a column of numbers NaN stands for what is missing."""
    return [None if value != value else name for value, name in zip(values, categories_of(values), strict=True)]


def test_every_row_is_as_likely_as_any_other() -> None:
    """Each of 500 rows is in a sample of 100 with p = 1/5; over 400 seeds its count is binomial(400, 1/5)."""
    rows: list[Scalar] = list(range(500))
    counts = np.zeros(500)
    for seed in range(400):
        counts[np.array(sample(rows, 100, [7, 90, 300], seed), dtype=int)] += 1

    deviation = (counts - 80) / np.sqrt(400 * 0.2 * 0.8)
    assert np.abs(deviation).max() < 4.5  # P < .4 % for the largest of 500 normal deviates
    assert deviation.std() == pytest.approx(1, abs=0.15)
    assert abs(np.corrcoef(counts, np.arange(500))[0, 1]) < 0.15  # neither the first nor the last are favoured


def test_a_missing_number_is_nan_and_a_mixed_column_keeps_its_values() -> None:
    reservoir = Reservoir(["number", "mixed"], 10)
    reservoir.add({"number": [1, None], "mixed": [1.5, None]}, 2)
    reservoir.add({"number": [2.5], "mixed": ["NaN"]}, 1)

    columns = reservoir.columns()

    assert columns["number"].dtype == np.float64
    np.testing.assert_equal(columns["number"], [1.0, np.nan, 2.5])
    assert columns["mixed"].tolist() == [1.5, None, "NaN"]
