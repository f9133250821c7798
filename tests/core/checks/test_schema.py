"""New, lost and retyped features, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.core.checks.schema import LOST, NEW_FEATURES, PLUGIN
from app.core.model import Outcome
from tests.core.checks.cases import LIVE, START, Given, by_day, day_of, learnt, measured, per_day, two_of_three, usual

ROWS = 200


def on_day(given: Given, day: int, column: str, values: object, rows: int | None = None) -> Given:
    """The first `rows` rows of a day (all without a number) get other values."""
    served = given.served.astype({column: object})
    chosen = np.flatnonzero(day_of(served, LIVE) == day)[:rows]
    served.loc[served.index[chosen], column] = pd.Series(
        [values] * chosen.size, index=served.index[chosen], dtype=object
    )
    return given.but(served=served)


@pytest.mark.parametrize(("feature", "stray"), [("x", "12,5"), ("kind", "unheard of")])
def test_values_of_another_kind_are_judged_by_their_share(feature: str, stray: str) -> None:
    given = usual()
    for day, rows in ((1, 10), (2, 2), (3, 20)):
        given = on_day(given, day, feature, stray, rows)
    found = by_day(PLUGIN, given.case(), feature)
    assert found.value.tolist() == [0, 0.05, 0.01, 0.1, 0]
    assert found.limit.tolist() == pytest.approx([0.01] * 5)
    assert found.outcome.tolist() == two_of_three([False, True, False, True, False])


def test_categories_that_the_layout_has_no_room_for_are_as_normal_as_in_the_reference() -> None:
    given = usual()
    assert given.reference is not None
    rng = np.random.default_rng(80)

    def towns(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(kind=[f"t{i}" for i in rng.zipf(1.3, len(frame)) % 400])

    reference, served = towns(given.reference), towns(given.served)
    counts = reference["kind"].value_counts().reset_index().sort_values(["count", "kind"], ascending=[False, True])
    known = set(counts["kind"][:100])
    usually, shares = (
        [float((~day["kind"].isin(known)).mean()) for day in per_day(frame, since)]
        for frame, since in ((reference, START), (served, LIVE))
    )
    mean, tolerance = learnt(usually, floor=0.01)
    found = by_day(PLUGIN, given.but(reference=reference, served=served).case(), "kind")
    assert found.value.tolist() == pytest.approx(shares)
    assert found.normal.tolist() == pytest.approx([mean] * 5)
    assert found.limit.tolist() == pytest.approx([mean + tolerance] * 5)


@pytest.mark.parametrize("feature", ["x", "kind"])
def test_a_feature_that_no_prediction_has_is_lost_at_once(feature: str) -> None:
    given = on_day(usual(), 2, feature, None)
    found = by_day(PLUGIN, given.case(), feature)
    assert found.outcome.tolist() == [Outcome.OK] * 2 + [Outcome.BREACH] + [Outcome.OK] * 2
    assert (found.value[2], found.reason[2]) == (1.0, LOST)
    other = by_day(PLUGIN, given.case(), "kind" if feature == "x" else "x")
    assert set(other.outcome) == {Outcome.OK}


def test_a_feature_that_is_usually_missing_is_lost_in_the_third_window_without_it() -> None:
    """Gusts are measured on windy days: a calm day is no loss, three in a row may be one."""
    given = usual(count=7)
    assert given.reference is not None
    calm = np.random.default_rng(6).random(len(given.reference)) < 0.6
    reference = given.reference.assign(x=given.reference["x"].mask(calm).astype(object).where(~calm, None))
    given = given.but(reference=reference)
    for day in (1, 3, 4, 5):
        given = on_day(given, day, "x", None)
    found = by_day(PLUGIN, given.case(), "x")
    assert np.flatnonzero(found.outcome == Outcome.BREACH).tolist() == [5]
    assert found.reason[5] == LOST


def test_a_loss_is_told_while_normal_is_still_being_learnt() -> None:
    given = on_day(usual(reference_days=5), 2, "x", None)
    found = by_day(PLUGIN, given.case(), "x")
    assert found.outcome.tolist() == [Outcome.NOT_EVALUATED] * 2 + [Outcome.BREACH] + [Outcome.NOT_EVALUATED] * 2


def test_one_value_left_is_not_lost_and_a_tiny_window_says_nothing() -> None:
    given = on_day(usual(), 2, "x", None, rows=ROWS - 1)
    assert by_day(PLUGIN, given.case(), "x").reason[2] == "too few values: 1, at least 30 are needed"
    tiny = on_day(usual(rows=20), 2, "x", None)
    assert by_day(PLUGIN, tiny.case(), "x").outcome[2] == Outcome.NOT_EVALUATED


def test_new_features_are_counted_per_prediction_beyond_what_production_always_had() -> None:
    """The service always sent one feature more than the reference holds; then some predictions come with two."""
    given = usual(count=34)
    unknown = np.ones(len(given.served), int)
    for day, rows in ((31, 30), (32, 30)):
        unknown[np.flatnonzero(day_of(given.served, LIVE) == day)[:rows]] = 2
    found = by_day(PLUGIN, given.but(served=given.served.assign(unknown=unknown)).case(), NEW_FEATURES)
    assert set(found.outcome[:30]) == {Outcome.NOT_EVALUATED}
    assert found.value[30:].tolist() == [1.0, 1.15, 1.15, 1.0]
    assert found.normal[30] == 1.0
    assert found.limit[30] == pytest.approx(1.01)
    assert found.outcome[30:].tolist() == [Outcome.OK, Outcome.OK, Outcome.BREACH, Outcome.BREACH]


def test_without_a_reference_nothing_is_known_and_so_nothing_new() -> None:
    found = measured(PLUGIN, usual().but(reference=None).case())
    assert set(found.reason) == {"no reference: store training or validation rows of this version"}
