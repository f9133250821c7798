"""From measurements to alerts, transitions, messages and deliveries, on both databases."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event

from app.core.messages import MOST_LINES, Kind, Message, from_json
from app.core.model import Stage
from app.services.alerting import RECENT_WINDOWS, AlertSummary, alert
from app.services.checks import advice_for, all_checks
from app.services.deployments import set_stage
from app.storage import tables
from app.storage.engine import write
from tests.services.measured import DAY, START, add_channels, add_version, measure, rows_of

NOW = START + 30 * DAY
HOUR = timedelta(hours=1)


@pytest.fixture
def version_id(engine: Engine) -> int:
    return add_version(engine)


def messages(engine: Engine) -> list[Message]:
    return [from_json(row["message"]) for row in rows_of(engine, "notification")]  # type: ignore[arg-type]


def changes(engine: Engine) -> list[tuple[Any, Any]]:
    return [(row["new_state"], row["window_start"]) for row in rows_of(engine, "alert_transition")]


def test_nothing_measured_nothing_changed(engine: Engine, version_id: int) -> None:
    assert alert(engine, NOW) == AlertSummary()


def test_a_breach_fires_once_and_a_healthy_window_resolves_it(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "oob")
    assert alert(engine, NOW) == AlertSummary(fired=1, notifications=1)
    assert alert(engine, NOW) == AlertSummary()

    measure(engine, version_id, "b?", first_day=3)
    assert alert(engine, NOW) == AlertSummary()

    measure(engine, version_id, "o", first_day=5)
    assert alert(engine, NOW) == AlertSummary(resolved=1, notifications=1)
    assert changes(engine) == [("firing", START + 2 * DAY), ("resolved", START + 5 * DAY)]


@pytest.mark.parametrize(
    ("outcomes", "since"),
    [
        pytest.param("oobb", 2, id="since the first breach after the last healthy window"),
        pytest.param("bb", 0, id="since the first window there is"),
        pytest.param("bob?b?", 2, id="what could not be judged neither ends a run nor begins one"),
        pytest.param("boob", 3, id="an earlier run is over"),
    ],
)
def test_since_when(engine: Engine, version_id: int, outcomes: str, since: int) -> None:
    measure(engine, version_id, outcomes)

    alert(engine, NOW)

    assert rows_of(engine, "alert")[0]["since"] == START + since * DAY
    assert messages(engine)[0].since == START + since * DAY


def test_an_open_alert_shows_its_newest_window(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b", value=0.2)
    alert(engine, NOW)
    measure(engine, version_id, "b", value=0.25, first_day=1)

    assert alert(engine, NOW + HOUR) == AlertSummary()

    row = rows_of(engine, "alert")[0]
    assert (row["value"], row["reason"], row["judged_window"]) == (0.25, "day 1 says b", START + DAY)
    assert (row["since"], row["changed_at"]) == (START, NOW)


def test_an_older_window_that_is_judged_again_changes_nothing(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "oobb")
    alert(engine, NOW)
    measure(engine, version_id, "ooo")

    assert alert(engine, NOW) == AlertSummary()


def test_the_newest_window_judged_again_counts(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "oob")
    alert(engine, NOW)
    measure(engine, version_id, "o", first_day=2)

    assert alert(engine, NOW) == AlertSummary(resolved=1, notifications=1)


def test_one_message_per_check_and_kind_the_worst_first(engine: Engine, version_id: int) -> None:
    for subject, value in (("mild", 0.11), ("worst", 0.9), ("bad", 0.4)):
        measure(engine, version_id, "b", subject=subject, value=value)
    measure(engine, version_id, "b", check="volume", subject="", segment="carrier=UA")
    measure(engine, version_id, "b", check="performance", subject="auc", value=math.nan, limit=math.inf)

    assert alert(engine, NOW, public_url="https://watch.example.org/") == AlertSummary(fired=5, notifications=3)

    told = {message.check: message for message in messages(engine)}
    skew = told["training_serving_skew"]
    assert [line.subject for line in skew.lines] == ["worst", "bad", "mild"]
    assert skew.title == "delay 1: training_serving_skew breached for worst and 2 more"
    worst = next(row for row in rows_of(engine, "alert") if row["subject"] == "worst")
    assert skew.link == f"https://watch.example.org/alert?id={worst['id']}"
    assert skew.runbook == "https://watch.example.org/runbook?check=training_serving_skew&model=delay"
    assert skew.advice == all_checks()["training_serving_skew"].advice
    assert skew.expected_rate == 0.003
    assert told["volume"].lines[0].segment == "carrier=UA"
    assert math.isnan(told["performance"].lines[0].value or 0)
    assert len({message.id for message in told.values()}) == 3


def test_the_fire_and_its_resolve_are_of_one_thread(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    measure(engine, version_id, "o", first_day=1)
    alert(engine, NOW)

    fire, resolve = messages(engine)
    assert (fire.kind, resolve.kind) == (Kind.FIRING, Kind.RESOLVED)
    assert fire.thread == resolve.thread
    assert fire.id != resolve.id
    assert resolve.since == START


def test_a_message_about_very_many_subjects_is_cut_but_every_change_is_kept(engine: Engine, version_id: int) -> None:
    for n in range(MOST_LINES + 5):
        measure(engine, version_id, "b", subject=f"f{n}")

    alert(engine, NOW)

    assert len(messages(engine)[0].lines) == MOST_LINES
    assert messages(engine)[0].more == 5
    assert len(changes(engine)) == MOST_LINES + 5


def test_one_delivery_for_each_channel(engine: Engine, version_id: int) -> None:
    add_channels(engine, [("a", "A"), ("b", "B")])
    measure(engine, version_id, "b")

    alert(engine, NOW)

    deliveries = rows_of(engine, "delivery")
    assert [row["state"] for row in deliveries] == ["pending", "pending"]
    assert len({row["channel_id"] for row in deliveries}) == 2
    assert {row["next_attempt_at"] for row in deliveries} == {NOW}


def test_versions_do_not_mix(engine: Engine, version_id: int) -> None:
    other = add_version(engine, "delay", "2")
    measure(engine, version_id, "b")
    measure(engine, other, "o")

    assert alert(engine, NOW) == AlertSummary(fired=1, notifications=1)
    measure(engine, other, "b", first_day=1)
    assert alert(engine, NOW) == AlertSummary(fired=1, notifications=1)
    assert [message.version for message in messages(engine)] == ["1", "2"]


def test_what_is_long_past_is_left_alone(engine: Engine, version_id: int) -> None:
    """A subject that is no longer measured neither fires nor resolves."""
    measure(engine, version_id, "b", subject="gone")
    measure(engine, version_id, "o" * (RECENT_WINDOWS + 1), subject="still there", first_day=1)

    assert alert(engine, NOW) == AlertSummary()


def test_an_alert_about_what_is_measured_no_more_ends_and_says_so(engine: Engine, version_id: int) -> None:
    """As when a new reference lacks the feature: all measurements are made anew, without it."""
    measure(engine, version_id, "bb", subject="gone")
    measure(engine, version_id, "bb", subject="age")
    assert alert(engine, NOW).fired == 2
    with write(engine) as connection:
        connection.execute(delete(tables.measurement))
    measure(engine, version_id, "b", subject="age")
    assert alert(engine, NOW) == AlertSummary()  # the newest window is still missing

    measure(engine, version_id, "b?", subject="age")
    assert alert(engine, NOW + HOUR) == AlertSummary(resolved=1, notifications=1)

    told = messages(engine)[-1]
    assert told.title == "delay 1: training_serving_skew no longer watched for gone"
    assert told.lines[0].reason == "no longer watched: the newest window has no such measurement"
    assert alert(engine, NOW + HOUR) == AlertSummary()


def test_the_alerts_of_a_retired_version_end_and_say_so(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "bb", subject="age")
    assert alert(engine, NOW).fired == 1
    set_stage(engine, "delay", "1", Stage.RETIRED, START)

    assert alert(engine, NOW) == AlertSummary(resolved=1, notifications=1)
    told = messages(engine)[-1]
    assert told.title == "delay 1: training_serving_skew no longer watched for age"  # it is in breach to the end
    assert told.lines[0].reason == "no longer watched: the version is retired"
    assert alert(engine, NOW) == AlertSummary()


def test_what_is_asked_does_not_grow_with_the_subjects_and_nothing_is_written_without_a_change(
    engine: Engine, version_id: int
) -> None:
    measure(engine, version_id, "oob", subject="f")
    alert(engine, NOW)
    few = _statements(engine, lambda: alert(engine, NOW))
    for n in range(30):
        measure(engine, version_id, "oob", subject=f"f{n}")
    alert(engine, NOW)
    many = _statements(engine, lambda: alert(engine, NOW))

    assert len(many) == len(few) > 0
    assert all(statement.lstrip().startswith("SELECT") for statement in many)


def _statements(engine: Engine, work: Callable[[], object]) -> list[str]:
    """What the work asks of the database."""
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    work()
    event.remove(engine, "before_cursor_execute", note)
    return [statement for statement in asked if not statement.startswith("BEGIN")]


def test_many_workers_at_once_tell_it_once(engine: Engine, version_id: int) -> None:
    add_channels(engine, [("a", "A")])
    for n in range(10):
        measure(engine, version_id, "b", subject=f"f{n}")

    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            fired = sum(summary.fired for summary in pool.map(lambda _: alert(engine, NOW), range(4)))
        for n in range(10):
            measure(engine, version_id, "o", subject=f"f{n}", first_day=1)
        with ThreadPoolExecutor(4) as pool:
            resolved = sum(summary.resolved for summary in pool.map(lambda _: alert(engine, NOW), range(4)))
        for n in range(10):
            measure(engine, version_id, "b", subject=f"f{n}", first_day=1)
        assert (fired, resolved) == (10, 10)

    told = [line.subject for message in messages(engine) for line in message.lines]
    assert len(told) == len(changes(engine)) == 60
    # Nothing was sent: of each fire that was over before that, nobody hears, nor of its end.
    assert {row["state"] for row in rows_of(engine, "delivery")} == {"superseded"}
    assert len(rows_of(engine, "delivery")) == 3


def test_a_message_and_that_it_was_told_are_written_together_or_not_at_all(
    engine: Engine, version_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(engine, version_id, "b")

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("app.services.telling.outbox.add_deliveries", fail)
        with pytest.raises(RuntimeError):
            alert(engine, NOW)

    (row,) = rows_of(engine, "alert")
    assert (row["state"], row["told_state"], row["told_at"]) == ("firing", None, None)
    assert rows_of(engine, "notification") == []
    assert alert(engine, NOW) == AlertSummary(notifications=1)
    assert rows_of(engine, "alert")[0]["told_state"] == "firing"
    assert rows_of(engine, "alert_transition")[0]["notification_id"] == rows_of(engine, "notification")[0]["id"]


def test_advice_comes_from_the_check_and_a_removed_check_has_none() -> None:
    assert advice_for("volume") == all_checks()["volume"].advice
    assert advice_for("a_check_of_yesterday") == ""


def test_the_callers_zone_does_not_matter(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW.astimezone(timezone(timedelta(hours=5))))

    assert messages(engine)[0].at == NOW
    assert rows_of(engine, "alert")[0]["changed_at"] == NOW


def test_a_resolve_says_what_is_still_in_breach(engine: Engine, version_id: int) -> None:
    """Only the last one may close an incident that stands for the whole check."""
    measure(engine, version_id, "b", subject="age")
    measure(engine, version_id, "b", subject="fare")
    alert(engine, NOW)
    measure(engine, version_id, "o", subject="age", first_day=1)
    alert(engine, NOW + HOUR)
    measure(engine, version_id, "oo", subject="fare", first_day=1)
    alert(engine, NOW + HOUR)

    assert [(message.kind, message.remaining, message.ends) for message in messages(engine)] == [
        (Kind.FIRING, 2, False),
        (Kind.RESOLVED, 1, False),
        (Kind.RESOLVED, 0, True),
    ]
