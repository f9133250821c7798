"""Random projections of vectors to numbers: the same on every machine, in every order of the rows.

A distance between distributions of vectors is told by those of their projections (sliced Wasserstein: Rabin et al.
2011, Bonneel et al. 2015). Profiles must add exactly, so a projection may not depend on which rows are computed
together, as sums of floats do: vectors and directions are rounded to whole numbers first, and sums of those are exact.
"""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import shake_256

import numpy as np
from scipy.special import ndtri

from app.core.stats.arrays import Floats

PROJECTIONS = 16
MOST_DIMENSIONS = 4096
_LENGTH = 2**12  # of a direction, in whole steps
_STEPS = 18  # the largest component of the reference is up to 2^18 steps
_LARGEST = 2.0**28  # steps; what is further out counts as that far: 2^28 x 2^12 x sqrt(4096) is far below 2^53
_BLOCK = 1024


@lru_cache(maxsize=64)
def directions(name: str, dimension: int) -> Floats:
    """``[dimension, PROJECTIONS]`` directions uniform on the sphere, in whole steps of 1/4096 of their length.

    They follow from the name and the dimension alone: SHAKE-256 gives the uniform numbers, and their normal quantiles
    the components. (numpy promises the same random numbers only within one of its versions.)
    """
    bits = shake_256(f"{dimension}:{name}".encode()).digest(4 * dimension * PROJECTIONS)
    uniform = (np.frombuffer(bits, "<u4") + 0.5) / 2**32
    normal = ndtri(uniform).reshape(dimension, PROJECTIONS)
    whole: Floats = np.rint(normal / np.linalg.norm(normal, axis=0) * _LENGTH)
    return whole


def step_exponent(largest: float) -> int:
    """The k for which vectors whose largest component is `largest` are rounded to multiples of 2^-k."""
    return int(np.clip(_STEPS - np.frexp(largest)[1], -1000, 1000)) if largest else 0


def project(vectors: Floats, name: str, exponent: int) -> Floats:
    """``[N, PROJECTIONS]`` of vectors ``[N, D]`` onto the directions of that name; ``nan`` where one is not finite."""
    toward = directions(name, vectors.shape[1])
    found = np.full((vectors.shape[0], PROJECTIONS), np.nan)
    for rows in _blocks(vectors.shape[0]):
        block = vectors[rows]
        finite = np.asarray(np.isfinite(block).all(axis=1))
        with np.errstate(over="ignore"):
            steps = np.rint(np.clip(np.ldexp(block[finite], exponent), -_LARGEST, _LARGEST))
        found[rows][finite] = np.ldexp(steps @ toward / _LENGTH, -exponent)
    return found


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, rows, _BLOCK))
