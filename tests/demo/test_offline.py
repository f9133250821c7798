"""The offline pipeline computes the same features, of flights chosen whatever they are, after their day has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pytest

from app.demo.flights import FEATURES, moved
from app.demo.offline import DELAY, recomputed

WEEKS = timedelta(weeks=2)


@pytest.fixture(scope="module")
def flights(year: pd.DataFrame) -> pd.DataFrame:
    """Every second flight of three weeks, the change to summer time among them, two weeks later than they were."""
    chosen = year[(year["departure"] >= "2013-03-01") & (year["departure"] < "2013-03-22")].iloc[::2]
    return moved(chosen, WEEKS).reset_index(drop=True)


@pytest.fixture(scope="module")
def offline(flights: pd.DataFrame) -> pd.DataFrame:
    return recomputed(flights)


def test_another_way_finds_the_same_values(flights: pd.DataFrame, offline: pd.DataFrame) -> None:
    served = flights.set_index("id").loc[offline["id"], FEATURES].reset_index(drop=True)
    pd.testing.assert_frame_equal(offline[FEATURES], served, check_exact=True)
    assert offline["wind_gust"].isna().any()  # holes are the same holes


def test_it_is_a_tenth_of_them_and_the_same_every_time(flights: pd.DataFrame, offline: pd.DataFrame) -> None:
    # Five standard deviations of a binomial.
    assert len(offline) / len(flights) == pytest.approx(0.1, abs=5 * (0.1 * 0.9 / len(flights)) ** 0.5)
    assert offline["id"].is_unique
    pd.testing.assert_frame_equal(recomputed(flights), offline)


def test_they_come_in_order_hours_after_the_day_of_the_flight_has_ended(
    flights: pd.DataFrame, offline: pd.DataFrame
) -> None:
    assert offline["computed_at"].is_monotonic_increasing
    departures = flights.set_index("id")["departure"].loc[offline["id"]]
    ends = [datetime.fromisoformat(f"{departure:%F}T00:00:00+00:00") + timedelta(days=1) for departure in departures]
    assert offline["computed_at"].tolist() == [end + DELAY for end in ends]
