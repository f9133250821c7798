"""How often a limit will alarm without cause, told from the normal windows themselves, and the limit for a given rate.

Three steps. (1) The tail: deviations of all S subjects of a kind, each in its own scale, are pooled; above a high order
statistic their excess is taken as exponential, which is heavier than a normal tail. (2) What R windows leave unknown
widens it: Student's t in place of the normal, for as many degrees as the windows count for when neighbours resemble
each other, and a centre that is itself estimated. (3) A breach needs 2 of 3 windows: exceedances are a Markov chain
whose persistence is that of a Gaussian copula (Joe 1997) with the deviations' own lag-1 correlation.

R windows are the first axis, S subjects the second; rates are new breaches per window and subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, owens_t

from app.core.stats.arrays import Floats, as_floats, ratio

TAIL_SHARE = 0.25
"""Part of the pooled deviations that the tail is fitted to, while these are few."""
MOST_TAIL = 100
"""Deviations that it is fitted to at the most: of many, only the largest say how the tail goes on."""
PRIOR_WEIGHT = 15
"""Deviations that the half-normal tail counts for beside those seen: few windows alone say little about a tail."""
MARGIN = 0.25
"""Standard errors that are added to the correlation of neighbours."""
MOST_CORRELATION = 0.95
FOLDED = 0.9
"""|X| and |Y| of a Gaussian pair correlate by about `FOLDED` times the square of what X and Y do (within .02)."""
_LOG_RAREST = -40.0
_STEPS = 24  # of bisection: a millionth of a rate


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """How far S subjects stray without cause, beyond the pooled share `share` of their windows.

    `least`, `scale` [S]: a deviation is `least + scale * y`, where y exceeds `start` in `share` of the windows and goes
    on from there exponentially with mean `excess`. `correlation`, `degrees` and `widening` [S]: of neighbouring
    windows; of Student's t; for the estimated centre. A subject without variation has scale 0.
    """

    least: Floats
    scale: Floats
    start: float
    excess: float
    share: float
    correlation: Floats
    degrees: Floats
    widening: Floats


def fit_tail(deviations: ArrayLike, *, apart: bool = False) -> Tail:
    """The tail of leave-one-out deviations ``[R, S]``, in order of time; ``nan`` where a window could not tell.

    `apart`: the windows between these are not among them, such as the other hours of the day. Then nothing is known of
    how neighbours in time go together, and the most is assumed: ``MOST_CORRELATION`` lets about a quarter of the
    exceedances be new breaches, and no chain of exceedances makes more of them.

    Raises:
        ValueError: there is no deviation at all.
    """
    deviations = as_floats(deviations)
    known = np.isfinite(deviations)
    if not known.any():
        raise ValueError("deviations: none is known, at least one must be")
    windows = known.sum(axis=0)
    least = np.where(windows > 0, np.fmin.reduce(deviations, axis=0), 0.0)
    excess = np.where(known, deviations - least, 0.0)
    scale = np.nan_to_num(ratio(excess.sum(axis=0), windows))
    correlation = lag_one_correlation(deviations)
    # What windows that resemble each other count for: the variance of a mean of AR(1) windows is g / R.
    inflation = (1 + correlation) / (1 - correlation)
    off_centre = np.minimum(ratio(inflation, np.maximum(windows, 1)), 0.5)
    varies = known & (scale > 0)
    start, mean, share = _pooled_tail(np.broadcast_to(ratio(excess, scale), known.shape)[varies])
    return Tail(
        least=least,
        scale=scale,
        start=start,
        excess=mean,
        share=share,
        correlation=np.full(correlation.shape, MOST_CORRELATION) if apart else correlation,
        degrees=np.maximum(windows / inflation, 1.0),
        widening=np.sqrt((1 + off_centre) / (1 - off_centre)),
    )


def _pooled_tail(values: Floats) -> tuple[float, float, float]:
    """Start, mean excess and share of the tail of all values, which lie at 0 and above with a mean of about 1."""
    size = values.size
    if size < 2:
        return 0.0, 0.0, TAIL_SHARE
    top = max(1, min(int(TAIL_SHARE * size), MOST_TAIL))
    largest = np.partition(values, size - top - 1)[size - top - 1 :]
    start, share = float(largest.min()), top / size
    seen = float(largest.sum() - start) / top - start
    z = float(-ndtri(share / 2))
    density = 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    half_normal = (density / share - z) / np.sqrt(2 / np.pi)  # mean excess of |N| beyond z, in units of its mean
    return start, (top * seen + PRIOR_WEIGHT * half_normal) / (top + PRIOR_WEIGHT), share


def lag_one_correlation(deviations: ArrayLike) -> Floats:
    """``[S]`` correlation of neighbouring windows that deviations ``[R, S]``, which have no sign, let us suspect.

    Each subject's own estimate is corrected for its bias in short series (Kendall 1954), drawn to the mean of all as
    far as chance explains how they differ (James and Stein 1961), raised by MARGIN standard errors, and brought from
    absolute values to the signed ones behind them. Within [0, MOST_CORRELATION].

    By chance the estimate of absolute values varies with ``(1 - r^2) (1 + 2 r) / R`` (simulated, R = 30 to 120, r up to
    .7), by more than that of Gaussian values: taken for a difference of subjects, it would leave some a limit too low.
    """
    deviations = as_floats(deviations)
    known = np.isfinite(deviations)
    windows = known.sum(axis=0)
    mean = np.nan_to_num(ratio(np.sum(deviations, axis=0, where=known), windows))
    centred = np.where(known, deviations - mean, 0.0)
    own = ratio((centred[1:] * centred[:-1]).sum(axis=0), (centred**2).sum(axis=0))
    told = np.isfinite(own) & (windows > 3)
    if not told.any():
        return np.zeros(deviations.shape[1])
    stretch = 1 / (1 - 3 / np.maximum(windows, 4))
    own = np.where(told, (own + 1 / np.maximum(windows, 1)) * stretch, 0.0)
    shared = float(own[told].mean())
    likely = min(max(shared, 0.0), 1.0)
    chance = (1 - likely**2) * (1 + 2 * likely) * float((stretch**2 / np.maximum(windows, 1))[told].mean())
    spread = float(own[told].var())
    trust = max(0.0, 1 - chance / spread) if spread > 0 else 0.0
    folded = np.where(told, shared + trust * (own - shared), shared)
    error = MARGIN * (1 - np.minimum(folded**2, 1.0)) / np.sqrt(np.maximum(windows, 1))
    return np.asarray(np.minimum(np.sqrt(np.clip(folded + error, 0.0, None) / FOLDED), MOST_CORRELATION))


def start_rate(exceedance: ArrayLike, correlation: ArrayLike) -> Floats:
    """New breaches (2 of 3 windows, after a window without) per window, where single windows exceed with a probability.

    Without correlation about ``2 p^2``. Shapes broadcast.
    """
    p, rho = np.broadcast_arrays(as_floats(exceedance), as_floats(correlation))
    height = -ndtri(p)
    # P(both of two neighbours exceed): Owen (1956).
    both = np.clip(p - 2 * owens_t(height, np.sqrt((1 - rho) / (1 + rho))), p**2, p)
    again = np.nan_to_num(ratio(both, p))
    anew = p * (1 - again) / (1 - p)
    return np.asarray((1 - p) * anew * ((1 - anew) * again + (1 - again) * anew))


def limit_for_rate(tail: Tail, rate: float) -> Floats:
    """``[S]`` the limit that a subject is to pass anew in ``rate`` of the windows, at the most."""
    low = np.full(tail.scale.shape, _LOG_RAREST)
    high = np.full(tail.scale.shape, np.log(tail.share))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        more = start_rate(np.exp(middle), tail.correlation) > rate
        low, high = np.where(more, low, middle), np.where(more, middle, high)
    return _height(tail, np.exp(low))


def expected_rate(tail: Tail, limits: ArrayLike) -> Floats:
    """``[S]`` expected new breaches per window under limits ``[S]``; 0 for a subject that never varied below it.

    Limits below the tail count as its start: the rate is then a lower bound.
    """
    limits = as_floats(limits)
    low = np.full(limits.shape, _LOG_RAREST)
    high = np.full(limits.shape, np.log(tail.share))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        beyond = _height(tail, np.exp(middle)) > limits
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    rare = (low <= _LOG_RAREST) | (tail.scale == 0)
    return np.where(rare & (limits >= tail.least), 0.0, start_rate(np.exp(high), tail.correlation))


def _height(tail: Tail, exceedance: Floats) -> Floats:
    """[S] the limit that a single window exceeds with probability `exceedance` [S], at most the tail's share."""
    z = -ndtri(exceedance / 2)
    y = tail.start + tail.excess * np.log(tail.share / exceedance)
    # Student's t at the normal's z, by the approximation of Wallace (1959).
    stretched = (z * (8 * tail.degrees + 3) / (8 * tail.degrees + 1)) ** 2 / tail.degrees
    student = np.sqrt(tail.degrees * np.expm1(np.minimum(stretched, 500.0))) / z
    with np.errstate(over="ignore"):  # beyond the largest double no limit is wide enough: inf
        return np.asarray(tail.least + tail.scale * y * student * tail.widening)
