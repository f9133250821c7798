"""Are the numbers sound: none lost, none stuck, and the same answer to the same input?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from app.core.case import CLASSIFICATION, ENOUGH_ROWS, EVERY_TASK, BoolArray, Case
from app.core.columns import State
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
    no_fault,
    normal_windows,
    too_few,
)
from app.core.model import Measurement, Outcome, Task
from app.core.profile import ONE, OUTSIDE, ZERO, FeatureCounts, FloatArray, IntArray, OutcomeCounts
from app.core.replays import HIGHEST, LOWEST, TIMES
from app.core.stats.arrays import ratio

_NOT_FINITE = [State.NAN, State.POSITIVE_INFINITY, State.NEGATIVE_INFINITY]
_LEARNT = 5
"""Subjects that may have a learnt limit."""
_NO_SCORE_IN_REFERENCE = "the reference has no scores: store one that has"


@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """A part of some rows, each [...] from counts."""

    subject: str
    statistic: str
    of: str
    part: Callable[[OutcomeCounts], IntArray]
    whole: Callable[[OutcomeCounts], IntArray]

    def values(self, outcomes: OutcomeCounts) -> FloatArray:
        """[W, 1] NaN where there are too few rows."""
        whole = self.whole(outcomes)
        return np.where(enough_rows(whole), self.part(outcomes) / np.maximum(whole, 1), np.nan)[:, None]


@dataclass(frozen=True, slots=True)
class NumericalStability:
    """Two kinds of subjects. Events are a breach at once, with or without normal windows: `score_non_finite` (a NaN or
    an infinity among the scores), `score_constant` (all scores of a window equal), `replay` (the same input got scores
    more than a millionth apart, among a sample of 64 inputs). Shares are learnt: `score_outside` of [0, 1],
    `score_saturated` at exactly 0 or 1, and `input_non_finite`, the largest share of any numeric feature.

    A fault that the reference itself had (for `replay`: the first window in production) is how this model is, and
    judged as a share.
    """

    name: ClassVar[str] = "numerical_stability"
    question: ClassVar[str] = "Are there NaN, infinite, stuck or saturated numbers, or two answers to one input?"
    advice: ClassVar[str] = "Look at the inputs of those rows, the scaling before the model and its last conversion."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    fixed_subjects: ClassVar[frozenset[str]] = frozenset({"score_non_finite", "score_constant", "replay"})

    floor: float = 0.01
    tolerance: float = 1e-6
    """How far the scores of one input may lie apart: rounding, relative for scores above 1."""

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        yield from self._non_finite(case)
        yield from self._constant(case)
        if case.layout.task in CLASSIFICATION:
            yield from self._share(case, _OUTSIDE)
            yield from self._share(case, _SATURATED)
        yield from self._inputs(case)
        yield from self._replay(case)

    def _non_finite(self, case: Case) -> Iterator[Measurement]:
        if case.calibration is not None and _non_finite(case.calibration):
            yield from self._share(case, _NON_FINITE)
            return
        bad, scores = _non_finite(case.outcomes), _with_score(case.outcomes)
        yield from self._events(
            case,
            _NON_FINITE.subject,
            _NON_FINITE.statistic,
            ratio(bad, scores),
            [f"{b} of {n} scores are NaN or infinite" for b, n in zip(bad, scores, strict=True)],
            ["no prediction with a score in this window"] * len(case.windows),
        )

    def _constant(self, case: Case) -> Iterator[Measurement]:
        reference, statistic = case.calibration, "all_scores_equal"
        why = NO_REFERENCE if reference is None else "" if _finite(reference) else _NO_SCORE_IN_REFERENCE
        if reference is not None and not why and _all_equal(reference):
            why = "the scores of the reference are all equal, too"
        finite = _finite(case.outcomes)
        told = enough_rows(finite) & (not why)
        yield from self._events(
            case,
            "score_constant",
            statistic,
            np.where(told, _all_equal(case.outcomes), np.nan),
            [f"all {n} scores are equal" for n in finite],
            [why or too_few("scores", n) for n in finite],
        )

    def _inputs(self, case: Case) -> Iterator[Measurement]:
        subject, statistic = "input_non_finite", "largest_non_finite_share_of_a_feature"
        if not (case.layout.numeric or case.layout.latent):
            why = NO_REFERENCE if case.calibration is None else "the reference has no numeric features"
            yield from cannot_tell(case, self.name, statistic, why, subject)
            return
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows))
        rows, usual_rows = case.rows[case.rule_start :], windows.series.outcomes.rows
        readings = Readings(
            self.name,
            statistic,
            [subject],
            values=_worst_input(case.features_from(case.rule_start)),
            why_not=lambda row, _subject: too_few("predictions with a number", min(rows[row], ENOUGH_ROWS - 1)),
            start=case.rule_start,
            sharing=_LEARNT,
            rows=rows.astype(np.float64)[:, None],
        )
        normal = learn(windows, _worst_input(windows.series.features), usual_rows[:, None])
        yield from judge(case, readings, normal, Rule(self.floor, Harm.HIGHER, span=SHARE))

    def _replay(self, case: Case) -> Iterator[Measurement]:
        share = self._replayed_apart()
        first = np.flatnonzero(share.whole(case.early.outcomes))[:1]
        if share.part(case.early.outcomes[first]).any():
            yield from self._share(case, share, production=True)
            return
        apart, repeated = share.part(case.outcomes), share.whole(case.outcomes)
        yield from self._events(
            case,
            share.subject,
            share.statistic,
            ratio(apart, repeated),
            [f"{a} of {n} {share.of} got different scores" for a, n in zip(apart, repeated, strict=True)],
            ["no input was repeated, among those sampled in this window"] * len(case.windows),
        )

    def _replayed_apart(self) -> _Share:
        def apart(outcomes: OutcomeCounts) -> IntArray:
            low, high = outcomes.replays[..., LOWEST] / 2, outcomes.replays[..., HIGHEST] / 2  # or the largest overflow
            allowed = self.tolerance * np.maximum(0.5, np.abs(high))
            return np.asarray((high - low > allowed).sum(axis=-1))

        statistic, what = "differing_share_of_repeated_inputs", "sampled inputs that came more than once"
        return _Share(
            "replay", statistic, what, apart, lambda outcomes: (outcomes.replays[..., TIMES] > 1).sum(axis=-1)
        )

    def _share(self, case: Case, share: _Share, *, production: bool = False) -> Iterator[Measurement]:
        windows = normal_windows(case, lambda series: enough_rows(share.whole(series.outcomes)), production=production)
        rows, usual = share.whole(case.outcomes), windows.series.outcomes
        readings = Readings(
            self.name,
            share.statistic,
            [share.subject],
            values=share.values(case.outcomes),
            why_not=lambda window, _subject: too_few(share.of, rows[window]),
            sharing=_LEARNT,
            rows=rows.astype(np.float64)[:, None],
        )
        normal = learn(windows, share.values(usual), share.whole(usual)[:, None])
        yield from judge(case, readings, normal, Rule(self.floor, Harm.HIGHER, span=SHARE))

    def _events(
        self, case: Case, subject: str, statistic: str, values: FloatArray, reasons: Sequence[str], why: Sequence[str]
    ) -> Iterator[Measurement]:
        """Anything above zero is a breach at once. `values` [W], NaN where `why` says why there is none."""
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows))
        for window in case.judged:
            found = Measurement(
                self.name,
                subject,
                case.windows[window],
                statistic,
                Outcome.NOT_EVALUATED,
                limit=0.0,
                reason=why[window],
            )
            value = float(values[window])
            if value > 0:
                yield replace(found, outcome=Outcome.BREACH, value=value, reason=reasons[window])
            else:
                yield no_fault(case, windows, replace(found, value=0.0)) if value == 0 else found


def _non_finite(outcomes: OutcomeCounts) -> IntArray:
    return np.asarray(outcomes.score_states[..., _NOT_FINITE].sum(axis=-1))


def _finite(outcomes: OutcomeCounts) -> IntArray:
    return np.asarray(outcomes.rows - outcomes.score_states.sum(axis=-1))


def _with_score(outcomes: OutcomeCounts) -> IntArray:
    return _finite(outcomes) + _non_finite(outcomes)


def _all_equal(outcomes: OutcomeCounts) -> BoolArray:
    return np.asarray(outcomes.lowest_score == outcomes.highest_score)


def _worst_input(features: FeatureCounts) -> FloatArray:
    """[W, 1] the largest share over the numeric columns; NaN where none has values enough."""
    states = np.concatenate([features.states, features.latent_states], axis=-2)
    bad = states[..., _NOT_FINITE].sum(axis=-1)
    whole = bad + np.concatenate([features.numeric, features.latent], axis=-2).sum(axis=-1)
    share = np.where(enough_rows(whole), bad / np.maximum(whole, 1), np.nan)
    return np.asarray(np.fmax.reduce(share, axis=-1))[:, None]


_NON_FINITE = _Share("score_non_finite", "non_finite_share", "predictions with a score", _non_finite, _with_score)
_OUTSIDE = _Share(
    "score_outside",
    "share_outside_0_1",
    "predictions with a finite score",
    lambda outcomes: outcomes.score_marks[..., OUTSIDE],
    _finite,
)
_SATURATED = _Share(
    "score_saturated",
    "share_at_0_or_1",
    "predictions with a finite score",
    lambda outcomes: outcomes.score_marks[..., ZERO] + outcomes.score_marks[..., ONE],
    _finite,
)

PLUGIN = NumericalStability()
