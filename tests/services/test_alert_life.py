"""From breach to end: who is told what, on both databases, with acknowledgements, silences and channels that fail."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import URL, Connection, Engine, select, update

from app.core.alerting import Finding
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.messages import Kind, Message, from_json
from app.core.model import Outcome, Window
from app.core.severity import Severity
from app.core.silences import Matcher, Silence
from app.services.acknowledging import acknowledge, resolve, unacknowledge
from app.services.alert_page import alert_page
from app.services.alerting import AlertSummary, alert, alert_about_itself
from app.services.catalogue import change_model
from app.services.channels import add_channel
from app.services.read_models.alert_rows import alerts
from app.services.silences import add_silence, end_silence, list_silences, weekly
from app.storage import acknowledgements, outbox, tables
from app.storage.alerts import lock_version
from app.storage.engine import engine_for, write
from tests.services.measured import DAY, START, add_channels, add_version, measure, rows_of

NOW = START + 30 * DAY
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def version_id(engine: Engine) -> int:
    add_channels(engine, [("ops", "OPS")])
    return add_version(engine)


def told(engine: Engine) -> list[Message]:
    return [from_json(row["message"]) for row in rows_of(engine, "notification")]  # type: ignore[arg-type]


def said(engine: Engine) -> list[tuple[Kind, list[str]]]:
    return [(message.kind, [line.subject for line in message.lines]) for message in told(engine)]


def deliveries(engine: Engine) -> list[Any]:
    return [row["state"] for row in rows_of(engine, "delivery")]


def take(engine: Engine, now: datetime, answer: str = "delivered") -> None:
    """The channels answer to everything that is due."""
    for channel in rows_of(engine, "channel"):
        with write(engine) as connection:
            while claimed := outbox.claim_delivery(connection, channel["id"], now):  # type: ignore[arg-type]
                if answer == "delivered":
                    outbox.mark_delivered(connection, tables.delivery, claimed.id, now)
                elif answer == "dead":
                    outbox.mark_failed(connection, tables.delivery, claimed.id, claimed.attempts, "no", None)


def hush(engine: Engine, now: datetime, hours: float, **names: str) -> int:
    new = Silence(Matcher(**names), now, now + hours * HOUR, "ann", "a migration")
    identity: int = add_silence(engine, now, new)["id"]
    return identity


def test_patience_is_declared_by_the_owner(engine: Engine, version_id: int) -> None:
    change_model(engine, "delay", fire_after={"*": 3})
    measure(engine, version_id, "ob")
    assert alert(engine, NOW) == AlertSummary()
    assert [row["state"] for row in rows_of(engine, "alert")] == ["pending"]
    measure(engine, version_id, "bb", first_day=2)

    assert alert(engine, NOW) == AlertSummary(fired=1, notifications=1)
    assert told(engine)[0].since == START + DAY
    with pytest.raises(InvalidError, match=r"fire_after: 'horoscope' is not allowed"):
        change_model(engine, "delay", fire_after={"horoscope": 3})
    with pytest.raises(InvalidError, match="allowed are 1 to 100 windows"):
        change_model(engine, "delay", fire_after={"*": 0})


def test_what_never_fired_ends_without_a_word(engine: Engine, version_id: int) -> None:
    change_model(engine, "delay", fire_after={"training_serving_skew": 2})
    measure(engine, version_id, "b")
    alert(engine, NOW)
    measure(engine, version_id, "o", first_day=1)

    assert alert(engine, NOW) == AlertSummary()
    assert [row["state"] for row in rows_of(engine, "alert")] == ["resolved"]
    assert told(engine) == []


def test_it_is_repeated_until_somebody_has_it_in_hand(engine: Engine, version_id: int) -> None:
    for subject in ("a", "b"):
        measure(engine, version_id, "b", subject=subject)
    for hours in (0, 1, 4, 5, 8):
        alert(engine, NOW + hours * HOUR)
        take(engine, NOW + hours * HOUR)
    assert said(engine) == [(kind, ["a", "b"]) for kind in (Kind.FIRING, Kind.REPEATED, Kind.REPEATED)]

    acknowledge(engine, NOW + 9 * HOUR, [1], author="ann", comment="on it", group=True)
    for hours in (9, 13, 99):
        alert(engine, NOW + hours * HOUR)
    assert said(engine)[3:] == [(Kind.ACKNOWLEDGED, ["a", "b"])]
    assert told(engine)[3].note == "acknowledged by ann: on it"

    measure(engine, version_id, "o", subject="a", first_day=1)
    measure(engine, version_id, "o", subject="b", first_day=1)
    alert(engine, NOW + 100 * HOUR)
    assert said(engine)[4:] == [(Kind.RESOLVED, ["a", "b"])]
    assert {row["acknowledged_by"] for row in rows_of(engine, "alert")} == {""}


def test_what_somebody_resolves_is_over_for_all_that_heard_of_it_until_a_later_window_breaches(
    engine: Engine, version_id: int
) -> None:
    for subject in ("a", "b"):
        measure(engine, version_id, "b", subject=subject)
    alert(engine, NOW)
    take(engine, NOW)
    add_channel(engine, NOW, "late", "slack", {"url": "env:LATE"})

    assert resolve(engine, NOW + HOUR, [1], author="ann", comment="the join is mended", group=True) == [1, 2]
    assert alert(engine, NOW + HOUR) == AlertSummary(notifications=1)
    assert alert(engine, NOW + 9 * HOUR) == AlertSummary()

    over = told(engine)[1]
    assert (over.kind, over.ends, over.note) == (Kind.RESOLVED, True, "resolved by ann: the join is mended")
    assert over.title == "delay 1: training_serving_skew resolved by hand for a and 1 more"
    assert [row["channel_id"] for row in rows_of(engine, "delivery")] == [1, 1]  # not to the one that never heard of it
    found = alerts(engine, NOW, all_=True)
    assert {(row["state"], row["resolved_by"], row["resolved_comment"]) for row in found} == {
        ("resolved", "ann", "the join is mended")
    }
    assert [change["reason"] for change in alert_page(engine, 1, NOW).history][-1] == over.note

    measure(engine, version_id, "b", subject="a", first_day=1)
    assert alert(engine, NOW + 10 * HOUR) == AlertSummary(fired=1, notifications=1)
    assert told(engine)[2].note == ""
    assert [row["resolved_by"] for row in alerts(engine, NOW)] == [""]


def test_what_lost_its_data_can_be_resolved_by_hand(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    measure(engine, version_id, "?" * 20, first_day=1)
    alert(engine, NOW)
    assert [row["status"] for row in alerts(engine, NOW)] == ["no data"]

    resolve(engine, NOW, [1], author="ann", comment="the feature is gone for good")
    alert(engine, NOW)

    assert [row["status"] for row in alerts(engine, NOW, all_=True)] == ["resolved"]
    assert said(engine)[-1][0] is Kind.RESOLVED


def test_who_acknowledges_waits_for_who_decides_before_any_alert_is_locked(postgres_url: URL) -> None:
    engine = engine_for(postgres_url)
    version_id = add_version(engine)
    measure(engine, version_id, "b")
    alert(engine, NOW)
    alert_row = select(tables.alert.c.id).with_for_update(nowait=True)
    with ThreadPoolExecutor(1) as pool:
        with write(engine) as deciding:
            lock_version(deciding, version_id)
            taken = pool.submit(acknowledge, engine, NOW, [1], author="ann")
            with pytest.raises(TimeoutError):
                taken.result(0.5)
            assert deciding.scalars(alert_row).all() == [1]
        assert taken.result(10) == [1]
    engine.dispose()


def test_resolving_needs_a_fire_a_name_and_a_reason(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    for author, comment, field in (("", "x", "author"), ("ann", " ", "comment"), ("ann", "a\nb", "comment")):
        with pytest.raises(InvalidError, match=field):
            resolve(engine, NOW, [1], author=author, comment=comment)
    with pytest.raises(NotFoundError, match="no alert '7'"):
        resolve(engine, NOW, [1, 7], author="ann", comment="x")
    assert [row["state"] for row in rows_of(engine, "alert")] == ["firing"]
    resolve(engine, NOW, [1], author="ann", comment="x")
    with pytest.raises(ConflictError, match="alert 1 is resolved; only what fires can be resolved"):
        resolve(engine, NOW, [1], author="ann", comment="x")


def test_a_member_that_resolves_while_its_group_is_taken_keeps_nobody_from_the_rest(
    engine: Engine, version_id: int
) -> None:
    for subject in ("a", "b"):
        measure(engine, version_id, "b", subject=subject)
    alert(engine, NOW)
    measure(engine, version_id, "o", subject="b", first_day=1)
    read_group = acknowledgements.group_of

    def read_too_early(connection: Connection, alert_ids: Sequence[int]) -> list[int]:
        return [*read_group(connection, alert_ids), 2]

    alert(engine, NOW + HOUR)
    with patch.object(acknowledgements, "group_of", autospec=True, side_effect=read_too_early):
        assert acknowledge(engine, NOW + HOUR, [1], author="ann", group=True) == [1]


def test_a_part_in_hand_is_not_told_before_all_is(engine: Engine, version_id: int) -> None:
    for subject in ("a", "b"):
        measure(engine, version_id, "b", subject=subject)
    alert(engine, NOW)
    acknowledge(engine, NOW, [1], author="ann")
    assert alert(engine, NOW + HOUR).notifications == 0
    acknowledge(engine, NOW + HOUR, [2], author="bob")
    alert(engine, NOW + HOUR)

    assert said(engine)[1:] == [(Kind.ACKNOWLEDGED, ["a", "b"])]
    assert told(engine)[1].note == "acknowledged by ann; acknowledged by bob"


def test_what_is_given_back_is_told_again(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    acknowledge(engine, NOW, [1], author="ann")
    alert(engine, NOW + MINUTE)
    assert unacknowledge(engine, NOW + HOUR, [1], author="ann", comment="not my table") == [1]
    alert(engine, NOW + HOUR)

    assert [message.kind for message in told(engine)] == [Kind.FIRING, Kind.ACKNOWLEDGED, Kind.FIRING]
    assert told(engine)[2].note == "nobody has it in hand any more"
    reasons = [row["reason"] for row in alert_page(engine, 1, NOW).history]
    assert reasons[1:] == ["acknowledged by ann", "given back by ann: not my table"]


def test_what_gets_worse_in_somebodys_hand_fires_again(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    acknowledge(engine, NOW, [1], author="ann")
    measure(engine, version_id, "b", value=0.9, first_day=1)
    alert(engine, NOW + MINUTE)

    again = told(engine)[-1]
    assert (again.kind, again.severity, again.note) == (
        Kind.FIRING,
        Severity.CRITICAL,
        "worse: critical, after warning",
    )
    assert alerts(engine, NOW)[0]["acknowledged_by"] == ""


def test_a_critical_alert_that_nobody_heeds_is_escalated_once(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b", value=0.9)
    for minutes in (0, 29, 30, 31, 60):
        alert(engine, NOW + minutes * MINUTE)

    assert [(message.kind, message.severity) for message in told(engine)] == [
        (Kind.FIRING, Severity.CRITICAL),
        (Kind.ESCALATED, Severity.CRITICAL),
    ]
    assert told(engine)[1].note == "nobody has acknowledged it since 2026-03-31 00:00 UTC"


def test_an_improvement_is_news_in_a_thread_of_its_own(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b", check="missing_values", value=0.01, limit=0.2, normal=0.1)
    measure(engine, version_id, "b", check="missing_values", subject="worse")
    alert(engine, NOW)
    measure(engine, version_id, "o", check="missing_values", first_day=1)
    alert(engine, NOW + HOUR)

    found = [(message.kind, message.severity, message.lines[0].subject) for message in told(engine)]
    assert found == [
        (Kind.FIRING, Severity.WARNING, "worse"),
        (Kind.NEWS, Severity.INFO, "age"),
        (Kind.NEWS, Severity.INFO, "age"),
    ]
    threads = [message.thread for message in told(engine)]
    assert threads[1] == threads[2] != threads[0]
    assert [message.title.split(": ")[1] for message in told(engine)[1:]] == [
        "missing_values better than normal for age",
        "missing_values back within its limit for age",
    ]


def test_new_subjects_of_a_firing_check_are_told_together(engine: Engine, version_id: int) -> None:
    """As of `schema` with a category new in one airport after the other: not one message each."""
    measure(engine, version_id, "b", subject="first")
    alert(engine, NOW)
    for minute in range(1, 5):
        measure(engine, version_id, "b", subject=f"joins in minute {minute}")
        assert alert(engine, NOW + minute * MINUTE) == AlertSummary(fired=1)
    alert(engine, NOW + 5 * MINUTE)

    assert said(engine)[1:] == [(Kind.FIRING, [f"joins in minute {minute}" for minute in range(1, 5)])]
    assert told(engine)[1].remaining == 5


def test_no_data_is_said_once_and_ends_nothing(engine: Engine, version_id: int) -> None:
    change_model(engine, "delay", label_delay=2 * DAY)
    measure(engine, version_id, "b????")
    alert(engine, NOW)
    assert alerts(engine, NOW)[0]["status"] == "firing"
    measure(engine, version_id, "?", first_day=5)
    assert alert(engine, NOW + HOUR) == AlertSummary(notifications=1)
    assert alert(engine, NOW + 2 * HOUR) == AlertSummary()

    message = told(engine)[-1]
    assert message.kind is Kind.REPEATED
    assert message.lines[0].reason == "no data since the window of 2026-03-01 00:00 UTC; day 0 says b"
    assert alerts(engine, NOW)[0]["status"] == "no data"
    measure(engine, version_id, "b", first_day=6)
    alert(engine, NOW + 3 * HOUR)
    assert alerts(engine, NOW)[0]["status"] == "firing"


def test_a_silenced_alert_tells_nobody_and_is_told_when_the_silence_ends(engine: Engine, version_id: int) -> None:
    hush(engine, NOW, 2, model="del*", check="training_serving_skew")
    measure(engine, version_id, "b")
    measure(engine, version_id, "b", check="volume", subject="")
    assert alert(engine, NOW) == AlertSummary(fired=2, notifications=1)
    silenced = next(row for row in alerts(engine, NOW) if row["check"] != "volume")
    assert (silenced["state"], silenced["status"]) == ("firing", "silenced")
    assert silenced["silenced_by"] == "silenced by ann: a migration"

    assert alert(engine, NOW + HOUR) == AlertSummary()
    assert alert(engine, NOW + 2 * HOUR) == AlertSummary(notifications=1)
    assert alert(engine, NOW + 3 * HOUR) == AlertSummary()
    assert [message.check for message in told(engine)] == ["volume", "training_serving_skew"]


def test_what_came_and_went_in_silence_is_history_alone(engine: Engine, version_id: int) -> None:
    hush(engine, NOW, 2, model="*")
    measure(engine, version_id, "b")
    alert(engine, NOW)
    measure(engine, version_id, "o", first_day=1)
    alert(engine, NOW + HOUR)

    assert alert(engine, NOW + 3 * HOUR) == AlertSummary()
    assert told(engine) == []
    assert [row["new_state"] for row in alert_page(engine, 1, NOW).history] == ["firing", "resolved"]


def test_the_end_of_what_people_knew_is_told_after_the_silence(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    take(engine, NOW)
    identity = hush(engine, NOW, 9, subject="age")
    measure(engine, version_id, "o", first_day=1)
    assert alert(engine, NOW + HOUR) == AlertSummary(resolved=1)
    end_silence(engine, NOW + 2 * HOUR, identity, "bob")

    assert alert(engine, NOW + 2 * HOUR) == AlertSummary(notifications=1)
    assert told(engine)[-1].ends
    assert list_silences(engine, NOW + 2 * HOUR) == []
    (kept,) = list_silences(engine, NOW + 2 * HOUR, ended=True)
    assert (kept["status"], kept["ended_by"], kept["expires"]) == ("ended", "bob", NOW + 2 * HOUR)
    with pytest.raises(ConflictError, match="silence 1 has ended already, at 2026-03-31 02:00 UTC"):
        end_silence(engine, NOW + 3 * HOUR, identity, "bob")


def test_maintenance_is_a_silence_of_every_week(engine: Engine, version_id: int) -> None:
    nights = weekly("tue,fri-sat", "23:00", 2 * HOUR, "Europe/Berlin")
    row = add_silence(engine, NOW, Silence(Matcher(model="delay"), NOW, None, "ann", "backups", nights))
    assert row["weekly"] == {"days": "tue,fri,sat", "at": "23:00", "minutes": 120, "zone": "Europe/Berlin"}
    assert list_silences(engine, NOW) == [row]
    measure(engine, version_id, "b")
    at_night = datetime.fromisoformat("2026-03-31T21:30:00+00:00")  # a Tuesday, 23:30 in Berlin

    assert alert(engine, at_night) == AlertSummary(fired=1)
    assert alert(engine, at_night + 2 * HOUR) == AlertSummary(notifications=1)


WRONG = [
    ("matcher", {"matcher": Matcher()}),
    ("model", {"matcher": Matcher(model="x" * 201)}),
    ("expires", {"expires": NOW}),
    ("expires", {"expires": None}),
    ("author", {"author": " "}),
    ("comment", {"comment": ""}),
]


@pytest.mark.parametrize(("field", "values"), WRONG)
def test_a_wrong_silence_is_named_by_its_field(engine: Engine, field: str, values: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "matcher": Matcher(model="a"),
        "starts": NOW,
        "expires": NOW + HOUR,
        "author": "ann",
        "comment": "x",
    }
    with pytest.raises(InvalidError) as error:
        add_silence(engine, NOW, Silence(**(given | values)))
    assert error.value.field == field


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("days", ("someday", "22:00", HOUR, "UTC")),
        ("at", ("mon", "25:00", HOUR, "UTC")),
        ("zone", ("mon", "22:00", HOUR, "Mars/Olympus")),
        ("zone", ("mon", "22:00", HOUR, "../etc/passwd")),
        ("duration", ("mon", "22:00", 7 * DAY, "UTC")),
    ],
)
def test_a_wrong_recurrence_is_named_by_its_field(field: str, values: tuple[str, str, timedelta, str]) -> None:
    with pytest.raises(InvalidError) as error:
        weekly(*values)
    assert error.value.field == field


def test_only_what_fires_can_be_taken_in_hand(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    with pytest.raises(ConflictError, match="alert 1 is firing; only what is acknowledged can be given back"):
        unacknowledge(engine, NOW, [1], author="ann")
    with pytest.raises(NotFoundError, match=r"^no alert '7': see `watchkeeper alert list`$"):
        acknowledge(engine, NOW, [1, 7], author="ann")
    with pytest.raises(InvalidError, match="author"):
        acknowledge(engine, NOW, [1], author="")
    measure(engine, version_id, "o", first_day=1)
    alert(engine, NOW)
    with pytest.raises(ConflictError, match="alert 1 is resolved; only what fires can be acknowledged"):
        acknowledge(engine, NOW, [1], author="ann")


RESOLVES = [
    pytest.param("delivered", ["delivered", "pending"], id="who has the alarm hears of its end"),
    pytest.param("nothing", ["superseded"], id="where nothing was sent, neither is told"),
    pytest.param("tried", ["pending", "pending"], id="where it may have arrived, both are"),
    pytest.param("dead", ["dead"], id="who never took the alarm is spared its end"),
]


@pytest.mark.parametrize(("fate", "states"), RESOLVES)
def test_whom_the_end_is_told(engine: Engine, version_id: int, fate: str, states: list[str]) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    if fate != "nothing":
        take(engine, NOW, fate)
    add_channel(engine, NOW, "later", "slack", {"url": "env:LATER"})
    measure(engine, version_id, "o", first_day=1)
    alert(engine, NOW + MINUTE)

    assert deliveries(engine) == states


def test_a_channel_that_is_behind_is_not_told_the_same_again(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    alert(engine, NOW + 4 * HOUR)
    assert deliveries(engine) == ["pending"]
    take(engine, NOW + 5 * HOUR)
    alert(engine, NOW + 8 * HOUR)
    assert deliveries(engine) == ["delivered", "pending"]


def test_a_dead_alarm_is_not_revived_after_its_end(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    take(engine, NOW, "dead")
    with write(engine) as connection:
        connection.execute(update(tables.delivery).values(state="dead"))
    measure(engine, version_id, "o", first_day=1)
    alert(engine, NOW + MINUTE)

    with write(engine) as connection:
        assert outbox.revive(connection, 1, NOW + HOUR) == 0


def own(subject: str, outcome: Outcome = Outcome.BREACH, hours: int = 0) -> Finding:
    """Something about Watchkeeper itself."""
    at = NOW + hours * HOUR
    return Finding(
        "queue", subject, "", outcome, Window(at, at), 9.0, 1.0, "waiting", "it grows", declared=Severity.CRITICAL
    )


def test_alerts_about_watchkeeper_itself_have_the_same_life(engine: Engine, version_id: int) -> None:
    assert alert_about_itself(engine, NOW, [own("ops"), own("mail")]).fired == 2
    assert alert(engine, NOW) == AlertSummary(notifications=1)
    message = told(engine)[0]
    assert (message.title, message.model, message.severity) == (
        "Watchkeeper: queue breached for mail and 1 more",
        "",
        Severity.CRITICAL,
    )
    acknowledge(engine, NOW, [1], author="ann", group=True)
    take(engine, NOW)
    assert alert_about_itself(engine, NOW + HOUR, [own("ops", Outcome.OK, 1)]).resolved == 2
    alert(engine, NOW + HOUR)
    assert [message.kind for message in told(engine)] == [Kind.FIRING, Kind.RESOLVED]
    assert [row["model"] for row in alerts(engine, NOW, all_=True)] == [None, None]


def test_what_is_about_watchkeeper_itself_is_not_resolved_by_hand(engine: Engine) -> None:
    alert_about_itself(engine, NOW, [own("ops")])
    with pytest.raises(ConflictError, match="alert 1 is about Watchkeeper itself and ends by itself, once"):
        resolve(engine, NOW, [1], author="ann", comment="x")
    assert [row["state"] for row in rows_of(engine, "alert")] == ["firing"]


def test_a_clock_that_is_put_back_stops_no_alert_about_watchkeeper_itself(engine: Engine) -> None:
    assert alert_about_itself(engine, NOW + 99 * HOUR, [own("ops", hours=99)]).fired == 1
    assert alert_about_itself(engine, NOW, []).resolved == 1
    assert alert_about_itself(engine, NOW + MINUTE, [own("ops")]).fired == 1
