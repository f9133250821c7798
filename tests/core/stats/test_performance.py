import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from sklearn import metrics

from app.core.stats.arrays import Floats
from app.core.stats.performance import (
    auc_from_histogram,
    confusion_quality,
    error_rate_with_audit,
    estimate_binary,
    estimate_multiclass_accuracy,
    realised_binary,
    realised_multiclass,
    regression_quality,
    share_sampling_sd,
)

seeds = st.integers(0, 2**32)


def binary_rows(outcomes: Floats) -> tuple[Floats, Floats, Floats]:
    """Expand ``[predicted, right, bin]`` counts to rows: truth, predicted class, and the bin number as the score."""
    predicted, right, score = (index.ravel() for index in np.indices(outcomes.shape))
    times = outcomes.ravel().astype(int)
    truth = np.where(right == 1, predicted, 1 - predicted)
    return np.repeat(truth, times), np.repeat(predicted, times), np.repeat(score, times)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 9))
def test_realised_binary_quality_is_scikit_learns_on_the_same_rows(seed: int, bins: int) -> None:
    outcomes = np.random.default_rng(seed).integers(1, 12, (2, 2, bins)).astype(float)
    truth, predicted, score = binary_rows(outcomes)
    quality = realised_binary(outcomes)
    assert_allclose(quality["accuracy"], metrics.accuracy_score(truth, predicted))
    assert_allclose(quality["precision"], metrics.precision_score(truth, predicted))
    assert_allclose(quality["recall"], metrics.recall_score(truth, predicted))
    assert_allclose(quality["f1"], metrics.f1_score(truth, predicted))
    assert_allclose(quality["auc"], metrics.roc_auc_score(truth, score))


def test_quality_that_has_no_meaning_is_nan_and_the_rest_stands() -> None:
    quality = confusion_quality(tp=[0, 0, 0], fp=[0, 3, 0], fn=[2, 0, 0], tn=[5, 5, 0])
    assert_allclose(quality["accuracy"], [5 / 7, 5 / 8, np.nan])
    assert_allclose(quality["precision"], [np.nan, 0, np.nan])
    assert_allclose(quality["recall"], [0, np.nan, np.nan])
    assert_allclose(quality["f1"], [0, 0, np.nan])


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 20))
def test_auc_from_fractional_histograms_is_scikit_learns_with_weights(seed: int, bins: int) -> None:
    positives, negatives = np.random.default_rng(seed).uniform(0.01, 5, (2, bins))
    truth, score = np.repeat([1, 0], bins), np.tile(np.arange(bins), 2)
    oracle = metrics.roc_auc_score(truth, score, sample_weight=np.concatenate((positives, negatives)))
    assert_allclose(auc_from_histogram(positives, negatives), oracle)


