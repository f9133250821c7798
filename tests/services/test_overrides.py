"""Limits that people set are validated, kept for good, and hold for windows from then on."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError
from app.core.model import Model, Task
from app.services.evaluate import evaluate
from app.services.overrides import list_overrides, remove_override, set_override
from tests.core.checks.cases import DAY, LIVE, Given, usual
from tests.services.test_evaluate import measurements, register, store, until

SKEW: dict[str, Any] = {
    "check": "training_serving_skew",
    "subject": "x",
    "limit": 0.01,
    "author": "ann",
    "reason": "for the test",
}


@pytest.fixture(scope="module")
def given() -> Given:
    healthy = usual(seed=3, reference_days=32, count=6, rows=60)
    return healthy.but(model=Model("m", Task.BINARY), served=healthy.served.assign(source="ground_truth"))


def test_a_limit_holds_for_windows_that_end_after_it_was_set_and_until_it_is_removed(
    engine: Engine, given: Given
) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    name = "m"
    set_override(engine, LIVE + 2 * DAY, name, **SKEW)
    remove_override(
        engine, LIVE + 4 * DAY, name, check=SKEW["check"], subject="x", author="bob", reason="no longer needed"
    )
    evaluate(engine, until(6))
    rows = [row for row in measurements(engine, version) if row.check == SKEW["check"] and row.subject == "x"]
    assert ["limit set by ann: for the test" in row.reason for row in rows] == [False, False, True, True, False, False]
    assert [row.limit == 0.01 for row in rows] == [False, False, True, True, False, False]


def test_nothing_that_was_set_is_ever_lost(engine: Engine, given: Given) -> None:
    register(engine, given)
    name = "m"
    set_override(engine, LIVE, name, **SKEW)
    set_override(engine, LIVE + DAY, name, **{**SKEW, "limit": 0.5, "author": "bob"})
    (now,) = list_overrides(engine, name)
    assert (now["limit"], now["author"], now["removed_at"]) == (0.5, "bob", None)
    remove_override(engine, LIVE + 2 * DAY, name, check=SKEW["check"], subject="x", author="cy", reason="done")
    assert list_overrides(engine, name) == []
    first, second = list_overrides(engine, name, ended=True)
    assert (first["removed_by"], first["removed_at"]) == ("bob", LIVE + DAY)
    assert (second["removed_by"], second["removal_reason"]) == ("cy", "done")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"check": "horoscope"}, "check"),
        ({"check": "staleness"}, "check"),
        ({"check": "latency", "subject": "leak"}, "subject"),
        ({"limit": float("nan")}, "limit"),
        ({"limit": -1.0}, "limit"),
        ({"author": " "}, "author"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"segment": "a\nb"}, "segment"),
    ],
)
def test_wrong_values_are_refused_by_name(engine: Engine, given: Given, change: dict[str, Any], field: str) -> None:
    register(engine, given)
    with pytest.raises(InvalidError) as error:
        set_override(engine, LIVE, "m", **{**SKEW, **change})
    assert error.value.field == field


def test_what_is_not_set_cannot_be_removed(engine: Engine, given: Given) -> None:
    register(engine, given)
    name = "m"
    with pytest.raises(NotFoundError, match="no limit set for 'volume'"):
        remove_override(engine, LIVE, name, check="volume", author="ann", reason="why")
    with pytest.raises(NotFoundError, match="no model 'nobody'"):
        set_override(engine, LIVE, "nobody", **SKEW)
