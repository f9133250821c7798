"""Automatic rollback on real databases: by real alerts, once, and told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, update

from app.core.deployments import Kind
from app.core.errors import InvalidError, NotFoundError
from app.core.model import Stage
from app.core.silences import Matcher, Silence
from app.services.alerting import alert
from app.services.automatic_rollback import (
    remove_rollback_policy,
    roll_back_by_policy,
    rollback_policy,
    set_rollback_policy,
)
from app.services.deployments import make_live, roll_back, set_stage
from app.services.drills import list_drills
from app.services.read_models.deployments import deployments
from app.services.silences import add_silence
from app.storage import drills, tables
from app.storage.catalogue import find_model, find_version
from app.storage.engine import read, write
from tests.services.measured import DAY, START, add_channels, measure, rows_of
from tests.services.test_deployments import HOUR, NOW, register, stages


def policy(engine: Engine) -> None:
    set_rollback_policy(engine, NOW, "fraud", checks=["performance"], within=DAY, author="ann")


@pytest.fixture
def alarmed(engine: Engine) -> Engine:
    """Version 2 was deployed an hour after NOW, and has a critical alert an hour later."""
    _, second = register(engine, "1", "2")
    set_stage(engine, "fraud", "1", Stage.LIVE, NOW)
    make_live(engine, "fraud", "2", NOW + HOUR, author="bob")
    measure(engine, second.id, "bbb", check="performance", subject="f1", value=0.9, limit=0.1)
    alert(engine, NOW + 2 * HOUR)
    with write(engine) as connection:
        connection.execute(update(tables.alert).values(severity="critical"))
    return engine


def test_without_a_policy_nothing_goes_back(alarmed: Engine) -> None:
    assert roll_back_by_policy(alarmed, NOW + 2 * HOUR).rolled_back == ()
    assert stages(alarmed)["2"] is Stage.LIVE


def test_a_critical_alert_soon_after_the_deployment_takes_it_back_once_and_people_are_told(alarmed: Engine) -> None:
    add_channels(alarmed, [("ops", "URL")])
    policy(alarmed)
    done = roll_back_by_policy(alarmed, NOW + 3 * HOUR)
    assert (done.rolled_back, done.declined) == (("fraud",), {})
    assert stages(alarmed) == {"1": Stage.LIVE, "2": Stage.REGISTERED}
    last = deployments(alarmed)[-1]
    assert (last["version"], last["kind"], last["author"]) == ("1", Kind.AUTOMATIC, "rollback policy")
    assert last["reason"].startswith("critical since 2026-11-20 12:00 UTC: performance of f1")
    told = rows_of(alarmed, "notification")[-1]
    assert told["kind"] == "news"
    assert "fraud: went back from 2 to version 1" in str(told["message"])
    assert [row["state"] for row in rows_of(alarmed, "delivery")][-1] == "pending"
    again = roll_back_by_policy(alarmed, NOW + 4 * HOUR)
    assert (again.rolled_back, "live by a rollback" in again.declined["fraud"]) == ((), True)


def test_a_subject_that_cannot_be_printed_keeps_nobody_from_going_back(alarmed: Engine) -> None:
    policy(alarmed)
    with write(alarmed) as connection:
        connection.execute(update(tables.alert).values(subject="amount\u00a0in\n" + "\N{EURO SIGN}" * 190))
    assert roll_back_by_policy(alarmed, NOW + 3 * HOUR).rolled_back == ("fraud",)
    assert "performance of amount in \N{EURO SIGN}" in str(deployments(alarmed)[-1]["reason"])


def test_a_silenced_alert_takes_nothing_back(alarmed: Engine) -> None:
    policy(alarmed)
    matcher = Matcher(model="fraud", check="performance")
    add_silence(alarmed, NOW + 2 * HOUR, Silence(matcher, NOW + 2 * HOUR, NOW + 5 * HOUR, "ann", "labels are late"))
    assert roll_back_by_policy(alarmed, NOW + 3 * HOUR).rolled_back == ()
    assert roll_back_by_policy(alarmed, NOW + 6 * HOUR).rolled_back == ("fraud",)


def test_a_rollback_by_hand_is_told_too(alarmed: Engine) -> None:
    roll_back(alarmed, "fraud", NOW + 3 * HOUR, author="ann", reason="worse")
    told = rows_of(alarmed, "notification")[-1]
    assert "fraud: was taken back from 2 to version 1" in str(told["message"])
    assert "by ann: worse" in str(told["message"])


def test_of_two_workers_and_a_person_at_once_one_changes_what_is_live(alarmed: Engine) -> None:
    policy(alarmed)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: roll_back_by_policy(alarmed, NOW + 3 * HOUR), range(2)))
    assert sorted(len(one.rolled_back) for one in done) == [0, 1]
    assert [row["kind"] for row in deployments(alarmed)].count(Kind.AUTOMATIC) == 1


def test_a_policy_is_set_shown_and_removed(engine: Engine) -> None:
    register(engine, "1")
    assert rollback_policy(engine, "fraud") is None
    policy(engine)
    set_rollback_policy(engine, NOW, "fraud", checks=["schema", "schema"], within=HOUR, author="bob")
    found = rollback_policy(engine, "fraud")
    assert found is not None
    assert (found.policy.checks, found.policy.within, found.author) == (("schema",), HOUR, "bob")
    remove_rollback_policy(engine, "fraud")
    with pytest.raises(NotFoundError, match="set one with `watchkeeper rollback policy set`"):
        remove_rollback_policy(engine, "fraud")
    for checks, within, words in (
        (["guess"], HOUR, "check: 'guess'"),
        ([], HOUR, "checks"),
        (["schema"], 0 * HOUR, "within"),
    ):
        with pytest.raises(InvalidError, match=words):
            set_rollback_policy(engine, NOW, "fraud", checks=checks, within=within, author="ann")


def test_the_round_ends_drills_that_nobody_answers(engine: Engine) -> None:
    register(engine, "1", "2")
    with read(engine) as connection:
        tried = find_version(connection, find_model(connection, "fraud").id, "1")
    with write(engine) as connection:
        drills.add_drill(connection, tried, 20, "ann", START, START + HOUR)
    assert roll_back_by_policy(engine, START).drills_overdue == 0
    assert roll_back_by_policy(engine, START + HOUR).drills_overdue == 1
    assert [one.state for one in list_drills(engine)] == ["failed"]
