"""The rule behind most checks: normal is what the model's own windows showed, and a breach is clearly beyond it.

Limit T = max(floor, 1.25 x the largest leave-one-out deviation of the normal windows), or as much more as the model's
budget of false alarms asks for; breach when the deviation exceeds T in 2 of the last 3 windows. A window that cannot be
judged exceeds nothing. Arrays are [W, S]: windows by subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from typing import TypeVar

import numpy as np

from app.core.case import EARLY_WINDOWS, ENOUGH_ROWS, ENOUGH_WINDOWS, BoolArray, Case, Series
from app.core.model import Measurement, Outcome
from app.core.profile import FeatureCounts, FloatArray, IntArray, OutcomeCounts
from app.core.stats.false_alarms import expected_rate, fit_tail, limit_for_rate
from app.core.stats.limits import (
    exceedances,
    learnt_limit,
    leave_one_out_deviation,
    window_size_factor,
)

NEEDED, OF = 2, 3

NO_REFERENCE = "no reference: store training or validation rows of this version"
NO_LABELS = "the reference has no labels: store one with a label column"

ONE_OF_NORMAL = "learning: this window is one of those that normal is learnt from"

SHARE = (0.0, 1.0)
"""The span of shares and of quality measures that are rates."""

BLIND = (
    "cannot tell: normal windows vary so much that no possible value is beyond the limit; "
    "longer windows, or more rows in each, vary less"
)

BEYOND = "cannot tell: no possible value is beyond the limit"

_Counts = TypeVar("_Counts", OutcomeCounts, FeatureCounts)


class Harm(IntEnum):
    """Which direction of a deviation is bad news. The other one is never an alarm."""

    LOWER = -1
    EITHER = 0
    HIGHER = 1


@dataclass(frozen=True, slots=True, eq=False)
class NormalWindows:
    """The windows that normal is learnt from.

    `learnt_until`: end of the last production window among them, None when all are the reference's. `lacking`: how many
    windows the reference alone falls short of enough.
    """

    series: Series
    learnt_until: datetime | None = None
    lacking: int = 0


def normal_windows(case: Case, usable: Callable[[Series], BoolArray], *, production: bool = False) -> NormalWindows:
    """The reference's usable windows; where they are too few, production's first usable ones fill up.

    `production=True` leaves the reference out: its rows are a sample, and say nothing about volume or reviews.
    Production's windows are of all seasons, and fill up none.
    """
    reference = None if production or case.reference is None else _choose(case.reference, usable(case.reference))
    lacking = ENOUGH_WINDOWS - (len(reference) if reference is not None else 0)
    if reference is not None and (lacking <= 0 or case.seasonal):
        return NormalWindows(reference, lacking=max(lacking, 0))
    mask = usable(case.early)
    early = _choose(case.early, mask & (np.cumsum(mask) <= lacking))
    until = early.windows[-1].end if len(early) else None
    return NormalWindows(early if reference is None else _join(reference, early), until, lacking)


def _choose(series: Series, mask: BoolArray) -> Series:
    if mask.all():
        return series  # itself, not a copy: it knows what was computed of it before
    windows = tuple(window for window, keep in zip(series.windows, mask, strict=True) if keep)
    return Series(windows, series.outcomes[mask], series.features[mask])


def _join(one: Series, other: Series) -> Series:
    if not len(other):
        return one
    return Series(
        one.windows + other.windows,
        _concatenated(one.outcomes, other.outcomes),
        _concatenated(one.features, other.features),
    )


def _concatenated(one: _Counts, other: _Counts) -> _Counts:
    others = other.arrays()
    return type(one)(*(np.concatenate([array, others[name]]) for name, array in one.arrays().items()))


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """What is normal for S subjects: `values` [R, S] (or leave-one-out distances), NaN where a window could not tell.

    `rows_min` [S]: rows behind the value of the smallest of these windows, 0 where size plays no part.
    """

    values: FloatArray
    rows_min: FloatArray
    windows: NormalWindows

    @property
    def known(self) -> IntArray:
        """[S] windows that could tell."""
        return np.asarray(np.isfinite(self.values).sum(axis=0))


def learn(windows: NormalWindows, values: FloatArray, rows: IntArray | FloatArray | None = None) -> Normal:
    """Normal as `values` [R, S] showed it. `rows` [R, S]: what stands behind each, where size plays a part."""
    if rows is None or not len(values):
        return Normal(values, np.zeros(values.shape[1]), windows)
    smallest = np.where(np.isfinite(values), rows, np.inf).min(axis=0)
    return Normal(values, np.where(np.isfinite(smallest), smallest, 0.0), windows)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One statistic over W windows and S subjects, ready to be judged. NaN in `values` needs a reason in `why_not`."""

    check: str
    statistic: str
    subjects: Sequence[str]
    values: FloatArray  # [W, S]
    why_not: Callable[[int, int], str]  # (row of `values`, subject) -> why there is no value, or no verdict on it
    start: int = 0  # index in case.windows of the first row of `values`
    sharing: int = 0  # subjects of the check that share its part of the budget; 0: these
    rows: FloatArray | None = None  # [W, S] rows behind each value, where a smaller window means a noisier value
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    withheld: BoolArray | None = None  # [W, S] True where a value is shown but must not be judged yet


