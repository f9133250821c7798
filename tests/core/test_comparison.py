"""Two profiles side by side, against scipy on the raw values and against the checks of a served window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from app.core.comparison import Comparison, FeatureComparison, compare
from app.core.errors import InvalidError
from app.core.fold import Rows, Truth, fold, fold_whole
from app.core.gate import Verdict
from app.core.layout import Layout, build_layout
from app.core.model import Outcome, Task, WindowLength
from app.core.portable import PortableProfile, portable
from app.core.profile import Profile

START = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY = 500


class Data:
    """Days of rows with a number, a category and a number that is sometimes missing."""

    def __init__(self, days: int, seed: int, shift: float = 0.0, missing: float = 0.1, a_day: int = A_DAY) -> None:
        rng = np.random.default_rng(seed)
        n = days * a_day
        self.x: NDArray[np.float64] = rng.normal(shift, 2, n)
        self.kind = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1] if not shift else [0.2, 0.3, 0.5]).tolist()
        self.gaps = [None if gone else 1.0 for gone in rng.random(n) < missing]
        self.times = int(START.timestamp()) * 10**6 + np.arange(n) // a_day * 86_400 * 10**6

    def features(self) -> dict[str, list[object]]:
        return {"x": self.x.tolist(), "kind": self.kind, "gaps": list(self.gaps)}

    def rows(self) -> Rows:
        n = self.x.size
        truth = Truth.unknown(n)
        nothing = np.full(n, np.nan)
        return Rows(self.times, [None] * n, [None] * n, [None] * n, nothing, truth, self.features())  # type: ignore[arg-type]


def layout_of(data: Data) -> Layout:
    empty = np.array([])
    features = data.features()
    return build_layout(Task.BINARY, features, scores=empty, classes=["0", "1"], threshold=0.5, confident=0.9)  # type: ignore[arg-type]


def profiled(layout: Layout, data: Data, by: WindowLength | None = WindowLength.DAY) -> PortableProfile:
    windows: dict[datetime | None, Profile]
    windows = {None: fold_whole(layout, data.rows())} if by is None else dict(fold(layout, data.rows(), by).items())
    return portable(layout, by, ["0" * 64], windows)


REFERENCE = Data(40, seed=1)
LAYOUT = layout_of(REFERENCE)


def against(
    current: Data, by: WindowLength | None = WindowLength.DAY, reference: Data = REFERENCE
) -> tuple[Comparison, dict[str, FeatureComparison]]:
    comparison = compare(profiled(LAYOUT, reference, by), profiled(LAYOUT, current))
    return comparison, {one.feature: one for one in comparison.features}


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_distances_are_those_of_the_raw_values(shift: float) -> None:
    """Oracle: scipy. The bound is the one that statistics.md states for 128 bins."""
    current = Data(3, seed=2, shift=shift)

    _, found = against(current)

    low, high = np.quantile(REFERENCE.x, (0.001, 0.999))
    expected = wasserstein_distance(current.x, REFERENCE.x) / np.clip(REFERENCE.x, low, high).std()
    assert found["x"].distance == pytest.approx(expected, abs=0.002)
    shares = [[data.kind.count(kind) for kind in "abc"] for data in (current, REFERENCE)]
    assert found["kind"].distance == pytest.approx(jensenshannon(*shares, base=2), abs=1e-9)
    assert found["gaps"].missing == pytest.approx(current.gaps.count(None) / len(current.gaps))
    by_day = np.array([gone is None for gone in REFERENCE.gaps]).reshape(40, A_DAY).mean(axis=1)
    assert found["gaps"].missing_usual == pytest.approx(by_day.mean())


def test_what_is_like_the_reference_is_within_its_limits() -> None:
    comparison, found = against(Data(1, seed=3))

    assert comparison.verdict is Verdict.HEALTHY
    assert {one.outcome for one in comparison.features} == {Outcome.OK}
    assert (comparison.reference_rows, comparison.reference_windows, comparison.current_rows) == (20_000, 40, 500)
    assert found["x"].limit is not None
    assert found["x"].limit >= 0.1


@pytest.mark.parametrize(
    ("current", "feature", "reason"),
    [
        (Data(1, seed=3, shift=2.0), "x", "distance beyond the limit"),
        (Data(1, seed=3, missing=0.5), "gaps", "share of missing values beyond the limit"),
    ],
)
def test_one_comparison_is_enough_for_a_breach(current: Data, feature: str, reason: str) -> None:
    comparison, found = against(current)

    assert (found[feature].outcome, found[feature].reason) == (Outcome.BREACH, reason)
    assert comparison.verdict is Verdict.BREACH


def test_fewer_missing_values_are_no_harm() -> None:
    assert against(Data(1, seed=3, missing=0.0))[1]["gaps"].outcome is Outcome.OK


def test_a_comparison_with_fewer_rows_than_a_day_gets_a_wider_limit() -> None:
    """sqrt(500 / 125): what is left of a distance without any shift is sampling noise."""
    _, whole = against(Data(1, seed=3))
    _, part = against(Data(1, seed=3, a_day=125))

    assert part["x"].limit == pytest.approx(2 * (whole["x"].limit or 0))


@pytest.mark.parametrize(
    ("days", "by", "words"),
    [
        (29, WindowLength.DAY, "no limit: 29 windows of normal variation in the reference, 30 are needed"),
        (40, None, "no limit: 0 windows"),
    ],
)
def test_without_enough_windows_there_is_a_distance_and_no_verdict(
    days: int, by: WindowLength | None, words: str
) -> None:
    comparison, found = against(Data(1, seed=3, shift=2.0), by, Data(days, seed=1))

    assert comparison.verdict is Verdict.CANNOT_TELL
    assert found["x"].distance is not None
    assert found["x"].limit is None
    assert words in found["x"].reason


def test_too_few_values_say_nothing() -> None:
    comparison, found = against(Data(1, seed=3, a_day=29))

    assert comparison.verdict is Verdict.CANNOT_TELL
    assert found["x"].distance is None
    assert "too few values: 29, at least 30 are needed" in found["x"].reason


def test_the_first_and_last_day_cut_short_are_no_normal_days() -> None:
    whole = profiled(LAYOUT, REFERENCE)
    short = profiled(LAYOUT, Data(1, seed=5, a_day=10))
    [one] = short.windows.values()
    late = START + timedelta(days=60)
    with_short = portable(
        LAYOUT,
        WindowLength.DAY,
        whole.sources,
        {**dict(whole.profiles()), late: next(profile for _, profile in short.profiles())},
    )

    comparison = compare(with_short, profiled(LAYOUT, Data(1, seed=3)))

    assert one.start is not None
    assert comparison.reference_windows == 40


def test_profiles_of_other_bins_are_not_compared() -> None:
    other = Data(2, seed=9)

    with pytest.raises(InvalidError, match="feature 'x' has other bins"):
        compare(profiled(LAYOUT, REFERENCE), profiled(layout_of(other), other))
