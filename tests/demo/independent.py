"""The demo's figures once more, from its raw rows, with pandas, scikit-learn and scipy alone.

Nothing of `app.core` is used, and no bins: distances are scipy's on raw values, the calibration is scikit-learn's on
raw scores. The definitions are those of the documentation: limit = max(floor, 1.25 x the largest leave-one-out
deviation of the reference's days, what the budget of false alarms asks for), wider by sqrt(smallest / rows) for a day
smaller than any of them; breach = beyond the limit on two of the last three days. Where the reference has 30 full days
of weekdays and of weekends, each day is held against the newest 60 of its own kind; values are computed anew then, and
so is what follows from the limit, but not the limit, for which a season's days are too far apart to be taken as here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance
from sklearn.isotonic import IsotonicRegression

Floats: TypeAlias = NDArray[np.float64]

CATEGORICAL = ["carrier", "origin", "dest"]
ENOUGH = 30
ENOUGH_OF_SEASON, SATURDAY = 30, 5


def served_rows(database: Path) -> pd.DataFrame:
    """What the collector stored: `version`, `time`, `day`, `score`, `predicted`, `label` (NaN without ground truth or
    audit), features.
    """
    with sqlite3.connect(database) as connection:
        rows = pd.read_sql(
            "SELECT prediction_id, event_time, features, predicted_class, score, version.name AS version"
            " FROM prediction JOIN version ON version.id = version_id",
            connection,
        )
        said = pd.read_sql(
            "SELECT prediction_id, label_class FROM correction"
            " WHERE label_class IS NOT NULL AND source IN ('ground_truth', 'audit') ORDER BY source",
            connection,
        )
    # Where both spoke, ground truth counts: it is the last in the alphabet.
    label = said.drop_duplicates("prediction_id", keep="last").set_index("prediction_id")["label_class"].astype(float)
    features = pd.DataFrame(json.loads("[" + ",".join(rows["features"]) + "]"))
    served = pd.DataFrame(
        {
            "version": rows["version"],
            "time": pd.to_datetime(rows["event_time"], utc=True),
            "day": pd.to_datetime(rows["event_time"], utc=True).dt.floor("D"),
            "score": rows["score"].astype(float),
            "predicted": rows["predicted_class"].astype(float),
            "label": rows["prediction_id"].map(label),
        }
    )
    return pd.concat([served, features], axis=1)


def outcomes_said(database: Path) -> pd.DataFrame:
    """Every outcome that came true: `time` of its flight, `said_at`, `label`."""
    with sqlite3.connect(database) as connection:
        rows = pd.read_sql(
            "SELECT event_time AS time, said_at, correction.label_class AS label FROM correction JOIN prediction"
            " ON prediction.prediction_id = correction.prediction_id WHERE source = 'ground_truth'",
            connection,
        )
    return rows.assign(**{name: pd.to_datetime(rows[name], utc=True, format="ISO8601") for name in ("time", "said_at")})


def reference_rows(uploaded: pd.DataFrame) -> pd.DataFrame:
    """The reference in the same shape, from the rows that were uploaded."""
    return uploaded.assign(
        day=uploaded["departure"].dt.floor("D"),
        predicted=uploaded["prediction"].astype(float),
        label=uploaded["truth"].astype(float),
    )


def subjects(database: Path, check: str) -> list[str]:
    """What the check spoke about."""
    query = 'SELECT DISTINCT subject FROM measurement WHERE "check" = ? ORDER BY subject'
    with sqlite3.connect(database) as connection:
        return [subject for (subject,) in connection.execute(query, (check,))]


def measured(database: Path, version: str, check: str, subject: str) -> pd.DataFrame:
    """What Watchkeeper stored about all rows of a version, on days with any: value, limit and outcome by day."""
    query = """SELECT window_start, value, "limit", outcome FROM measurement
               JOIN version ON version.id = version_id
               WHERE version.name = ? AND "check" = ? AND subject = ? AND segment = '' AND value IS NOT NULL"""
    with sqlite3.connect(database) as connection:
        rows = pd.read_sql(query, connection, params=(version, check, subject))
    rows.index = pd.DatetimeIndex(pd.to_datetime(rows.pop("window_start"), utc=True), name="day")
    return rows.sort_index()


def by_day(rows: pd.DataFrame, value: pd.Series[float]) -> pd.DataFrame:
    """Daily mean and number of the rows where `value` is known."""
    known = value.dropna()
    days = known.groupby(rows.loc[known.index, "day"]).agg(["mean", "size"])
    return days.set_axis(["value", "rows"], axis=1)


def hits(rows: pd.DataFrame) -> pd.Series[float]:
    """1.0 where the prediction was right, NaN without a label."""
    return (rows["predicted"] == rows["label"]).astype(float).where(rows["label"].notna())


def chances(reference: pd.DataFrame, rows: pd.DataFrame) -> pd.Series[float]:
    """The calibrated probability that each prediction is right."""
    known = reference["label"].notna()
    calibrator = IsotonicRegression(out_of_bounds="clip").fit(
        reference.loc[known, "score"], reference.loc[known, "label"]
    )
    late = calibrator.predict(rows["score"])
    return pd.Series(np.where(rows["predicted"] == 1, late, 1 - late), index=rows.index)


def deviations(usual: pd.DataFrame) -> pd.Series[float]:
    """How far each day's share lies from the mean of the other days', a frame as of `by_day`."""
    values = usual["value"]
    return (values - (values.sum() - values) / (len(values) - 1)).abs()


def judged(
    usual: pd.DataFrame, days: pd.DataFrame, *, harm: int, least: float = 0.0, floor: float = 0.01
) -> pd.DataFrame:
    """`limit` of a series of shares, frames as of `by_day`, and what `exceeds` it; `harm` -1: a fall is bad, 0: both.

    `least` is what the budget of false alarms asks the limit to be.
    """
    values = usual["value"].to_numpy()
    tolerance = max(floor, 1.25 * float(deviations(usual).max()), least) * _wider(usual["rows"], days["rows"])
    deviation = days["value"] - values.mean()
    side = np.sign(deviation).replace(0, 1) if harm == 0 else harm
    limit = (values.mean() + side * tolerance).clip(0, 1)
    return days.assign(limit=limit, exceeds=deviation * side > tolerance)


def with_breaches(parts: Sequence[pd.DataFrame], served: pd.DataFrame) -> pd.DataFrame:
    """The judged days of all seasons in their order, with what is in `breach`: two of three of the days served."""
    days = pd.concat(parts).sort_index()
    exceeds = days["exceeds"].reindex(sorted(served["day"].unique()), fill_value=False)
    return days.assign(breach=(exceeds.astype(int).rolling(3, min_periods=1).sum() >= 2).reindex(days.index))


def held_to(days: pd.DataFrame, limit: pd.Series[float], *, harm: int) -> pd.DataFrame:
    """The days as they are judged by given limits."""
    limits = limit.reindex(days.index)
    return days.assign(limit=limits, exceeds=harm * (days["value"] - limits) > 0)


def seasons(reference: pd.DataFrame, served: pd.DataFrame) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """The rows of the reference that the days of one season are held against, and those that were served in it."""
    rows = reference.groupby("day").size()
    full = [
        mine[mine >= mine.median() / 2].index[-60:]
        for _, mine in rows.groupby(pd.DatetimeIndex(rows.index).dayofweek >= SATURDAY)
    ]
    if min(map(len, full)) < ENOUGH_OF_SEASON:
        return [(reference, served)]
    weekend = served["day"].dt.dayofweek >= SATURDAY
    return [(reference[reference["day"].isin(days)], served[weekend == at]) for at, days in enumerate(full)]


def normal_distances(reference: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Distance of each day of the reference from its others, a column per feature; NaN on a day of few values."""
    found = {}
    for feature in features:
        distance, usual = _distance(reference, feature), reference[[feature, "day"]].dropna()
        days = {day: part[feature] for day, part in usual.groupby("day") if len(part) >= ENOUGH}
        found[feature] = pd.Series(
            {day: distance(part, usual.loc[usual["day"] != day, feature]) for day, part in days.items()}
        )
    return pd.DataFrame(found).sort_index()