@dataclass(frozen=True, slots=True)
class Rule:
    """How far from normal is too far. `distance`: values are distances from normal already, and 0 is perfect.

    `span`: the values that the statistic can have at all; a limit beyond its end could never be passed.
    """

    floor: float
    harm: Harm = Harm.EITHER
    distance: bool = False
    span: tuple[float, float] = (-np.inf, np.inf)
    silent: BoolArray | None = field(default=None, compare=False)  # [W, S] silence: a breach whatever the rule says
    silence: str = "silence: no predictions, where every window had some before"


@dataclass(frozen=True, slots=True, eq=False)
class _Bounds:
    """The rule applied to all values, [W, S] each but `centre`, `enough` [S]. `said`: of limits that were set.

    `counted` are the windows that exceed, and `counts` how many of the last OF these are.
    """

    centre: FloatArray
    enough: BoolArray
    rates: FloatArray
    said: dict[tuple[int, int], str]
    limits: FloatArray
    blind: BoolArray
    learning: BoolArray
    told: BoolArray
    exceeds: BoolArray
    counted: BoolArray
    counts: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is to be judged by which rule, as one check prepares it of a case."""

    readings: Readings
    normal: Normal
    rule: Rule


def judge(case: Case, readings: Readings, normal: Normal, rule: Rule) -> Iterator[Measurement]:
    """A measurement for every judged window and subject."""
    bounds = _bounds(case, readings, normal, rule)
    bounds = replace(bounds, counts=exceedances(bounds.counted, of=OF))
    yield from _measurements(case, Question(readings, normal, rule), bounds)


def judge_by_season(case: Case, prepare: Callable[[Case], Iterable[Question]]) -> Iterator[Measurement]:
    """`judge` where each window is judged by what is normal in its own season, as far as the case knows seasons.

    The rule looks at consecutive windows, each beside its own season's limit. A season in which the reference's windows
    cannot tell often enough, for want of rows or labels, is judged by all windows.
    """
    if not case.seasons:
        for asked in prepare(case):
            yield from judge(case, asked.readings, asked.normal, asked.rule)
        return
    parts = [_parts(case, chosen, season, prepare) for chosen, season in case.by_season]
    for same in zip(*parts, strict=True):
        yield from _judge_together(case, same)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One question about the windows of one season, which are `chosen` by their indices in the whole case."""

    chosen: IntArray
    case: Case
    asked: Question
    bounds: _Bounds


