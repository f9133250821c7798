"""Values of a row beside a reference of 0 to 999 and three categories: what is told is counted by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from app.core.importance import Importance
from app.core.layout import build_layout
from app.core.model import Task
from app.core.row_comparison import Place, Reading, Typical
from app.core.sample import Sample

N = 1000
KINDS = ["a"] * 600 + ["b"] * 380 + ["c"] * 20
SPARSE = [None] * 10 + [0.0] * 900 + [5.0] * 90


def typical() -> Typical:
    columns: dict[str, Any] = {"x": [float(i) for i in range(N)], "sparse": SPARSE, "kind": KINDS}
    layout = build_layout(
        Task.BINARY, columns, scores=np.linspace(0, 1, N), classes=["no", "yes"], threshold=0.5, confident=0.9
    )
    sample = Sample(N, columns, ["yes"] * N, [0.5] * N, [None] * N)
    return Typical.of(layout, sample, {"x": Importance(0.2, None), "kind": Importance(0.8, 0.1)})


def reading(name: str, value: object) -> Reading:
    found = typical().compare(json.dumps({"x": 500.0, "sparse": 0.0, "kind": "a", name: value}))
    return next(one for one in found if one.name == name)


@pytest.mark.parametrize(
    ("name", "value", "place", "strange"),
    [
        ("x", 500, Place.USUAL, False),
        ("x", 30, Place.LOW, True),
        ("x", 970, Place.HIGH, True),
        ("x", -1, Place.BELOW, True),
        ("x", 1000, Place.ABOVE, True),
        ("x", "many", Place.INVALID, True),
        ("x", None, Place.MISSING, True),
        ("sparse", 0, Place.USUAL, False),
        ("sparse", 5, Place.USUAL, False),
        ("sparse", 6, Place.ABOVE, True),
        ("kind", "a", Place.USUAL, False),
        ("kind", "c", Place.RARE, True),
        ("kind", "zebra", Place.NEW, True),
        ("kind", None, Place.MISSING, True),
    ],
)
def test_a_value_has_its_place_in_the_reference(name: str, value: object, place: Place, *, strange: bool) -> None:
    found = reading(name, value)
    assert (found.place, found.strange) == (place, strange)


def test_a_number_says_how_many_are_smaller_and_what_is_usual() -> None:
    found = reading("x", 750)
    assert found.below == pytest.approx(0.75, abs=0.002)
    assert found.usual == pytest.approx((99.9, 899.1))


def test_a_category_says_its_share_and_the_most_frequent_ones() -> None:
    found = reading("kind", "b")
    assert (found.share, found.usual) == (0.38, (("a", 0.6), ("b", 0.38), ("c", 0.02)))


def test_a_missing_value_is_usual_where_it_is_often_missing() -> None:
    assert reading("sparse", None).share == 0.01
    columns: dict[str, Any] = {"x": [None] * 300 + [float(i) for i in range(700)]}
    layout = build_layout(
        Task.BINARY, columns, scores=np.linspace(0, 1, N), classes=["0", "1"], threshold=0.5, confident=0.9
    )
    often = Typical.of(layout, Sample(N, columns, ["1"] * N, [0.5] * N, [None] * N), {})
    [found] = often.compare('{"x": null}')
    assert (found.place, found.share, found.strange) == (Place.MISSING, 0.3, False)


def test_what_training_never_had_stands_first_then_the_rare_then_what_tells_the_most() -> None:
    def names(**row: object) -> list[str]:
        return [one.name for one in typical().compare(json.dumps(row))]

    assert names(x=500, sparse=0, kind="a") == ["kind", "x", "sparse"]
    assert names(x=500, sparse=9, kind="c") == ["sparse", "kind", "x"]
    assert names(x=970, sparse=0, kind="a") == ["x", "kind", "sparse"]
