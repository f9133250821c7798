"""How small packed counts are; that they come back whole is held in test_profile."""

from __future__ import annotations

import zlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from app.core.codec import decode_array, decode_counts, encode_counts
from app.core.layout import BINS, build_layout
from app.core.model import Task
from app.core.profile import FeatureCounts

FEATURES = 100


def of_rows(rows: int) -> FeatureCounts:
    """Counts as chance gives them: rows spread over the bins, and the sums of offsets that are even within a bin."""
    rng = np.random.default_rng(5)
    columns = {f"f{i}": rng.normal(size=1000) for i in range(FEATURES)}
    layout = build_layout(Task.REGRESSION, columns, scores=np.array([]), classes=[], threshold=0.5, confident=0.9)
    counts = rng.multinomial(rows, np.full(BINS, 1 / BINS), size=FEATURES)
    spread = np.sqrt(counts) * 4096 / np.sqrt(12)
    offsets = np.rint(rng.normal(size=counts.shape) * spread).astype(np.int64)
    return replace(FeatureCounts.empty(layout), numeric=counts, offsets=offsets)


@pytest.mark.parametrize("rows", [0, 100, 10_000, 1_000_000, 10_000_000])
def test_100_numeric_features_take_at_most_60_kilobytes(rows: int) -> None:
    counts = of_rows(rows)
    packed = encode_counts(counts)
    assert len(packed) <= 60_000
    np.testing.assert_array_equal(decode_counts(FeatureCounts, packed).offsets, counts.offsets)


def test_one_array_is_the_one_that_all_of_them_have() -> None:
    counts = of_rows(1000)
    for name, array in counts.arrays().items():
        np.testing.assert_array_equal(decode_array(FeatureCounts, encode_counts(counts), name), array)


def test_the_stream_is_plain_zlib_as_the_page_on_profiles_says() -> None:
    counts = of_rows(10_000)
    _, arrays, data = msgspec.msgpack.decode(encode_counts(counts))
    raw = zlib.decompress(data)
    code, shape = arrays[0]
    item = np.dtype(code).itemsize
    size = item * shape[0] * shape[1]
    numeric = np.frombuffer(np.frombuffer(raw[:size], np.uint8).reshape(item, -1).T.tobytes(), code)
    np.testing.assert_array_equal(numeric.reshape(shape), counts.numeric)
