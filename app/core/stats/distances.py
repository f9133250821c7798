"""Distances between two binned distributions, a window and its baseline.

Every function takes counts of shape ``[..., B]`` over the same ordered bins and returns ``[...]``. Counts need not be
normalised; bins that are empty on both sides (padding) never matter. A side without any row gives ``nan``.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from app.core.stats.arrays import Floats, as_floats, ratio

# What rounding may leave of zero, relative to the largest value: in the sd of a constant, and between means that come
# from running sums (1e7 additions of .1 are off by 2e-10).
SD_ROUNDING = 1e-12
MEAN_ROUNDING = 1e-9


def shares(counts: ArrayLike) -> Floats:
    """Normalise counts ``[..., B]`` to sum to one; ``nan`` where there is nothing to share."""
    counts = as_floats(counts)
    return ratio(counts, counts.sum(axis=-1, keepdims=True))


def normed_wasserstein(
    counts: ArrayLike, means: ArrayLike, base_counts: ArrayLike, base_means: ArrayLike, scale: ArrayLike
) -> Floats:
    """Wasserstein-1 distance with each side's bin mass at its own bin mean, in units of ``scale``.

    Args:
        counts, base_counts: ``[..., B]`` rows per bin.
        means, base_means: ``[..., B]`` mean value per bin; anything (also ``nan``) where the bin is empty. Bins are
            ordered: every value of one lies below every value of the next.
        scale: ``[...]`` standard deviation of the reference, not negative. Where it is zero, up to rounding, the
            distance is 0 for distributions that are equal up to rounding and ``inf`` for any others.

    Placing the mass at bin means instead of at the raw values errs by at most the mean distance of a value from its
    bin's mean, of both sides together, and by far less in practice. Shared bin centres would miss every shift inside a
    bin.
    """
    mass, means, base_mass, base_means = np.broadcast_arrays(
        shares(counts), as_floats(means), shares(base_counts), as_floats(base_means)
    )
    here, there = _positions(mass, means, base_mass, base_means)
    points = np.stack((np.minimum(here, there), np.maximum(here, there)), axis=-1)
    steps = np.stack((np.where(here <= there, mass, -base_mass), np.where(here <= there, -base_mass, mass)), axis=-1)
    points, steps = (array.reshape(*mass.shape[:-1], 2 * mass.shape[-1]) for array in (points, steps))
    widths = np.maximum(np.diff(points, axis=-1), 0.0)
    distance = (np.abs(np.cumsum(steps, axis=-1)[..., :-1]) * widths).sum(axis=-1)
    return _in_units_of(as_floats(scale), distance, largest=np.abs(points).max(axis=-1))


def _positions(mass: Floats, means: Floats, base_mass: Floats, base_means: Floats) -> tuple[Floats, Floats]:
    """Where each bin's mass sits on either side; an empty one borrows a position that leaves the distance unchanged."""
    here = np.where(mass > 0, means, -np.inf)
    there = np.where(base_mass > 0, base_means, -np.inf)
    # A side that is empty stands with the other one, or where the last filled bin stood. Before the first of them both
    # distribution functions are zero, so any position will do.
    nearest = np.maximum.accumulate(np.maximum(here, there), axis=-1)
    nearest = np.where(np.isfinite(nearest), nearest, 0.0)
    return np.where(np.isfinite(here), here, nearest), np.where(np.isfinite(there), there, nearest)


def _in_units_of(scale: Floats, distance: Floats, largest: Floats) -> Floats:
    """Divide the distance by the scale; without any scale, equal is 0 and different is infinitely far."""
    unscaled = np.where(np.isnan(distance), np.nan, np.where(distance <= MEAN_ROUNDING * largest, 0.0, np.inf))
    return np.where(scale <= SD_ROUNDING * largest, unscaled, ratio(distance, scale))


def kolmogorov_smirnov(counts: ArrayLike, base_counts: ArrayLike) -> Floats:
    """Largest gap between the two distribution functions at bin edges, in [0, 1].

    A lower bound of the statistic on raw values, short by at most the largest mass of a bin that holds several values.
    """
    gap: Floats = np.abs(np.cumsum(shares(counts) - shares(base_counts), axis=-1)).max(axis=-1)
    return gap


def jensen_shannon(counts: ArrayLike, base_counts: ArrayLike) -> Floats:
    """Jensen-Shannon distance, the square root of the divergence in bits, in [0, 1] (Endres and Schindelin 2003)."""
    mass, base_mass = shares(counts), shares(base_counts)
    middle = (mass + base_mass) / 2
    divergence = (rel_entr(mass, middle) + rel_entr(base_mass, middle)).sum(axis=-1) / (2 * np.log(2))
    distance: Floats = np.sqrt(np.clip(divergence, 0.0, 1.0))
    return distance


def population_stability_index(counts: ArrayLike, base_counts: ArrayLike, *, floor: float = 1e-4) -> Floats:
    """Population stability index, ``sum (p - q) ln(p / q)``, finite because shares below ``floor`` are raised to it.

    Merge numeric bins first (`merge_bins`): without any drift it is about ``(K - 1) (1/n + 1/m)`` for K bins and n and
    m rows.
    """
    mass, base_mass = np.maximum(shares(counts), floor), np.maximum(shares(base_counts), floor)
    index: Floats = ((mass - base_mass) * np.log(mass / base_mass)).sum(axis=-1)
    return index


def total_variation(counts: ArrayLike, base_counts: ArrayLike) -> Floats:
    """Total variation distance, the share of rows that would have to change bin, in [0, 1]."""
    distance: Floats = np.abs(shares(counts) - shares(base_counts)).sum(axis=-1) / 2
    return distance


def hellinger(counts: ArrayLike, base_counts: ArrayLike) -> Floats:
    """Hellinger distance ``sqrt(1/2 sum (sqrt p - sqrt q)^2)``, in [0, 1]."""
    gaps = np.sqrt(shares(counts)) - np.sqrt(shares(base_counts))
    distance: Floats = np.sqrt((gaps**2).sum(axis=-1) / 2)
    return distance


def merge_bins(counts: ArrayLike, base_counts: ArrayLike, most: int = 20) -> tuple[Floats, Floats]:
    """Merge neighbouring bins into at most ``most`` groups of about equal base mass.

    Each bin joins the group that the middle of its base mass falls into. Groups skipped by a heavy bin come back empty
    on both sides, as padding. Returns the two merged arrays ``[..., K]``, broadcast against each other.

    Raises:
        ValueError: ``most`` is below one.
    """
    if most < 1:
        raise ValueError(f"most == {most}, must be at least 1")
    counts, base_counts = np.broadcast_arrays(as_floats(counts), as_floats(base_counts))
    if counts.shape[-1] <= most:
        return counts, base_counts
    mass = np.nan_to_num(shares(base_counts))
    middles = np.cumsum(mass, axis=-1) - mass / 2
    groups = np.clip((middles * most).astype(np.intp), 0, most - 1)
    return _sum_groups(counts, groups, most), _sum_groups(base_counts, groups, most)


def _sum_groups(counts: Floats, groups: NDArray[np.intp], most: int) -> Floats:
    """Add up the bins of each group along the last axis: ``[..., B]`` to ``[..., most]``."""
    leading = counts.shape[:-1]
    rows = np.arange(np.prod(leading, dtype=np.intp)).reshape(*leading, 1)
    totals = np.bincount((rows * most + groups).ravel(), weights=counts.ravel(), minlength=rows.size * most)
    return as_floats(totals).reshape(*leading, most)
