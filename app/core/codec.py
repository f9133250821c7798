"""Profiles and layouts as bytes: the smallest integer type that holds each array, compressed."""

from __future__ import annotations

import math
import zlib
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.layout import Layout
from app.core.profile import FeatureCounts, OutcomeCounts

FORMAT = 2
_Counts = TypeVar("_Counts", FeatureCounts, OutcomeCounts)


class _Packed(msgspec.Struct, array_like=True):
    format: int
    arrays: list[tuple[str, list[int]]]  # dtype and shape, in the order of the fields
    data: bytes


def encode_counts(counts: FeatureCounts | OutcomeCounts) -> bytes:
    """Pack the arrays of a profile part."""
    arrays = [_narrow(array) for array in counts.arrays().values()]
    data = zlib.compress(b"".join(_shuffle(array) for array in arrays), 1)
    return msgspec.msgpack.encode(_Packed(FORMAT, [(a.dtype.str, list(a.shape)) for a in arrays], data))


def decode_counts(kind: type[_Counts], packed: bytes) -> _Counts:
    """Unpack what `encode_counts` made. Raises ValueError on another format."""
    parts = msgspec.msgpack.decode(packed, type=_Packed)
    if parts.format != FORMAT:
        raise ValueError(
            f"profile format {parts.format} is not {FORMAT}; run `watchkeeper rebuild` (and store a reference again)"
        )
    data, at, arrays = zlib.decompress(parts.data), 0, []
    for code, shape in parts.arrays:
        dtype = np.dtype(code)
        size = dtype.itemsize * math.prod(shape)
        arrays.append(_unshuffle(data[at : at + size], dtype, shape))
        at += size
    return kind(*arrays)  # type: ignore[arg-type]


def encode_layout(layout: Layout) -> str:
    """The layout as JSON text."""
    return msgspec.json.encode(layout).decode()


def decode_layout(text: str) -> Layout:
    """The layout that `encode_layout` wrote."""
    return msgspec.json.decode(text, type=Layout)


def _narrow(array: NDArray[np.generic]) -> NDArray[np.generic]:
    if array.dtype.kind != "i" or not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    return array.astype(next(t for t in "bhiq" if np.iinfo(t).min <= low and high <= np.iinfo(t).max))


def _shuffle(array: NDArray[np.generic]) -> bytes:
    """Bytes of equal weight together, which compress far better than numbers one after the other."""
    return np.frombuffer(array.tobytes(), np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes()


def _unshuffle(data: bytes, dtype: np.dtype[np.generic], shape: list[int]) -> NDArray[np.generic]:
    plain = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
    array = np.frombuffer(plain, dtype).reshape(shape)
    return array.astype(np.int64) if dtype.kind == "i" else array.copy()
