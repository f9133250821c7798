"""Bins at quantiles, and quantiles from bins."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.core.stats.arrays import Floats, as_floats, ratio

LATENCY_MIN_MS = 0.1
LATENCY_MAX_MS = 100_000.0
LATENCY_BINS = 284


def equal_mass_edges(sorted_values: ArrayLike, bins: int = 128) -> Floats:
    """Inner edges of at most ``bins`` bins of about equal mass, the first and the last of them open-ended.

    Bin i holds ``edges[i - 1] <= x < edges[i]``. A value v with at least 1/``bins`` of the mass (an atom) gets the bin
    ``[v, nextafter(v, inf))`` to itself, so discrete features are counted exactly and values between their levels stand
    out. Where atoms are too many for that, the emptiest gaps above an atom join its bin.

    Args:
        sorted_values: ``[n]`` finite values in ascending order.
        bins: at least 2.

    Returns:
        At most ``bins - 1`` strictly increasing edges.

    Raises:
        ValueError: no values, values that are not finite or do not ascend, or too few bins.
    """
    values = as_floats(sorted_values)
    _check_sorted(values, bins)
    levels, counts = np.unique(values, return_counts=True)
    is_atom = counts * bins >= values.size
    edges = _atom_edges(levels, counts, is_atom, most=bins - 1)
    others = values[np.repeat(~is_atom, counts)]
    room = bins - 1 - edges.size
    at_quantiles = others[np.arange(1, room + 1) * others.size // (room + 1)] if others.size else others
    return np.union1d(edges, at_quantiles)


def _check_sorted(values: Floats, bins: int) -> None:
    if bins < 2:
        raise ValueError(f"bins == {bins}, must be at least 2")
    if values.size == 0:
        raise ValueError("sorted_values is empty, must hold at least one value")
    if not np.isfinite(values).all():
        raise ValueError(
            f"sorted_values holds {(~np.isfinite(values)).sum()} values that are NaN or infinite, must be finite"
        )
    if (values[1:] < values[:-1]).any():
        raise ValueError("sorted_values must be in ascending order")


def _atom_edges(levels: Floats, counts: NDArray[np.int64], is_atom: NDArray[np.bool_], most: int) -> Floats:
    """Edges at and just above each atom; where they would exceed ``most``, those below the fullest gaps stay."""
    starts = levels[is_atom]
    with np.errstate(over="ignore"):  # nothing finite lies above the largest float, so it needs no upper edge
        ends = np.nextafter(starts, np.inf)
    if starts.size > most:  # every level is an atom then, and the first needs no edge below it
        return starts[1:]
    below = np.cumsum(np.where(is_atom, 0, counts))
    gap_mass = np.diff(below[is_atom], append=below[-1])
    fullest_first = np.argsort(-gap_mass, kind="stable")
    edges: Floats = np.union1d(starts, ends[fullest_first[: most - starts.size]])
    return edges[np.isfinite(edges)]


def latency_edges() -> Floats:
    """The 285 edges, in milliseconds, of 284 logarithmic bins of 5 % width from 0.1 ms to 100 s.

    They have no open end bins: count a shorter latency in the first and a longer one in the last, so that quantiles
    saturate at 0.1 ms and at 100 s.
    """
    return np.geomspace(LATENCY_MIN_MS, LATENCY_MAX_MS, LATENCY_BINS + 1)


def sample_quantile_from_histogram(counts: ArrayLike, edges: ArrayLike, q: float) -> Floats:
    """The ``q`` quantile of binned values, linear inside its bin; ``nan`` where the histogram is empty.

    Args:
        counts: ``[..., B]`` values per bin.
        edges: ``[B + 1]`` ascending bin edges, in the unit of the result.
        q: in (0, 1].

    Raises:
        ValueError: ``q`` outside (0, 1], or edges that do not fit the counts.
    """
    counts, edges = as_floats(counts), as_floats(edges)
    if not 0 < q <= 1:
        raise ValueError(f"q == {q}, must be above 0 and at most 1")
    if edges.shape != (counts.shape[-1] + 1,):
        raise ValueError(f"edges have shape {edges.shape}, must be ({counts.shape[-1] + 1},), one more than bins")
    upto = np.cumsum(counts, axis=-1)
    wanted = q * upto[..., -1:]
    bin_ = (upto < wanted).sum(axis=-1, keepdims=True)
    inside = np.take_along_axis(counts, bin_, axis=-1)
    share = ratio(wanted - np.take_along_axis(upto, bin_, axis=-1) + inside, inside)[..., 0]
    bin_ = bin_[..., 0]
    quantile: Floats = edges[bin_] + share * (edges[bin_ + 1] - edges[bin_])
    return quantile
