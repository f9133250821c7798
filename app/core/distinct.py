"""How many distinct values came? Told from a small sketch that adds up, whatever the order and however often they come.

The sketch keeps the KEPT smallest of the values' hashes (a bottom-k sketch): up to that many distinct values the count
is exact, and beyond it their density tells how many there are (Bar-Yossef et al. 2002), with a relative standard error
of 1 / sqrt(KEPT - 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Sketch: TypeAlias = NDArray[np.uint64]

KEPT = 256
_SPACE = 2.0**64


def no_values() -> Sketch:
    """[0] the sketch of nothing."""
    return np.empty(0, np.uint64)


def with_values(sketch: Sketch, values: Iterable[str]) -> Sketch:
    """[up to KEPT] the sketch after these values came too, in rising order; the same sketch when none was new to it."""
    hashes = {int.from_bytes(blake2b(value.encode(), digest_size=8).digest()) for value in values}
    if not hashes:
        return sketch
    return np.union1d(sketch, np.array(list(hashes), np.uint64))[:KEPT]


def distinct(sketch: Sketch) -> int:
    """How many distinct values the sketch has seen: exact below KEPT, an estimate from there on."""
    if sketch.size < KEPT:
        return int(sketch.size)
    return round((KEPT - 1) * _SPACE / float(sketch[-1]))


def pack_sketch(sketch: Sketch) -> bytes:
    """The hashes as bytes, eight each, least significant first."""
    return sketch.astype("<u8").tobytes()


def unpack_sketch(packed: bytes) -> Sketch:
    """What `pack_sketch` made bytes of."""
    return np.frombuffer(packed, "<u8").astype(np.uint64)
