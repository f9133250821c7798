"""The segments of a reference: which values have one, and their profiles, packed while the file is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce

from app.core.case import MOST_REFERENCE_WINDOWS
from app.core.codec import decode_counts, encode_counts
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.segments import AttributeValues, Grouping, assign, most_frequent, segment_value
from app.storage.references import PackedReferenceProfile
from collectors.tabular.references import ReferenceRows

MOST_COUNTED = 10_000
"""Distinct values that are counted at a time; of more, the rarer half is dropped and has to come again."""


@dataclass(slots=True)
class FrequentValues:
    """Takes the rows of a reference, and tells the most frequent values of each attribute, in bounded memory."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, rows: ReferenceRows) -> None:
        """Count a chunk."""
        for attribute, values in rows.attributes.items():
            counted = self.counts.setdefault(attribute, Counter())
            counted.update(map(segment_value, values))
            if len(counted) > MOST_COUNTED:
                self.counts[attribute] = Counter(dict(counted.most_common(MOST_COUNTED // 2)))

    def values(self) -> dict[str, tuple[str, ...]]:
        """The values that have a segment, by their attribute."""
        return {attribute: most_frequent(counted) for attribute, counted in self.counts.items()}


@dataclass(slots=True)
class FoldedSegments:
    """The profiles of the segments by their window; None: rows of any time.

    They stay packed: a file has up to as many windows as it spans, and each of them up to 110 segments.
    """

    known: dict[str, AttributeValues]
    _packed: dict[tuple[str, datetime | None], PackedReferenceProfile] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Sequence[str]]) -> FoldedSegments:
        """For the rows of a file in which these values of attributes have a segment."""
        return cls({name: AttributeValues(name, tuple(mine)) for name, mine in values.items()})

    def group(self, rows: ReferenceRows) -> list[Grouping]:
        """The segments of a chunk's rows, by each attribute."""
        groupings = []
        for name, known in self.known.items():
            grouping, self.known[name] = assign(known, rows.attributes[name])
            groupings.append(grouping)
        return groupings

    def add(self, profiles: Mapping[tuple[str, datetime | None], Profile]) -> None:
        """Count what a chunk's rows are by segment and window."""
        for (segment, start), profile in profiles.items():
            stored = self._packed.get((segment, start))
            total = profile if stored is None else _unpacked(stored) + profile
            self._packed[segment, start] = _pack(segment, start, total)

    def profiles(self) -> Iterator[PackedReferenceProfile]:
        """The segments' windows, oldest first. Those beyond the newest MOST_REFERENCE_WINDOWS are one without a time:
        limits are not learnt from them, but their labels count.
        """
        by_segment: dict[str, list[PackedReferenceProfile]] = {}
        for (segment, _), packed in self._packed.items():
            by_segment.setdefault(segment, []).append(packed)
        for segment, windows in by_segment.items():
            windows.sort(key=lambda one: one.window_start.timestamp() if one.window_start else 0.0)
            older = windows[:-MOST_REFERENCE_WINDOWS]
            if older:
                yield _pack(segment, None, reduce(Profile.__add__, map(_unpacked, older)))
            yield from windows[-MOST_REFERENCE_WINDOWS:]


def _pack(segment: str, start: datetime | None, profile: Profile) -> PackedReferenceProfile:
    return PackedReferenceProfile(
        segment, start, profile.rows, encode_counts(profile.features), encode_counts(profile.outcomes)
    )


def _unpacked(packed: PackedReferenceProfile) -> Profile:
    return Profile(decode_counts(FeatureCounts, packed.features), decode_counts(OutcomeCounts, packed.outcomes))
