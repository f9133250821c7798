"""Where the values of one row lie in the reference, against the reference's own values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.core.feature_places import FeaturePlace, Place, compare_row, strangest
from app.core.fold import Rows, Truth, fold
from app.core.layout import Layout, build_layout
from app.core.model import Task, WindowLength
from app.core.profile import FeatureCounts

N = 4_000
RNG = np.random.default_rng(7)
NUMBERS = RNG.normal(10, 3, N)
RAIN = np.where(RNG.random(N) < 0.9, 0.0, RNG.exponential(1, N))
KINDS = [None if u < 0.02 else "rare" if u < 0.025 else "a" if u < 0.6 else "b" for u in RNG.random(N)]


@pytest.fixture(scope="module")
def reference() -> tuple[Layout, FeatureCounts]:
    columns: dict[str, Any] = {"x": NUMBERS.tolist(), "rain": RAIN.tolist(), "kind": KINDS}
    scores = np.linspace(0.01, 0.99, N)
    layout = build_layout(Task.BINARY, columns, scores=scores, classes=["0", "1"], threshold=0.5, confident=0.9)
    rows = Rows(np.zeros(N, np.int64), ["1"] * N, [None] * N, scores, np.full(N, 1.0), Truth.unknown(N), columns)
    [profile] = fold(layout, rows, WindowLength.DAY).values()
    return layout, profile.features


def place(reference: tuple[Layout, FeatureCounts], **row: Any) -> dict[str, FeaturePlace]:
    return {one.name: one for one in compare_row(*reference, row)}


@pytest.mark.parametrize("value", [3.0, 8.5, 10.0, 13.3, 16.0])
def test_the_percentile_of_a_number_is_that_among_the_values(
    reference: tuple[Layout, FeatureCounts], value: float
) -> None:
    found = place(reference, x=value)["x"]
    assert found.percentile == pytest.approx(float((value > NUMBERS).mean()), abs=1 / 128)
    assert (found.low, found.high) == (NUMBERS.min(), NUMBERS.max())


def test_of_many_equal_values_half_count(reference: tuple[Layout, FeatureCounts]) -> None:
    found = place(reference, rain=0.0)["rain"]
    assert found.percentile == pytest.approx(0.45, abs=0.02)
    assert found.place is Place.USUAL


@pytest.mark.parametrize(
    ("row", "name", "expected", "share"),
    [
        ({"x": 100.0}, "x", Place.OUTSIDE, None),
        ({"x": NUMBERS.max()}, "x", Place.RARE, None),
        ({"x": "NaN"}, "x", Place.OUTSIDE, 0.0),
        ({"x": "text"}, "x", Place.OUTSIDE, 0.0),
        ({}, "x", Place.MISSING, 0.0),
        ({"kind": "a"}, "kind", Place.USUAL, KINDS.count("a") / N),
        ({"kind": "rare"}, "kind", Place.RARE, KINDS.count("rare") / N),
        ({"kind": "never"}, "kind", Place.OUTSIDE, 0.0),
        ({"kind": None}, "kind", Place.MISSING, KINDS.count(None) / N),
        ({"new": 1}, "new", Place.UNKNOWN, None),
    ],
)
def test_what_a_value_is_beside_the_reference(
    reference: tuple[Layout, FeatureCounts], row: dict[str, Any], name: str, expected: Place, share: float | None
) -> None:
    found = place(reference, **row)[name]
    assert found.place is expected
    assert found.share == (None if share is None else pytest.approx(share))


def test_the_strangest_stand_first(reference: tuple[Layout, FeatureCounts]) -> None:
    ordered = strangest(compare_row(*reference, {"x": 10.0, "rain": 0.0, "kind": "never", "new": 3}))
    assert [one.name for one in ordered] == ["kind", "x", "rain", "new"]


def test_without_a_reference_nothing_is_compared() -> None:
    assert compare_row(None, None, {"x": 1}) == [FeaturePlace("x", 1, Place.UNKNOWN)]
