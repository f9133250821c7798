"""Profiles and layouts as bytes: the smallest integer type that holds each array, compressed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.errors import InvalidError
from app.core.layout import Layout
from app.core.profile import FeatureCounts, OutcomeCounts

FORMAT = 3
_LARGE = 4096  # bytes of a plane from which on codes of its own are worth their 70 bytes
_INTEGERS = "bhiq"  # numpy's codes of 1, 2, 4 and 8 bytes
_Counts = TypeVar("_Counts", FeatureCounts, OutcomeCounts)


class _Packed(msgspec.Struct, array_like=True):
    format: int
    arrays: list[tuple[str, list[int]]]  # dtype and shape, in the order of the fields
    data: bytes


def encode_counts(counts: FeatureCounts | OutcomeCounts) -> bytes:
    """Pack the arrays of a profile part."""
    arrays = [_narrow(array) for array in counts.arrays().values()]
    data = _deflate([plane for array in arrays for plane in _planes(array)])
    return msgspec.msgpack.encode(_Packed(FORMAT, [(a.dtype.str, list(a.shape)) for a in arrays], data))


def decode_counts(kind: type[_Counts], packed: bytes) -> _Counts:
    """Unpack what `encode_counts` made here. Raises ValueError on another format."""
    return _unpacked(kind, _parts(packed))


def decode_array(kind: type[_Counts], packed: bytes, name: str) -> NDArray[np.generic]:
    """One array of those that `decode_counts` gives. Raises ValueError on another format."""
    wanted = [field.name for field in fields(kind)].index(name)
    dtype, shape, data = next(islice(_pieces(_parts(packed)), wanted, None))
    return _widened(_unshuffle(data, dtype, shape))


def add_counts(start: _Counts, packed: Iterable[bytes]) -> tuple[_Counts, int]:
    """All of them added to `start`, which stays as it is, and how many they were.

    In about half the time of adding what `decode_counts` gives: the narrow numbers are added as they are.
    Raises ValueError on another format, or on counts of another shape.
    """
    total: dict[str, NDArray[Any]] = {name: array.copy() for name, array in start.arrays().items()}
    windows = 0
    for one in packed:
        for (name, sum_), (dtype, shape, data) in zip(total.items(), _pieces(_parts(one)), strict=True):
            if tuple(shape) != sum_.shape:
                raise ValueError(f"{name} has the shape {shape}, and {list(sum_.shape)} is what it is added to")
            total[name] = start.merged(name, sum_, _unshuffle(data, dtype, shape))
        windows += 1
    return type(start)(**total), windows


def decode_foreign_counts(kind: type[_Counts], packed: bytes, layout: Layout) -> _Counts:
    """Unpack what somebody else made: never more memory is taken than counts of that layout need.

    Raises InvalidError when the bytes are no counts, or their arrays are not those of the layout.
    """
    try:
        parts = msgspec.msgpack.decode(packed, type=_Packed)
        if parts.format != FORMAT:
            raise ValueError(f"its format is {parts.format}, this Watchkeeper reads and writes {FORMAT}")
        arrays = kind.empty(layout).arrays()
        if len(parts.arrays) != len(arrays):
            raise ValueError(f"it has {len(parts.arrays)} arrays, not {len(arrays)}")
        for (code, shape), (name, expected) in zip(parts.arrays, arrays.items(), strict=True):
            if shape != list(expected.shape) or code not in _codes(expected.dtype):
                raise ValueError(f"{name} is an array {shape} of {code!r}, the layout has {list(expected.shape)}")
        return _unpacked(kind, parts)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidError("profile", kind.__name__, f"allowed is what Watchkeeper packed: {error}") from error


def encode_layout(layout: Layout) -> str:
    """The layout as JSON text."""
    return msgspec.json.encode(layout).decode()


def decode_layout(text: str) -> Layout:
    """The layout that `encode_layout` wrote."""
    return msgspec.json.decode(text, type=Layout)


def layout_digest(layout: Layout) -> str:
    """What tells layouts apart: profiles add exactly when their layouts have the same digest (SHA-256, hexadecimal)."""
    return sha256(encode_layout(layout).encode()).hexdigest()


def _parts(packed: bytes) -> _Packed:
    """What was made here, still compressed."""
    parts = msgspec.msgpack.decode(packed, type=_Packed)
    if parts.format != FORMAT:
        raise ValueError(
            f"profile format {parts.format} is not {FORMAT}; run `watchkeeper rebuild` (and store a reference again)"
        )
    return parts


def _unpacked(kind: type[_Counts], parts: _Packed) -> _Counts:
    return kind(*(_widened(_unshuffle(data, dtype, shape)) for dtype, shape, data in _pieces(parts)))  # type: ignore[arg-type]


def _pieces(parts: _Packed) -> Iterator[tuple[np.dtype[np.generic], list[int], bytes]]:
    """The type, shape and bytes of each array, in the order of the fields."""
    dtypes = [np.dtype(code) for code, _ in parts.arrays]
    sizes = [dtype.itemsize * math.prod(shape) for dtype, (_, shape) in zip(dtypes, parts.arrays, strict=True)]
    data, at = _inflate(parts.data, sum(sizes)), 0
    for size, dtype, (_, shape) in zip(sizes, dtypes, parts.arrays, strict=True):
        yield dtype, shape, data[at : at + size]
        at += size


def _inflate(packed: bytes, size: int) -> bytes:
    """Exactly `size` bytes; no more are made, whatever the stream holds. Raises ValueError where it holds others."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"the compressed data are damaged: {error}") from error
    if len(data) != size or not unpacker.eof:
        raise ValueError(f"the compressed data do not hold the {size} bytes that the arrays take")
    return data


def _codes(dtype: np.dtype[np.generic]) -> list[str]:
    """The types under which an array of `dtype` may be packed."""
    return [np.dtype(t).str for t in _INTEGERS] if dtype.kind == "i" else [dtype.str]


def _narrow(array: NDArray[np.generic]) -> NDArray[np.generic]:
    if array.dtype.kind != "i" or not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    return array.astype(next(t for t in _INTEGERS if np.iinfo(t).min <= low and high <= np.iinfo(t).max))


def _planes(array: NDArray[np.generic]) -> list[bytes]:
    """Bytes of equal weight together, which compress far better than numbers one after the other."""
    return [plane.tobytes() for plane in np.frombuffer(array.tobytes(), np.uint8).reshape(-1, array.dtype.itemsize).T]


def _deflate(planes: Sequence[bytes]) -> bytes:
    """One zlib stream. Large planes hardly repeat but in runs of zeros, and each gets codes of its own.

    Where a flush ends a block, the next one begins with the statistics of what follows. For features this is a tenth
    smaller and twice as fast as the search for repetitions, which small planes alone are left to.
    """
    large = any(len(plane) >= _LARGE for plane in planes)
    strategy = zlib.Z_RLE if large else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    data = bytearray()
    for plane in planes:
        data += packer.compress(plane)
        if len(plane) >= _LARGE:
            data += packer.flush(zlib.Z_SYNC_FLUSH)
    return bytes(data + packer.flush())


def _unshuffle(data: bytes, dtype: np.dtype[np.generic], shape: list[int]) -> NDArray[np.generic]:
    """The array as narrow as it was packed; nobody may write to it."""
    plain = data if dtype.itemsize == 1 else np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
    return np.frombuffer(plain, dtype).reshape(shape)


def _widened(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.astype(np.int64) if array.dtype.kind == "i" else array.copy()
