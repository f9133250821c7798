"""What a user would take instead, on the same simulated data: NannyML's chunk rule and Evidently's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.core.case import Case
from app.core.distances import KINDS
from app.core.fold import Rows
from app.core.labels import realised_quality
from app.core.model import Task
from app.core.profile import FloatArray, OutcomeCounts
from app.core.stats.performance import estimate_binary
from benchmarks.simulation import Change, World, blocks
from benchmarks.watching import Profiles, cases

DEVIATIONS = 3


@dataclass(frozen=True, slots=True)
class ChunkAlerts:
    """Where one kind of statistic leaves its band: `days` [W, S] of S series over W days."""

    kind: str
    days: NDArray[np.bool_]

    @property
    def begun(self) -> list[int]:
        """The days on which some series leaves its band that was inside it the day before."""
        before = np.concatenate([np.zeros_like(self.days[:1]), self.days[:-1]])
        return [int(day) for day in np.flatnonzero((self.days & ~before).any(axis=1))]

    @property
    def any(self) -> NDArray[np.bool_]:
        """[W] the days on which some series is outside."""
        return np.asarray(self.days.any(axis=1))


def chunk_rule(task: Task, profiles: Profiles) -> list[ChunkAlerts]:
    """NannyML's rule, computed by us: a day alerts when it leaves mean +- 3 sd of the reference's days.

    As its documentation describes: univariate drift is the distance of each chunk from the whole reference (here
    Wasserstein for numbers, Jensen-Shannon for categories), with an upper limit; performance, estimated and realised,
    has a limit on both sides.
    """
    case = next(cases(task, profiles))
    alerts = [ChunkAlerts("univariate drift", _drifting(profiles))]
    for kind, measure in (("estimated performance", _estimated), ("realised performance", _realised)):
        values, usual = measure(case, profiles.served.outcomes), measure(case, profiles.reference.outcomes)
        if values is not None and usual is not None:
            alerts.append(ChunkAlerts(kind, _outside(values, usual)[:, None]))
    return alerts


def _drifting(profiles: Profiles) -> NDArray[np.bool_]:
    """[W, S] where a feature is farther from the reference than its days are."""
    found, whole = [], profiles.reference.features.sum()
    for kind in KINDS:
        if kind.names(profiles.layout):
            usual = kind.between(profiles.layout, profiles.reference.features, whole)
            served = kind.between(profiles.layout, profiles.served.features, whole)
            found.append(served > usual.mean(axis=0) + DEVIATIONS * usual.std(axis=0))
    return np.concatenate(found, axis=1)


def _outside(values: FloatArray, usual: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(np.abs(values - usual.mean()) > DEVIATIONS * usual.std())


def _estimated(case: Case, outcomes: OutcomeCounts) -> FloatArray | None:
    """[W] accuracy estimated from the calibrated scores."""
    chance = case.probability_of_positive
    return None if chance is None else estimate_binary(outcomes.predicted[..., :-1], chance)["accuracy"]


def _realised(case: Case, outcomes: OutcomeCounts) -> FloatArray | None:
    """[W] accuracy, or the mean absolute error."""
    quality = realised_quality(case.model.task, outcomes)
    return quality["mae" if case.model.task is Task.REGRESSION else "accuracy"]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What Evidently's preset says of one day: how many columns drift, of how many, and whether the data set does."""

    drifted: int
    columns: int
    dataset: bool


DRIFT_SHARE = 0.5
"""Evidently's default: the data set drifts when this share of its columns does."""


def evidently_reports(world: World, change: Change, seed: int, days: range) -> list[DriftReport]:
    """Evidently's DataDriftPreset with its defaults, for some days of production against the whole reference."""
    parts = list(blocks(world, change, seed))
    reference = pd.concat([_frame(rows) for of_reference, rows in parts if of_reference])
    served = pd.concat([_frame(rows) for of_reference, rows in parts if not of_reference])
    first = int(served["day"].min())
    return [
        _report(reference.drop(columns="day"), served[served["day"] == first + day].drop(columns="day")) for day in days
    ]


def _frame(rows: Rows) -> pd.DataFrame:
    data: dict[str, Any] = {
        name: pd.Series(column, dtype="object" if name.startswith("categorical") else "float64")
        for name, column in rows.features.items()
    }
    return pd.DataFrame({**data, "prediction": np.asarray(rows.score), "day": rows.times // 86_400_000_000})


def _report(reference: pd.DataFrame, current: pd.DataFrame) -> DriftReport:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    found = Report([DataDriftPreset()]).run(current, reference).dict()
    count = next(one["value"] for one in found["metrics"] if "DriftedColumnsCount" in str(one))
    return DriftReport(int(count["count"]), reference.shape[1], float(count["share"]) >= DRIFT_SHARE)
