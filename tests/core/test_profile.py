"""Laws of profiles: parts add to the whole, in any order, exactly; and they say what the rows say."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.core.codec import FORMAT, add_counts, decode_counts, decode_layout, encode_counts, encode_layout
from app.core.columns import State
from app.core.derived import DerivedFeature, DerivedKind, Embedding
from app.core.fold import NEVER, UNKNOWN, WHOLE, Rows, Truth, fold, fold_truth, fold_whole
from app.core.layout import Layout, build_layout
from app.core.model import Task, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.records import Scalar
from app.core.replays import HIGHEST, KEPT, KEY, LOWEST, TIMES

HOUR = 3_600_000_000
NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-3, 3),
    st.integers(-5, 5),
    st.sampled_from(["NaN", "Infinity", "text", ""]),
)
# More different ones than the sample keeps, some of them often.
INPUTS = st.one_of(st.just("{}"), st.integers(0, 3).map(str), st.integers(0, 400).map(str))
CATEGORIES = st.one_of(st.none(), st.booleans(), st.sampled_from(["a", "b", "c", "unseen"]), st.integers(0, 3))
TEXTS = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["Two words", "Ünï"]), st.floats(), st.booleans())
NUMERALS = st.one_of(st.floats(), st.integers(-9, 9), st.sampled_from(["NaN", "-Infinity"]))
LISTS = st.one_of(
    st.none(), st.lists(NUMERALS, max_size=4), st.lists(st.floats(-4, 4), min_size=8, max_size=8), st.just(["?"]), TEXTS
)
SAID = DerivedFeature("said", DerivedKind.TEXT)
READINGS = DerivedFeature("readings", DerivedKind.LIST)
VECTOR = Embedding("vector", 8, 12)


def layout() -> Layout:
    rng = np.random.default_rng(1)
    features = {
        "x": rng.normal(size=500).tolist(),
        "constant": [2.0] * 500,
        "kind": rng.choice(["a", "b", "c"], 500).tolist(),
        "code": [f"code {n}" for n in rng.geometric(0.02, 500)],
    }
    said = [" ".join("word" for _ in range(n)) for n in rng.integers(0, 9, 500)]
    return build_layout(
        Task.BINARY,
        features,
        scores=rng.uniform(size=500),
        classes=["0", "1"],
        threshold=0.5,
        confident=0.9,
        derived=[
            (SAID, SAID.derive(said)),
            (READINGS, READINGS.derive([rng.normal(size=n).tolist() for n in rng.integers(0, 5, 500)])),
            (VECTOR, VECTOR.derive(rng.normal(size=(500, 8)).tolist())),
        ],
    )


LAYOUT = layout()


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    n = draw(st.integers(1, 25))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    def flags() -> NDArray[np.bool_]:
        return np.array(column(st.booleans()), dtype=bool)

    labels = column(st.sampled_from([None, "0", "1"]))
    source = np.array([UNKNOWN if label is None else draw(st.integers(0, 2)) for label in labels], np.int8)
    labelled_at = np.array(column(st.one_of(st.just(NEVER), st.integers(0, 9 * HOUR))), np.int64)
    truth = Truth(np.array(labels, object), np.full(n, np.nan), source, flags(), flags(), flags(), labelled_at)
    return Rows(
        times=np.array(column(st.integers(0, 3 * HOUR)), np.int64),
        predicted_class=column(st.sampled_from([None, "0", "1"])),
        predicted_value=[None] * n,
        score=column(st.one_of(st.none(), st.floats(0, 1), st.just(math.nan), st.just(math.inf))),
        latency_ms=np.array(column(st.one_of(st.floats(0, 1e6), st.just(math.nan)))),
        truth=truth,
        features={
            "x": column(NUMBERS),
            "constant": column(NUMBERS),
            "kind": column(CATEGORIES),
            "code": column(st.one_of(st.none(), st.integers(0, 500).map(lambda n: f"code {n}"))),
            "said": column(TEXTS),
            "readings": column(LISTS),
            "vector": column(LISTS),
        },
        inputs=column(INPUTS),
        unknown=np.array(column(st.integers(0, 3)), np.int64),
    )


def part(whole: Rows, index: NDArray[np.intp]) -> Rows:
    def pick(column: Any) -> Any:
        return column[index] if isinstance(column, np.ndarray) else [column[i] for i in index]

    truth = Truth(*(getattr(whole.truth, name)[index] for name in Truth.__slots__))
    return Rows(
        times=whole.times[index],
        predicted_class=pick(whole.predicted_class),
        predicted_value=pick(whole.predicted_value),
        score=pick(whole.score),
        latency_ms=whole.latency_ms[index],
        truth=truth,
        features={name: pick(column) for name, column in whole.features.items()},
        inputs=pick(whole.inputs),
        unknown=None if whole.unknown is None else whole.unknown[index],
    )


def assert_equal(one: Profile, other: Profile) -> None:
    for mine, theirs in ((one.features, other.features), (one.outcomes, other.outcomes)):
        for name, array in mine.arrays().items():
            np.testing.assert_array_equal(array, theirs.arrays()[name], err_msg=name)


@settings(max_examples=60, deadline=None)
@given(rows(), st.data())
def test_any_split_in_any_order_adds_to_the_whole_exactly(whole: Rows, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(whole.times.size))))
    cut = data.draw(st.integers(0, whole.times.size))
    expected = fold(LAYOUT, whole, WindowLength.HOUR)
    found: dict[datetime, Profile] = {}
    for index in (order[:cut], order[cut:]):
        if index.size:
            for start, profile in fold(LAYOUT, part(whole, index), WindowLength.HOUR).items():
                found[start] = found[start] + profile if start in found else profile
    assert found.keys() == expected.keys()
    for start, profile in expected.items():
        assert_equal(found[start], profile)


@settings(max_examples=40, deadline=None)
@given(rows())
def test_every_value_is_counted_once_somewhere(whole: Rows) -> None:
    profile = fold_whole(LAYOUT, whole)
    n = whole.times.size
    assert profile.rows == n
    assert (profile.features.numeric.sum(-1) + profile.features.states.sum(-1) == n).all()
    assert (profile.features.latent.sum(-1) + profile.features.latent_states.sum(-1) == n).all()
    assert (profile.features.categories.sum(-1) + profile.features.absent == n).all()
    assert profile.outcomes.predicted.sum() == sum(name is not None for name in whole.predicted_class)
    assert profile.outcomes.latency.sum() == np.isfinite(whole.latency_ms).sum()


@settings(max_examples=40, deadline=None)
@given(rows())
def test_a_truth_learnt_later_and_taken_back_leaves_no_trace(whole: Rows) -> None:
    blind = Rows(**{**{n: getattr(whole, n) for n in Rows.__slots__}, "truth": Truth.unknown(whole.times.size)})
    before = fold(LAYOUT, blind, WindowLength.HOUR)
    learnt = fold_truth(LAYOUT, whole, WindowLength.HOUR)
    at_once = fold(LAYOUT, whole, WindowLength.HOUR)
    for start, profile in before.items():
        later = profile.outcomes + learnt[WHOLE, start]
        assert_equal(Profile(profile.features, later), at_once[start])
        assert_equal(Profile(profile.features, later + learnt[WHOLE, start].negated()), profile)


@settings(max_examples=40, deadline=None)
@given(rows())
def test_packed_counts_add_to_what_their_sum_is(whole: Rows) -> None:
    parts = list(fold(LAYOUT, whole, WindowLength.HOUR).values())
    total = reduce(add, parts)
    features, windows = add_counts(FeatureCounts.empty(LAYOUT), (encode_counts(one.features) for one in parts))
    outcomes, _ = add_counts(OutcomeCounts.empty(LAYOUT), (encode_counts(one.outcomes) for one in parts))
    assert windows == len(parts)
    assert_equal(Profile(features, outcomes), total)


def test_packed_counts_leave_alone_what_they_are_added_to_and_refuse_another_shape() -> None:
    start = FeatureCounts.empty(LAYOUT)
    one = replace(start, numeric=start.numeric + 1)
    twice, _ = add_counts(one, [encode_counts(one)])
    assert one.numeric.max() == 1
    assert twice.numeric.min() == 2
    with pytest.raises(ValueError, match="numeric has the shape"):
        add_counts(start, [encode_counts(replace(start, numeric=start.numeric[:1]))])


@settings(max_examples=40, deadline=None)
@given(rows())
def test_packing_loses_nothing(whole: Rows) -> None:
    profile = fold_whole(LAYOUT, whole)
    again = Profile(
        decode_counts(FeatureCounts, encode_counts(profile.features)),
        decode_counts(OutcomeCounts, encode_counts(profile.outcomes)),
    )
    assert_equal(profile, again)
    assert encode_layout(decode_layout(encode_layout(LAYOUT))) == encode_layout(LAYOUT)


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (None, State.MISSING),
        (math.nan, State.NAN),
        ("NaN", State.NAN),
        (math.inf, State.POSITIVE_INFINITY),
        ("-Infinity", State.NEGATIVE_INFINITY),
        ("three", State.INVALID),
    ],
)
def test_what_is_not_finite_is_counted_apart_by_kind(value: Scalar, state: State) -> None:
    one = Rows(np.zeros(1, np.int64), ["1"], [None], [0.5], np.array([1.0]), Truth.unknown(1), {"x": [value]})
    counts = fold_whole(LAYOUT, one).features
    assert counts.states[0].tolist() == [int(s == state) for s in State]
    assert counts.numeric[0].sum() == 0


def test_bin_means_come_back_to_a_4096th_of_a_bin() -> None:
    values = np.random.default_rng(2).normal(size=20_000)
    n = values.size
    rows_ = Rows(np.zeros(n, np.int64), ["1"] * n, [None] * n, [0.5] * n, np.ones(n), Truth.unknown(n), {"x": values})
    counts = fold_whole(LAYOUT, rows_).features
    bins = np.searchsorted(LAYOUT.numeric[0].edges, values, side="right")
    for b in np.unique(bins):
        error = abs(counts.means(LAYOUT)[0, b] - values[bins == b].mean())
        assert error <= LAYOUT.quanta[0, b] / 2 + 1e-12


@pytest.mark.parametrize("far", [2**5, 2**14 + 1])  # sums of offsets below 2^53, where floats are exact, and above
def test_offsets_of_values_far_outside_add_up_to_the_last_step(far: int) -> None:
    edges, quanta = np.array(LAYOUT.numeric[0].edges), LAYOUT.quanta[0]
    furthest, nearby = 2**44, np.linspace(0, 1, 5)
    values = np.concatenate(
        [edges[-1] + np.full(far, furthest * quanta[edges.size]), edges[-1] + nearby, edges[0] - nearby]
    )
    n = values.size
    rows_ = Rows(np.zeros(n, np.int64), ["1"] * n, [None] * n, [0.5] * n, np.ones(n), Truth.unknown(n), {"x": values})
    counts = fold_whole(LAYOUT, rows_).features
    steps = [round(v / quanta[edges.size]) for v in nearby]
    assert counts.offsets[0, edges.size] == far * 2**40 + sum(steps)
    below = [round(-v / quanta[0]) for v in nearby if v]
    assert counts.offsets[0, 0] == sum(below)
    assert counts.numeric[0, [0, edges.size]].tolist() == [len(below), far + nearby.size]


def test_windows_start_on_the_hour_and_on_the_utc_day() -> None:
    at = int(datetime(2026, 3, 1, 13, 59, 59, tzinfo=UTC).timestamp() * 1e6)
    one = Rows(np.array([at]), ["1"], [None], [0.5], np.array([1.0]), Truth.unknown(1), {})
    assert list(fold(LAYOUT, one, WindowLength.HOUR)) == [datetime(2026, 3, 1, 13, tzinfo=UTC)]
    assert list(fold(LAYOUT, one, WindowLength.DAY)) == [datetime(2026, 3, 1, tzinfo=UTC)]


def test_a_hundred_features_take_at_most_60_kb() -> None:
    rng = np.random.default_rng(3)
    features = {f"f{i}": rng.normal(size=5_000) for i in range(100)}
    wide = build_layout(
        Task.BINARY, features, scores=rng.uniform(size=5_000), classes=["0", "1"], threshold=0.5, confident=0.9
    )
    n = 20_000
    served = Rows(
        np.zeros(n, np.int64),
        ["1"] * n,
        [None] * n,
        rng.uniform(size=n),
        np.ones(n),
        Truth.unknown(n),
        {name: rng.normal(size=n) for name in features},
    )
    counts = fold_whole(wide, served)
    assert len(encode_counts(counts.features)) + len(encode_counts(counts.outcomes)) < 60 * 1024


def served(inputs: list[str], scores: list[float]) -> Rows:
    n = len(inputs)
    return Rows(np.zeros(n, np.int64), ["1"] * n, [None] * n, scores, np.ones(n), Truth.unknown(n), {}, inputs=inputs)


def test_extremes_and_marks_of_the_score_are_those_of_the_rows() -> None:
    counts = fold_whole(LAYOUT, served(list("abcdefg"), [-0.5, 0.0, 0.0, 0.25, 1.0, 1.5, math.nan])).outcomes
    assert counts.score_marks.tolist() == [2, 2, 1]
    assert (float(counts.lowest_score), float(counts.highest_score)) == (-0.5, 1.5)


def test_a_sample_of_inputs_counts_each_as_often_as_it_came_with_its_extreme_scores() -> None:
    inputs = ["a", "b", "a", "{}", "a", "c", "{}"]
    sketch = fold_whole(LAYOUT, served(inputs, [0.5, 0.25, 0.75, 0.1, 0.5, math.nan, 0.9])).outcomes.replays
    known = sketch[np.isfinite(sketch[:, KEY])]
    assert sorted(known[:, [TIMES, LOWEST, HIGHEST]].tolist()) == [[1, 0.25, 0.25], [3, 0.5, 0.75]]


def test_of_many_inputs_the_same_few_are_kept_whatever_came_first() -> None:
    inputs = [f"input {i % 500}" for i in range(2_000)]
    scores = [(i % 500) / 500 for i in range(2_000)]
    sketch = fold_whole(LAYOUT, served(inputs, scores)).outcomes.replays
    backwards = fold_whole(LAYOUT, served(inputs[::-1], scores[::-1])).outcomes.replays
    np.testing.assert_array_equal(sketch, backwards)
    assert len(set(sketch[:, KEY].tolist())) == KEPT
    assert set(sketch[:, TIMES].tolist()) == {4.0}
    np.testing.assert_array_equal(sketch[:, LOWEST], sketch[:, HIGHEST])


def test_a_profile_of_an_older_format_is_refused_and_says_what_to_do() -> None:
    old = msgspec.msgpack.encode([FORMAT - 1, [], b""])
    with pytest.raises(ValueError, match=rf"profile format {FORMAT - 1} is not {FORMAT}; run `watchkeeper rebuild`"):
        decode_counts(OutcomeCounts, old)


def test_an_absurd_label_leaves_nothing_behind_when_it_is_corrected() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(100, 10, 500)
    prices = build_layout(Task.REGRESSION, {}, scores=values, classes=[], threshold=0.5, confident=0.9)

    def errors(labels: NDArray[np.float64]) -> OutcomeCounts:
        n = labels.size
        truth = replace(Truth.unknown(n), label_value=labels, source=np.full(n, 2, np.int8))
        nothing = np.full(n, np.nan)
        rows_ = Rows(np.zeros(n, np.int64), [None] * n, values[:n], nothing, nothing, truth, {})
        return fold_whole(prices, rows_).outcomes

    right = values[:100] - 0.5
    absurd = np.where(np.arange(100) == 0, 999_999_999.0, right)
    mended = errors(absurd) + errors(absurd[:1]).negated() + errors(right[:1])
    np.testing.assert_allclose(mended.errors, errors(right).errors, rtol=1e-5)
    np.testing.assert_allclose(errors(right).errors, [50, 25, 50])