def _parts(
    case: Case, chosen: IntArray, season: Case, prepare: Callable[[Case], Iterable[Question]]
) -> Iterator[_Part]:
    flat = case.of_windows(chosen, None)
    by_all: list[Question] = []
    for n, asked in enumerate(prepare(season)):
        mine = season
        if asked.normal.windows.lacking > 0 and season.seasonal:
            by_all = by_all or list(prepare(flat))
            mine, asked = flat, by_all[n]
        yield _Part(chosen, mine, asked, _bounds(mine, asked.readings, asked.normal, asked.rule))


def _judge_together(case: Case, parts: Sequence[_Part]) -> Iterator[Measurement]:
    """The measurements of the judged windows, in order of time, by the rule over windows of all the parts."""
    start, subjects = case.rule_start, parts[0].asked.readings.subjects
    counted = np.zeros((len(case.windows) - start, len(subjects)), np.bool_)
    for part in parts:
        counted[part.chosen - start] = part.bounds.counted
    counts = exceedances(counted, of=OF)
    found = [
        one
        for part in parts
        for one in _measurements(part.case, part.asked, replace(part.bounds, counts=counts[part.chosen - start]))
    ]
    first = case.windows[case.first].start
    yield from sorted((one for one in found if one.window.start >= first), key=lambda one: one.window.start)


def _measurements(case: Case, asked: Question, bounds: _Bounds) -> Iterator[Measurement]:
    readings, normal, rule = asked.readings, asked.normal, asked.rule
    for window in case.judged:
        row = window - readings.start
        for s, subject in enumerate(readings.subjects):
            outcome, reason = _verdict(case, readings, normal, rule, bounds, row, s)
            enough = bool(bounds.enough[s])
            yield Measurement(
                check=readings.check,
                subject=subject,
                window=case.windows[window],
                statistic=readings.statistic,
                outcome=outcome,
                value=_number(readings.values[row, s]),
                limit=_number(bounds.limits[row, s]) if enough else None,
                reason=reason,
                lower=None if readings.lower is None else _number(readings.lower[row, s]),
                upper=None if readings.upper is None else _number(readings.upper[row, s]),
                expected_rate=_number(bounds.rates[row, s]) if enough else None,
                normal=None if rule.distance or not enough else _number(bounds.centre[s]),
            )


def _bounds(case: Case, readings: Readings, normal: Normal, rule: Rule) -> _Bounds:
    values = readings.values
    centre = np.zeros(values.shape[1]) if rule.distance else _mean(normal.values)
    learnt, rates = _learnt(case, readings, normal, rule)
    tolerance, said = _overridden(case, readings, rule, centre, _tolerance(readings, normal, learnt))
    deviation = values - centre
    either = rule.harm is Harm.EITHER
    side = np.where(deviation < 0, -1.0, 1.0) if either else np.full(values.shape, float(rule.harm))
    exceeds = deviation * side > tolerance
    told = np.isfinite(values) if readings.withheld is None else np.isfinite(values) & ~readings.withheld
    until = normal.windows.learnt_until
    starts = [window.start for window in case.windows[readings.start :]]
    learning = np.array([until is not None and start < until for start in starts], dtype=np.bool_)[:, None]
    counted = exceeds & told & ~learning
    enough = normal.known >= ENOUGH_WINDOWS
    limits = np.where(np.isfinite(tolerance), np.clip(centre + side * tolerance, *rule.span), np.nan)
    return _Bounds(
        centre,
        enough,
        _rates_of(case, normal, rule, tolerance, rates, said),
        said,
        limits,
        _blind(centre, tolerance, rule),
        learning,
        told,
        exceeds,
        counted,
        np.zeros(counted.shape, np.int64),
    )


def _blind(centre: FloatArray, tolerance: FloatArray, rule: Rule) -> BoolArray:
    """[W, S] where no possible value is beyond the limit on a side that matters."""
    low, high = rule.span
    below, above = centre - tolerance <= low, centre + tolerance >= high
    sides = {Harm.LOWER: below, Harm.HIGHER: above, Harm.EITHER: below & above}
    return np.asarray(sides[rule.harm])


