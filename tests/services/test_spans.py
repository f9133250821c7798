"""From when to when features lay beyond their limits and alerts were open, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from app.core.errors import NotFoundError
from app.services.alerting import alert
from app.services.read_models.spans import AlertSpan, DriftSpan, alert_spans, drift_spans
from tests.services.measured import DAY, START, add_version, measure

END = START + 30 * DAY


def test_breaches_one_after_the_other_are_one_span_and_any_other_verdict_ends_it(engine: Engine) -> None:
    one, two = add_version(engine, version="1"), add_version(engine, version="2")
    measure(engine, one, "obbo?b?bb", subject="age")
    measure(engine, two, "bb", subject="age", first_day=3)
    measure(engine, one, "bbb", subject="age", segment="country=DE")  # a part of the rows is another story
    measure(engine, one, "bbb", subject="p95", check="latency")  # no feature
    measure(engine, add_version(engine, "other"), "bbb")

    found = drift_spans(engine, "delay", START, END)

    assert found == [
        DriftSpan("age", "training_serving_skew", version, START + first * DAY, START + end * DAY, end - first)
        for version, first, end in (("1", 1, 3), ("2", 3, 5), ("1", 5, 6), ("1", 7, 9))
    ]
    measure(engine, one, "?bb", subject="age", check="missing_values", first_day=20)
    assert drift_spans(engine, "delay", START + 10 * DAY, END) == [
        DriftSpan("age", "missing_values", "1", START + 21 * DAY, START + 23 * DAY, 2)
    ]
    assert drift_spans(engine, "delay", START + 2 * DAY, START + 3 * DAY) == [
        DriftSpan("age", "training_serving_skew", "1", START + 2 * DAY, START + 3 * DAY, 1)
    ]


def test_an_alert_is_open_from_its_fire_to_its_end(engine: Engine) -> None:
    version = add_version(engine)
    times = [START + day * DAY for day in (10, 12, 14)]
    for first, (letters, at) in enumerate(zip(("ob", "oo", "bb"), times, strict=True)):
        measure(engine, version, letters, first_day=2 * first)
        alert(engine, at)
    fired, ended, again = times

    def spans(since: int, until: int) -> list[tuple[object, object]]:
        return [(one.start, one.end) for one in alert_spans(engine, "delay", START + since * DAY, START + until * DAY)]

    [whole, _] = alert_spans(engine, "delay", START, END)
    assert whole == AlertSpan(whole.id, "1", "training_serving_skew", "age", "", fired, ended)
    assert spans(0, 30) == [(fired, ended), (again, None)]
    assert spans(11, 30) == [(None, ended), (again, None)]  # open since before what was asked
    assert spans(11, 13) == [(None, ended)]
    assert spans(20, 30) == [(None, None)]
    assert spans(0, 5) == []


def test_an_unknown_model_is_said_to_be_unknown(engine: Engine) -> None:
    for read in (drift_spans, alert_spans):
        with pytest.raises(NotFoundError, match="nobody"):
            read(engine, "nobody", START, END)
