"""The offline pipeline: each night it computes the features of some of the day's flights anew, from the raw tables.

It shares the tables with what was served, and not the way: one day at a time, flights per airport and hour counted and
looked up, weather found by its index, where `flights` has one transform and one merge for the whole year.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from app.demo.flights import FEATURES, WEATHER, identity, read_table

SEED = 1304
SHARE = 0.1
"""Part of the flights that is computed anew, chosen at random."""

DELAY = timedelta(hours=6)
"""After the end of a day (UTC) its features are there."""


def recomputed(served: pd.DataFrame, share: float = SHARE) -> pd.DataFrame:
    """A part of the served flights (`id`, `departure`), with FEATURES and `computed_at`, in the order of that."""
    chosen = served.loc[np.random.default_rng(SEED).random(len(served)) < share, ["id", "departure"]]
    features = pd.concat(_by_day(chosen["id"]))
    computed_at = chosen["departure"].dt.floor("D") + timedelta(days=1) + DELAY
    rows = chosen[["id"]].assign(computed_at=computed_at).join(features, on="id", validate="1:1")
    return rows.sort_values(["computed_at", "id"], ignore_index=True)


def _by_day(wanted: pd.Series[str]) -> Iterator[pd.DataFrame]:
    """FEATURES by identity, for the wanted flights of each day (UTC) that has any."""
    flights = _placed(read_table("flights.csv.zip"))
    flights.index = pd.Index(identity(flights), name="id")
    weather = _placed(read_table("weather.csv")).set_index("place")[WEATHER]
    flights["wanted"] = flights.index.isin(wanted)
    for _, day in flights.groupby(flights["time_hour"].str[:10]):
        some = day[day["wanted"]]
        if len(some):
            planned = some["place"].map(day["place"].value_counts())
            yield some.assign(departures_that_hour=planned).join(weather, on="place")[FEATURES]


def _placed(rows: pd.DataFrame) -> pd.DataFrame:
    """With the airport and the hour that a row is about as one text, `place`."""
    return rows.assign(place=rows["origin"] + " " + rows["time_hour"])