def _learnt(case: Case, readings: Readings, normal: Normal, rule: Rule) -> tuple[FloatArray, FloatArray]:
    """[S] how far from normal a value may be, NaN where nothing is normal yet; and the expected rate of that limit.

    The limit of a subject is widened only where its own expected rate is above its share of the budget.
    """
    spread = _spread(normal, rule)
    if not np.isfinite(spread).any():
        nothing = np.full(len(readings.subjects), np.nan)
        return nothing, nothing
    share = case.allowed_rate / (case.shares * (readings.sharing or len(readings.subjects)))
    # A reference's windows stray alike in every round; by what they were computed from, limits are found again.
    known_by = f"limits {rule.floor!r} {share!r} {spread.shape} {sha256(spread.tobytes()).hexdigest()}"
    found = normal.windows.series.once(known_by, lambda: _within_share(spread, rule.floor, share, case.seasonal))
    return found[0], found[1]


def _within_share(spread: FloatArray, floor: float, share: float, seasonal: bool) -> FloatArray:
    """[2, S] limits learnt from deviations [R, S], widened to the share of the budget, and their expected rates."""
    tail = fit_tail(spread, apart=seasonal)
    limits = learnt_limit(spread, floor=floor)
    rates = expected_rate(tail, limits)
    above = rates > share
    if above.any():
        limits, rates = np.where(above, limit_for_rate(tail, share), limits), np.minimum(rates, share)
    return np.stack([limits, rates])


def _overridden(
    case: Case, readings: Readings, rule: Rule, centre: FloatArray, tolerance: FloatArray
) -> tuple[FloatArray, dict[tuple[int, int], str]]:
    """[W, S] the tolerance with the limits that were set in place of the learnt ones, and what is said of them."""
    said: dict[tuple[int, int], str] = {}
    if not any(one.check == readings.check for one in case.overrides):
        return tolerance, said
    tolerance = tolerance.copy()
    for row in range(len(tolerance)):
        for s, subject in enumerate(readings.subjects):
            found = case.override(readings.check, subject, row + readings.start)
            if found is not None:
                either = rule.harm is Harm.EITHER
                tolerance[row, s] = found.limit if either else (found.limit - centre[s]) * rule.harm
                said[row, s] = found.words
    return tolerance, said


def _rates_of(
    case: Case, normal: Normal, rule: Rule, tolerance: FloatArray, rates: FloatArray, said: dict[tuple[int, int], str]
) -> FloatArray:
    """[W, S] the expected rates: of the learnt limits `rates` [S], and anew where a limit was set."""
    spread = _spread(normal, rule)
    if not said or not np.isfinite(spread).any():
        return np.broadcast_to(rates, tolerance.shape)
    found, tail = np.broadcast_to(rates, tolerance.shape).copy(), fit_tail(spread, apart=case.seasonal)
    for row in {row for row, _ in said}:
        of_row = expected_rate(tail, tolerance[row])
        found[row] = [of_row[s] if (row, s) in said else found[row, s] for s in range(found.shape[1])]
    return found


def _spread(normal: Normal, rule: Rule) -> FloatArray:
    """[R, S] how far the normal windows stray from what is normal."""
    return normal.values if rule.distance else leave_one_out_deviation(normal.values)


def _tolerance(readings: Readings, normal: Normal, learnt: FloatArray) -> FloatArray:
    """[W, S] how far from normal a value may be; inf where a window has no rows at all."""
    if readings.rows is None:
        return np.broadcast_to(learnt, readings.values.shape)
    factor = window_size_factor(readings.rows, normal.rows_min)
    return np.where(np.isfinite(factor), learnt * np.where(np.isfinite(factor), factor, 1.0), np.inf)


def _verdict(
    case: Case, readings: Readings, normal: Normal, rule: Rule, bounds: _Bounds, row: int, s: int
) -> tuple[Outcome, str]:
    """What is said of one value, and why; of a limit that was set, also who set it."""
    outcome, reason = _by_rule(case, readings, normal, rule, bounds, row, s)
    said = bounds.said.get((row, s), "") if outcome is not Outcome.NOT_EVALUATED else ""
    return outcome, "; ".join(part for part in (reason, said) if part)


