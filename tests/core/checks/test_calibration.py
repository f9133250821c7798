"""Calibration error from raw rows, with scikit-learn's isotonic regression in place of ours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from app.core.checks.calibration import GROUPS, PLUGIN
from app.core.layout import Layout
from app.core.model import Outcome, Task
from tests.core.checks import oracles
from tests.core.checks.cases import LIVE, START, Given, by_day, day_of, measured, per_day, two_of_three, usual


def groups(layout: Layout, reference: pd.DataFrame, frame: pd.DataFrame) -> NDArray[np.intp]:
    """[rows] the tenth of the reference's rows that the middle of each row's score bin falls into."""
    counts = np.bincount(oracles.bins_of(layout, reference), minlength=layout.score_bins)
    middles = (np.cumsum(counts) - counts / 2) / counts.sum()
    by_bin = np.clip((middles * GROUPS).astype(np.intp), 0, GROUPS - 1)
    return np.asarray(by_bin[oracles.bins_of(layout, frame)])


def error(layout: Layout, reference: pd.DataFrame, frame: pd.DataFrame) -> float:
    """Sum over groups of |positives - expected|, per row."""
    gaps = (frame["label"] == "1").to_numpy(float) - oracles.positive(layout, reference, frame)
    by_group = pd.Series(gaps).groupby(groups(layout, reference, frame)).sum()
    return float(by_group.abs().sum() / len(frame))


def turned(given: Given, first: int) -> Given:
    """From that day on every third negative is positive."""
    late = (day_of(given.served, LIVE) >= first) & (np.arange(len(given.served)) % 3 == 0)
    return given.but(served=given.served.assign(label=given.served["label"].where(~late, "1")))


def test_value_limit_and_outcome_are_those_of_the_raw_rows() -> None:
    given = turned(usual(count=6, rows=300), 3)
    assert given.reference is not None
    layout = given.case().layout
    own = [error(layout, given.reference, day) for day in per_day(given.reference, START)]
    values = [error(layout, given.reference, day) for day in per_day(given.served, LIVE)]
    limit = max(0.01, 1.25 * max(own))
    found = by_day(PLUGIN, given.case())
    assert found.value.tolist() == pytest.approx(values, abs=1e-9)
    assert found.limit.tolist() == pytest.approx([limit] * 6)
    assert found.outcome.tolist() == two_of_three([value > limit for value in values])
    assert found.outcome[4] == Outcome.BREACH


def test_a_multiclass_model_that_errs_twice_as_often_as_its_confidence_says_is_found() -> None:
    given = usual(Task.MULTICLASS, count=6, rows=300)
    late = (day_of(given.served, LIVE) >= 2) & (np.arange(len(given.served)) % 3 == 0)
    wrong = given.served["predicted"].map({"ant": "bee", "bee": "cow", "cow": "ant"})
    found = by_day(
        PLUGIN, given.but(served=given.served.assign(label=given.served["label"].where(~late, wrong))).case()
    )
    assert found.outcome.tolist() == two_of_three([False, False, True, True, True, True])


def test_a_change_of_inputs_alone_is_no_miscalibration() -> None:
    given = usual(count=5, rows=300)
    shifted = given.but(served=given.served[given.served["score"] > 0.6].reset_index(drop=True))
    assert Outcome.BREACH not in set(by_day(PLUGIN, shifted.case()).outcome)


def test_without_labels_it_says_what_is_missing() -> None:
    given = usual()
    assert given.reference is not None
    unlabelled = given.but(served=given.served.drop(columns="label"))
    assert set(by_day(PLUGIN, unlabelled.case()).reason) == {"no labels in this window"}
    never = given.but(reference=given.reference.drop(columns="label"))
    assert set(measured(PLUGIN, never.case()).reason) == {"the reference has no labels: store one with a label column"}
    unscored = given.but(served=given.served.assign(score=np.nan))
    assert set(by_day(PLUGIN, unscored.case()).reason) == {"the labelled rows have no score"}
