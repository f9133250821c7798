"""The rule behind most checks: normal is what the model's own windows showed, and a breach is clearly beyond it.

Limit T = max(floor, 1.25 x the largest leave-one-out deviation of the normal windows); breach when the deviation
exceeds T in 2 of the last 3 windows. Arrays are [W, S]: windows by subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

import numpy as np

from app.core.case import ENOUGH_ROWS, ENOUGH_WINDOWS, BoolArray, Case, Series
from app.core.model import Measurement, Outcome
from app.core.profile import FloatArray
from app.core.stats.limits import (
    exceedances,
    expected_false_alarm_rate,
    learnt_limit,
    leave_one_out_deviation,
    window_size_factor,
)

NEEDED, OF = 2, 3


class Harm(IntEnum):
    """Which direction of a deviation is bad news. The other one is never an alarm."""

    LOWER = -1
    EITHER = 0
    HIGHER = 1


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """What is normal for S subjects: `values` [R, S] (or leave-one-out distances), NaN where a window could not tell.

    `rows_min` [S] or scalar: rows of the smallest of these windows, 0 where size plays no part. `learnt_until`: end of
    the last production window among them, None when all are the reference's.
    """

    values: FloatArray
    rows_min: FloatArray
    learnt_until: datetime | None = None

    def enough(self) -> BoolArray:
        """[S] whether there are windows enough to set a limit."""
        return np.asarray(np.isfinite(self.values).sum(axis=0) >= ENOUGH_WINDOWS)


def learn(values: FloatArray, series: Series, learnt_until: datetime | None) -> Normal:
    """Normal as a share or mean [R, S] showed it in the windows of `series`."""
    smallest = float(series.outcomes.rows.min()) if len(series) else 0.0
    return Normal(values, np.full(values.shape[-1], smallest), learnt_until)


def normal_windows(
    case: Case, usable: Callable[[Series], BoolArray], *, production: bool = False
) -> tuple[Series, datetime | None]:
    """The windows that normal is learnt from, and until when production's own count among them.

    The reference's usable windows; where they are fewer than ENOUGH_WINDOWS, production's first usable ones fill up.
    `production=True` leaves the reference out: its rows are a sample, and say nothing about volume or reviews.
    """
    reference = None if production else case.reference
    chosen = _choose(reference, usable(reference)) if reference is not None and len(reference) else None
    missing = ENOUGH_WINDOWS - (len(chosen) if chosen else 0)
    if missing <= 0 or not len(case.early):
        return chosen or _choose(case.early, np.zeros(len(case.early), np.bool_)), None
    mask = usable(case.early)
    mask &= np.cumsum(mask) <= missing
    filled = _choose(case.early, mask)
    until = filled.windows[-1].end if len(filled) else None
    return (filled if chosen is None else _join(chosen, filled)), until


def _choose(series: Series, mask: BoolArray) -> Series:
    windows = tuple(window for window, keep in zip(series.windows, mask, strict=True) if keep)
    return Series(windows, series.outcomes[mask], series.features[mask])


def _join(one: Series, other: Series) -> Series:
    def joined(a: object, b: object) -> object:
        mine, theirs = a.arrays(), b.arrays()  # type: ignore[attr-defined]
        return type(a)(*(np.concatenate([mine[name], theirs[name]]) for name in mine))

    return Series(
        one.windows + other.windows,
        joined(one.outcomes, other.outcomes),  # type: ignore[arg-type]
        joined(one.features, other.features),  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One statistic over W windows and S subjects, ready to be judged. NaN in `values` needs a reason in `why_not`."""

    check: str
    statistic: str
    subjects: Sequence[str]
    values: FloatArray  # [W, S]
    why_not: Callable[[int, int], str]  # (window, subject) -> why there is no value, or no verdict on it
    start: int = 0  # index in case.windows of the first row of `values`
    rows: FloatArray | None = None  # [W, S] rows behind each value, where a smaller window means a noisier value
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    withheld: BoolArray | None = None  # [W, S] True where a value is shown but must not be judged yet


