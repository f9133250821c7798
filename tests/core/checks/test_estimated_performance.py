"""Performance without labels against scikit-learn on raw rows, and against the truth that is hidden from it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from app.core.checks.estimated_performance import NO_LOSSES, PLUGIN
from app.core.judgement import NO_LABELS, NO_REFERENCE
from app.core.model import Outcome, Task
from tests.core.checks import oracles
from tests.core.checks.cases import (
    DAY,
    LIVE,
    START,
    Given,
    binary,
    by_day,
    day_of,
    days,
    learnt,
    measured,
    per_day,
    regression,
    usual,
)

MEASURES = ("accuracy", "precision", "recall", "f1", "auc")


def expected_quality(frame: pd.DataFrame, chance: oracles.Floats) -> dict[str, float]:
    """Each measure as its expectation over labels drawn row by row with that chance."""
    said = (frame["predicted"] == "1").to_numpy()
    tp, fp = chance[said].sum(), (1 - chance[said]).sum()
    fn, tn = chance[~said].sum(), (1 - chance[~said]).sum()
    truth = np.repeat([1, 0], len(frame))
    scores, weights = np.tile(frame["score"], 2), np.concatenate([chance, 1 - chance])
    return {
        "accuracy": (tp + tn) / len(frame),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "auc": roc_auc_score(truth, scores, sample_weight=weights),
    }


@pytest.fixture(scope="module")
def given() -> Given:
    """Production in which the inputs become harder: they move to where the model is unsure."""
    rng = np.random.default_rng(50)
    served = binary(days(6, 500, LIVE), rng)
    late = served.index >= 3 * 500
    hard = binary(days(6, 500, LIVE), rng)
    hard = hard.assign(x=hard["x"] * 0.3, score=0.5 + 0.4 * (hard["score"] - 0.5))
    served.loc[late, ["x", "score", "predicted"]] = hard.loc[late, ["x", "score", "predicted"]]
    return Given(binary(days(40, 500), rng), served, count=6)


@pytest.mark.parametrize("measure", MEASURES)
def test_estimates_are_those_of_isotonic_regression_on_the_same_bins(given: Given, measure: str) -> None:
    case, reference = given.case(), given.reference
    assert reference is not None

    def estimates(frame: pd.DataFrame, start: object) -> list[float]:
        parts = per_day(frame, start)  # type: ignore[arg-type]
        return [expected_quality(part, oracles.positive(case.layout, reference, part))[measure] for part in parts]

    # Rows of one bin count as ties in our AUC; in the oracle they keep their order.
    tolerance = 0.003 if measure == "auc" else 1e-9
    values, (mean, spread) = estimates(given.served, LIVE), learnt(estimates(reference, START), floor=0.01)
    found = by_day(PLUGIN, case, measure)
    assert found.value.tolist() == pytest.approx(values, abs=tolerance)
    assert found.normal.tolist() == pytest.approx([mean] * 6, abs=tolerance)
    assert found.limit.tolist() == pytest.approx([mean - spread] * 6, abs=2 * tolerance)
    if measure in {"accuracy", "auc"}:
        assert found.outcome.tolist() == [Outcome.OK] * 4 + [Outcome.BREACH] * 2


@pytest.mark.parametrize("measure", MEASURES)
def test_binning_the_scores_changes_little(given: Given, measure: str) -> None:
    """Against isotonic regression on the raw scores: statistics.md measured .0013 at most, on larger windows."""
    reference = given.reference
    assert reference is not None
    raw = IsotonicRegression(out_of_bounds="clip").fit(reference["score"], reference["label"] == "1")
    values = [expected_quality(part, raw.predict(part["score"]))[measure] for part in per_day(given.served, LIVE)]
    assert by_day(PLUGIN, given.case(), measure).value.tolist() == pytest.approx(values, abs=0.005)


def test_the_interval_of_accuracy_holds_the_hidden_truth_19_times_of_20() -> None:
    rng = np.random.default_rng(51)
    given = Given(binary(days(40, 800), rng), binary(days(200, 100, LIVE), rng), count=200)
    found = by_day(PLUGIN, given.case(), "accuracy")
    truth = [(part["predicted"] == part["label"]).mean() for part in per_day(given.served, LIVE)]
    covered = (found.lower <= truth) & (truth <= found.upper)
    assert 0.9 <= covered.mean() <= 0.99


def test_a_multiclass_models_accuracy_is_the_mean_calibrated_confidence() -> None:
    given = usual(Task.MULTICLASS, seed=52, rows=600)
    case, reference = given.case(), given.reference
    assert reference is not None
    values = []
    for part in per_day(given.served, LIVE):
        right = 0.0
        for name, mine in reference.groupby("predicted"):
            model = IsotonicRegression(out_of_bounds="clip")
            model.fit(oracles.bins_of(case.layout, mine), mine["label"] == name)
            right += model.predict(oracles.bins_of(case.layout, part[part["predicted"] == name])).sum()
        values.append(right / len(part))
    found = by_day(PLUGIN, case, "accuracy")
    assert found.value.tolist() == pytest.approx(values)
    assert ((found.lower < found.value) & (found.value < found.upper)).all()
    truth = [(part["predicted"] == part["label"]).mean() for part in per_day(given.served, LIVE)]
    assert found.value.tolist() == pytest.approx(truth, abs=0.06)  # three sds of a binomial of 600


def test_a_classs_precision_is_the_mean_calibrated_confidence_of_its_predictions() -> None:
    given = usual(Task.MULTICLASS, seed=59, rows=600, count=60)
    case, reference = given.case(), given.reference
    assert reference is not None
    for name, mine in reference.groupby("predicted"):
        model = IsotonicRegression(out_of_bounds="clip")
        model.fit(oracles.bins_of(case.layout, mine), mine["label"] == name)
        parts = [part[part["predicted"] == name] for part in per_day(given.served, LIVE)]
        found = by_day(PLUGIN, case, f"precision[{name}]")
        values = [model.predict(oracles.bins_of(case.layout, part)).mean() for part in parts]
        assert found.value.tolist() == pytest.approx(values)
        truth = np.array([(part["label"] == name).mean() for part in parts])
        assert ((found.lower <= truth) & (truth <= found.upper)).mean() > 0.85  # 95 % of 60, less four sds
        assert set(found.statistic) == {"estimated_precision"}


def test_a_class_that_becomes_less_sure_is_a_breach_of_that_class_alone() -> None:
    given = usual(Task.MULTICLASS, seed=60, rows=600)
    unsure = given.served["predicted"] == "bee"
    served = given.served.assign(score=given.served["score"].mask(unsure, 0.5 * (1 / 3 + given.served["score"])))
    found = measured(PLUGIN, given.but(served=served).case())
    breached = found[found.outcome == Outcome.BREACH]
    assert "precision[bee]" in set(breached.subject)
    assert not {"precision[ant]", "precision[cow]"} & set(breached.subject)


def test_a_rare_class_says_that_it_is_rare() -> None:
    given = usual(Task.MULTICLASS, seed=61, rows=200)
    assert given.reference is not None
    served = given.served[(given.served["predicted"] != "cow") | (given.served.index % 20 == 0)]
    found = by_day(PLUGIN, given.but(served=served).case(), "precision[cow]")
    assert found.value.isna().all()
    assert found.reason.str.match(r"(too few|no) predictions of 'cow' with a score").all()
    never = given.reference[given.reference["predicted"] != "cow"]
    found = by_day(PLUGIN, given.but(reference=never).case(), "precision[cow]")
    assert set(found.reason) == {"the reference has too few labelled predictions of 'cow': at least 30 are needed"}


def test_better_than_ever_is_no_alarm() -> None:
    given = usual(seed=53)
    sure = given.served.assign(score=np.where(given.served["predicted"] == "1", 0.999, 0.001))
    found = by_day(PLUGIN, given.but(served=sure).case(), "accuracy")
    assert (found.value > found.normal + (found.normal - found.limit)).all()
    assert set(found.outcome) == {Outcome.OK}


def test_a_measure_without_meaning_says_so() -> None:
    given = usual(seed=54)
    negative = given.served.assign(score=given.served["score"] * 0.4, predicted="0")
    found = by_day(PLUGIN, given.but(served=negative).case(), "precision")
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert set(found.reason) == {"undefined: every prediction is of one class"}


def test_without_a_reference_or_without_its_labels_it_says_what_is_missing() -> None:
    given = usual(seed=55)
    assert given.reference is not None
    assert set(measured(PLUGIN, given.but(reference=None).case()).reason) == {NO_REFERENCE}
    blind = given.but(reference=given.reference.drop(columns="label"))
    assert set(measured(PLUGIN, blind.case()).reason) == {NO_LABELS}


def regression_days(count: int, rng: np.random.Generator, *, hard: float, since: datetime = START) -> pd.DataFrame:
    """A model whose error is three times as large where `kind` is b, whatever its value; `hard` is the share of b."""
    frame = regression(days(count, 300, since), rng)
    kind = rng.uniform(size=len(frame)) < hard
    error = np.where(kind, 3.0, 1.0) * rng.normal(size=len(frame))
    return frame.assign(kind=np.where(kind, "b", "a"), label=frame["predicted"] + error)


@pytest.fixture(scope="module")
def hardening() -> Given:
    """A regression model whose inputs become harder from the fifth day on."""
    rng = np.random.default_rng(56)
    parts = [regression_days(4, rng, hard=0.2, since=LIVE), regression_days(4, rng, hard=0.7, since=LIVE + 4 * DAY)]
    served = pd.concat(parts, ignore_index=True)
    return Given(regression_days(40, rng, hard=0.2), served, count=8, task=Task.REGRESSION)


@pytest.mark.parametrize(("measure", "tolerance"), [("mae", 0.12), ("rmse", 0.15)])
def test_harder_inputs_of_a_regression_model_are_a_breach_before_any_label(
    hardening: Given, measure: str, tolerance: float
) -> None:
    found = by_day(PLUGIN, hardening.but(served=hardening.served.drop(columns="label")).case(), measure)
    errors = [part["predicted"] - part["label"] for part in per_day(hardening.served, LIVE)]
    truth = [(e.abs().mean() if measure == "mae" else (e**2).mean() ** 0.5) for e in errors]
    # Chance moves the realised value of 300 rows by about 5 %.
    assert found.value.tolist() == pytest.approx(truth, rel=tolerance)
    assert found.value[4:].mean() == pytest.approx(np.mean(truth[4:]), rel=0.04)
    assert found.outcome.tolist() == [Outcome.OK] * 5 + [Outcome.BREACH] * 3
    assert (found.limit > found.normal).all()


def test_stratifying_the_errors_by_the_predicted_value_would_have_seen_nothing(hardening: Given) -> None:
    reference = hardening.reference
    assert reference is not None
    case = hardening.case()
    bins = [
        np.searchsorted(case.layout.score_edges, frame["predicted"], side="right")
        for frame in (reference, hardening.served)
    ]
    by_bin = (reference["predicted"] - reference["label"]).abs().groupby(bins[0]).mean()
    stratified = pd.Series(by_bin.reindex(bins[1]).to_numpy()).groupby(day_of(hardening.served, LIVE).to_numpy()).mean()
    found = by_day(PLUGIN, case, "mae")
    assert stratified[4:].mean() < 1.1 * stratified[:4].mean()
    assert found.value[4:].mean() > 1.5 * found.value[:4].mean()


def test_the_interval_of_the_mean_absolute_error_holds_the_hidden_truth() -> None:
    """It is an upper bound of the sampling error, so it covers more often than 19 times of 20."""
    rng = np.random.default_rng(57)
    given = Given(
        regression_days(60, rng, hard=0.3),
        regression_days(200, rng, hard=0.3, since=LIVE),
        count=200,
        task=Task.REGRESSION,
    )
    found = by_day(PLUGIN, given.case(), "mae")
    truth = [(part["predicted"] - part["label"]).abs().mean() for part in per_day(given.served, LIVE)]
    covered = (found.lower <= truth) & (truth <= found.upper)
    assert covered.mean() >= 0.93
    assert ((found.upper - found.value) / found.value).max() < 0.2
    assert by_day(PLUGIN, given.case(), "rmse").lower.isna().all()


def test_a_regression_reference_with_few_labels_says_how_many_it_needs() -> None:
    given = usual(Task.REGRESSION, seed=58)
    reference = given.reference
    assert reference is not None
    blind = given.but(reference=reference.assign(label=np.nan))
    assert set(measured(PLUGIN, blind.case()).reason) == {NO_LABELS}
    few = given.but(reference=reference.assign(label=reference["label"].where(reference.index < 400)))
    assert set(measured(PLUGIN, few.case()).reason) == {NO_LOSSES}
