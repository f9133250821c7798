"""The confident share, counted in the raw scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.core.checks.confident_share import PLUGIN
from app.core.model import Model, Outcome, Task
from tests.core.checks.cases import LIVE, START, Given, by_day, days, learnt, measured, per_day, two_of_three, usual


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
@pytest.mark.parametrize("threshold", [0.9, 0.6])
def test_shares_limits_and_outcomes_are_those_of_the_raw_scores(task: Task, threshold: float) -> None:
    given = usual(task, seed=40, count=6).but(model=Model("m", task, confident_threshold=threshold))
    unsure = given.served.index >= 4 * 200
    given.served.loc[unsure, "score"] = 0.5 + (given.served.loc[unsure, "score"] - 0.5) * 0.5

    def shares(frame: pd.DataFrame, start: object) -> list[float]:
        sure = frame["score"] >= threshold
        if task is Task.BINARY:
            sure |= frame["score"] <= 1 - threshold
        return [float(sure[day.index].mean()) for day in per_day(frame, start)]  # type: ignore[arg-type]

    assert given.reference is not None
    mean, tolerance = learnt(shares(given.reference, START), floor=0.01)
    values = shares(given.served, LIVE)
    found = by_day(PLUGIN, given.case())
    assert found.value.tolist() == pytest.approx(values)
    assert found.limit.tolist() == pytest.approx([mean + (tolerance if v >= mean else -tolerance) for v in values])
    assert found.outcome.tolist() == two_of_three([abs(value - mean) > tolerance for value in values])
    assert found.outcome[5] == Outcome.BREACH


def test_scores_that_are_exactly_the_threshold_are_confident_on_either_side() -> None:
    frame = days(1, 40, LIVE).assign(score=[0.9, 0.1, 0.899, 0.101] * 10, predicted="1")
    assert by_day(PLUGIN, Given(None, frame, count=1).case()).value.tolist() == [0.5]


def test_only_predictions_with_a_score_count_and_a_usual_lack_of_some_does_not_widen_the_limit() -> None:
    given = usual(seed=41)
    assert given.reference is not None
    half = {"reference": given.reference.copy(), "served": given.served.copy()}
    for frame in half.values():
        frame.loc[frame.index % 2 == 0, "score"] = np.nan
    found = by_day(PLUGIN, given.but(**half).case())
    kept = [day["score"].dropna() for day in per_day(half["served"], LIVE)]
    assert found.value.tolist() == pytest.approx([((s >= 0.9) | (s <= 0.1)).mean() for s in kept])
    reference = [day["score"].dropna() for day in per_day(half["reference"], START)]
    mean, tolerance = learnt([float(((s >= 0.9) | (s <= 0.1)).mean()) for s in reference], floor=0.01)
    assert (found.limit - mean).abs().tolist() == pytest.approx([tolerance] * 5)


def test_a_model_without_scores_cannot_be_told() -> None:
    given = usual(seed=42)
    found = measured(PLUGIN, given.but(served=given.served.assign(score=np.nan)).case())
    assert set(found.reason) == {"no predictions with a score in this window"}
    assert found.value.isna().all()


@pytest.mark.parametrize("threshold", [0.5, 0.55, 0.8, 0.9, 0.95, 0.99, 1.0])
def test_the_boundary_is_where_one_minus_the_score_reaches_the_threshold(threshold: float) -> None:
    hundredths = [i / 100 for i in range(101)]
    sure = [score >= threshold or 1 - score >= threshold for score in hundredths]
    frame = days(1, 101, LIVE).assign(score=hundredths, predicted="1")
    model = Model("m", Task.BINARY, confident_threshold=threshold)
    assert by_day(PLUGIN, Given(None, frame, count=1, model=model).case()).value.tolist() == [sum(sure) / 101]
