"""Profiles that travel: nothing is lost on the way, parts merge to the whole, and what is damaged is refused."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.codec import decode_foreign_counts, encode_counts, encode_layout, layout_digest
from app.core.errors import InvalidError
from app.core.fold import Rows, fold, fold_whole
from app.core.layout import Layout, default_layout
from app.core.model import Task, WindowLength
from app.core.portable import (
    FORMAT,
    MAGIC,
    PackedProfile,
    PortableProfile,
    decode,
    encode,
    layout_differences,
    merge,
    portable,
)
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from tests.core.test_profile import LAYOUT, assert_equal, part, rows

ONE, TWO = "1" * 64, "2" * 64
START = datetime(2026, 3, 1, tzinfo=UTC)


def of(rows: Rows, source: str = ONE, by: WindowLength | None = WindowLength.HOUR) -> PortableProfile:
    if by is None:
        return portable(LAYOUT, None, [source], {None: fold_whole(LAYOUT, rows)})
    windows: dict[datetime | None, Profile] = dict(fold(LAYOUT, rows, by).items())
    return portable(LAYOUT, by, [source], windows)


def assert_same(one: PortableProfile, other: PortableProfile) -> None:
    assert (layout_digest(one.layout), one.by, one.sources) == (layout_digest(other.layout), other.by, other.sources)
    assert list(one.windows) == list(other.windows)
    for (_, mine), (_, theirs) in zip(one.profiles(), other.profiles(), strict=True):
        assert_equal(mine, theirs)


@settings(max_examples=30, deadline=None)
@given(rows(), st.sampled_from([None, *WindowLength]))
def test_a_profile_comes_back_as_it_went(whole: Rows, by: WindowLength | None) -> None:
    sent = of(whole, by=by)

    received = decode(encode(sent))

    assert_same(received, sent)
    assert encode(received) == encode(sent)
    assert sum(profile.rows for _, profile in received.profiles()) == whole.times.size


@settings(max_examples=30, deadline=None)
@given(rows(), st.data())
def test_parts_merge_to_the_whole_in_any_order(whole: Rows, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, max(1, whole.times.size - 1)))
    order = np.array(data.draw(st.permutations(range(whole.times.size))))
    pieces = [index for index in (order[:cut], order[cut:]) if index.size]
    parts = [of(part(whole, index), source) for index, source in zip(pieces, (ONE, TWO), strict=False)]

    merged = merge(data.draw(st.permutations(parts)))

    assert_same(replace(merged, sources=frozenset([ONE])), of(whole))
    assert merged.sources == set().union(*(one.sources for one in parts))


def a_profile(hours: Iterable[int] = (0,)) -> PortableProfile:
    empty = Profile.empty(LAYOUT)
    one = Profile(
        replace(empty.features, states=_ones(empty.features.states, 0), absent=np.ones_like(empty.features.absent)),
        replace(empty.outcomes, rows=np.array(1)),
    )
    return portable(LAYOUT, WindowLength.HOUR, [ONE], {START + timedelta(hours=hour): one for hour in hours})


def _ones(array: Any, column: int) -> Any:
    filled = array.copy()
    filled[:, column] = 1
    return filled


def test_rows_of_one_file_are_not_counted_twice() -> None:
    with pytest.raises(InvalidError, match="same file"):
        merge([a_profile(), a_profile([1])])


def test_profiles_of_other_windows_or_bins_do_not_merge() -> None:
    first = a_profile()
    bare = default_layout(Task.BINARY, positive_label="1", threshold=0.5, confident=0.9)
    with pytest.raises(InvalidError, match="by: 'all'"):
        merge([first, of_nothing(LAYOUT)])
    with pytest.raises(InvalidError, match="feature 'x' is missing"):
        merge([first, of_nothing(bare)])


def of_nothing(layout: Layout) -> PortableProfile:
    return portable(layout, None, [TWO], {None: Profile.empty(layout)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"classes": ["0", "yes"]}, ["classes is ['0', 'yes'], not ['0', '1']"], id="class"),
        pytest.param({"threshold": 0.25}, ["threshold is 0.25, not 0.5"], id="threshold"),
        pytest.param({"score_edges": [0.5]}, ["score_edges differs"], id="score"),
        pytest.param(
            {"categorical": []}, [f"feature {one!r} is missing" for one in ("kind", "code")], id="lost feature"
        ),
        pytest.param({"numeric": LAYOUT.numeric[::-1]}, ["the features stand in another order"], id="order"),
        pytest.param(
            {"numeric": [msgspec.structs.replace(LAYOUT.numeric[0], edges=[0.0]), *LAYOUT.numeric[1:]]},
            ["feature 'x' has other bins"],
            id="bins",
        ),
        pytest.param({}, [], id="the same"),
    ],
)
def test_differences_are_said(change: dict[str, Any], said: list[str]) -> None:
    assert layout_differences(LAYOUT, msgspec.structs.replace(LAYOUT, **change)) == said


# --- what anybody may send --------------------------------------------------------------------------------------------

GOOD = encode(a_profile([0, 1]))


def forged(**change: Any) -> bytes:
    """The good file with other fields."""
    content = msgspec.msgpack.decode(GOOD[len(MAGIC) :])
    return MAGIC + msgspec.msgpack.encode({**content, **change})


def window(start: int | None = int(START.timestamp())) -> PackedProfile:
    return msgspec.structs.replace(next(iter(a_profile().windows.values())), start=start)


def squeezed(layout: Layout) -> bytes:
    return zlib.compress(encode_layout(layout).encode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "begins with", id="nothing"),
        pytest.param(b"PAR1" + GOOD, "begins with", id="another format"),
        pytest.param(GOOD.replace(b"\r\n", b"\n", 1), "begins with", id="line ends altered on the way"),
        pytest.param(GOOD[:-1], "damaged", id="cut short"),
        pytest.param(GOOD + b"\0", "damaged", id="something behind it"),
        pytest.param(MAGIC + b"\x91" * 100_000, "damaged", id="nested deeply"),
        pytest.param(forged(format=FORMAT + 1), "reads format 1", id="a format to come"),
        pytest.param(forged(by="week"), "damaged", id="an unknown window length"),
        pytest.param(forged(sources=[]), "damaged", id="no source"),
        pytest.param(forged(sources=["x"]), "damaged", id="a source that is no digest"),
        pytest.param(forged(windows=[]), "damaged", id="no window"),
        pytest.param(forged(windows=[window()] * 2), "may be there once", id="a window twice"),
        pytest.param(forged(windows=[window()] * 10_001), "damaged", id="too many windows"),
        pytest.param(forged(windows=[window(None)]), "has a start exactly when", id="a window without a start"),
        pytest.param(forged(by=None), "has a start exactly when", id="a start without windows"),
        pytest.param(forged(windows=[window(1)]), "starts with the hour", id="a window that starts inside an hour"),
        pytest.param(forged(windows=[window(2**62)]), "second of the calendar", id="a window beyond the calendar"),
        pytest.param(forged(layout=b"no zlib"), "damaged", id="a layout that is not compressed"),
        pytest.param(forged(layout=zlib.compress(b"{}")), "damaged", id="a layout that is none"),
        pytest.param(forged(layout=zlib.compress(b" " * (65 << 20))), "larger than", id="a layout that blows up"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        decode(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"features": b""}, "FeatureCounts", id="nothing"),
        pytest.param({"features": window().outcomes}, "FeatureCounts", id="other counts"),
        pytest.param({"outcomes": encode_counts(OutcomeCounts.empty(LAYOUT))[:-4]}, "OutcomeCounts", id="cut short"),
    ],
)
def test_a_window_that_is_no_profile_is_refused(change: dict[str, bytes], words: str) -> None:
    received = decode(forged(windows=[msgspec.structs.replace(window(), **change)]))

    with pytest.raises(InvalidError, match=words):
        list(received.profiles())


@settings(max_examples=200, deadline=None)
@given(st.integers(len(MAGIC), len(GOOD) - 1), st.integers(0, 255), st.integers(0, 3))
def test_whatever_byte_is_altered_it_is_refused_or_sound(at: int, value: int, cut: int) -> None:
    data = bytearray(GOOD)
    data[at] = value
    try:
        profiles = [profile for _, profile in decode(bytes(data[: len(data) - cut])).profiles()]
    except InvalidError:
        return
    assert all(profile.rows >= 0 for profile in profiles)


EDGES = b'"edges":['
TEXT = encode_layout(LAYOUT).encode()


def test_a_small_file_of_many_numbers_takes_no_memory() -> None:
    many = forged(layout=zlib.compress(TEXT.replace(EDGES, EDGES + b"0," * 8_000_000, 1)))
    tracemalloc.start()
    with pytest.raises(InvalidError, match="more than 2000000 values"):
        decode(many)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(many) < 100_000
    assert peak < 50 << 20


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param(b'"threshold":0.5', b'"threshold":NaN', "JSON is malformed", id="no number"),
        pytest.param(b'"threshold":0.5', b'"threshold":null', r"got `null` - at `\$\.threshold`", id="nothing"),
        pytest.param(b'"threshold":0.5', b'"threshold":1e999', r"out of range - at `\$\.threshold`", id="infinite"),
        pytest.param(EDGES, EDGES + b'"a",', r"got `str` - at `\$\.numeric\[0\]\.edges", id="a word among numbers"),
        pytest.param(b'"kind":"text"', b'"kind":"video"', r"at `\$\.derived\[0\]\.kind`", id="no kind of feature"),
    ],
)
def test_what_is_wrong_in_a_layout_is_named(old: bytes, new: bytes, words: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidError, match=words):
        decode(forged(layout=zlib.compress(TEXT.replace(old, new, 1))))


def packed_features(alter: Callable[[dict[str, Any]], None]) -> bytes:
    """The feature counts of an empty profile as somebody else might write them."""
    form, arrays, data = msgspec.msgpack.decode(encode_counts(FeatureCounts.empty(LAYOUT)))
    parts = {"format": form, "arrays": dict(zip(names(), arrays, strict=True)), "data": zlib.decompress(data)}
    alter(parts)
    return msgspec.msgpack.encode([parts["format"], list(parts["arrays"].values()), zlib.compress(parts["data"])])


def names() -> list[str]:
    return [one.name for one in fields(FeatureCounts)]


def set_array(name: str, dtype: str, shape: list[int]) -> Callable[[dict[str, Any]], None]:
    return lambda parts: parts["arrays"].__setitem__(name, (dtype, shape))


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        pytest.param(lambda parts: parts.update(format=99), "its format is 99", id="another format"),
        pytest.param(set_array("numeric", "|i1", [2, 127]), "numeric is an array", id="another shape"),
        pytest.param(set_array("numeric", "|i1", [10**9, 10**9]), "numeric is an array", id="a shape beyond memory"),
        pytest.param(set_array("numeric", "<f8", [2, 128]), "'<f8'", id="another type"),
        pytest.param(set_array("lowest", "|O", [2]), r"'\|O'", id="Python objects"),
        pytest.param(set_array("lowest", "nonsense", [2]), "'nonsense'", id="no type"),
        pytest.param(lambda parts: parts["arrays"].pop("absent"), "it has 10 arrays", id="an array too few"),
        pytest.param(lambda parts: parts.update(data=parts["data"][:-1]), "do not hold", id="too few bytes"),
        pytest.param(lambda parts: parts.update(data=b"\0" * (1 << 28)), "do not hold", id="a bomb"),
    ],
)
def test_arrays_that_are_not_the_layouts_are_refused(alter: Callable[[dict[str, Any]], None], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        decode_foreign_counts(FeatureCounts, packed_features(alter), LAYOUT)


def test_a_bomb_takes_no_memory() -> None:
    bomb = packed_features(lambda parts: parts.update(data=b"\0" * (1 << 28)))
    tracemalloc.start()
    with pytest.raises(InvalidError):
        decode_foreign_counts(FeatureCounts, bomb, LAYOUT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(bomb) < 1 << 20
    assert peak < 4 << 20
