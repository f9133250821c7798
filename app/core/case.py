"""What a check is given: a run of windows, the reference, and the facts that the owner declared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from app.core.drills import Recovery
from app.core.layout import Layout
from app.core.model import Measurement, Model, Task, Version, Window, WindowLength
from app.core.overrides import Override, override_for
from app.core.profile import RIGHT, WRONG, FeatureCounts, FloatArray, IntArray, OutcomeCounts
from app.core.seasons import season_of
from app.core.stats.calibration import isotonic

ENOUGH_WINDOWS = 30
"""Windows of normal variation that a limit is learnt from at the least."""
EARLY_WINDOWS = 90
"""Production's first windows, of which those with enough rows show what is normal where the reference cannot."""
ENOUGH_ROWS = 30
"""Rows (values, labels) in a window below which nothing is said about it."""
MOST_REFERENCE_WINDOWS = 168
"""A week of hours; of a longer reference the newest windows count."""
LOOKBACK = 100
"""Windows before the first judged one whose outcomes a check may look at, at the least."""
LOOKBACK_TIME = timedelta(days=16)
"""What these cover at the least, also in hours: two whole weeks before the end of each of the last three days."""
FEATURE_LOOKBACK = 2
"""Windows before the first judged one whose features every check may look at: what "2 of the last 3" needs."""


