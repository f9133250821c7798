"""Ages by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.checks.staleness import PLUGIN
from app.core.model import Model, Outcome, Task, Version
from tests.core.checks.cases import DAY, LIVE, Given, by_day, measured, usual


def given(**version: object) -> Given:
    model = Model("m", Task.BINARY, max_staleness=timedelta(days=10))
    return usual(seed=80).but(model=model, version=Version(1, "v", **version))  # type: ignore[arg-type]


def test_training_data_is_judged_at_the_end_of_each_window_against_the_declared_limit() -> None:
    found = by_day(PLUGIN, given(newest_training_row=LIVE - 7.5 * DAY).case(), "training_data")
    assert found.value.tolist() == [8.5, 9.5, 10.5, 11.5, 12.5]
    assert found.limit.tolist() == [10.0] * 5
    assert found.outcome.tolist() == [Outcome.OK] * 2 + [Outcome.BREACH] * 3
    assert found.reason.tolist() == [""] * 2 + ["older than the declared limit"] * 3


def test_exactly_at_the_limit_is_not_beyond_it() -> None:
    found = by_day(PLUGIN, given(newest_training_row=LIVE - 9 * DAY).case(), "training_data")
    assert found.outcome.tolist() == [Outcome.OK] + [Outcome.BREACH] * 4


def test_a_model_without_a_limit_shows_the_age_and_asks_for_one() -> None:
    open_ended = given(newest_training_row=LIVE - DAY).but(model=Model("m", Task.BINARY))
    found = by_day(PLUGIN, open_ended.case(), "training_data")
    assert found.value.tolist() == [2, 3, 4, 5, 6]
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert set(found.reason) == {"no limit: give the model its max_staleness"}


def test_an_unknown_age_is_not_evaluated_and_says_what_to_give() -> None:
    found = measured(PLUGIN, given().case()).drop_duplicates("subject").set_index("subject")
    assert found.value.isna().tolist() == [True, True, False]
    assert found.reason["training_data"] == (
        "unknown: give the version its newest_training_row, or a reference with timestamps"
    )
    assert found.reason["deployment"] == "unknown: give the version its deployed_at"


@pytest.mark.parametrize("field", ["deployed_at", "created_at"])
def test_deployment_counts_from_its_time_or_else_from_the_registration_and_is_never_negative(field: str) -> None:
    found = by_day(PLUGIN, given(**{field: LIVE + 2 * DAY}).case(), "deployment")
    assert found.value.tolist() == [0, 0, 1, 2, 3]
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}


def test_labels_are_as_old_as_the_newest_window_that_holds_any() -> None:
    healthy = given()
    day = healthy.served.index // 200
    known = healthy.served["label"].where((day == 1) | (day == 2), None)
    found = by_day(PLUGIN, healthy.but(served=healthy.served.assign(label=known)).case(), "labels")
    assert found.value.isna().tolist() == [True] + [False] * 4
    assert found.value.tolist()[1:] == [0, 0, 1, 2]
    assert found.reason[0] == "no labels in 1 windows: send some"
