"""Profiles that travel: one file holds a layout and the profiles of one or many windows made with it.

The format is described in docs/profiles.md. Reading takes nothing on trust: sizes are bounded before anything is
unpacked, and every profile is checked against the layout and the laws of counting before it is handed out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from app.core.codec import decode_foreign_counts, decode_layout, encode_counts, encode_layout, layout_digest
from app.core.derived import DerivedFeature, Embedding
from app.core.errors import InvalidError
from app.core.layout import CategoricalFeature, Layout, NumericFeature
from app.core.model import WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.soundness import check_layout, check_profile

SUFFIX = ".wkp"
MAGIC = b"\x89WKP\r\n\x1a\n"
"""Eight bytes that no text begins with; a transfer that alters line ends alters them too."""
FORMAT = 1
MOST_WINDOWS = 10_000
"""A year of hours is 8,784."""
MOST_SOURCES = 10_000
MOST_LAYOUT_BYTES = 64 << 20
MOST_LAYOUT_VALUES = 2_000_000
"""A number takes two bytes of text and 32 of memory: bytes alone bound nothing. Two thousand features have 300,000."""
_SOURCE = r"^[0-9a-f]{64}$"


class PackedProfile(msgspec.Struct, frozen=True, array_like=True):
    """One window as it stands in the file. `start`: seconds since 1970 in UTC; None: all rows, whatever their time."""

    start: int | None
    features: bytes
    outcomes: bytes


class _Format(msgspec.Struct):
    format: int


class _Content(msgspec.Struct):
    format: int
    by: WindowLength | None
    sources: Annotated[
        list[Annotated[str, msgspec.Meta(pattern=_SOURCE)]], msgspec.Meta(min_length=1, max_length=MOST_SOURCES)
    ]
    layout: bytes
    windows: Annotated[list[PackedProfile], msgspec.Meta(min_length=1, max_length=MOST_WINDOWS)]


@dataclass(frozen=True, slots=True, eq=False)
class PortableProfile:
    """The profiles of some windows with their layout.

    `by`: the length of the windows, None where all rows are one profile. `sources`: SHA-256 of each file whose rows are
    counted, so that nobody counts one twice. `windows` stay packed until they are asked for.
    """

    layout: Layout
    by: WindowLength | None
    sources: frozenset[str]
    windows: Mapping[datetime | None, PackedProfile]

    def profile(self, start: datetime | None) -> Profile:
        """The profile of the window. Raises InvalidError when it is no profile of the layout."""
        packed = self.windows[start]
        profile = Profile(
            decode_foreign_counts(FeatureCounts, packed.features, self.layout),
            decode_foreign_counts(OutcomeCounts, packed.outcomes, self.layout),
        )
        check_profile(profile)
        return profile

    def profiles(self) -> Iterator[tuple[datetime | None, Profile]]:
        """Every window's start and profile, oldest first, one in memory at a time."""
        return ((start, self.profile(start)) for start in self.windows)


def portable(
    layout: Layout,
    by: WindowLength | None,
    sources: Iterable[str],
    profiles: Mapping[datetime | None, Profile],
) -> PortableProfile:
    """The profiles as they travel; `sources` are the SHA-256 digests of the files that their rows came from."""
    windows = {start: _packed(start, profiles[start]) for start in sorted(profiles, key=_seconds_or_zero)}
    return PortableProfile(layout, by, frozenset(sources), windows)


def encode(profiles: PortableProfile) -> bytes:
    """The bytes of a profile file; the same profiles give the same bytes."""
    content = _Content(
        FORMAT,
        profiles.by,
        sorted(profiles.sources),
        zlib.compress(encode_layout(profiles.layout).encode(), 6),
        list(profiles.windows.values()),
    )
    return MAGIC + msgspec.msgpack.encode(content)


def decode(data: bytes) -> PortableProfile:
    """The profiles of a file that anybody may have made. Raises InvalidError saying what is wrong with it."""
    if not data.startswith(MAGIC):
        raise _invalid(data[:8], f"a profile file ({SUFFIX}) begins with {MAGIC!r}")
    body = memoryview(data)[len(MAGIC) :]
    try:
        made = msgspec.msgpack.decode(body, type=_Format).format
        if made != FORMAT:
            raise _invalid(made, f"this Watchkeeper reads format {FORMAT}; make the file with the same release")
        content = msgspec.msgpack.decode(body, type=_Content)
        layout = decode_layout(_inflate(content.layout).decode())
    except (msgspec.MsgspecError, zlib.error, UnicodeDecodeError) as error:
        raise _invalid("content", f"it is damaged, or no profile file: {error}") from error
    check_layout(layout)
    windows = {_start(window.start, content.by): window for window in content.windows}
    if len(windows) != len(content.windows):
        raise _invalid("windows", "each window may be there once")
    return PortableProfile(layout, content.by, frozenset(content.sources), windows)


