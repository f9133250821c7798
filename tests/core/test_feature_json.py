"""Stored features come back as the values that were stored, by whichever way they are read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.columns import parse_numbers
from app.core.feature_json import served_features
from app.core.layout import CategoricalFeature, Layout, NumericFeature
from app.core.model import Task

NAMES = pytest.mark.parametrize("name", ["é", "a.b c", 'with "quotes" \\', "", "with\nnewline"])  # it is free text


def layout(numeric: list[str], categorical: list[str]) -> Layout:
    return Layout(
        Task.BINARY,
        [NumericFeature(name, [0.0], 0.0, 1.0, 0.0, 0.0) for name in numeric],
        [CategoricalFeature(name, ["a"]) for name in categorical],
        ["0", "1"],
        [0.5],
        0.5,
        0.9,
    )


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9), st.sampled_from(["NaN", "", "a"])
)
NUMBER = st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9))
ANY_ROW = st.dictionaries(st.sampled_from(["x", "awkward", "kind", "unknown"]), SCALARS)
FULL_ROW = st.fixed_dictionaries({"x": NUMBER, "awkward": NUMBER}, optional={"kind": SCALARS, "unknown": SCALARS})


@NAMES
@given(rows=st.one_of(st.lists(ANY_ROW, min_size=1), st.lists(FULL_ROW, min_size=1)))
def test_columns_hold_what_json_says(name: str, rows: list[dict[str, object]]) -> None:
    texts = [json.dumps({name if key == "awkward" else key: value for key, value in row.items()}) for row in rows]
    found = served_features(layout(["x", name], ["kind"]), texts)
    columns = found.columns
    assert found.unknown.tolist() == [len(json.loads(text).keys() - {"x", name, "kind"}) for text in texts]
    assert list(columns) == ["x", name, "kind"]
    assert list(columns["kind"]) == [json.loads(text).get("kind") for text in texts]
    for numeric in ("x", name):
        expected = parse_numbers([json.loads(text).get(numeric) for text in texts])
        numbers = parse_numbers(columns[numeric])
        np.testing.assert_array_equal(numbers.finite(), expected.finite())
        np.testing.assert_array_equal(numbers.state_counts(), expected.state_counts())


def test_numbers_alone_come_as_arrays() -> None:
    columns = served_features(layout(["x", "é"], []), ['{"x": 1, "\\u00e9": 2.5}', '{"é": -1, "x": 3e2}']).columns
    assert isinstance(columns["x"], np.ndarray)
    assert columns["x"].tolist() == [1.0, 300.0]
    assert np.asarray(columns["é"]).tolist() == [2.5, -1.0]


def test_no_features_or_no_rows_are_no_columns() -> None:
    assert served_features(layout([], []), ['{"x": 1}']).columns == {}
    assert served_features(layout(["x"], []), []).columns == {}


def test_features_that_are_all_categories_come_as_lists() -> None:
    columns = served_features(layout([], ["kind"]), ['{"kind": "a"}', '{"kind": "b"}']).columns
    assert columns == {"kind": ["a", "b"]}