def lookback(length: WindowLength) -> int:
    """Windows before the first judged one whose outcomes a check may look at."""
    return max(LOOKBACK, LOOKBACK_TIME // length.delta)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """W windows in order of time, with their counts stacked on the first axis."""

    windows: tuple[Window, ...]
    outcomes: OutcomeCounts
    features: FeatureCounts
    _known: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.windows)

    def once(self, name: str, compute: Callable[[], FloatArray]) -> FloatArray:
        """What `compute` gives, computed once: a reference's windows stay the same from round to round."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]


def full_windows(rows: IntArray) -> IntArray:
    """Indices of the reference's windows [R], oldest first, that its normal variation is learnt from.

    Windows that hold less than half of the usual rows, such as a first or last day cut short, say more about chance
    than about the model.
    """
    return np.flatnonzero(rows >= np.median(rows) / 2)[-MOST_REFERENCE_WINDOWS:]


@dataclass(frozen=True, eq=False)
class Case:
    """Everything that a check may know.

    `windows` and `outcomes` [W] are the windows to judge, from index `first` on, after up to `lookback` earlier ones;
    `features` stacks the last windows only, from index `first_features`. `reference` holds the reference's windows
    (None without timestamps or without a reference), `calibration` the outcomes of all its rows and `training` its
    feature counts, which served ones are compared with (both None without a reference). `early` are production's
    first windows, at most EARLY_WINDOWS, from which normal is learnt where the reference cannot tell.
    `allowed_rate` is how many new false alerts per window one check may cause, by the model's budget; `shares` are the
    cases that divide it, such as the segments that the check runs for. `calibrator` are the outcomes that say what a
    score means, where those of `calibration` have too few labels for it. `overrides` are limits that people
    set; those of `segment` ("": the whole) count. `seasons` are the reference's windows of each season that a window
    from `rule_start` on belongs to, as far as it is known from windows enough: see `by_season`.
    `season_outcomes`: in the case of one season, the outcomes of the reference's windows in it. `recovery`: what is
    known about going back from the version; None where nobody looked.
    """

    model: Model
    version: Version
    layout: Layout
    windows: tuple[Window, ...]
    first: int
    outcomes: OutcomeCounts
    features: FeatureCounts
    first_features: int
    reference: Series | None
    calibration: OutcomeCounts | None
    training: FeatureCounts | None
    early: Series
    now: datetime
    allowed_rate: float = math.inf
    shares: int = 1
    calibrator: OutcomeCounts | None = None
    overrides: tuple[Override, ...] = ()
    segment: str = ""
    seasons: Mapping[int, Series] = field(default_factory=dict)
    season_outcomes: OutcomeCounts | None = None
    recovery: Recovery | None = None

    @property
    def judged(self) -> range:
        """Indices of the windows that measurements are wanted for."""
        return range(self.first, len(self.windows))

    @property
    def rows(self) -> IntArray:
        """[W] predictions per window."""
        return self.outcomes.rows

    @property
    def rule_start(self) -> int:
        """Index of the first window whose features the rule "2 of the last 3" looks at."""
        return max(self.first_features, self.first - FEATURE_LOOKBACK)

    def override(self, check: str, subject: str, window: int) -> Override | None:
        """The limit that somebody set for the window of that index."""
        return override_for(self.overrides, check, subject, self.segment, self.windows[window])

    def features_from(self, start: int, stop: int | None = None) -> FeatureCounts:
        """The feature counts of the windows from index `start`, at least `first_features`, until before `stop`."""
        return self.features[slice(start - self.first_features, None if stop is None else stop - self.first_features)]

    @cached_property
    def by_season(self) -> list[tuple[IntArray, Case]]:
        """The windows from `rule_start` on by their season: their indices, and the case of them alone.

        Its reference, and what its windows are compared with, is what the reference showed in that season. Windows of a
        season that is not known are compared with all of the reference.
        """
        length = self.model.window
        of = np.array([season_of(window.start, length) for window in self.windows[self.rule_start :]], dtype=np.int64)
        return [
            (chosen, self.of_windows(chosen, self.seasons.get(season)))
            for season in np.unique(of).tolist()
            for chosen in (np.flatnonzero(of == season) + self.rule_start,)
        ]

    def of_windows(self, chosen: IntArray, season: Series | None) -> Case:
        """The case of the windows of those indices, from `rule_start` on, each of which is to be judged by itself."""
        part = replace(
            self,
            windows=tuple(self.windows[at] for at in chosen.tolist()),
            first=0,
            outcomes=self.outcomes[chosen],
            features=self.features[chosen - self.first_features],
            first_features=0,
            seasons={},
        )
        if season is None:
            return part
        return replace(part, reference=season, training=season.features.sum(), season_outcomes=season.outcomes.sum())

    def training_at(self, window: int) -> FeatureCounts | None:
        """The feature counts of the season of the window of that index; None where its season is not known."""
        season = self.seasons.get(season_of(self.windows[window].start, self.model.window))
        return None if season is None else season.features.sum()

    @property
    def seasonal(self) -> bool:
        """Are these the windows of one season, with those between them left out?"""
        return self.season_outcomes is not None

    @property
    def usual_outcomes(self) -> OutcomeCounts | None:
        """The outcomes that served ones are compared with."""
        return self.calibration if self.season_outcomes is None else self.season_outcomes

    @cached_property
    def probability_of_positive(self) -> FloatArray | None:
        """[score bins] binary: P(y = 1 | score bin) from the reference; None when it has no labels."""
        if self.calibration is None or self.layout.task is not Task.BINARY:
            return None
        positives, totals = positives_by_bin(self.calibrator or self.calibration)
        return isotonic(positives, totals) if totals.sum() else None

    @cached_property
    def probability_of_error(self) -> FloatArray | None:
        """[K, score bins] P(wrong | predicted class, score bin) from the reference; None when it has no labels."""
        if self.layout.task is Task.REGRESSION or self.calibration is None:
            return None
        if self.layout.task is Task.BINARY:
            positive = self.probability_of_positive
            return None if positive is None else np.stack([positive, 1 - positive])
        return _error_by_class((self.calibrator or self.calibration).outcomes[..., :-1])


def positives_by_bin(outcomes: OutcomeCounts) -> tuple[IntArray, IntArray]:
    """Binary: labelled rows that are positive, and all labelled rows, per score bin; each [..., score bins]."""
    cells = outcomes.outcomes[..., :-1]
    positives = cells[..., 1, RIGHT, :] + cells[..., 0, WRONG, :]
    return positives, cells.sum(axis=(-3, -2))


def _error_by_class(cells: IntArray) -> FloatArray | None:
    """Per predicted class, isotonic in the score; a class without labels takes what holds for all classes."""
    right, totals = cells[:, RIGHT], cells.sum(axis=1)
    if not totals.sum():
        return None
    overall = isotonic(right.sum(axis=0), totals.sum(axis=0))
    by_class = [isotonic(r, n) if n.sum() >= ENOUGH_ROWS else overall for r, n in zip(right, totals, strict=True)]
    return 1 - np.stack(by_class)


class Check(Protocol):
    """A pure function of profiles. One module of `app.core.checks` each, with its instance as PLUGIN.

    One that looks back at more features than FEATURE_LOOKBACK windows of them says so in a ClassVar `feature_lookback`;
    one whose limits cannot alarm by chance, in a ClassVar `shares_budget = False`; one that is about the version,
    whatever its rows are, in a ClassVar `whole_only = True`: it does not run for segments;
    one with subjects whose limits nobody can set, in a ClassVar `fixed_subjects`; one that judges windows by their own
    season, in a ClassVar `by_season = True`.
    """

    name: ClassVar[str]
    question: ClassVar[str]
    advice: ClassVar[str]
    tasks: ClassVar[frozenset[Task]]

    def evaluate(self, case: Case) -> Iterable[Measurement]:
        """Measurements for each judged window and subject; what cannot be told is `not_evaluated` with its reason."""
        ...


EVERY_TASK = frozenset(Task)
CLASSIFICATION = frozenset({Task.BINARY, Task.MULTICLASS})
BoolArray = NDArray[np.bool_]
