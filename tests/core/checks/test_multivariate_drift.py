"""A dependence that breaks is found here and by no check of single features; what is independent is no alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance

from app.core.checks.data_drift import DataDrift
from app.core.checks.multivariate_drift import TOGETHER, MultivariateDrift, moved_together
from app.core.checks.training_serving_skew import TrainingServingSkew
from app.core.columns import parse_numbers
from app.core.model import Outcome
from tests.core.checks.cases import LIVE, START, Given, by_day, days, features_of, measured, per_day

CHECK = MultivariateDrift()


def simulated(times: pd.DataFrame, rng: np.random.Generator, columns: int = 8) -> pd.DataFrame:
    """Independent columns, but for `a` and `b`, which are correlated by .9."""
    a, noise = rng.normal(size=(2, len(times)))
    others = {f"other {n}": rng.normal(size=len(times)) for n in range(columns - 2)}
    score = 1 / (1 + np.exp(-a))
    frame = times.assign(a=a, b=0.9 * a + np.sqrt(1 - 0.81) * noise, score=score, predicted="1", label="1")
    return pd.concat([frame, pd.DataFrame(others, index=frame.index)], axis=1)


def given(columns: int = 8) -> Given:
    rng = np.random.default_rng(6)
    reference, served = simulated(days(32, 300), rng, columns), simulated(days(6, 300, LIVE), rng, columns)
    return Given(reference, served, count=6)


def torn_apart(one: Given) -> Given:
    """`b` stays what it is in each day, but comes with another row's `a`."""
    rng = np.random.default_rng(7)
    day = one.served["time"].dt.floor("D")
    return one.but(served=one.served.assign(b=one.served.groupby(day)["b"].transform(rng.permutation)))


@pytest.mark.parametrize("columns", [2, 8, 60])
def test_a_correlation_that_breaks_is_found_and_its_features_are_named(columns: int) -> None:
    case = torn_apart(given(columns)).case()
    found = by_day(CHECK, case, TOGETHER)
    assert found.outcome.tolist() == [Outcome.OK, *[Outcome.BREACH] * 5]
    for reason in found.reason[1:]:
        said = reason.split("no longer fits the others: ")[1]
        assert {part.split(" (")[0] for part in said.split(", ")} == {"a", "b"}
    for univariate in (TrainingServingSkew(), DataDrift()):
        assert Outcome.BREACH not in set(measured(univariate, case).outcome)


@pytest.mark.parametrize("columns", [2, 8, 60])
def test_what_goes_on_as_before_is_no_alarm(columns: int) -> None:
    assert set(by_day(CHECK, given(columns).case(), TOGETHER).outcome) == {Outcome.OK}


def test_noise_that_was_independent_and_still_is_is_no_alarm() -> None:
    one = given()
    independent = one.but(
        reference=one.reference.drop(columns=["a", "b"]) if one.reference is not None else None,
        served=one.served.drop(columns=["a", "b"]),
    )
    rng = np.random.default_rng(8)
    shuffled = independent.served.copy()
    for name in features_of(shuffled):
        shuffled[name] = rng.permutation(shuffled[name])
    assert set(by_day(CHECK, independent.but(served=shuffled).case(), TOGETHER).outcome) == {Outcome.OK}


def own_days(one: Given) -> list[pd.DataFrame]:
    assert one.reference is not None
    return per_day(one.reference, START)


def test_the_value_is_scipys_distance_of_the_errors_in_their_sd_and_the_limit_learnt_from_the_days_own() -> None:
    one = torn_apart(given())
    case = one.case()
    assert case.layout.multivariate is not None
    assert one.reference is not None

    def errors(frame: pd.DataFrame) -> np.ndarray:
        columns = [parse_numbers(frame[feature.name].to_numpy()) for feature in case.layout.numeric]
        assert case.layout.multivariate is not None
        return case.layout.multivariate.errors(columns)[0].values

    reference, day = errors(one.reference), errors(one.served[:300])
    scale = np.clip(reference, *np.quantile(reference, (0.001, 0.999))).std()
    expected = wasserstein_distance(day, reference) / scale
    found = by_day(CHECK, case, TOGETHER)
    assert found.value[0] == pytest.approx(expected, abs=0.002)
    own = [wasserstein_distance(errors(part), errors(one.reference.drop(part.index))) / scale for part in own_days(one)]
    assert found.limit[0] == pytest.approx(max(0.1, 1.25 * 1.2 * max(own)), abs=0.005)


def test_the_shares_say_how_far_each_feature_no_longer_fits() -> None:
    case = torn_apart(given()).case()
    assert case.training is not None
    moved = moved_together(case.layout, case.features.sum(), case.training)
    assert list(moved)[:2] in (["a", "b"], ["b", "a"])
    assert sum(moved.values()) == pytest.approx(1.0)
    assert moved["a"] + moved["b"] > 0.9


def test_without_two_numbers_nothing_can_go_together() -> None:
    one = given(2)
    assert one.reference is not None
    case = one.but(reference=one.reference.drop(columns="b"), served=one.served.drop(columns="b")).case()
    found = by_day(CHECK, case, TOGETHER)
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert set(found.reason) == {"the reference has fewer than two numbers that vary"}
