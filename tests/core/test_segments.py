"""Values of attributes become segments: few, always the same ones, and what has no room is counted."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.columns import Column
from app.core.distinct import KEPT, distinct, no_values, pack_sketch, unpack_sketch, with_values
from app.core.segments import (
    LONGEST_ATTRIBUTE,
    LONGEST_VALUE,
    MISSING,
    MOST_VALUES,
    NO_SEGMENT,
    OTHER,
    AttributeValues,
    Grouping,
    assign,
    most_frequent,
    segment_name,
    segment_value,
    served_values,
    without_early,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("FI", "FI"),
        ("", ""),
        (3, "3"),
        (3.0, "3"),
        (0.5, "0.5"),
        (2**60, "1.152921504606847e+18"),
        (-(10**400), "-Infinity"),
        (True, "true"),
        (False, "false"),
        (None, MISSING),
        ([1, 2], MISSING),
        (math.nan, "NaN"),
        ("NaN", "NaN"),
        (-math.inf, "-Infinity"),
        ("a\nb\0", "a\\nb\\x00"),
        ("\ud800", "\\ud800"),
        ("(other)", OTHER),
    ],
)
def test_a_value_has_one_text_whatever_type_it_came_in(value: object, text: str) -> None:
    assert segment_value(value) == text


@given(st.one_of(st.text(max_size=300), st.floats(), st.integers(), st.booleans(), st.none()))
def test_every_value_makes_a_name_that_the_database_holds(value: object) -> None:
    name = segment_name("a" * LONGEST_ATTRIBUTE, segment_value(value))
    assert len(name) <= 200
    assert name.isprintable()


def test_long_values_are_cut_and_stay_apart() -> None:
    long = ["x" * LONGEST_VALUE, "x" * LONGEST_VALUE + "1", "x" * LONGEST_VALUE + "2"]
    texts = [segment_value(value) for value in long]
    assert texts[0] == long[0]
    assert len(set(texts)) == 3
    assert all(len(text) == LONGEST_VALUE for text in texts)


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from([None, *map(str, range(30))]), max_size=40), max_size=6))
def test_a_value_keeps_its_segment_and_the_rest_is_counted(slices: list[list[str | None]]) -> None:
    known, segment_of = AttributeValues("country"), dict[str | None, str]()
    for values in slices:
        grouping, known = assign(known, values)
        for value, code in zip(values, grouping.codes.tolist(), strict=True):
            assert segment_of.setdefault(value, grouping.names[code]) == grouping.names[code]
    came = dict.fromkeys(value for values in slices for value in values if value is not None)
    first = list(came)[:MOST_VALUES]
    assert list(known.values) == first
    assert distinct(known.overflow) == len(came) - len(first)
    expected = {value: f"country={value if value in first else OTHER}" for value in came}
    assert segment_of == expected | ({None: f"country={MISSING}"} if None in segment_of else {})


def test_nothing_new_changes_nothing() -> None:
    _, known = assign(AttributeValues("a"), [str(i) for i in range(MOST_VALUES + 3)])
    _, again = assign(known, [str(i) for i in range(MOST_VALUES + 3)])
    assert again is known


def test_the_reference_gives_its_most_frequent_values() -> None:
    counts = {MISSING: 99, OTHER: 98, **{f"v{i:02}": i // 2 for i in range(50)}}
    found = most_frequent(counts)
    assert found[:4] == ("v48", "v49", "v46", "v47")
    assert len(found) == MOST_VALUES


def test_rows_before_the_declaration_have_no_segment() -> None:
    grouping = Grouping(["a=1"], np.array([0, 0]))
    since = datetime(2026, 3, 1, tzinfo=UTC)
    times = np.array([since.timestamp() - 1, since.timestamp()]) * 1e6
    assert without_early(grouping, times.astype(np.int64), since).codes.tolist() == [NO_SEGMENT, 0]
    assert without_early(grouping, times.astype(np.int64), None) is grouping


def test_an_attribute_comes_before_the_feature_of_its_name() -> None:
    attributes = [None, json.dumps({"country": "FI"}), json.dumps({"other": "x"}), None]
    features = [json.dumps(row) for row in ({"country": "SE"}, {"country": "SE"}, {"country": 7}, {})]
    expected = ["SE", "FI", 7, None]
    assert list(served_values(["country"], attributes, features, {})["country"]) == expected
    parsed: dict[str, Column] = {"country": ["SE", "SE", 7.0, None]}
    assert list(served_values(["country"], attributes, features, parsed)["country"]) == expected
    numbers: dict[str, Column] = {"country": np.array([1.0, 2.0, 3.0, 4.0])}
    assert list(served_values(["country"], [None] * 4, features, numbers)["country"]) == [1.0, 2.0, 3.0, 4.0]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5_000), max_size=2_000))
def test_distinct_values_are_counted_whatever_their_order(numbers: list[int]) -> None:
    values = [str(number) for number in numbers]
    at_once = with_values(no_values(), values)
    half = with_values(no_values(), values[::2])
    in_parts = with_values(half, values[1::2] + values)
    np.testing.assert_array_equal(in_parts, at_once)
    np.testing.assert_array_equal(unpack_sketch(pack_sketch(at_once)), at_once)
    if len(set(values)) < KEPT:
        assert distinct(at_once) == len(set(values))


def test_many_distinct_values_are_estimated() -> None:
    """The relative standard error is 1 / sqrt(254), that is 6.3 %: the mean of 50 stays within 3 of its own."""
    n = 20_000
    found = [distinct(with_values(no_values(), (f"{seed}-{i}" for i in range(n)))) / n for seed in range(50)]
    assert abs(np.mean(found) - 1) < 3 * 0.063 / math.sqrt(50)
    assert 0.04 < np.std(found) < 0.09
