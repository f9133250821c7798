"""Model quality from counts: realised where labels are known, estimated from calibrated scores where they are not.

The estimates are confidence-based (CBPE): with c the calibrated probability of a bin, c of its rows are positive. They
cannot see a change of the truth given the score; the residuals of `app.core.stats.sequential` can, and are to be shown
beside them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from app.core.stats.arrays import Floats, as_floats, ratio

NORMAL_95 = 1.959963984540054


class Estimate(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    lower: float
    upper: float


def confusion_quality(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike, tn: ArrayLike) -> dict[str, Floats]:
    """Accuracy, precision, recall and F1 of a binary confusion, whose cells (counts or expected counts) broadcast.

    ``nan`` where undefined: precision without predicted positives, recall without true ones, F1 with neither.
    """
    tp, fp, fn, tn = as_floats(tp), as_floats(fp), as_floats(fn), as_floats(tn)
    return {
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
    }


def auc_from_histogram(positives: ArrayLike, negatives: ArrayLike) -> Floats:
    """Area under the ROC curve from score histograms ``[..., B]``, ascending; rows of one bin count as ties.

    Counts may be fractional (expected counts). ``nan`` with one class only.
    """
    positives, negatives = as_floats(positives), as_floats(negatives)
    negatives_below = np.cumsum(negatives, axis=-1) - negatives / 2
    pairs = positives.sum(axis=-1) * negatives.sum(axis=-1)
    return ratio((positives * negatives_below).sum(axis=-1), pairs)


def estimate_binary(counts: ArrayLike, calibrated: ArrayLike) -> dict[str, Floats]:
    """Estimate accuracy, precision, recall, F1 and AUC without labels.

    Args:
        counts: ``[..., 2, B]`` predictions by predicted class (0, 1) and score bin.
        calibrated: ``[B]`` probability that a row of the bin is positive.
    """
    counts, probability = as_floats(counts), as_floats(calibrated)
    positives, negatives = counts * probability, counts * (1 - probability)
    quality = confusion_quality(
        tp=positives[..., 1, :].sum(axis=-1),
        fp=negatives[..., 1, :].sum(axis=-1),
        fn=positives[..., 0, :].sum(axis=-1),
        tn=negatives[..., 0, :].sum(axis=-1),
    )
    return quality | {"auc": auc_from_histogram(positives.sum(axis=-2), negatives.sum(axis=-2))}


def share_sampling_sd(rows: ArrayLike, probability: ArrayLike) -> Floats:
    """Sampling sd of the share of rows that something is true of, if it is with these probabilities:
    ``sqrt(sum n p (1 - p)) / n``.

    Args:
        rows: ``[..., B]`` rows per cell.
        probability: ``[..., B]`` probability that it is true of a row of the cell.
    """
    rows, probability = as_floats(rows), as_floats(probability)
    return ratio(np.sqrt((rows * probability * (1 - probability)).sum(axis=-1)), rows.sum(axis=-1))


def realised_binary(outcomes: ArrayLike) -> dict[str, Floats]:
    """Accuracy, precision, recall, F1 and AUC of labelled rows.

    Args:
        outcomes: ``[..., 2, 2, B]`` rows by predicted class (0, 1), wrong (0) or right (1), and score bin.
    """
    outcomes = as_floats(outcomes)
    tn, fn = outcomes[..., 0, 1, :], outcomes[..., 0, 0, :]
    tp, fp = outcomes[..., 1, 1, :], outcomes[..., 1, 0, :]
    quality = confusion_quality(*(cell.sum(axis=-1) for cell in (tp, fp, fn, tn)))
    return quality | {"auc": auc_from_histogram(positives=tp + fn, negatives=tn + fp)}


def realised_multiclass(confusion: ArrayLike) -> dict[str, Floats]:
    """Accuracy and macro precision, recall and F1 of labelled rows.

    Args:
        confusion: ``[..., K, K]`` rows by predicted class and true class.

    The macro means run over the classes that were predicted or true at least once; one never predicted has precision 0,
    one never true recall 0, as in scikit-learn.
    """
    confusion = as_floats(confusion)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    predicted, true = confusion.sum(axis=-1), confusion.sum(axis=-2)
    seen = (predicted + true > 0).sum(axis=-1)

    def macro(denominator: Floats) -> Floats:
        return ratio(np.nan_to_num(ratio(right, denominator)).sum(axis=-1), seen)

    return {
        "accuracy": ratio(right.sum(axis=-1), confusion.sum(axis=(-2, -1))),
        "precision": macro(predicted),
        "recall": macro(true),
        "f1": macro((predicted + true) / 2),
    }


def realised_by_class(confusion: ArrayLike) -> dict[str, tuple[Floats, Floats]]:
    """Precision and recall of each class ``[..., K]``, each with the rows that it is a share of.

    Args:
        confusion: ``[..., K, K]`` rows by predicted class and true class.
    """
    confusion = as_floats(confusion)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    predicted, true = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return {"precision": (ratio(right, predicted), predicted), "recall": (ratio(right, true), true)}


def estimate_precision_by_class(counts: ArrayLike, calibrated: ArrayLike) -> Floats:
    """Estimate the precision of each class ``[..., K]`` without labels; arguments as of the accuracy's estimate."""
    counts = as_floats(counts)
    return ratio((counts * as_floats(calibrated)).sum(axis=-1), counts.sum(axis=-1))