def skew(
    whole: pd.DataFrame,
    reference: pd.DataFrame,
    rows: pd.DataFrame,
    feature: str,
    normal: pd.Series[float],
    least: float,
) -> pd.DataFrame:
    """Distance of each day from the reference, with `limit` and what `exceeds` it; no row for a day of few values.

    Of a season too it is told in standard deviations of the `whole` reference. `normal` are the feature's own
    `normal_distances`, `least` what the budget of false alarms asks the limit to be.
    """
    distance, usual = _distance(whole, feature), reference[[feature, "day"]].dropna()
    days = {day: part[feature] for day, part in usual.groupby("day") if len(part) >= ENOUGH}
    served = {day: part[feature].dropna() for day, part in rows.groupby("day")}
    found = pd.DataFrame(
        [(day, distance(part, usual[feature]), len(part)) for day, part in served.items() if len(part) >= ENOUGH],
        columns=["day", "value", "rows"],
    ).set_index("day")
    smallest = pd.Series([len(part) for part in days.values()])
    limit = max(0.1, 1.25 * float(normal.max()), least) * _wider(smallest, found["rows"])
    return found.assign(limit=limit, exceeds=found["value"] > limit)


def _distance(reference: pd.DataFrame, feature: str) -> Callable[[pd.Series[Any], pd.Series[Any]], float]:
    values = reference[feature]
    return _categorical(values) if feature in CATEGORICAL else _numeric(values.to_numpy(float))


def _numeric(reference: Floats) -> Callable[[pd.Series[float], pd.Series[float]], float]:
    """Wasserstein distance in standard deviations of the reference, outliers beyond .1 % on either side pulled in."""
    present = reference[~np.isnan(reference)]
    scale = float(np.clip(present, *np.quantile(present, [0.001, 0.999])).std())

    def distance(one: pd.Series[float], other: pd.Series[float]) -> float:
        # Counted values instead of rows: the same distance, and much quicker for weather that comes in steps.
        (x, n), (y, m) = (np.unique(part.to_numpy(float), return_counts=True) for part in (one, other))
        return float(wasserstein_distance(x, y, n, m)) / scale

    return distance


def _categorical(reference: pd.Series[str]) -> Callable[[pd.Series[str], pd.Series[str]], float]:
    """Jensen-Shannon distance in bits, over the reference's categories and one for all others."""
    known = pd.Index(sorted(reference.dropna().unique()))

    def shares(part: pd.Series[str]) -> Floats:
        counts = part.value_counts()
        return np.append(counts.reindex(known, fill_value=0).to_numpy(float), counts[~counts.index.isin(known)].sum())

    return lambda one, other: float(jensenshannon(shares(one), shares(other), base=2))


def _wider(usual_rows: pd.Series[int], rows: pd.Series[int]) -> pd.Series[float]:
    return (usual_rows.min() / rows).clip(lower=1.0) ** 0.5
