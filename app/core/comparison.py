"""Two profiles side by side: how far each feature is from a reference, judged once.

It asks the checks that judge every window of a served model, so distances and limits are the same. Only the verdict is
simpler: one comparison has no earlier windows, so there is no "in 2 of the last 3", and it errs more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import TypeVar

import numpy as np

from app.core.case import ENOUGH_WINDOWS, Case, Check, Series, full_windows
from app.core.checks import missing_values, training_serving_skew
from app.core.gate import Verdict
from app.core.model import Measurement, Model, Outcome, Version, Window, WindowLength
from app.core.portable import PortableProfile, require_same_layout
from app.core.profile import FeatureCounts, OutcomeCounts, Profile

_DISTANCE: Check = training_serving_skew.PLUGIN
_MISSING: Check = missing_values.PLUGIN
_CALLED = {_DISTANCE.name: "distance", _MISSING.name: "share of missing values"}
_WORST_FIRST = (Outcome.BREACH, Outcome.NOT_EVALUATED, Outcome.OK)
_NO_TIME = datetime(1970, 1, 2, tzinfo=UTC)  # the comparison is of rows, not of times: no check here looks at it

_Counts = TypeVar("_Counts", FeatureCounts, OutcomeCounts)


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """One feature. `distance` is in the unit of `statistic`, `missing` a share of rows; None where it cannot be told.

    `limit` and `missing_limit` are learnt from the reference's windows, None where those are too few.
    """

    feature: str
    statistic: str
    distance: float | None
    limit: float | None
    missing: float | None
    missing_usual: float | None
    missing_limit: float | None
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All features, and what the comparison rests on: the reference's rows and windows, and the current rows."""

    features: Sequence[FeatureComparison]
    reference_rows: int
    reference_windows: int
    current_rows: int

    @property
    def verdict(self) -> Verdict:
        """A breach where one feature is in breach; healthy where, without any, one is within its limits."""
        outcomes = {one.outcome for one in self.features}
        if Outcome.BREACH in outcomes:
            return Verdict.BREACH
        return Verdict.HEALTHY if Outcome.OK in outcomes else Verdict.CANNOT_TELL


def compare(reference: PortableProfile, current: PortableProfile) -> Comparison:
    """Each feature of `current`, all its windows together, against the reference.

    Raises InvalidError when their layouts differ, or a window is no profile.
    """
    layout = reference.layout
    require_same_layout(layout, current.layout)
    now = reduce(add, (profile for _, profile in current.profiles()))
    case, windows = _case(reference, now)
    # A derived feature's missing values are said once, beside the first of its columns.
    first = {name: layout.numeric[at].name for name, at in layout.column_of.items()}
    missing = {first.get(one.subject, one.subject): one for one in _MISSING.evaluate(case)}
    found = [_joined(one, missing.get(one.subject), windows) for one in _DISTANCE.evaluate(case)]
    assert case.calibration is not None
    return Comparison(found, int(case.calibration.rows), windows, now.rows)


def _case(reference: PortableProfile, now: Profile) -> tuple[Case, int]:
    """The case of one window, in which all rows of `now` were served, and how many windows the reference has."""
    layout = reference.layout
    length = reference.by or WindowLength.DAY
    window = Window(_NO_TIME, _NO_TIME + length.delta)
    series, whole = _reference(reference, length)
    case = Case(
        model=Model("", layout.task, length),
        version=Version(0, ""),
        layout=layout,
        windows=(window,),
        first=0,
        outcomes=OutcomeCounts.stack([now.outcomes]),
        features=FeatureCounts.stack([now.features]),
        first_features=0,
        reference=series,
        calibration=whole.outcomes,
        training=whole.features if series is None else series.features.sum(),
        early=Series((), _none(OutcomeCounts.empty(layout)), _none(FeatureCounts.empty(layout))),
        now=window.end,
    )
    return case, 0 if series is None else len(series)


def _reference(profiles: PortableProfile, length: WindowLength) -> tuple[Series | None, Profile]:
    """The windows that normal variation is learnt from (None where rows have no windows), and all rows together."""
    if profiles.by is None:
        return None, profiles.profile(None)
    rows, whole = list[int](), None
    for _, profile in profiles.profiles():  # one at a time: a year of hours need not fit into memory
        rows.append(profile.rows)
        whole = profile if whole is None else whole + profile
    assert whole is not None
    starts = [start for start in profiles.windows if start is not None]
    full = [starts[at] for at in full_windows(np.array(rows))]
    chosen = [profiles.profile(start) for start in full]
    series = Series(
        tuple(Window(start, start + length.delta) for start in full),
        OutcomeCounts.stack([profile.outcomes for profile in chosen]),
        FeatureCounts.stack([profile.features for profile in chosen]),
    )
    return series, whole


def _none(empty: _Counts) -> _Counts:
    """No windows of such counts."""
    return type(empty).stack([empty])[:0]


def _joined(distance: Measurement, missing: Measurement | None, windows: int) -> FeatureComparison:
    parts = [one for one in (distance, missing) if one is not None]
    judged = [_judged(one, windows) for one in parts]
    outcome = next(one for one in _WORST_FIRST if one in {outcome for outcome, _ in judged})
    reasons = [reason for said, reason in judged if said is outcome and reason]
    return FeatureComparison(
        distance.subject,
        distance.statistic,
        distance.value,
        distance.limit,
        missing.value if missing else None,
        missing.normal if missing else None,
        missing.limit if missing else None,
        outcome,
        "; ".join(dict.fromkeys(reasons)),
    )


def _judged(one: Measurement, windows: int) -> tuple[Outcome, str]:
    """The verdict of one comparison on one measure, and why."""
    if one.value is None:
        return Outcome.NOT_EVALUATED, one.reason
    if one.limit is None:
        return Outcome.NOT_EVALUATED, (
            f"no limit: {windows} windows of normal variation in the reference, {ENOUGH_WINDOWS} are needed"
        )
    # The limit stands on the harmful side of what is normal; for a distance that is 0.
    higher = one.limit >= (one.normal or 0.0)
    beyond = one.value > one.limit if higher else one.value < one.limit
    return (Outcome.BREACH, f"{_CALLED[one.check]} beyond the limit") if beyond else (Outcome.OK, "")
