"""The verdict on a stored model, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update

from app.core.errors import NotFoundError
from app.core.gate import Gate
from app.services.gate import judge_model
from app.storage.engine import write
from app.storage.tables import version as versions
from tests.services.measured import DAY, START, add_version, measure

NOW = START + timedelta(days=5, hours=1)


def judge(engine: Engine, **options: Any) -> Gate:
    return judge_model(engine, "delay", now=NOW, **options)


def seen(gate: Gate) -> list[tuple[str, str, str, datetime]]:
    ones = [(finding.version, finding.measurement) for finding in gate.findings]
    return [(version, one.check, one.outcome.value, one.window.start) for version, one in ones]


def test_by_default_the_newest_judged_window_of_each_version_decides(engine: Engine) -> None:
    one, two = add_version(engine), add_version(engine, version="2")
    measure(engine, one, "bbo")
    measure(engine, two, "bo?")

    gate = judge(engine)

    assert gate.verdict == "healthy"
    assert seen(gate) == [
        ("2", "training_serving_skew", "not_evaluated", START + 2 * DAY),
        ("1", "training_serving_skew", "ok", START + 2 * DAY),
    ]


def test_since_a_time_every_window_counts(engine: Engine) -> None:
    one = add_version(engine)
    measure(engine, one, "bbooo")

    assert judge(engine, since=START + DAY).verdict == "breach"
    assert judge(engine, since=START + 2 * DAY).verdict == "healthy"
    assert judge(engine, since=START + 9 * DAY).verdict == "cannot_tell"


def test_one_version_and_some_checks_can_be_chosen(engine: Engine) -> None:
    one, two = add_version(engine), add_version(engine, version="2")
    measure(engine, one, "o")
    measure(engine, one, "b", check="volume", subject="")
    measure(engine, two, "b")

    assert judge(engine, version_name="1").verdict == "breach"
    assert judge(engine, version_name="1", checks=["training_serving_skew"]).verdict == "healthy"
    assert judge(engine, version_name="2", checks=["volume", "staleness"]).verdict == "cannot_tell"


def test_a_check_that_was_asked_for_and_not_judged_is_said(engine: Engine) -> None:
    measure(engine, add_version(engine), "o")

    gate = judge(engine, checks=["training_serving_skew", "volume"])

    assert gate.verdict == "healthy"
    assert [(outcome, check) for _, check, outcome, _ in seen(gate)] == [
        ("not_evaluated", "volume"),
        ("ok", "training_serving_skew"),
    ]
    assert "watchkeeper run" in gate.findings[0].measurement.reason


def test_a_retired_version_counts_only_when_it_is_named(engine: Engine) -> None:
    measure(engine, add_version(engine), "o")
    old = add_version(engine, version="old")
    measure(engine, old, "b")
    with write(engine) as connection:
        connection.execute(update(versions).where(versions.c.id == old).values(stage="retired"))

    assert judge(engine).verdict == "healthy"
    assert judge(engine, version_name="old").verdict == "breach"


def test_values_and_reasons_come_as_they_are_stored(engine: Engine) -> None:
    measure(engine, add_version(engine), "b", value=0.25, limit=0.125)

    [finding] = judge(engine).findings

    one = finding.measurement
    assert (one.value, one.limit, one.reason, one.segment) == (0.25, 0.125, "day 0 says b", None)
    assert (one.window.start, one.window.end) == (START, START + DAY)


def test_segments_do_not_decide(engine: Engine) -> None:
    version = add_version(engine)
    measure(engine, version, "o")
    measure(engine, version, "bb", segment="country=FI")

    assert judge(engine).verdict == "healthy"
    assert seen(judge(engine)) == seen(judge(engine, since=START))


@pytest.mark.parametrize("wrong", [{"version_name": "9"}, {"checks": ["horoscope"]}])
def test_what_there_is_not_is_an_error(engine: Engine, wrong: dict[str, Any]) -> None:
    add_version(engine)

    with pytest.raises(NotFoundError):
        judge(engine, **wrong)
