"""The error along a feature against means of raw rows, its interval by simulation, and what it must not say."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.columns import Column
from app.core.feature_error import FeatureError, error_by_feature
from app.core.fold import Rows, Truth, fold_whole
from app.core.layout import Layout, build_layout
from app.core.model import Task
from app.core.profile import FeatureCounts
from app.core.rarity import rarity
from app.core.sample import Sample

N = 4_000


def layout_of(x: np.ndarray, kind: list[str | None], task: Task = Task.BINARY) -> Layout:
    features: dict[str, Column] = {"x": x.tolist(), "kind": kind}
    return build_layout(task, features, scores=np.array([0.5]), classes=["0", "1"], threshold=0.5, confident=0.9)


def counts(layout: Layout, x: np.ndarray, kind: list[str | None]) -> FeatureCounts:
    none = [None] * x.size
    truth = Truth.unknown(x.size)
    features: dict[str, Column] = {"x": x.tolist(), "kind": kind}
    rows = Rows(np.zeros(x.size, np.int64), none, none, none, np.full(x.size, np.nan), truth, features)
    return fold_whole(layout, rows).features


def sample_of(x: np.ndarray, kind: list[str | None], wrong: np.ndarray) -> Sample:
    label = np.where(wrong, "1", "0").tolist()
    return Sample(x.size, {"x": x.tolist(), "kind": [*kind]}, ["0"] * x.size, [0.2] * x.size, label)


def simulated(seed: int, shift: float, slope: float = 0.1) -> tuple[FeatureError, float]:
    """What is found when x moves by `shift` while errors come with probability .2 + slope * x; and the truth."""
    rng = np.random.default_rng(seed)
    x, now = rng.uniform(-1, 1, N), rng.uniform(-1 + shift, 1, N)
    wrong = rng.random(N) < 0.2 + slope * x
    kind: list[str | None] = ["a"] * N
    layout = layout_of(x, kind)
    reference, served = (counts(layout, part, kind) for part in (x, now))
    found = error_by_feature(layout, sample_of(x, kind, wrong), "x", reference, served)
    assert isinstance(found, FeatureError)
    return found, slope * (now.mean() - x.mean())


def test_each_range_has_the_error_of_its_raw_rows() -> None:
    found, _ = simulated(1, 0.0)
    assert found.labelled == N
    assert np.nansum(found.error * found.rows) / N == pytest.approx(found.overall)
    assert found.before.sum() == pytest.approx(1)
    assert found.now.sum() == pytest.approx(1)
    known = found.rows >= 30
    assert (found.lower[known] < found.error[known]).all()
    assert (found.upper[known] > found.error[known]).all()


def test_the_interval_holds_the_true_change_as_often_as_it_says() -> None:
    """95 % nominal; at least 85 of 100 is what a binomial of .95 misses less than once in 10 000 times."""
    held = 0
    for seed in range(100):
        found, true = simulated(seed, 0.8)
        assert found.change is not None
        held += found.change.lower <= true <= found.change.upper
    assert held >= 85


def test_a_shift_towards_errors_is_seen_and_none_is_invented_without_one() -> None:
    towards, _ = simulated(3, 1.2, slope=0.15)
    assert towards.change is not None
    assert towards.change.lower > 0
    still, _ = simulated(4, 0.0)
    assert still.change is not None
    assert still.change.lower <= 0 <= still.change.upper


def test_values_that_the_reference_never_had_leave_the_question_open() -> None:
    rng = np.random.default_rng(5)
    x, kind = rng.normal(0, 1, N), rng.choice(["a", "b"], N).tolist()
    layout, wrong = layout_of(x, kind), rng.random(N) < 0.2
    reference = counts(layout, x, kind)
    for feature, served in (("x", counts(layout, x + 9, kind)), ("kind", counts(layout, x, ["new"] * N))):
        found = error_by_feature(layout, sample_of(x, kind, wrong), feature, reference, served)
        assert isinstance(found, FeatureError)
        assert found.change is None
        assert "too few labelled rows" in found.reason
        assert found.unknown > 0.9


def test_missing_values_are_a_range_of_their_own() -> None:
    rng = np.random.default_rng(6)
    kind: list[str | None] = [None if gone else "a" for gone in rng.random(N) < 0.3]
    x = rng.normal(0, 1, N)
    layout = layout_of(x, kind)
    wrong = np.array([one is None for one in kind])
    both = counts(layout, x, kind)
    found = error_by_feature(layout, sample_of(x, kind, wrong), "kind", both, both)
    assert isinstance(found, FeatureError)
    assert found.ranges == ("a", "(other)", "(missing)")
    assert found.error[[0, 2]].tolist() == [0.0, 1.0]
    assert found.now[2] == pytest.approx(wrong.mean())


def test_a_regression_s_error_is_its_mean_absolute_one() -> None:
    rng = np.random.default_rng(8)
    x = rng.uniform(0, 1, N)
    kind: list[str | None] = ["a"] * N
    layout = layout_of(x, kind, Task.REGRESSION)
    label = (10 + rng.normal(0, 1 + x, N)).tolist()
    sample = Sample(N, {"x": x.tolist(), "kind": [*kind]}, [10.0] * N, [None] * N, label)
    both = counts(layout, x, kind)
    found = error_by_feature(layout, sample, "x", both, both)
    assert isinstance(found, FeatureError)
    assert found.statistic == "mean absolute error"
    assert found.overall == pytest.approx(np.mean(np.abs(10 - np.array(label))))
    assert found.error[-2] > found.error[0]


def test_too_few_labels_are_a_reason() -> None:
    x, kind = np.arange(50.0), list[str | None](["a"] * 50)
    layout = layout_of(x, kind)
    both = counts(layout, x, kind)
    said = error_by_feature(layout, sample_of(x, kind, np.zeros(50, bool)), "x", both, both)
    assert said == "the reference's sample has 50 labelled rows, 200 are needed"


class TestRarity:
    def test_numbers_are_as_rare_as_the_tail_beyond_them(self) -> None:
        """Oracle: the share of raw values in the smaller tail, twice; bins blur it by 1/128."""
        x = np.random.default_rng(9).normal(0, 1, N)
        layout = layout_of(x, ["a"] * N)
        asked = np.array([0.0, 1.5, -2.2])
        found = rarity(layout, "x", counts(layout, x, ["a"] * N), asked)
        oracle = [2 * min((x < one).mean(), (x > one).mean()) for one in asked]
        assert found.share == pytest.approx(oracle, abs=0.02)
        assert found.order.tolist() == [2, 1, 0]

    def test_what_lies_beyond_all_comes_first_the_furthest_before_all(self) -> None:
        x = np.linspace(0, 1, N)
        layout = layout_of(x, ["a"] * N)
        found = rarity(layout, "x", counts(layout, x, ["a"] * N), [0.5, 2.0, None, -9.0, "NaN"])
        assert found.order.tolist()[:2] == [3, 1]
        assert found.words[3] == "below all of the reference (0)"
        assert found.words[2] == "missing; never in the reference"
        assert found.words[4] == "NaN; never in the reference"

    def test_categories_are_as_rare_as_they_are(self) -> None:
        kind: list[str | None] = ["a"] * 900 + ["b"] * 99 + [None]
        layout = layout_of(np.zeros(1000), kind)
        found = rarity(layout, "kind", counts(layout, np.zeros(1000), kind), ["a", "b", None, "new"])
        assert found.share.tolist() == [0.9, 0.099, 0.001, 0.0]
        assert found.words[3] == "not a known category of the reference"

    def test_a_rare_category_of_the_reference_is_not_said_to_be_unknown(self) -> None:
        """The 400 rare ones fill the 32 buckets of the tail, and which of them a value was is not kept."""
        kind: list[str | None] = [*(f"k{i % 100}" for i in range(3600)), *(f"rare{i}" for i in range(400))]
        layout = layout_of(np.zeros(4000), kind)
        found = rarity(layout, "kind", counts(layout, np.zeros(4000), kind), ["k1", "rare7"])
        assert 1 / 4000 <= found.share[1] < found.share[0]
        assert found.words[1].startswith("among the rare categories of the reference; at most 0.")

    def test_what_nearly_all_of_the_reference_is_stands_as_a_plain_number(self) -> None:
        kind: list[str | None] = ["a"] * 1000
        layout = layout_of(np.zeros(1000), kind)
        assert rarity(layout, "kind", counts(layout, np.zeros(1000), kind), ["a"]).words[0] == "100 % of the reference"

    def test_of_the_outermost_values_the_furthest_comes_first(self) -> None:
        x = np.linspace(0, 1, N)
        layout = layout_of(x, ["a"] * N)
        found = rarity(layout, "x", counts(layout, x, ["a"] * N), [0.999, 0.9999, 0.5])
        assert found.order.tolist() == [1, 0, 2]


def test_ranges_of_large_numbers_that_lie_close_together_have_names_of_their_own() -> None:
    rng = np.random.default_rng(5)
    x = 1.7e9 + rng.uniform(0, 1e4, N)
    kind: list[str | None] = ["a"] * N
    layout = layout_of(x, kind)
    served = counts(layout, x, kind)

    found = error_by_feature(layout, sample_of(x, kind, rng.random(N) < 0.2), "x", served, served)

    assert isinstance(found, FeatureError)
    assert len(found.ranges) > 3
    assert len(set(found.ranges)) == len(found.ranges)
    assert len({part for name in found.ranges for part in name.split() if part[0].isdigit()}) == len(found.ranges) - 2