@dataclass(frozen=True, slots=True)
class Rule:
    """How far from normal is too far. `distance`: values are distances from normal already, and 0 is perfect."""

    floor: float | FloatArray
    harm: Harm = Harm.EITHER
    distance: bool = False
    at_once: BoolArray | None = field(default=None, compare=False)  # [W, S] a breach whatever the rule says


def judge(case: Case, readings: Readings, normal: Normal, rule: Rule) -> Iterator[Measurement]:
    """A measurement for every judged window and subject."""
    values = readings.values
    centre = np.zeros(values.shape[1]) if rule.distance else _mean(normal.values)
    tolerance = _tolerance(readings, normal, rule)
    deviation = values - centre
    harmful = np.abs(deviation) if rule.harm is Harm.EITHER else deviation * rule.harm
    exceeds = harmful > tolerance
    told = np.isfinite(values) if readings.withheld is None else np.isfinite(values) & ~readings.withheld
    counts = exceedances(exceeds & told, of=OF)
    side = np.where(deviation < 0, -1.0, 1.0) if rule.harm is Harm.EITHER else np.full(values.shape, float(rule.harm))
    limits = centre + side * tolerance
    enough = normal.enough()
    rates = [expected_false_alarm_rate(max(int(n), 1)) for n in np.isfinite(normal.values).sum(axis=0)]
    for window in case.judged:
        row = window - readings.start
        learning = normal.learnt_until is not None and case.windows[window].start < normal.learnt_until
        for s, subject in enumerate(readings.subjects):
            silent = rule.at_once is not None and bool(rule.at_once[row, s])
            outcome, reason = Outcome.NOT_EVALUATED, ""
            if not told[row, s]:
                reason = readings.why_not(row, s)
            elif not enough[s]:
                reason = learning_reason(case, int(np.isfinite(normal.values[:, s]).sum()))
            elif learning:
                reason = "learning: this window is one of those that normal is learnt from"
            else:
                outcome, reason = _verdict(int(counts[row, s]), bool(exceeds[row, s]), silent)
            yield Measurement(
                check=readings.check,
                subject=subject,
                window=case.windows[window],
                statistic=readings.statistic,
                outcome=outcome,
                value=_number(values[row, s]),
                limit=_number(limits[row, s]) if enough[s] else None,
                reason=reason,
                lower=None if readings.lower is None else _number(readings.lower[row, s]),
                upper=None if readings.upper is None else _number(readings.upper[row, s]),
                expected_rate=rates[s] if enough[s] else None,
                normal=None if rule.distance or not enough[s] else _number(centre[s]),
            )


def _tolerance(readings: Readings, normal: Normal, rule: Rule) -> FloatArray:
    """[W, S] how far from normal a value may be."""
    spread = normal.values if rule.distance else leave_one_out_deviation(normal.values)
    tolerance = learnt_limit(spread, floor=rule.floor) if len(spread) else np.full(len(readings.subjects), np.nan)
    factor = 1.0 if readings.rows is None else window_size_factor(readings.rows, normal.rows_min)
    return np.broadcast_to(tolerance * factor, readings.values.shape)


def _verdict(count: int, exceeds: bool, silent: bool) -> tuple[Outcome, str]:
    if silent:
        return Outcome.BREACH, "silence: no predictions, where every window had some before"
    if count >= NEEDED:
        return Outcome.BREACH, f"beyond the limit in {count} of the last {OF} windows"
    return Outcome.OK, f"beyond the limit, for the first time in {OF} windows" if exceeds else ""


def learning_reason(case: Case, known: int) -> str:
    """How much of normal is known, and when enough of it will be."""
    missing = ENOUGH_WINDOWS - known
    ready = case.windows[-1].end + missing * case.model.window.delta
    return (
        f"learning: {known} of {ENOUGH_WINDOWS} windows of normal variation are known; "
        f"ready about {ready:%Y-%m-%d %H:%M} UTC"
    )


def too_few(what: str, found: float, needed: int = ENOUGH_ROWS) -> str:
    """The reason given for a window that holds too little to say anything."""
    return f"no {what} in this window" if found == 0 else f"too few {what}: {found:.0f}, at least {needed} are needed"


def _mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    total = np.sum(values, axis=0, where=known)
    return np.asarray(np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
