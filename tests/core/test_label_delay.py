"""The delay curve against the distribution that the delays were drawn from, and against counting by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.label_delay import (
    DELAY_BINS,
    DELAY_EDGES,
    LEAST_LABELS,
    DelayCurve,
    advice,
    delay_counts,
    delay_curve,
    duration,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SECONDS = 86_400.0


@given(st.lists(st.floats(-1e9, 1e9), max_size=40))
def test_a_delay_counts_in_the_bin_whose_upper_end_is_the_first_not_below_it(delays: list[float]) -> None:
    by_hand = [0] * DELAY_BINS
    for delay in delays:
        by_hand[next((i for i, edge in enumerate(DELAY_EDGES) if delay <= edge), DELAY_BINS - 1)] += 1
    assert delay_counts(np.array(delays)).tolist() == by_hand


def test_an_hour_a_day_and_a_week_are_edges_and_what_was_said_before_its_prediction_counts_first() -> None:
    assert {3_600.0, 86_400.0, 7 * 86_400.0} <= set(DELAY_EDGES)
    assert (np.diff(DELAY_EDGES) > 0).all()
    assert delay_counts(np.array([-5.0, 0.0, 60.0]))[0] == 3


def drawn(rng: np.random.Generator, windows: int, rows: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Days `windows` .. 1 ago, each with labels of exponential delays of so many days, as far as these came by now."""
    counts, ages = [], []
    for age in range(windows):
        born = (age + rng.uniform(size=rows)) * SECONDS
        delays = rng.exponential(mean * SECONDS, rows)
        counts.append(delay_counts(delays[delays <= born]))
        ages.append(age * SECONDS)
    return np.array(counts), np.array(ages)


def test_the_curve_is_the_distribution_though_young_windows_have_only_their_early_labels() -> None:
    counts, ages = drawn(np.random.default_rng(1), 60, 2_000, mean=3.0)
    curve = delay_curve(counts, ages)
    assert curve is not None
    true = 1 - np.exp(-DELAY_EDGES / (3 * SECONDS))
    assert np.abs(curve.shares - true).max() < 0.01
    naive = counts[:, :-1].sum(axis=0).cumsum() / counts.sum()
    assert np.abs(naive - true).max() > 0.02  # what is corrected for
    assert curve.quantile(0.5) == timedelta(days=3)  # the first edge after ln(2) * 3 = 2.1 days
    assert curve.quantile(0.95) == 10 * DAY  # after 9.0
    assert curve.observed == 45 * DAY  # the longest edge within 59 days


def test_the_curve_of_windows_that_are_all_complete_is_the_share_by_counting() -> None:
    delays = np.random.default_rng(2).lognormal(10, 1, (20, 50))
    counts = np.array([delay_counts(row) for row in delays])
    curve = delay_curve(counts, np.full(20, 1e9))
    assert curve is not None
    by_hand = [(delays <= edge).mean() for edge in DELAY_EDGES]
    assert curve.shares.tolist() == pytest.approx(by_hand)
    assert (curve.labels, curve.windows) == (1000, 20)
    assert curve.within(DAY) == pytest.approx((delays <= SECONDS).mean())
    rows = (np.arange(500) + 0.5) / 500 * SECONDS
    in_time = [(delays.ravel()[None, :] <= rows[:, None] + age).mean() for age in (0.0, SECONDS)]
    assert curve.complete(np.array([0.0, SECONDS]), DAY).tolist() == pytest.approx(in_time, abs=0.01)


def test_the_order_of_windows_does_not_matter_and_few_labels_give_no_curve() -> None:
    counts, ages = drawn(np.random.default_rng(3), 20, 100, mean=1.0)
    one, other = delay_curve(counts, ages), delay_curve(counts[::-1], ages[::-1])
    assert one is not None
    assert other is not None
    assert one.shares.tolist() == pytest.approx(other.shares.tolist())
    assert delay_curve(counts[:9], ages[:9]) is None
    few = np.zeros((20, DELAY_BINS), np.int64)
    few[:, 0] = LEAST_LABELS // 20
    assert delay_curve(few, ages + SECONDS) is not None
    few[0, 0] -= 1
    assert delay_curve(few, ages + SECONDS) is None


def always(delay: timedelta) -> DelayCurve:
    """Every label takes exactly as long."""
    curve = delay_curve(np.tile(delay_counts(np.full(50, delay.total_seconds())), (20, 1)), np.full(20, 1e9))
    assert curve is not None
    return curve


@pytest.mark.parametrize(
    ("takes", "declared", "window", "said"),
    [
        (timedelta(0), timedelta(0), DAY, ""),
        (HOUR, timedelta(0), DAY, ""),
        (3 * DAY, timedelta(0), DAY, "too short: when the declared delay has passed, 100% of a window's labels"),
        (3 * DAY, 2 * DAY, DAY, "too short"),
        (3 * DAY, 3 * DAY, DAY, ""),
        (3 * DAY, 4 * DAY, DAY, ""),
        (3 * DAY, 30 * DAY, DAY, "longer than needed: 99% of a window's labels are in 3 d after its end"),
        (HOUR, 2 * DAY, HOUR, "longer than needed"),
        (timedelta(0), 12 * HOUR, DAY, ""),
    ],
)
def test_advice(takes: timedelta, declared: timedelta, window: timedelta, said: str) -> None:
    found = advice(always(takes), declared, window)
    assert found.startswith(said) if said else found == ""


@pytest.mark.parametrize(
    ("delay", "text"),
    [(timedelta(0), "none"), (36 * HOUR, "36 h"), (10 * DAY, "10 d"), (timedelta(minutes=90), "90 min")],
)
def test_durations_in_words(delay: timedelta, text: str) -> None:
    assert duration(delay) == text
