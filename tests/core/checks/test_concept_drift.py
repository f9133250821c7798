"""The e-detector against a plain reading of statistics.md, and what it finds in simulated worlds."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from app.core.checks.concept_drift import PLUGIN
from app.core.judgement import NO_LABELS, NO_REFERENCE
from app.core.model import Model, Outcome, Task
from tests.core.checks import oracles
from tests.core.checks.cases import DAY, LIVE, START, Given, binary, by_day, days, measured, per_day, usual


def residuals(layout: object, reference: pd.DataFrame, part: pd.DataFrame) -> tuple[float, float]:
    """Errors seen - expected, and positives seen - expected, each in binomial sds, from rows."""
    positive = oracles.positive(layout, reference, part)  # type: ignore[arg-type]
    wrong = oracles.wrong(layout, reference, part)  # type: ignore[arg-type]
    sd = math.sqrt((positive * (1 - positive)).sum())
    errors = (part["predicted"] != part["label"]).sum() - wrong.sum()
    return errors / sd, ((part["label"] == "1").sum() - positive.sum()) / sd


def standardised(values: list[float], usual_values: list[float]) -> list[float]:
    """Against the reference's mean and sd, widened for its autocorrelation, Student's t to the normal."""
    known = np.array(usual_values)
    size, deviations = len(known), known - known.mean()
    rho = np.clip((deviations[1:] @ deviations[:-1]) / (size - 1) / known.var(), 0, 0.95)
    sd = known.std(ddof=1) * math.sqrt((1 + rho) / (1 - rho) * (1 + 1 / size))
    t = (np.array(values) - known.mean()) / sd
    return list(stats.norm.isf(stats.t.sf(np.abs(t), size - 1)) * np.sign(t))


def evidence(columns: list[list[float]]) -> list[float]:
    """The mean of M <- (M + 1) exp(lambda (u - .5) - lambda^2 / 2) over residuals, signs and lambdas, capped at 1e6."""
    found = []
    state = {(column, sign, rate): 0.0 for column in (0, 1) for sign in (1, -1) for rate in (0.25, 0.5, 1.0, 2.0)}
    for window in zip(*columns, strict=True):
        for (column, sign, rate), before in state.items():
            growth = math.exp(rate * (sign * window[column] - 0.5) - rate**2 / 2)
            state[column, sign, rate] = min(1e6, (before + 1) * growth)
        found.append(sum(state.values()) / len(state))
    return found


def drifting(shrink: float, count: int = 12, since: int = 6, seed: int = 90) -> Given:
    """From day `since` on, that share of truths is a coin toss."""
    rng = np.random.default_rng(seed)
    served = binary(days(count, 400, LIVE), rng)
    tossed = (served.index >= since * 400) & (rng.uniform(size=len(served)) < shrink)
    served["label"] = served["label"].where(~tossed, np.where(rng.uniform(size=len(served)) < 0.5, "1", "0"))
    return Given(binary(days(60, 400), rng), served, count=count)


def test_evidence_is_that_of_a_plain_reading_of_the_formulas_on_rows() -> None:
    given = drifting(0.3)
    case, reference = given.case(), given.reference
    assert reference is not None
    usually = [residuals(case.layout, reference, part) for part in per_day(reference, START)]
    seen = [residuals(case.layout, reference, part) for part in per_day(given.served, LIVE)]
    u = [standardised([pair[i] for pair in seen], [pair[i] for pair in usually]) for i in (0, 1)]
    expected = evidence(u)
    found = by_day(PLUGIN, case)
    # Our normal of Student's t is within .02 a window, which adds up in the exponent.
    assert np.log(found.value).tolist() == pytest.approx(np.log(expected).tolist(), abs=0.25)
    assert found.outcome.tolist() == [Outcome.BREACH if e > 1000 else Outcome.OK for e in expected]
    assert found.outcome[11] == Outcome.BREACH
    assert found.reason[11].startswith("the truth no longer follows the score: error +")


def test_a_truth_that_moves_towards_noise_is_found_within_days_and_not_before() -> None:
    outcomes = by_day(PLUGIN, drifting(0.4).case()).outcome
    assert set(outcomes[:6]) == {Outcome.OK}
    assert Outcome.BREACH in set(outcomes[6:9])  # statistics.md: 0-3 days for 40 %


def test_a_net_shift_of_the_truth_is_found() -> None:
    given = drifting(0)
    rng = np.random.default_rng(91)
    shifted = (given.served.index >= 6 * 400) & (rng.uniform(size=len(given.served)) < 0.25)
    found = by_day(
        PLUGIN, given.but(served=given.served.assign(label=given.served["label"].where(~shifted, "1"))).case()
    )
    assert set(found.outcome[:6]) == {Outcome.OK}
    assert Outcome.BREACH in set(found.outcome[6:9])


def test_inputs_that_move_while_the_truth_still_follows_the_score_are_no_concept_drift() -> None:
    rng = np.random.default_rng(92)
    times = days(40, 400, LIVE)
    shift = np.where(times.index >= 10 * 400, 1.5, 0.0)
    given = Given(binary(days(60, 400), rng), binary(times, rng, shift), count=40)
    assert set(by_day(PLUGIN, given.case()).outcome) == {Outcome.OK}


def test_without_drift_there_is_no_alarm_even_when_days_have_effects_of_their_own() -> None:
    """Five models of 60 days; their truths wander from day to day, in the reference as in production."""
    for seed in range(5):
        rng = np.random.default_rng(93 + seed)

        def world(count: int, start: object, rng: np.random.Generator = rng) -> pd.DataFrame:
            times = days(count, 300, start)  # type: ignore[arg-type]
            frame = binary(times, rng)
            logit = np.log(frame["score"] / (1 - frame["score"])) + rng.normal(0, 0.15, count).repeat(300)
            return frame.assign(label=np.where(rng.uniform(size=len(frame)) < 1 / (1 + np.exp(-logit)), "1", "0"))

        found = by_day(PLUGIN, Given(world(60, START), world(60, LIVE), count=60).case())
        assert set(found.outcome) == {Outcome.OK}


def test_multiclass_models_are_watched_by_their_errors() -> None:
    given = usual(Task.MULTICLASS, seed=98, count=10, rows=300)
    assert set(by_day(PLUGIN, given.case()).outcome) == {Outcome.OK}
    rng = np.random.default_rng(99)
    tossed = (given.served.index >= 5 * 300) & (rng.uniform(size=len(given.served)) < 0.5)
    label = given.served["label"].where(~tossed, "ant")
    found = by_day(PLUGIN, given.but(served=given.served.assign(label=label)).case())
    assert Outcome.BREACH in set(found.outcome[5:8])
    assert found.reason.iloc[-1].startswith("the truth no longer follows the score: error +")
    assert "level" not in found.reason.iloc[-1]


def test_windows_whose_labels_are_not_all_in_neither_speak_nor_count() -> None:
    given = drifting(0.4).but(model=Model("m", Task.BINARY, label_delay=timedelta(days=4)))
    found = by_day(PLUGIN, given.case())
    assert set(found.outcome[8:]) == {Outcome.NOT_EVALUATED}
    assert found.value[8:].isna().all()
    assert by_day(PLUGIN, given.but(now=LIVE + 20 * DAY).case()).outcome[11] == Outcome.BREACH


def test_without_reference_labels_or_enough_windows_it_says_what_is_missing() -> None:
    given = usual(seed=100)
    assert given.reference is not None
    assert set(measured(PLUGIN, given.but(reference=None).case()).reason) == {NO_REFERENCE}
    blind = given.but(reference=given.reference.drop(columns="label"))
    assert set(measured(PLUGIN, blind.case()).reason) == {NO_LABELS}
    short = given.but(reference=given.reference[given.reference["time"] < pd.Timestamp(START + 20 * DAY)])
    assert set(measured(PLUGIN, short.case()).reason) == {
        "learning: 25 of 30 windows of normal variation are known; ready on 2026-04-11 00:00 UTC at the earliest"
    }


def test_labels_whose_scores_leave_nothing_to_chance_cannot_be_told() -> None:
    given = usual(seed=101)
    assert given.reference is not None
    certain = [frame.assign(label=frame["predicted"]) for frame in (given.reference, given.served)]
    found = by_day(PLUGIN, given.but(reference=certain[0], served=certain[1]).case())
    assert set(found.reason) == {"the scores of the labelled rows leave no room for variation"}
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
