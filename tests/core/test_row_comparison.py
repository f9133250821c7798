"""Values of a row beside a reference of 0 to 999 and three categories: what is told is counted by hand.

Where that is too coarse, against the values themselves of a larger reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.core.derived import DerivedFeature, DerivedKind
from app.core.fold import Rows, Truth, fold
from app.core.importance import Importance
from app.core.layout import build_layout
from app.core.model import Task, WindowLength
from app.core.row_comparison import Place, Reading, Typical, not_compared

N = 1000
KINDS = ["a"] * 600 + ["b"] * 395 + ["c"] * 5
SPARSE = [None] * 10 + [0.0] * 900 + [5.0] * 90
BROKEN = ["NaN"] * 300 + [float(i) for i in range(700)]
RNG = np.random.default_rng(7)
NORMAL = RNG.normal(10, 3, 4 * N)


def typical_of(columns: dict[str, Any], **importance: Importance) -> Typical:
    n = len(next(iter(columns.values())))
    scores = np.linspace(0.01, 0.99, n)
    layout = build_layout(Task.BINARY, columns, scores=scores, classes=["no", "yes"], threshold=0.5, confident=0.9)
    rows = Rows(np.zeros(n, np.int64), ["yes"] * n, [None] * n, scores, np.full(n, 1.0), Truth.unknown(n), columns)
    [profile] = fold(layout, rows, WindowLength.DAY).values()
    return Typical.of(layout, profile.features, importance)


@pytest.fixture(scope="module")
def typical() -> Typical:
    columns = {"x": [float(i) for i in range(N)], "sparse": SPARSE, "kind": KINDS, "broken": BROKEN}
    return typical_of(columns, x=Importance(0.2, None), kind=Importance(0.8, 0.1))


def reading(typical: Typical, name: str, value: object) -> Reading:
    found = typical.compare({"x": 500.0, "sparse": 0.0, "kind": "a", "broken": 350.0, name: value})
    return next(one for one in found if one.name == name)


@pytest.mark.parametrize(
    ("name", "value", "place", "strange", "outside"),
    [
        ("x", 500, Place.USUAL, False, False),
        ("x", 30, Place.USUAL, False, False),
        ("x", 5, Place.LOW, True, False),
        ("x", 994, Place.HIGH, True, False),
        ("x", 0, Place.LOW, True, False),
        ("x", 999, Place.HIGH, True, False),
        ("x", -1, Place.BELOW, True, True),
        ("x", 1000, Place.ABOVE, True, True),
        ("x", "many", Place.INVALID, True, True),
        ("x", "NaN", Place.INVALID, True, True),
        ("x", [1.0], Place.INVALID, True, True),
        ("x", None, Place.MISSING, True, True),
        ("broken", "NaN", Place.INVALID, False, False),
        ("sparse", 0, Place.USUAL, False, False),
        ("sparse", 5, Place.USUAL, False, False),
        ("sparse", 6, Place.ABOVE, True, True),
        ("sparse", None, Place.MISSING, False, False),
        ("kind", "a", Place.USUAL, False, False),
        ("kind", "c", Place.RARE, True, False),
        ("kind", "zebra", Place.NEW, True, True),
        ("kind", ["a"], Place.NEW, True, True),
        ("kind", None, Place.MISSING, True, True),
        ("else", 1, Place.UNKNOWN, False, False),
    ],
)
def test_a_value_has_its_place_in_the_reference(
    typical: Typical, name: str, value: object, place: Place, *, strange: bool, outside: bool
) -> None:
    found = reading(typical, name, value)
    assert (found.place, found.strange, found.outside) == (place, strange, outside)


def test_a_number_says_how_many_are_smaller_and_what_is_usual(typical: Typical) -> None:
    found = reading(typical, "x", 750)
    assert found.below == pytest.approx(0.75, abs=0.002)
    assert found.usual == pytest.approx((100, 900), abs=1)
    assert found.span == (0.0, 999.0)


@pytest.mark.parametrize("value", [3.0, 8.5, 10.0, 13.3, 16.0])
def test_how_many_are_smaller_is_exact_to_a_bin(value: float) -> None:
    found = reading(typical_of({"x": NORMAL.tolist()}), "x", value)
    assert found.below == pytest.approx(float((value > NORMAL).mean()), abs=1 / 128)


def test_of_many_equal_values_half_count(typical: Typical) -> None:
    assert reading(typical, "sparse", 0.0).below == pytest.approx(450 / 990, abs=0.001)


def test_a_category_says_its_share_and_the_most_frequent_ones(typical: Typical) -> None:
    found = reading(typical, "kind", "b")
    assert (found.share, found.usual) == (0.395, (("a", 0.6), ("b", 0.395), ("c", 0.005)))
    assert reading(typical, "kind", "zebra").share == 0


def test_what_is_often_missing_or_no_number_says_how_often(typical: Typical) -> None:
    assert reading(typical, "sparse", None).share == 0.01
    assert reading(typical, "broken", "NaN").share == 0.3


def test_a_value_in_a_bucket_of_the_tail_is_rare_and_never_said_to_be_new() -> None:
    """The 400 rare categories fill every bucket, and which of them a value was is not kept."""
    many = [f"k{i % 100}" for i in range(3600)] + [f"rare{i}" for i in range(400)]
    found = reading(typical_of({"many": many}), "many", "rare7")
    assert (found.place, found.share) == (Place.RARE, None)
    assert reading(typical_of({"many": many}), "many", None).place is Place.MISSING


def test_a_text_is_not_compared_but_known_to_be_missing() -> None:
    texts = ["a few words of text, never the same twice"] * N
    derived = DerivedFeature("comment", DerivedKind.TEXT)
    scores = np.linspace(0.01, 0.99, N)
    layout = build_layout(
        Task.BINARY,
        {},
        scores=scores,
        classes=["no", "yes"],
        threshold=0.5,
        confident=0.9,
        derived=[(derived, derived.derive(texts))],
    )
    columns: dict[str, Any] = {"comment": texts}
    rows = Rows(np.zeros(N, np.int64), ["yes"] * N, [None] * N, scores, np.full(N, 1.0), Truth.unknown(N), columns)
    [profile] = fold(layout, rows, WindowLength.DAY).values()
    typical = Typical.of(layout, profile.features, {})
    assert reading(typical, "comment", "other words").place is Place.UNKNOWN
    missing = reading(typical, "comment", None)
    assert (missing.place, missing.share, missing.outside) == (Place.MISSING, 0.0, True)


def test_what_the_reference_never_has_stands_first_then_the_rare_then_what_tells_the_most(typical: Typical) -> None:
    def names(**row: object) -> list[str]:
        return [one.name for one in typical.compare({"broken": 350.0, **row})]

    assert names(x=500, sparse=0, kind="a", new=3) == ["kind", "x", "sparse", "broken", "new"]
    assert names(x=500, sparse=9, kind="c") == ["sparse", "kind", "x", "broken"]
    assert names(x=994, sparse=0, kind="a") == ["x", "kind", "sparse", "broken"]


def test_without_a_reference_nothing_is_compared() -> None:
    assert not_compared({"x": 1}) == [Reading("x", 1, Place.UNKNOWN)]
    empty = typical_of({"kind": [None] * N})
    assert reading(empty, "kind", "a").place is Place.UNKNOWN
    assert not reading(empty, "kind", None).strange
