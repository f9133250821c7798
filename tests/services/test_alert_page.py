"""What the page of an alert answers, on real databases; and that the worst stands first wherever alerts are listed."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, select, update

from app.cli.alert_text import alert_text
from app.core.errors import NotFoundError
from app.core.timeline import EventKind
from app.services.alert_page import AlertPage, alert_page
from app.services.alerting import alert
from app.services.causes import explain
from app.services.overrides import set_override
from app.services.read_models import alerts
from app.storage import tables
from app.storage.engine import read, write
from tests.services.measured import DAY, START, add_channels, add_version, measure, rows_of

SKEW = "training_serving_skew"
NOW = START + 20 * DAY


def page_of(engine: Engine, subject: str, check: str = SKEW) -> AlertPage:
    with read(engine) as connection:
        a = tables.alert.c
        identity = connection.scalar(select(a.id).where(a.check == check, a.subject == subject))
    assert identity is not None
    return alert_page(engine, identity, NOW)


def test_it_says_what_since_when_how_bad_and_beside_what_else(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "o" * 9 + "bb", subject="mild", value=0.11)
    measure(engine, version_id, "o" * 9 + "bb", subject="worst", value=0.9)
    measure(engine, version_id, "o" * 9 + "bb", check="volume", subject="", value=5, limit=50, normal=100)
    alert(engine, NOW)

    page = page_of(engine, "mild")

    assert (page.alert["subject"], page.alert["state"], page.began) == ("mild", "firing", START + 9 * DAY)
    assert (page.alert["value"], page.alert["limit"], page.alert["expected_rate"]) == (0.11, 0.1, 0.003)
    assert page.alert["excess"] == pytest.approx(1.1)
    assert [row["subject"] for row in page.group] == ["worst", "mild"]
    assert page.model is not None
    assert page.chart == (START - 31 * DAY, START + 11 * DAY)
    assert "MODEL" not in page.runbook.text
    assert page.advice.startswith("Compare the feature's pipeline")


def test_causes_are_those_of_its_own_window(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "obb", check="performance", subject="accuracy", value=0.5, limit=0.8, normal=0.9)
    measure(engine, version_id, "obb", subject="of_then", value=0.7)
    measure(engine, version_id, "o", check="performance", subject="accuracy", first_day=3)
    measure(engine, version_id, "o", subject="of_then", first_day=3)
    measure(engine, version_id, "bbb", subject="of_now", value=0.3, first_day=8)
    alert(engine, NOW)

    page = page_of(engine, "of_now")

    assert page.explained == START + 10 * DAY
    assert [cause.subject for cause in page.causes] == ["of_now"]


def test_a_breach_that_is_over_explains_nothing_about_one_that_lasts(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "obbo", check="performance", subject="accuracy", value=0.5, limit=0.8, normal=0.9)
    measure(engine, version_id, "oobb", subject="age", value=0.3)

    found = explain(engine, "delay")

    assert found is not None
    assert (found.check, found.window_start) == (SKEW, START + 3 * DAY)


def test_a_resolved_one_says_when_it_began_and_why_it_was(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "oobb", subject="age", value=0.4)
    alert(engine, NOW - DAY)
    measure(engine, version_id, "o", subject="age", first_day=4)
    alert(engine, NOW)

    page = page_of(engine, "age")

    assert (page.alert["state"], page.began) == ("resolved", START + 2 * DAY)
    assert (page.explained, [cause.subject for cause in page.causes]) == (START + 3 * DAY, ["age"])
    assert [row["id"] for row in page.group] == [page.alert["id"]]


def test_what_changed_around_then_is_there_and_what_changed_long_before_is_not(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "o" * 12 + "b")
    for day, reason in ((1, "long before"), (11, "just before")):
        set_override(engine, START + day * DAY, "delay", check="volume", limit=day, author="ann", reason=reason)
    alert(engine, NOW)

    limits = [event for event in page_of(engine, "age").events if event.kind is EventKind.LIMIT]

    assert {event.why for event in limits} == {"just before", "another limit was set"}


def test_who_was_told_and_what_did_not_arrive(engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS_URL"), ("team", "TEAM_URL")])
    measure(engine, add_version(engine), "ob")
    alert(engine, NOW)
    with write(engine) as connection:
        first = select(tables.channel.c.id).where(tables.channel.c.name == "ops").scalar_subquery()
        dead = {"state": "dead", "last_error": "answered HTTP 404", "attempts": 1}
        connection.execute(update(tables.delivery).where(tables.delivery.c.channel_id == first).values(dead))

    (told,) = page_of(engine, "age").told

    assert (told.kind, told.at, told.title) == ("firing", NOW, f"delay 1: {SKEW} breached for age")
    assert [(one["channel"], one["state"]) for one in told.deliveries] == [("ops", "dead"), ("team", "pending")]


def test_one_about_watchkeeper_itself_has_a_page_too(engine: Engine) -> None:
    row = {"fingerprint": "f", "check": "jobs", "subject": "fold", "segment": "", "state": "firing"}
    times = {"since": START, "changed_at": START, "judged_window": START}
    with write(engine) as connection:
        connection.execute(insert(tables.alert).values(**row, **times, reason="late"))

    page = page_of(engine, "fold", "jobs")

    assert (page.model, page.causes, page.events, page.runbook.text) == (None, (), (), "")
    assert page.as_dict()["reason"] == "late"


def test_an_alert_that_there_is_not_says_how_to_find_one(engine: Engine) -> None:
    with pytest.raises(NotFoundError, match=r"^no alert .*: `watchkeeper alert list --all` lists every one"):
        alert_page(engine, 7, NOW)


def test_lists_and_messages_have_one_order(engine: Engine) -> None:
    """Low quality lies nearer to zero the worse it is: the ratio of value and limit would order it the other way."""
    version_id = add_version(engine)
    for subject, value, limit, normal in (("low", 0.2, 0.8, 0.9), ("almost", 0.79, 0.8, 0.9), ("far", 0.5, 0.8, 0.81)):
        measure(engine, version_id, "b", check="performance", subject=subject, value=value, limit=limit, normal=normal)
    alert(engine, NOW)

    listed = [row["subject"] for row in alerts(engine)]
    (message,) = (row["message"] for row in rows_of(engine, "notification"))

    assert listed == [line["subject"] for line in message["lines"]] == ["far", "low", "almost"]  # type: ignore[index]


def test_as_text_it_answers_every_question(engine: Engine) -> None:
    version_id = add_version(engine)
    for subject, value in (("age", 0.4), ("income", 0.2)):
        measure(engine, version_id, "ob", subject=subject, value=value)
    alert(engine, NOW)

    said = alert_text(page_of(engine, "age"))

    for part in (
        "delay 1: training_serving_skew of age is firing (",
        "  since: 2026-03-02 00:00 UTC\n  value: 0.4\n  limit: 0.1",
        "Beside it\n  2  income  0.2, limit 0.1",
        "Likely causes\n  age: 4.0 times its limit (importance unknown)",
        "What changed from 2026-02-23 00:00 UTC to 2026-03-05 00:00 UTC\n",
        "What to do\n  Compare the feature's pipeline",
        "Who was told\n  2026-03-21 00:00 UTC  delay 1: training_serving_skew breached",
    ):
        assert part in said
