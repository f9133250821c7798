"""Do predictions still come with the features of the reference, and of their kind?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, FEATURE_LOOKBACK, BoolArray, Case
from app.core.distances import enough_rows
from app.core.judgement import (
    NO_REFERENCE,
    SHARE,
    Harm,
    Readings,
    Rule,
    cannot_tell,
    judge,
    learn,
    normal_windows,
    too_few,
)
from app.core.layout import Layout
from app.core.model import Measurement, Outcome, Task
from app.core.profile import FeatureCounts, FloatArray, OutcomeCounts
from app.core.stats.arrays import ratio
from app.core.stats.limits import exceedances

NEW_FEATURES = "(new features)"
"""The subject that stands for all features that the reference does not have."""
LOST = "lost: no prediction of this window has a value of it"
LOST_IN_A_ROW = FEATURE_LOOKBACK + 1
"""Windows without any value until a feature is lost that is usually missing."""
USUALLY_THERE = 0.5
"""Share of the reference's rows that have a value of a feature, from which on a window without any is a loss."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Per feature of the reference, the share of its values that do not fit: no numbers where numbers were, or
    categories that the reference did not have. A feature that no prediction has any more is lost: a breach at once, and
    of one that most rows of the reference lack (gusts, on calm days) in the third such window in a row.

    `(new features)`: how many features that the reference does not have a prediction comes with, on average; normal is
    what production showed first, since a service may well log more than the reference holds.
    """

    name: ClassVar[str] = "schema"
    question: ClassVar[str] = "Are features new, lost, or of another kind than in the reference?"
    advice: ClassVar[str] = (
        "Compare what the service sends with the reference's columns: was a field renamed or encoded anew?"
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        if case.training is None or not case.layout.feature_names:
            why = NO_REFERENCE if case.training is None else "the reference has no features to compare with"
            yield from cannot_tell(case, self.name, "unfit_share", why)
            return
        yield from self._new(case)
        lost = _lost(case, case.training)
        names = case.layout.feature_names
        gone = {(case.windows[case.rule_start + row], names[s]) for row, s in np.argwhere(lost).tolist()}
        for found in self._unfit(case):
            yield _declared_lost(found) if (found.window, found.subject) in gone else found

    def _new(self, case: Case) -> Iterator[Measurement]:
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows), production=True)
        readings = Readings(
            self.name,
            "unknown_features_per_prediction",
            [NEW_FEATURES],
            values=_unknown(case.outcomes),
            why_not=lambda window, _subject: too_few("predictions", case.rows[window]),
            sharing=1 + len(case.layout.feature_names),
            rows=case.rows.astype(np.float64)[:, None],
        )
        usual = windows.series.outcomes
        normal = learn(windows, _unknown(usual), usual.rows[:, None])
        yield from judge(case, readings, normal, Rule(self.floor, Harm.HIGHER))

    def _unfit(self, case: Case) -> Iterator[Measurement]:
        features = case.features_from(case.rule_start)
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows))
        present = features.present(case.layout)
        readings = Readings(
            self.name,
            "unfit_share",
            case.layout.feature_names,
            values=_unfit_share(case.layout, features),
            why_not=lambda row, subject: too_few("values", present[row, subject]),
            start=case.rule_start,
            sharing=1 + len(case.layout.feature_names),
            rows=present.astype(np.float64),
        )
        usual = windows.series.features
        normal = learn(windows, _unfit_share(case.layout, usual), usual.present(case.layout))
        yield from judge(case, readings, normal, Rule(self.floor, Harm.HIGHER, span=SHARE))


def _unknown(outcomes: OutcomeCounts) -> FloatArray:
    """[W, 1] NaN where a window is too small to tell."""
    return np.where(enough_rows(outcomes.rows), ratio(outcomes.unknown, outcomes.rows), np.nan)[:, None]


def _unfit_share(layout: Layout, features: FeatureCounts) -> FloatArray:
    """[W, N] NaN where there are too few values."""
    present = features.present(layout)
    return np.where(enough_rows(present), features.unfit(layout) / np.maximum(present, 1), np.nan)


def _lost(case: Case, training: FeatureCounts) -> BoolArray:
    """[W - rule_start, N] where enough predictions have no value at all of a feature that the reference has."""
    gone = case.features_from(case.rule_start).present(case.layout) == 0
    known = training.present(case.layout)
    silent = gone & enough_rows(case.rows[case.rule_start :])[:, None] & (known > 0)
    usually_there = known >= USUALLY_THERE * (known + training.missing(case.layout))
    return np.asarray(np.where(usually_there, silent, exceedances(silent, of=LOST_IN_A_ROW) == LOST_IN_A_ROW))


def _declared_lost(found: Measurement) -> Measurement:
    limit = 0.0 if found.limit is None else found.limit
    return replace(found, outcome=Outcome.BREACH, value=1.0, limit=limit, reason=LOST)


PLUGIN = Schema()
