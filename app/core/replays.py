"""Does the same input get the same output? Told from a small sample of inputs that adds up like any other count.

A window keeps the inputs with the smallest hashes, and of each how often it came and its lowest and highest score. An
input that is among the smallest of the whole is among the smallest of every part that holds it, so nothing about it is
ever lost, and merging parts in any order gives what all rows at once would have given (a bottom-k sketch).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

KEPT = 64
KEY, TIMES, LOWEST, HIGHEST = range(4)
_DIGEST_BITS = 21  # with the 32 of the checksum these fill the 53 that a float holds exactly
_NOTHING = (np.inf, 0.0, np.inf, -np.inf)
_NO_FEATURES = "{}"


def no_replays() -> FloatArray:
    """[KEPT, 4] a sketch of no input."""
    return np.tile(_NOTHING, (KEPT, 1))


def checksums(inputs: Sequence[str]) -> FloatArray:
    """[N] CRC-32 of each text; NaN for a prediction that came without features, whose input is not known."""
    if not inputs:
        return np.empty(0)
    found = np.fromiter(map(crc32, map(str.encode, inputs)), np.float64, len(inputs))
    found[found == crc32(_NO_FEATURES.encode())] = np.nan
    return found


def replays(inputs: Sequence[str], rows: NDArray[np.intp], sums: FloatArray, scores: FloatArray) -> FloatArray:
    """[KEPT, 4] the sketch of some rows of `inputs`: `rows`, `sums` and `scores` [n] belong together.

    Rows whose sum or score is not finite say nothing. The checksum leads the key, so that the much dearer digest is
    needed of those inputs alone that can be among the smallest.
    """
    known = np.isfinite(sums) & np.isfinite(scores)
    smallest = np.unique(sums[known])[:KEPT]
    if not smallest.size:
        return no_replays()
    chosen = np.flatnonzero(known & (sums <= smallest[-1]))
    keys = sums[chosen] * 2**_DIGEST_BITS + [_digest(inputs[row]) for row in rows[chosen].tolist()]
    parts = np.stack([keys, np.ones(keys.size), scores[chosen], scores[chosen]], axis=-1)
    return _grouped(parts)


def merge_replays(stacked: FloatArray) -> FloatArray:
    """[..., KEPT, 4] one sketch of several ones stacked on the first axis, [P, ..., KEPT, 4]."""
    inner = stacked.shape[1:-2]
    by_cell = np.moveaxis(stacked, 0, -3).reshape(-1, stacked.shape[0] * KEPT, 4)
    merged = np.array([_grouped(parts[np.isfinite(parts[:, KEY])]) for parts in by_cell])
    return merged.reshape(*inner, KEPT, 4)


def _grouped(parts: FloatArray) -> FloatArray:
    """[KEPT, 4] the rows of `parts` [n, 4] by key, those with the smallest keys."""
    sketch = no_replays()
    keys, which = np.unique(parts[:, KEY], return_inverse=True)
    kept = parts[which < KEPT]
    which = which[which < KEPT]
    found = min(keys.size, KEPT)
    sketch[:found, KEY] = keys[:found]
    np.add.at(sketch[:, TIMES], which, kept[:, TIMES])
    np.minimum.at(sketch[:, LOWEST], which, kept[:, LOWEST])
    np.maximum.at(sketch[:, HIGHEST], which, kept[:, HIGHEST])
    return sketch


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) >> (32 - _DIGEST_BITS)