def estimate_multiclass_accuracy(counts: ArrayLike, calibrated: ArrayLike) -> Floats:
    """Estimate accuracy without labels.

    Args:
        counts: ``[..., K, B]`` predictions by predicted class and bin of the top-1 confidence.
        calibrated: ``[K, B]`` probability that such a prediction is right.
    """
    counts = as_floats(counts)
    return ratio((counts * as_floats(calibrated)).sum(axis=(-2, -1)), counts.sum(axis=(-2, -1)))


def regression_quality(
    n: ArrayLike, abs_error: ArrayLike, squared_error: ArrayLike, error: ArrayLike
) -> dict[str, Floats]:
    """Mean absolute error, root mean squared error and bias from row counts and sums over rows (shapes broadcast).

    The unit is the target's; with errors summed as prediction minus truth, a positive bias means that predictions are
    too high.
    """
    return {"mae": ratio(abs_error, n), "rmse": np.sqrt(ratio(squared_error, n)), "bias": ratio(error, n)}


def estimate_regression(n: ArrayLike, abs_error: ArrayLike, squared_error: ArrayLike) -> dict[str, Floats]:
    """Estimate mean absolute and root mean squared error from row counts and sums of expected errors."""
    return {"mae": ratio(abs_error, n), "rmse": np.sqrt(ratio(squared_error, n))}


def mae_sampling_sd(n: ArrayLike, mae: ArrayLike, rmse: ArrayLike) -> Floats:
    """Sampling sd of the realised MAE around its estimate, at the most, if the expected errors hold.

    The variance of one |error| around its own mean is no larger than around the mean of all: ``rmse^2 - mae^2``.
    """
    variance = np.maximum(as_floats(rmse) ** 2 - as_floats(mae) ** 2, 0.0)  # two models: the difference may be negative
    return np.sqrt(ratio(variance, n))


def error_rate_with_audit(
    all_counts: ArrayLike, audited_right: ArrayLike, audited_wrong: ArrayLike, error_probability: ArrayLike
) -> Estimate:
    """Error rate of all predictions from a uniform random audit of some, by prediction-powered inference.

    The estimated error probability, averaged over all predictions, is corrected by the mean gap between it and what
    audits found, so a wrong calibration costs width and never correctness (Angelopoulos et al. 2023).

    Args:
        all_counts: all predictions per cell (any shape; the cells are whatever the probability depends on).
        audited_right, audited_wrong: audited predictions per cell, by outcome.
        error_probability: estimated error probability per cell.

    Returns:
        The rate with its 95 % interval, clipped to [0, 1]; ``nan`` within [0, 1] without predictions or without audits.
    """
    rows, right, wrong, expected = (
        np.ravel(cells)
        for cells in np.broadcast_arrays(
            as_floats(all_counts), as_floats(audited_right), as_floats(audited_wrong), as_floats(error_probability)
        )
    )
    audited = (right + wrong).sum()
    if rows.sum() == 0 or audited == 0:
        return Estimate(np.nan, 0.0, 1.0)
    imputed, imputed_variance = _weighted_moments(expected, rows)
    surprise = np.concatenate((1 - expected, -expected))
    correction, surprise_variance = _weighted_moments(surprise, np.concatenate((wrong, right)))
    # Audits that met no surprise have no variance but are no certainty: the term makes the bound after n of them 3.84 /
    # n, which is Wilson's, and vanishes beside any variance that was seen.
    unseen = (NORMAL_95 / audited) ** 2
    value = imputed + correction
    half_width = NORMAL_95 * np.sqrt(imputed_variance / rows.sum() + surprise_variance / audited + unseen)
    lower, centre, upper = np.clip((value - half_width, value, value + half_width), 0.0, 1.0)
    return Estimate(float(centre), float(lower), float(upper))


def _weighted_moments(values: Floats, weights: Floats) -> tuple[float, float]:
    """Mean and variance of values that occur ``weights`` times each."""
    mean = np.average(values, weights=weights)
    return float(mean), float(np.average((values - mean) ** 2, weights=weights))
