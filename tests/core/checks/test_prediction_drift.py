"""Scores and classes against the distances of scipy on the raw predictions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from app.core.checks.prediction_drift import PLUGIN
from app.core.model import Outcome, Task
from tests.core.checks.cases import (
    LIVE,
    START,
    Given,
    binary,
    by_day,
    days,
    measured,
    multiclass,
    per_day,
    regression,
    two_of_three,
    usual,
)

# Mass stands at the middle of its bin: of 130 bins of a probability, or of a number's reference quantiles.
PROBABILITY, NUMBER = 0.01, 0.05

Distance = Callable[[pd.DataFrame, pd.DataFrame], float]


def in_sds(reference: pd.DataFrame, column: str) -> Distance:
    sd = reference[column].std(ddof=0)
    return lambda one, other: wasserstein_distance(one[column], other[column]) / sd


def by_class(_reference: pd.DataFrame) -> Distance:
    def distance(one: pd.DataFrame, other: pd.DataFrame) -> float:
        here, there = (side["predicted"].value_counts() for side in (one, other))
        here, there = here.align(there, fill_value=0)
        return float(jensenshannon(here, there, base=2))

    return distance


def shifted(task: Task) -> Given:
    """A reference of 35 days and 6 days, the last three of which have other inputs and so other predictions."""
    rng = np.random.default_rng(40)
    if task is Task.BINARY:
        served = binary(days(6, 300, LIVE), rng, np.repeat([0, 0, 0, 1.2, 1.2, 1.2], 300))
        return Given(binary(days(35, 300), rng), served, count=6)
    if task is Task.REGRESSION:
        served = regression(days(6, 300, LIVE), rng)
        served["predicted"] += np.repeat([0, 0, 0, 2, 2, 2], 300)
        return Given(regression(days(35, 300), rng), served, count=6, task=task)
    served = multiclass(days(6, 300, LIVE), rng)
    late = np.repeat([False, True], 900) & (rng.uniform(size=1800) < 0.6)
    served["predicted"] = served["predicted"].where(~late, "cow")
    return Given(multiclass(days(35, 300), rng), served, count=6, task=task)


@pytest.mark.parametrize(
    ("task", "subject", "oracle", "tolerance"),
    [
        (Task.BINARY, "score", partial(in_sds, column="score"), PROBABILITY),
        (Task.BINARY, "class", by_class, 1e-9),
        (Task.MULTICLASS, "class", by_class, 1e-9),
        (Task.REGRESSION, "value", partial(in_sds, column="predicted"), NUMBER),
    ],
)
def test_value_limit_and_outcome_are_those_of_the_raw_predictions(
    task: Task, subject: str, oracle: Callable[[pd.DataFrame], Distance], tolerance: float
) -> None:
    given = shifted(task)
    assert given.reference is not None
    distance = oracle(given.reference)
    own = [distance(day, given.reference.drop(day.index)) for day in per_day(given.reference, START)]
    limit = max(0.1, 1.25 * max(own))
    values = [distance(day, given.reference) for day in per_day(given.served, LIVE)]
    found = by_day(PLUGIN, given.case(), subject)
    assert found.value.tolist() == pytest.approx(values, abs=tolerance)
    assert found.limit.tolist() == pytest.approx([limit] * 6, abs=1.25 * tolerance)
    assert found.outcome.tolist() == two_of_three([value > limit for value in values])
    assert found.outcome[5] == Outcome.BREACH


def test_a_regression_has_no_classes() -> None:
    assert set(measured(PLUGIN, usual(Task.REGRESSION).case()).subject) == {"value"}


def test_a_reference_without_scores_tells_of_classes_alone() -> None:
    given = usual()
    assert given.reference is not None
    blind = given.but(reference=given.reference.assign(score=np.nan))
    assert set(by_day(PLUGIN, blind.case(), "score").reason) == {
        "the reference has no predictions with a score: store one that has"
    }
    assert set(by_day(PLUGIN, blind.case(), "class").outcome) == {Outcome.OK}


def test_scores_that_were_always_the_same_are_measured_in_units_of_themselves() -> None:
    given = usual()
    assert given.reference is not None
    constant = given.but(reference=given.reference.assign(score=0.4), served=given.served.assign(score=0.8))
    # 0.4 has a bin of its own; 0.8 stands in the middle of the bin between the threshold 0.5 and 0.9.
    assert by_day(PLUGIN, constant.case(), "score").value.tolist() == pytest.approx([(0.7 - 0.4) / 0.4] * 5)


def test_without_a_reference_nothing_is_said() -> None:
    found = measured(PLUGIN, usual().but(reference=None).case())
    assert set(found.reason) == {"no reference: store training or validation rows of this version"}
