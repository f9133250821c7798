"""Tests that stay valid however often somebody looks: concept drift over windows, and rates in a rollout.

The concept-drift residuals of a window compare labelled rows with what the reference's calibration expects; each is
standardised by the reference windows' own residuals (rows inside a window are correlated, so the binomial sd alone is
far too small) and fed to a Shiryaev-Roberts e-detector.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, xlog1py, xlogy

from app.core.stats.arrays import Floats, as_floats, ratio


def level_residual(positives: ArrayLike, totals: ArrayLike, calibrated: ArrayLike) -> Floats:
    """Net shift of the truth: (positives seen - expected) in binomial standard deviations.

    Args:
        positives: ``[..., B]`` labelled rows per score bin whose truth is positive.
        totals: ``[..., B]`` labelled rows per score bin.
        calibrated: ``[B]`` probability that a row of the bin is positive.

    Returns:
        ``[...]``; ``nan`` where nothing is labelled or the expectation leaves no variance.
    """
    totals, probability = as_floats(totals), as_floats(calibrated)
    surplus = (as_floats(positives) - totals * probability).sum(axis=-1)
    return ratio(surplus, np.sqrt((totals * probability * (1 - probability)).sum(axis=-1)))


def error_residual(wrong: ArrayLike, totals: ArrayLike, error_probability: ArrayLike) -> Floats:
    """Surplus of errors: (errors seen - expected) in binomial standard deviations.

    It sees a truth that moves towards noise on both sides of the threshold, which cancels in `level_residual`.

    Args:
        wrong: ``[..., C]`` labelled rows that were predicted wrongly, per cell of predicted class and score bin.
        totals: ``[..., C]`` labelled rows per cell.
        error_probability: ``[C]`` probability that a prediction of the cell is wrong.
    """
    return level_residual(wrong, totals, error_probability)


def standardise(residuals: ArrayLike, reference_residuals: ArrayLike) -> Floats:
    """Bring residuals ``[W, ...]`` to the scale of a standard normal, by the reference's own ``[R, ...]``.

    The mean and sd are the reference's; the sd is widened by ``sqrt((1 + rho) / (1 - rho))`` for its lag-1
    autocorrelation rho, in [0, .95], and by ``sqrt(1 + 1/R)`` because the mean is estimated. The result is a prediction
    from Student's t with R - 1 degrees, turned into the normal of equal tail: monotone, and finite for any finite
    residual.

    ``nan`` reference windows are passed over; ``nan`` for ``nan``, and everywhere with fewer than three of them or
    without spread.
    """
    reference = as_floats(reference_residuals)
    known = np.isfinite(reference)
    windows = known.sum(axis=0)
    mean = ratio(np.sum(reference, axis=0, where=known), windows)
    deviations = np.where(known, reference - mean, 0.0)
    degrees = np.where(windows >= 3, windows - 1.0, 0.0)
    variance = ratio((deviations**2).sum(axis=0), degrees)
    rho = _autocorrelation(deviations, known)
    prediction_variance = variance * (1 + rho) / (1 - rho) * (1 + ratio(1, windows))
    return _normal_of_student(ratio(as_floats(residuals) - mean, np.sqrt(prediction_variance)), degrees)


def _autocorrelation(deviations: Floats, known: NDArray[np.bool_]) -> Floats:
    """Lag-1 autocorrelation along the first axis, within [0, .95]; pairs with an unknown member are left out."""
    pairs = (known[1:] & known[:-1]).sum(axis=0)
    covariance = ratio((deviations[1:] * deviations[:-1]).sum(axis=0), pairs)
    variance = ratio((deviations**2).sum(axis=0), known.sum(axis=0))
    return np.clip(np.nan_to_num(ratio(covariance, variance)), 0.0, 0.95)


def _normal_of_student(t: Floats, degrees: Floats) -> Floats:
    """The standard normal value with the tail of Student's ``t``, by the approximation of Wallace (1959).

    Within .02 for 29 degrees and |t| up to 20, and finite where the tail itself underflows to zero.
    """
    root = np.sqrt(2 * degrees * np.log(np.hypot(1.0, ratio(t, np.sqrt(degrees)))))
    return np.sign(t) * (8 * degrees + 1) / (8 * degrees + 3) * root


def shiryaev_roberts(
    u: ArrayLike, *, ceiling: float = 1e6, dead_zone: float = 0.5, rates: Sequence[float] = (0.25, 0.5, 1.0, 2.0)
) -> Floats:
    """Evidence, after each window, that standardised residuals ``[W, ...]`` have shifted (same shape).

    It is the mean, over ``rates`` lambda and both signs, of the e-detector
    ``M <- (M + 1) exp(lambda (u - dead_zone) - lambda^2 / 2)``, started at 0. Without a shift its expectation grows by
    at most one a window, so alarms at a limit A are A windows apart or more on average (Shin, Ramdas and Rinaldo 2023).
    Shifts inside the dead zone are no news: what is learnt from finitely many reference windows is never exact.

    A window that is ``nan`` (too few labels yet) leaves the evidence as it was. Each component stops at `ceiling`.
    """
    u = as_floats(u)
    speed = np.asarray(rates, dtype=np.float64).reshape(-1, *(1,) * u.ndim)
    signed = np.stack((u, -u))[:, np.newaxis]
    # Gains beyond the ceiling's logarithm end at the ceiling whatever M is, so clipping them changes nothing but the
    # overflow.
    gains = np.exp(np.minimum(speed * (signed - dead_zone) - speed**2 / 2, np.log(ceiling)))
    component = np.zeros(gains.shape[:2] + u.shape[1:])
    evidence = np.empty_like(u)
    for window, skipped in enumerate(np.isnan(u)):
        grown = np.minimum((component + 1) * gains[:, :, window], ceiling)
        component = np.where(skipped, component, grown)
        evidence[window] = component.mean(axis=(0, 1))
    return evidence


def binomial_confidence_sequence(successes: ArrayLike, trials: ArrayLike, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Interval for a rate that holds at every look at once with probability ``1 - alpha``, however often one looks.

    Counts broadcast; returns ``(lower, upper)``. The interval is every p whose beta-binomial mixture e-value
    ``B(1/2 + k, 1/2 + n - k) / (B(1/2, 1/2) p^k (1 - p)^(n - k))`` stays below ``1 / alpha`` (Robbins 1970).

    Raises:
        ValueError: ``alpha`` outside (0, 1), or successes outside [0, trials].
    """
    successes, trials = np.broadcast_arrays(as_floats(successes), as_floats(trials))
    if not 0 < alpha < 1:
        raise ValueError(f"alpha == {alpha}, must be between 0 and 1")
    if np.any((successes < 0) | (successes > trials)):
        raise ValueError("successes must be between 0 and trials")
    failures = trials - successes
    least_likely = np.log(alpha) + betaln(0.5 + successes, 0.5 + failures) - betaln(0.5, 0.5)

    def boundary(outside: Floats, inside: Floats) -> Floats:
        """Bisect between an end of [0, 1] and the observed rate, where the likelihood is concave."""
        for _ in range(60):  # halves to below the last digit of a float
            middle = (outside + inside) / 2
            holds = xlogy(successes, middle) + xlog1py(failures, -middle) > least_likely
            outside, inside = np.where(holds, outside, middle), np.where(holds, middle, inside)
        return outside

    observed = np.where(trials > 0, ratio(successes, trials), 0.5)
    return boundary(np.zeros_like(observed), observed), boundary(np.ones_like(observed), observed)