def _by_rule(
    case: Case, readings: Readings, normal: Normal, rule: Rule, bounds: _Bounds, row: int, s: int
) -> tuple[Outcome, str]:
    if not bounds.told[row, s]:
        return Outcome.NOT_EVALUATED, readings.why_not(row, s)
    if not bounds.enough[s]:
        return Outcome.NOT_EVALUATED, learning_reason(case, normal.windows, int(normal.known[s]))
    if bounds.learning[row, 0]:
        return Outcome.NOT_EVALUATED, ONE_OF_NORMAL
    if rule.silent is not None and rule.silent[row, s]:
        return Outcome.BREACH, rule.silence
    if bounds.blind[row, s]:
        return Outcome.NOT_EVALUATED, BLIND if (row, s) not in bounds.said else f"{BEYOND}; {bounds.said[row, s]}"
    if bounds.counts[row, s] >= NEEDED:
        return Outcome.BREACH, beyond_text(int(bounds.counts[row, s]))
    return Outcome.OK, BEYOND_ONCE if bounds.exceeds[row, s] else ""


_BEYOND_IN = "beyond the limit in"
BEYOND_ONCE = f"beyond the limit, for the first time in {OF} windows"
"""The reason of a value that is beyond its limit and no breach yet."""


def beyond_text(windows: int) -> str:
    """The reason of a breach by the rule, e.g. `beyond the limit in 2 of the last 3 windows`."""
    return f"{_BEYOND_IN} {windows} of the last {OF} windows"


def windows_waited(reason: str) -> int:
    """Windows beyond the limit that went before the one that the rule called a breach; 0 where it is one at once."""
    return NEEDED - 1 if reason.startswith(_BEYOND_IN) else 0


def no_fault(case: Case, windows: NormalWindows, found: Measurement) -> Measurement:
    """A measurement that found no fault, as a verdict: ok, unless normal is still being learnt.

    A fault needs no normal windows to be one. But where nothing else can be told yet, a model must not look healthy for
    the lack of faults alone.
    """
    known, until = len(windows.series), windows.learnt_until
    reason = ""
    if known < ENOUGH_WINDOWS:
        reason = learning_reason(case, windows, known)
    elif until is not None and found.window.start < until:
        reason = ONE_OF_NORMAL
    return replace(found, outcome=Outcome.NOT_EVALUATED if reason else Outcome.OK, reason=reason)


def learning_reason(case: Case, windows: NormalWindows, known: int) -> str:
    """How much of normal is known, and when enough of it will be, or what else would help."""
    progress = f"learning: {known} of {ENOUGH_WINDOWS} windows of normal variation are known"
    if windows.lacking <= 0:
        return f"{progress}; the reference shows no more of them: store a longer one"
    if len(case.early) >= EARLY_WINDOWS:
        return (
            f"{progress} from the first {EARLY_WINDOWS} in production: late labels of theirs or a longer reference help"
        )
    ready = case.model.window.start_of(case.now) + (ENOUGH_WINDOWS - known) * case.model.window.delta
    return f"{progress}; ready on {ready:%Y-%m-%d %H:%M} UTC at the earliest"


def too_few(what: str, found: float, needed: int = ENOUGH_ROWS) -> str:
    """The reason given for a window that holds too little to say anything."""
    return f"no {what} in this window" if found == 0 else f"too few {what}: {found:.0f}, at least {needed} are needed"


def cannot_tell(case: Case, check: str, statistic: str, reason: str, subject: str = "") -> Iterator[Measurement]:
    """One measurement for every judged window that says why nothing is known of the subject; "": of any at all."""
    for window in case.judged:
        yield Measurement(check, subject, case.windows[window], statistic, Outcome.NOT_EVALUATED, reason=reason)


def _mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    total = np.sum(values, axis=0, where=known)
    return np.asarray(np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