def test_auc_at_its_landmarks() -> None:
    up, flat = np.array([0, 0, 5, 5]), np.array([5, 5, 0, 0])
    assert_allclose(auc_from_histogram([up, flat, up], [flat, up, up]), [1, 0, 0.5])
    assert np.isnan(auc_from_histogram(up, np.zeros(4)))
    assert np.isnan(auc_from_histogram(np.zeros(4), up))


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 9))
def test_estimate_equals_realised_quality_where_the_calibration_is_exact(seed: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    positives = rng.integers(1, 9, bins)
    totals = positives + rng.integers(1, 9, bins)
    # Every bin on one side of the threshold, as a score decides the class: then P(y | bin) is P(y | bin, class) too.
    side = (np.arange(bins) >= bins // 2).astype(int)
    outcomes, counts = np.zeros((2, 2, bins)), np.zeros((2, bins))
    outcomes[side, side, np.arange(bins)] = positives
    outcomes[side, 1 - side, np.arange(bins)] = totals - positives
    counts[side, np.arange(bins)] = totals
    realised, estimated = realised_binary(outcomes), estimate_binary(counts, positives / totals)
    assert realised.keys() == estimated.keys()
    for name, value in realised.items():
        assert_allclose(estimated[name], value, err_msg=name)


def test_estimate_is_close_to_the_quality_of_rows_it_has_never_seen() -> None:
    rng = np.random.default_rng(11)
    score = rng.beta(2, 3, 40_000)
    truth, predicted = rng.random(score.size) < score, score >= 0.5
    bins = np.searchsorted(np.linspace(0, 1, 129), score, side="right") - 1
    counts = np.stack([np.bincount(bins[predicted == side], minlength=128) for side in (False, True)])
    calibrated = (np.arange(128) + 0.5) / 128
    estimated = estimate_binary(counts, calibrated)
    # Both share the rows, so only the truth is drawn: four of its sampling sd.
    sd = share_sampling_sd(counts.ravel(), np.tile(calibrated, 2))
    assert abs(estimated["accuracy"] - metrics.accuracy_score(truth, predicted)) < 4 * sd
    assert_allclose(estimated["auc"], metrics.roc_auc_score(truth, score), atol=0.01)
    assert_allclose(estimated["f1"], metrics.f1_score(truth, predicted), atol=0.015)


def test_sampling_sd_of_accuracy_is_that_of_drawn_truths() -> None:
    rng = np.random.default_rng(2)
    counts, calibrated = np.array([[40, 60, 0], [0, 30, 20]]), np.array([0.1, 0.5, 0.8])
    positives = rng.binomial(counts, calibrated, (20_000, 2, 3))
    accuracy = (positives[:, 1].sum(-1) + (counts[0] - positives[:, 0]).sum(-1)) / counts.sum()
    # The sd of 20,000 draws is within 2 % of the truth (4 of its own sd, 1/sqrt(2 n)).
    assert_allclose(share_sampling_sd(counts.ravel(), np.tile(calibrated, 2)), accuracy.std(), rtol=0.02)
    assert np.isnan(share_sampling_sd(np.zeros(3), calibrated))


def test_windows_of_a_stack_are_judged_alone() -> None:
    rng = np.random.default_rng(4)
    outcomes, counts, calibrated = rng.integers(0, 9, (6, 2, 2, 5)), rng.integers(0, 9, (6, 2, 5)), np.linspace(0, 1, 5)
    for name, values in realised_binary(outcomes).items():
        assert_allclose(values[3], realised_binary(outcomes[3])[name])
    for name, values in estimate_binary(counts, calibrated).items():
        assert_allclose(values[3], estimate_binary(counts[3], calibrated)[name])


def test_an_empty_window_has_no_quality() -> None:
    assert all(np.isnan(value) for value in realised_binary(np.zeros((2, 2, 4))).values())
    assert all(np.isnan(value) for value in estimate_binary(np.zeros((2, 4)), np.full(4, 0.5)).values())
    assert all(np.isnan(value) for value in realised_multiclass(np.zeros((3, 3))).values())
    assert np.isnan(estimate_multiclass_accuracy(np.zeros((3, 4)), np.full((3, 4), 0.5)))


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(2, 6))
def test_realised_multiclass_quality_is_scikit_learns_on_the_same_rows(seed: int, classes: int) -> None:
    confusion = np.random.default_rng(seed).integers(0, 3, (classes, classes))
    confusion[0, -1] += 1
    predicted, truth = (np.repeat(index.ravel(), confusion.ravel()) for index in np.indices(confusion.shape))
    quality = realised_multiclass(confusion)
    macro = metrics.precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0.0)
    assert_allclose(quality["accuracy"], metrics.accuracy_score(truth, predicted))
    assert_allclose([quality["precision"], quality["recall"], quality["f1"]], macro[:3])


def test_macro_quality_leaves_out_classes_that_never_occur() -> None:
    confusion = np.diag([5, 7, 0])
    assert all(value == 1 for value in realised_multiclass(confusion).values())


def test_estimated_multiclass_accuracy_is_the_mean_confidence_over_rows() -> None:
    counts, calibrated = np.array([[4, 6], [0, 10]]), np.array([[0.5, 0.9], [0.3, 0.7]])
    assert_allclose(estimate_multiclass_accuracy(counts, calibrated), (4 * 0.5 + 6 * 0.9 + 10 * 0.7) / 20)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 40))
