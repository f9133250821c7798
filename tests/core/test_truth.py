"""What is held to be true, out of everything that was said: a table of cases, each with its reason."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from app.core.fold import NEVER, UNKNOWN
from app.core.model import Source, Task
from app.core.truth import Correction, Decision, RowTruth, effective_truth, row_truth, truth_columns

USER, AUDIT, TRUTH = Source.USER, Source.AUDIT, Source.GROUND_TRUTH


def said(source: Source, label: str | None, at: int = 0, id_: int = 0, *, shown: bool = False) -> Correction:
    return Correction(id_, at, source, label, None, shown)


def withdrawal(id_: int, of: int) -> Correction:
    return Correction(id_, id_, USER, withdraws=of)


CASES = [
    ("nothing was said", [], None, None),
    ("one label is the truth", [said(USER, "1")], "1", USER),
    ("the newer label of the same source replaces the older", [said(TRUTH, "0", 1), said(TRUTH, "1", 2)], "1", TRUTH),
    ("of two said at once the later stored", [said(TRUTH, "0", 1, 1), said(TRUTH, "1", 1, 2)], "1", TRUTH),
    ("an audit outweighs a newer word of a user", [said(AUDIT, "0", 1), said(USER, "1", 9)], "0", AUDIT),
    ("ground truth outweighs a newer audit", [said(TRUTH, "0", 1), said(AUDIT, "1", 9)], "0", TRUTH),
    ("a strong source without a verdict says nothing", [said(TRUTH, None, 9), said(USER, "1", 1)], "1", USER),
    ("shown without a verdict is no label", [said(USER, None, shown=True)], None, None),
    ("a number that is not finite is no label", [Correction(1, 1, TRUTH, None, math.nan)], None, None),
    ("what is taken back was never said", [said(USER, "1", 1, 1), withdrawal(2, of=1)], None, None),
    ("the word before it counts again", [said(USER, "0", 1, 1), said(USER, "1", 2, 2), withdrawal(3, of=2)], "0", USER),
    ("and so does the weaker source", [said(USER, "0", 1, 1), said(AUDIT, "1", 2, 2), withdrawal(3, of=2)], "0", USER),
    (
        "to take back twice is to take back once",
        [said(USER, "1", 1, 1), withdrawal(2, 1), withdrawal(3, 1)],
        None,
        None,
    ),
    (
        "it leaves the older number",
        [Correction(1, 1, USER, None, 2.0), Correction(2, 2, USER, None, math.inf)],
        2.0,
        USER,
    ),
]


@pytest.mark.parametrize(("corrections", "label", "source"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_effective_label(corrections: list[Correction], label: object, source: Source | None) -> None:
    for order in permutations(corrections):
        found = effective_truth(order).label
        assert (found and (found.label_class or found.label_value)) == label
        assert (found and found.source) == source


def test_shown_once_is_shown_and_audited_takes_a_verdict() -> None:
    truth = effective_truth([said(USER, None, shown=True), said(TRUTH, "1")])
    assert (truth.shown, truth.audited) == (True, False)
    assert not effective_truth([said(AUDIT, None)]).audited
    assert effective_truth([said(AUDIT, "1"), said(TRUTH, "0")]).audited


BINARY, MULTICLASS, REGRESSION = (Decision(task, "late") for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION))
CORRECTED = [
    ("another class", MULTICLASS, ("cat", None), said(USER, "dog"), True),
    ("the same class is a confirmation", MULTICLASS, ("cat", None), said(USER, "cat"), False),
    ("not positive by another name is still not positive", BINARY, ("on time", None), said(USER, "0"), False),
    ("positive where negative was said", BINARY, ("late", None), said(USER, "0"), True),
    ("another number", REGRESSION, (None, 1.0), Correction(1, 1, USER, None, 2.0), True),
    ("the same number", REGRESSION, (None, 2.0), Correction(1, 1, USER, None, 2.0), False),
    ("what decided nothing is not corrected", BINARY, (None, None), said(USER, "late"), False),
    ("ground truth corrects nobody: it is no user", BINARY, ("late", None), said(TRUTH, "0"), False),
]


@pytest.mark.parametrize(
    ("decision", "predicted", "correction", "corrected"), [c[1:] for c in CORRECTED], ids=[c[0] for c in CORRECTED]
)
def test_corrected(
    decision: Decision, predicted: tuple[str | None, float | None], correction: Correction, corrected: bool
) -> None:
    assert row_truth(decision, *predicted, [correction]).corrected is corrected


def test_a_user_who_thinks_better_of_it_has_not_corrected() -> None:
    assert not row_truth(BINARY, "late", None, [said(USER, "0", 1), said(USER, "late", 2)]).corrected


def test_columns_hold_what_is_known_and_nothing_elsewhere() -> None:
    columns = truth_columns(
        3, {1: RowTruth("late", None, AUDIT, True, False, True, 7), 2: RowTruth(None, 2.5, TRUTH, False, True, False)}
    )
    assert columns.label_class.tolist() == [None, "late", None]
    np.testing.assert_array_equal(columns.label_value, [math.nan, math.nan, 2.5])
    assert columns.source.tolist() == [UNKNOWN, AUDIT.strength, TRUTH.strength]
    assert columns.shown.tolist() == [False, True, False]
    assert columns.corrected.tolist() == [False, False, True]
    assert columns.audited.tolist() == [False, True, False]
    assert columns.labelled_at.tolist() == [NEVER, 7, NEVER]


def test_a_label_that_is_said_again_came_when_it_was_said_first() -> None:
    given = [said(USER, "1", 1), said(TRUTH, "1", 9), said(AUDIT, "0", 4), said(TRUTH, None, 2), said(TRUTH, "0", 11)]
    truth = row_truth(BINARY, "1", None, given)
    assert (truth.label_class, truth.labelled_at) == ("0", 4)
    assert row_truth(BINARY, "1", None, given[:1]).labelled_at is None
