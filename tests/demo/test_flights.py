"""The data are the package's own, at the right times, and nothing about the future is among the features."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from app.demo.flights import FEATURES, WEATHER, YEAR_END, moved, whole_weeks_until


@pytest.fixture(scope="module")
def flights(year: pd.DataFrame) -> pd.DataFrame:
    return year


def test_every_flight_of_2013_is_there_once_but_those_of_the_last_evening(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776 - 88
    assert flights["id"].is_unique
    assert flights["departure"].is_monotonic_increasing
    assert flights["departure"].max() < YEAR_END


def test_the_first_flight_of_the_table_is_as_the_package_has_it(flights: pd.DataFrame) -> None:
    # flights.csv: 2013-01-01, UA 1545 EWR-IAH, scheduled 05:15 (New York is UTC-5), 2 minutes late, 227 in the air.
    row = flights.set_index("id").loc["2013-01-01-UA1545-EWR-0515"]
    assert row["departure"] == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    assert row["arrival"] - row["departure"] == timedelta(minutes=2 + 227 + 30)
    assert row["late"] == 0.0  # by 11 minutes
    assert (row["carrier"], row["dest"], row["hour"], row["distance"]) == ("UA", "IAH", 5, 1400)


def test_the_share_of_late_flights_is_that_of_the_table(flights: pd.DataFrame) -> None:
    # 77 630 of the 327 346 flights that arrived were more than 15 minutes late, 22 of them in the last evening.
    assert flights["late"].notna().sum() == pytest.approx(327_346, abs=88)
    assert flights["late"].mean() == pytest.approx(0.2372, abs=0.001)


def test_a_flight_without_arrival_has_no_outcome_and_the_other_way_round(flights: pd.DataFrame) -> None:
    assert (flights["arrival"].isna() == flights["late"].isna()).all()
    assert (flights["arrival"].dropna() > flights.loc[flights["arrival"].notna(), "departure"]).all()


def test_hours_are_local_and_times_are_utc_in_winter_and_in_summer(flights: pd.DataFrame) -> None:
    local = flights["departure"].dt.tz_convert("America/New_York")
    assert (local.dt.hour == flights["hour"]).all()


def test_weather_has_the_holes_that_the_stations_left(flights: pd.DataFrame) -> None:
    missing = flights[WEATHER].isna().mean()
    assert missing["wind_gust"] > 0.5
    assert 0.05 < missing["pressure"] < 0.2
    assert missing["temp"] < 0.01
    assert flights[[name for name in FEATURES if name not in WEATHER]].notna().all(axis=None)


def test_the_year_moves_by_whole_weeks_and_ends_in_the_past() -> None:
    for day in range(20):
        now = datetime(2026, 11, 1, 9, 30, tzinfo=UTC) + timedelta(days=day)
        shift = whole_weeks_until(now, YEAR_END)
        assert shift % timedelta(weeks=1) == timedelta(0)
        assert now - timedelta(weeks=1) < YEAR_END + shift <= now


def test_moving_keeps_everything_but_the_times(flights: pd.DataFrame) -> None:
    some, shift = flights.head(2_000), timedelta(weeks=600)
    later = moved(some, shift)
    assert ((later["departure"] - some["departure"]) == shift).all()
    assert (later["departure"].dt.weekday == some["departure"].dt.weekday).all()
    assert np.array_equal(later["arrival"].isna(), some["arrival"].isna())
    pd.testing.assert_frame_equal(later[FEATURES], some[FEATURES])
