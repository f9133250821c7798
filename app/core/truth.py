"""What is held to be true of a prediction, out of everything that was said about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.core.fold import NEVER, UNKNOWN, Truth
from app.core.model import Source, Task

_CODES = {source: source.strength for source in Source}


class Correction(NamedTuple):
    """One thing said about a prediction. `said_at` is in microseconds since 1970; no label: shown, but no verdict.

    `withdraws` is the id of an earlier one that this takes back; it says nothing else. `probability`: with which the
    prediction was drawn for an audit, where that is known.
    """

    id: int
    said_at: int
    source: Source
    label_class: str | None = None
    label_value: float | None = None
    shown: bool = False
    withdraws: int | None = None
    author: str | None = None
    probability: float | None = None

    @property
    def has_label(self) -> bool:
        """A number that is not finite says nothing that could be compared with a prediction."""
        return self.label_class is not None or (self.label_value is not None and math.isfinite(self.label_value))


class EffectiveTruth(NamedTuple):
    """What follows from all corrections of one prediction.

    `label` is the newest label of the strongest source, `user` the newest that a user gave; either may be missing.
    `labelled_at` is when ground truth or an audit first gave one: saying it again later does not make it late.
    """

    label: Correction | None
    user: Correction | None
    shown: bool
    audited: bool
    labelled_at: int | None = None


class RowTruth(NamedTuple):
    """The truth of one prediction as it is counted, and kept beside the prediction so that it can be taken back.

    `labelled_at` is in microseconds since 1970.
    """

    label_class: str | None = None
    label_value: float | None = None
    source: Source | None = None
    shown: bool = False
    corrected: bool = False
    audited: bool = False
    labelled_at: int | None = None


NOTHING_SAID = RowTruth()


@dataclass(frozen=True, slots=True)
class Decision:
    """How a label is compared with a prediction: by class, by being the positive one, or by number."""

    task: Task
    positive_label: str

    def differs(self, predicted_class: str | None, predicted_value: float | None, said: Correction) -> bool:
        """True when what was said is not what was predicted. A prediction that decided nothing cannot be wrong."""
        if self.task is Task.REGRESSION:
            return predicted_value is not None and predicted_value != said.label_value
        if predicted_class is None:
            return False
        if self.task is Task.BINARY:
            return (predicted_class == self.positive_label) != (said.label_class == self.positive_label)
        return predicted_class != said.label_class

    def verdict(self, said: Correction) -> str | float | bool | None:
        """What a label says as far as the task goes: two labels agree when these are equal."""
        if self.task is Task.REGRESSION:
            return said.label_value
        return said.label_class == self.positive_label if self.task is Task.BINARY else said.label_class


def standing(corrections: Sequence[Correction]) -> Sequence[Correction]:
    """Those that nobody took back: what was withdrawn counts as never said, and so does the withdrawal."""
    withdrawn = {said.withdraws for said in corrections if said.withdraws is not None}
    if not withdrawn:
        return corrections
    return [said for said in corrections if said.withdraws is None and said.id not in withdrawn]


def effective_truth(corrections: Sequence[Correction]) -> EffectiveTruth:
    """The truth that corrections of one prediction amount to, in whatever order they are given.

    The strongest source that gives a label decides; of its labels the newest, and of two said at once the later stored.
    Those that were withdrawn do not count.
    """
    label = user = labelled_at = None
    best = best_user = (-1, 0, 0)
    shown = audited = False
    for said in standing(corrections):
        shown = shown or said.shown
        if not said.has_label:
            continue
        rank = (_CODES[said.source], said.said_at, said.id)
        if rank > best:
            label, best = said, rank
        if said.source is Source.USER and rank > best_user:
            user, best_user = said, rank
        audited = audited or said.source is Source.AUDIT
        if said.source is not Source.USER and (labelled_at is None or said.said_at < labelled_at):
            labelled_at = said.said_at
    return EffectiveTruth(label, user, shown, audited, labelled_at)


def row_truth(
    decision: Decision,
    predicted_class: str | None,
    predicted_value: float | None,
    corrections: Sequence[Correction],
) -> RowTruth:
    """The truth of one prediction as it is counted."""
    truth = effective_truth(corrections)
    corrected = truth.user is not None and decision.differs(predicted_class, predicted_value, truth.user)
    if truth.label is None:
        return RowTruth(shown=truth.shown, corrected=corrected)
    label = truth.label
    review = (truth.shown, corrected, truth.audited)
    return RowTruth(label.label_class, label.label_value, label.source, *review, truth.labelled_at)


def truth_columns(rows: int, known: Mapping[int, RowTruth]) -> Truth:
    """The truth of N predictions as columns; `known` gives it by position, and nothing was said about the others."""
    columns = Truth.unknown(rows)
    if not known:
        return columns
    at = np.fromiter(known, np.intp, len(known))
    classes, values, sources, shown, corrected, audited, labelled_at = zip(*known.values(), strict=True)
    columns.label_class[at] = classes
    columns.label_value[at] = [math.nan if value is None else value for value in values]
    columns.source[at] = [UNKNOWN if source is None else _CODES[source] for source in sources]
    columns.labelled_at[at] = [NEVER if time is None else time for time in labelled_at]
    return Truth(
        columns.label_class,
        columns.label_value,
        columns.source,
        _flags(rows, at, shown),
        _flags(rows, at, corrected),
        _flags(rows, at, audited),
        columns.labelled_at,
    )


def _flags(rows: int, at: NDArray[np.intp], flags: Sequence[bool]) -> NDArray[np.bool_]:
    column = np.zeros(rows, np.bool_)
    column[at] = flags
    return column