def merge(parts: Sequence[PortableProfile]) -> PortableProfile:
    """All parts as one; windows that several of them have are added up.

    Raises InvalidError when their layouts or window lengths differ, or two of them count rows of the same file.
    """
    first, *others = parts
    windows, sources = dict(first.windows), set(first.sources)
    for other in others:
        require_same_layout(first.layout, other.layout)
        if other.by != first.by:
            raise InvalidError("by", other.by or "all", f"the others are by {first.by or 'all'}; make them alike")
        if twice := sources & other.sources:
            raise InvalidError("sources", min(twice), "two of the profiles count the rows of this same file")
        sources |= other.sources
        for start, packed in other.windows.items():
            same = start in windows
            windows[start] = _packed(start, _merged(first, windows[start], other, start)) if same else packed
    ordered = {start: windows[start] for start in sorted(windows, key=_seconds_or_zero)}
    return PortableProfile(first.layout, first.by, frozenset(sources), ordered)


def _merged(first: PortableProfile, packed: PackedProfile, other: PortableProfile, start: datetime | None) -> Profile:
    mine = PortableProfile(first.layout, first.by, first.sources, {start: packed})
    return mine.profile(start) + other.profile(start)


def require_same_layout(wanted: Layout, given: Layout) -> None:
    """Raise InvalidError, saying how they differ, unless profiles of the two layouts can be added and compared."""
    if layout_digest(wanted) != layout_digest(given):
        differences = "; ".join(layout_differences(wanted, given)[:5])
        raise InvalidError("layout", layout_digest(given)[:12], f"it differs: {differences}; profile with --like")


def layout_differences(wanted: Layout, given: Layout) -> list[str]:
    """What is not alike, in words: empty for layouts whose profiles can be added."""
    ours, theirs = _features(wanted), _features(given)
    said = [f"feature {name!r} is missing" for name in ours if name not in theirs]
    said += [f"feature {name!r} is unknown" for name in theirs if name not in ours]
    for name in (name for name in ours if name in theirs and ours[name] != theirs[name]):
        same_type = type(ours[name]) is type(theirs[name])
        said.append(f"feature {name!r} has other {'bins' if same_type else 'values: number, category, text, list'}")
    for field in ("task", "classes", "threshold", "confident", "score_edges", "losses", "multivariate"):
        mine, yours = getattr(wanted, field), getattr(given, field)
        if mine != yours:
            long = field in {"score_edges", "losses", "multivariate"}
            said.append(f"{field} differs" if long else f"{field} is {yours!r}, not {mine!r}")
    return said or (["the features stand in another order"] if encode_layout(wanted) != encode_layout(given) else [])


def _features(layout: Layout) -> dict[str, NumericFeature | DerivedFeature | CategoricalFeature | Embedding]:
    kinds = (layout.numeric, layout.derived, layout.categorical, layout.embeddings, layout.latent)
    return {one.name: one for kind in kinds for one in kind}


def _packed(start: datetime | None, profile: Profile) -> PackedProfile:
    seconds = None if start is None else int(start.timestamp())
    return PackedProfile(seconds, encode_counts(profile.features), encode_counts(profile.outcomes))


def _seconds_or_zero(start: datetime | None) -> float:
    return start.timestamp() if start is not None else 0.0


def _start(seconds: int | None, by: WindowLength | None) -> datetime | None:
    if (seconds is None) is not (by is None):
        raise _invalid(seconds, "a window has a start exactly when the profiles are by hour or day")
    if seconds is None or by is None:
        return None
    try:
        start = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise _invalid(seconds, "a window starts at a second of the calendar") from error
    if by.start_of(start) != start:
        raise _invalid(start.isoformat(), f"a window by {by} starts with the {by}, in UTC")
    return start


def _inflate(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(packed, MOST_LAYOUT_BYTES)
    if not unpacker.eof:
        raise _invalid("layout", f"it is cut short, or larger than {MOST_LAYOUT_BYTES} bytes")
    if text.count(b",") >= MOST_LAYOUT_VALUES:
        raise _invalid("layout", f"it holds more than {MOST_LAYOUT_VALUES} values")
    return text


def _invalid(value: object, allowed: str) -> InvalidError:
    return InvalidError("profile file", value, allowed)
