"""Worst segments: which of them left their own normal range furthest, and which are worse than the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.core.causes import Reading, excess_of
from app.core.model import Outcome

QUALITY = {
    ("performance", "accuracy"): 1,
    ("performance", "mae"): -1,
    ("estimated_performance", "accuracy"): 1,
    ("estimated_performance", "mae"): -1,
}
"""What tells the quality of a segment, the first of them that is known; 1 where more is better."""


@dataclass(frozen=True, slots=True)
class RankedSegment:
    """A segment among the others. `share` is that of all rows in the same windows.

    `breaches` are what is in breach, furthest beyond its limit first, and `excess` how many times its limit the first
    of them is away from normal; 0 without a breach.
    `quality_gap` says how much worse than the whole its quality is, in the unit of the measure; None while not known.
    """

    segment: str
    rows: int
    share: float
    outcome: Outcome
    breaches: tuple[Reading, ...]
    excess: float
    quality: Reading | None
    quality_gap: float | None


def rank_segments(
    readings: Iterable[Reading], quality: Iterable[Reading], rows: Mapping[str, int], whole: int
) -> list[RankedSegment]:
    """The segments of `rows` (name -> predictions), the worst first, by the newest readings of all their series.

    `quality` are those of `QUALITY`, of each measure from one window: a bad day is no difference between segments.

    In the order of the excess of their worst breach, then of the gap in quality to the whole (segment ""), then of
    their size; those about which nothing could be told come last.
    """
    by_segment, compared = _by_segment(readings), _by_segment(quality)
    ranked = [_segment(name, by_segment.get(name, ()), compared, size, whole) for name, size in rows.items()]
    return sorted(ranked, key=_order)


def _by_segment(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    found: dict[str, list[Reading]] = {}
    for reading in readings:
        found.setdefault(reading.segment, []).append(reading)
    return found


def _order(one: RankedSegment) -> tuple[bool, float, float, int, str]:
    gap = float("-inf") if one.quality_gap is None else one.quality_gap
    return (one.outcome is Outcome.NOT_EVALUATED, -one.excess, -gap, -one.rows, one.segment)


def _segment(
    name: str, mine: Sequence[Reading], compared: Mapping[str, Sequence[Reading]], rows: int, whole: int
) -> RankedSegment:
    breaches = sorted((one for one in mine if one.outcome is Outcome.BREACH), key=_excess, reverse=True)
    outcome = Outcome.BREACH if breaches else Outcome.OK if mine else Outcome.NOT_EVALUATED
    quality, gap = _quality(compared.get(name, ()), compared.get("", ()))
    excess = _excess(breaches[0]) if breaches else 0.0
    return RankedSegment(name, rows, rows / max(1, whole), outcome, tuple(breaches), excess, quality, gap)


def _excess(reading: Reading) -> float:
    return excess_of(reading) or 0.0


def _quality(mine: Sequence[Reading], whole: Sequence[Reading]) -> tuple[Reading | None, float | None]:
    found = {(one.check, one.subject): one for one in mine}
    of_all = {(one.check, one.subject): one.value for one in whole}
    for measure, better in QUALITY.items():
        reading, other = found.get(measure), of_all.get(measure)
        if reading is not None and reading.value is not None and other is not None:
            return reading, better * (other - reading.value)
    return None, None
