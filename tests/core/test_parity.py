"""Served and offline values compared pair by pair, by the rules as they are written."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.layout import build_layout
from app.core.model import Task, WindowLength
from app.core.parity import TOLERANCE, fold_parity
from app.core.profile import OutcomeCounts

SPREAD = np.linspace(-1, 1, 200)
LAYOUT = build_layout(
    Task.BINARY,
    {"x": SPREAD.tolist(), "kind": ["a", "b"] * 100},
    scores=np.linspace(0, 1, 200),
    classes=["0", "1"],
    threshold=0.5,
    confident=0.9,
)
SCALE = LAYOUT.numeric[0].scale
VALUES = st.one_of(
    st.none(),
    st.floats(-1e3, 1e3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-5, 5),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "text", "a", True]),
)
RECORDS = st.fixed_dictionaries({}, optional={"x": VALUES, "kind": VALUES, "other": VALUES})


def compared(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> OutcomeCounts:
    served, offline = ([json.dumps(pair[side]) for pair in pairs] for side in (0, 1))
    [counts] = fold_parity(LAYOUT, np.zeros(len(pairs), np.int64), served, offline, WindowLength.DAY).values()
    return counts


def number(value: Any) -> float | None:
    """What counts as a number, NaN and infinities among them."""
    names = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    return names.get(value) if isinstance(value, str) else None if value is None else float(value)


def differs(name: str, a: Any, b: Any) -> bool:
    if name == "x" and (x := number(a)) is not None and (y := number(b)) is not None:
        if not (math.isfinite(x) and math.isfinite(y)):
            return str(x) != str(y)
        return abs(x - y) > TOLERANCE * max(abs(x), abs(y), SCALE)
    return category(a) != category(b)


def category(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if float(value).is_integer() else str(value)


@given(st.lists(st.tuples(RECORDS, RECORDS), min_size=1, max_size=12))
def test_each_pair_counts_as_the_rules_say(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    counts = compared(pairs)
    for f, name in enumerate(LAYOUT.feature_names):
        mine = [(served.get(name), offline[name]) for served, offline in pairs if name in offline]
        assert counts.parity[f, 0] == len(mine)
        assert counts.parity[f, 1] == sum(differs(name, *pair) for pair in mine)


@given(st.lists(st.tuples(RECORDS, RECORDS), min_size=2, max_size=8), st.integers(1, 7))
def test_parts_add_up_to_the_whole(pairs: list[tuple[dict[str, Any], dict[str, Any]]], cut: int) -> None:
    parts = [part for part in (pairs[:cut], pairs[cut:]) if part]
    merged = OutcomeCounts.stack([compared(part) for part in parts]).sum()
    whole = compared(pairs)
    np.testing.assert_array_equal(merged.parity, whole.parity)
    np.testing.assert_array_equal(merged.parity_gaps, whole.parity_gaps)


@pytest.mark.parametrize(
    ("served", "offline", "different", "sentence"),
    [
        (0.1 + 0.2, 0.3, False, "the order of summing does not matter"),
        (float(np.float32(0.1)), 0.1, False, "nor does single precision"),
        (1e-17, 0.0, False, "nor what is nothing beside the feature's spread"),
        (1e9, 1e9 + 100, False, "a millionth of a large value is a rounding"),
        (0.5, 0.50001, True, "a hundred-thousandth is none"),
        ("NaN", "NaN", False, "NaN is NaN"),
        ("NaN", 0.5, True, "and no number"),
        ("Infinity", "-Infinity", True, "infinities have a sign"),
        (None, None, False, "missing on both sides is the same"),
        (None, 0.0, True, "a default for a missing value is the usual difference"),
        (0.0, None, True, "and so is a missing value where one was served"),
        (1.7e308, -1.7e308, True, "the difference of the largest numbers is still one"),
    ],
)
def test_numbers(served: object, offline: object, different: bool, sentence: str) -> None:
    counts = compared([({"x": served}, {"x": offline})])
    assert counts.parity[0].tolist() == [1, different], sentence
    assert np.isfinite(counts.parity_gaps).all()


def test_what_the_offline_record_does_not_name_is_not_compared_and_unknown_features_are_ignored() -> None:
    assert compared([({"x": 1.0, "kind": "a"}, {"kind": "a", "new": 1})]).parity.tolist() == [[0, 0], [1, 0]]


def test_lists_are_compared_number_by_number() -> None:
    vectors = np.random.default_rng(1).normal(size=(200, 16)).tolist()
    layout = build_layout(Task.BINARY, {"v": vectors}, scores=SPREAD, classes=["0", "1"], threshold=0.5, confident=0.9)
    near = [value * (1 + 1e-9) for value in vectors[0]]
    far = [*vectors[0][:-1], vectors[0][-1] + 1.0]
    for offline, different in ((near, 0), (far, 1), (near[:-1], 1), (None, 1)):
        texts = json.dumps({"v": vectors[0]}), json.dumps({"v": offline})
        [counts] = fold_parity(layout, np.zeros(1, np.int64), [texts[0]], [texts[1]], WindowLength.DAY).values()
        assert counts.parity[layout.feature_names.index("v")].tolist() == [1, different]
