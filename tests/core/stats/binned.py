"""Raw values to counts and means per bin, the form that the statistics work on."""

import numpy as np

from app.core.stats.arrays import Floats


def counts_and_means(values: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """Count and mean of ``values`` in each bin ``edges[i - 1] <= x < edges[i]``; an empty bin's mean is ``nan``."""
    bins = np.searchsorted(edges, values, side="right")
    counts = np.bincount(bins, minlength=edges.size + 1).astype(np.float64)
    sums = np.bincount(bins, weights=values, minlength=edges.size + 1)
    return counts, np.divide(sums, counts, out=np.full(counts.size, np.nan), where=counts > 0)