def test_regression_quality_is_scikit_learns_on_the_same_rows(seed: int, rows: int) -> None:
    truth, predicted = np.random.default_rng(seed).normal(size=(2, rows))
    error = predicted - truth
    quality = regression_quality(rows, np.abs(error).sum(), (error**2).sum(), error.sum())
    assert_allclose(quality["mae"], metrics.mean_absolute_error(truth, predicted))
    assert_allclose(quality["rmse"], metrics.root_mean_squared_error(truth, predicted))
    assert_allclose(quality["bias"], predicted.mean() - truth.mean(), atol=1e-12)
    assert all(np.isnan(value) for value in regression_quality(0, 0.0, 0.0, 0.0).values())


def audited_share(
    rng: np.random.Generator, rows: NDArray[np.int64], true_error: Floats, audits: int
) -> tuple[Floats, Floats]:
    """Draw ``audits`` of the rows uniformly: right and wrong ones per cell."""
    audited = rng.multivariate_hypergeometric(rows, audits)
    wrong = rng.binomial(audited, true_error).astype(float)
    return audited - wrong, wrong


@pytest.mark.parametrize("bias", [0.0, 0.2], ids=["well calibrated", "badly calibrated"])
@pytest.mark.parametrize("audits", [40, 200])
def test_audited_error_rate_covers_the_truth_however_wrong_the_calibration_is(bias: float, audits: int) -> None:
    rng = np.random.default_rng(8)
    rows, true_error = np.array([4_000, 3_000, 2_000, 1_000]), np.array([0.02, 0.1, 0.3, 0.45])
    truth = (rows * true_error).sum() / rows.sum()
    estimates = [
        error_rate_with_audit(rows, *audited_share(rng, rows, true_error, audits), true_error + bias)
        for _ in range(1_000)
    ]
    covered = np.mean([estimate.lower <= truth <= estimate.upper for estimate in estimates])
    assert covered >= 0.93  # nominal .95, less three sd of 1,000 runs
    # Three standard errors of the mean of 1,000 estimates whose sd is at most .5/sqrt(audits).
    assert_allclose(np.mean([estimate.value for estimate in estimates]), truth, atol=3 * 0.5 / np.sqrt(audits * 1_000))


def test_audited_error_rate_is_the_formula_on_rows() -> None:
    rows, expected = np.array([50, 30, 20]), np.array([0.1, 0.4, 0.6])
    right, wrong = np.array([8, 3, 1]), np.array([2, 3, 3])
    imputed = np.repeat(expected, rows)
    surprise = np.concatenate((np.repeat(1 - expected, wrong), np.repeat(-expected, right)))
    value, lower, upper = error_rate_with_audit(rows, right, wrong, expected)
    assert_allclose(value, imputed.mean() + surprise.mean())
    # Section 3 of statistics.md, plus the Wilson term for what audits have not met.
    variance = imputed.var() / rows.sum() + surprise.var() / 20 + (1.959964 / 20) ** 2
    assert_allclose([value - lower, upper - value], 1.959964 * np.sqrt(variance), rtol=1e-6)


def test_good_calibration_makes_the_audited_interval_narrower() -> None:
    rows, true_error = np.array([7_000, 3_000]), np.array([0.02, 0.9])
    right, wrong = audited_share(np.random.default_rng(0), rows, true_error, 500)
    informed = error_rate_with_audit(rows, right, wrong, true_error)
    ignorant = error_rate_with_audit(rows, right, wrong, np.full(2, 0.5))
    assert informed.upper - informed.lower < 0.7 * (ignorant.upper - ignorant.lower)


def test_audits_without_a_surprise_are_no_certainty() -> None:
    estimate = error_rate_with_audit([1_000], [100], [0], [0.0])
    assert estimate.value == estimate.lower == 0
    # The exact (Clopper-Pearson) 95 % bound after 100 right answers is 1 - .025^(1/100).
    assert 1 - 0.025 ** (1 / 100) <= estimate.upper <= 0.04


def test_nothing_to_go_by_is_no_value_within_the_widest_interval() -> None:
    for nothing in (error_rate_with_audit([10], [0], [0], [0.3]), error_rate_with_audit([0], [1], [0], [0.3])):
        assert np.isnan(nothing.value)
        assert (nothing.lower, nothing.upper) == (0, 1)
