"""The life of a run, with a service that is asked and people who decide. On both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from time import sleep
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.retraining import Policy
from app.core.retraining_run import RunState
from app.services import actions
from app.services.alerting import alert
from app.services.policies import remove_policy, set_policy
from app.services.retraining import ActionSummary, act, start
from app.services.retraining_runs import (
    POLL_INTERVAL,
    Report,
    approve,
    list_runs,
    reject,
    report,
    send_again,
    show_run,
)
from app.services.run_polls import FollowSummary
from app.services.sending import SendSummary
from app.services.targets import add_target
from app.settings import Settings
from app.storage.engine import write
from app.storage.outbox import CLAIM, arrived
from app.storage.retraining_runs import StoredRun, find_run
from tests.pipelines import ENVIRONMENT, Service, services
from tests.receivers import HttpReceiver, Received, Reply, http_receiver
from tests.services.measured import DAY, START, add_channels, add_version, measure, rows_of

NOW = START + 30 * DAY
SETTINGS = Settings(
    allow_private_targets=True, collector_url="https://watch.example.org/", public_url="https://ui.example.org"
)
POLICY = Policy(("training_serving_skew",), timedelta(days=7), 0)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


def prepared(engine: Engine, receiver: HttpReceiver, preset: str = "webhook", policy: Policy = POLICY) -> Service:
    """A model in breach whose policy asks a service of that kind; somebody is told in a channel."""
    service = services()[preset]
    receiver.reply = service.reply
    version_id = add_version(engine)
    add_target(engine, START, "training", preset, service.config(receiver.url("")))
    set_policy(engine, START, "delay", policy, target="training")
    add_channels(engine, [("ops", "SLACK")])
    measure(engine, version_id, "b")
    return service


def round_(engine: Engine, now: datetime = NOW) -> ActionSummary:
    alert(engine, now)
    return act(engine, now, SETTINGS, environment=ENVIRONMENT)


def only_run(engine: Engine) -> StoredRun:
    (run,) = list_runs(engine)
    return run


def news(engine: Engine) -> list[dict[str, Any]]:
    return [row["message"] for row in rows_of(engine, "notification") if row["kind"] == "news"]  # type: ignore[misc]


def life(engine: Engine) -> list[str]:
    return [step.new_state for step in show_run(engine, only_run(engine).webhook_id)[1]]


def say(engine: Engine, state: str, version: str = "", now: datetime = NOW, **more: Any) -> tuple[bool, str]:
    run_id = only_run(engine).webhook_id
    said = report(engine, now, run_id, Report(state, version, **more), by="callback", public_url=SETTINGS.public_url)
    return said.changed, said.reason


def test_a_run_from_the_breach_to_the_new_version(engine: Engine, receiver: HttpReceiver) -> None:
    service = prepared(engine, receiver)

    assert round_(engine).requested == ("delay",)
    (event,) = service.started.values()
    run = only_run(engine)
    base = "https://watch.example.org/v1"
    assert event["data"]["callback_url"] == f"{base}/retraining/{run.webhook_id}"
    assert (
        event["data"]["training_set_url"]
        == f"{base}/models/delay/training-set?since=2025-12-31T00:00:00Z&format=parquet"
    )
    assert say(engine, "running") == (True, "the service says that it is running")
    add_version(engine, version="2")
    done: dict[str, Any] = {"message": "auc up", "metrics": {"auc": 0.91}, "training_set": "sha256:ab"}
    assert say(engine, "succeeded", "2", **done) == (True, "version 2 came of it: auc up")

    run = only_run(engine)
    assert (run.state, run.new_version, run.metrics, run.training_set) == ("succeeded", "2", {"auc": 0.91}, "sha256:ab")
    assert life(engine) == ["requested", "accepted", "running", "succeeded"]
    (told,) = news(engine)
    assert told["title"] == "delay 1: retraining succeeded"
    assert told["lines"][0]["reason"] == "version 2 came of it: auc up"
    assert told["link"] == f"https://ui.example.org/retraining?run={run.webhook_id}"


def test_what_is_said_twice_or_too_late_changes_nothing_and_tells_nobody(
    engine: Engine, receiver: HttpReceiver
) -> None:
    prepared(engine, receiver)
    round_(engine)
    add_version(engine, version="2")
    say(engine, "succeeded", "2")
    before = (rows_of(engine, "retraining_run"), rows_of(engine, "retraining_transition"), len(news(engine)))

    assert say(engine, "succeeded", "2") == (False, "it has been reported as succeeded already")
    assert say(engine, "failed") == (False, "it has ended as succeeded already")
    assert say(engine, "running") == (False, "it has ended as succeeded already")
    assert (rows_of(engine, "retraining_run"), rows_of(engine, "retraining_transition"), len(news(engine))) == before


def test_a_report_that_cannot_be_is_refused(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver)
    round_(engine)

    with pytest.raises(NotFoundError, match="no version '2'; known are: 1"):
        say(engine, "succeeded", "2")
    with pytest.raises(InvalidError, match="it is the version that was to be retrained"):
        say(engine, "succeeded", "1")
    with pytest.raises(InvalidError, match=r"message: .* must not hold the character NUL"):
        say(engine, "failed", message="a\0b")
    with pytest.raises(InvalidError, match="state: 'timed_out' is not allowed"):
        say(engine, "timed_out")
    with pytest.raises(NotFoundError, match="no retraining run 'msg_0'"):
        report(engine, NOW, "msg_0", Report("running"), by="callback")
    assert life(engine) == ["requested", "accepted"]


def test_a_callback_that_is_quicker_than_the_mark_keeps_the_request_from_being_sent_again(
    engine: Engine, receiver: HttpReceiver
) -> None:
    prepared(engine, receiver)
    receiver.reply = lambda _: Reply(503)
    round_(engine)
    assert say(engine, "running")[0]

    assert round_(engine, NOW + timedelta(seconds=6)).sent == SendSummary()
    assert rows_of(engine, "action")[0]["state"] == "delivered"
    assert len(receiver.received) == 1


def test_a_pipeline_that_speaks_before_its_service_has_answered_is_followed_all_the_same(
    engine: Engine, receiver: HttpReceiver
) -> None:
    service = prepared(engine, receiver, "prefect")

    def reply(request: Received) -> Reply:
        if request.method == "POST":
            assert say(engine, "running")[0]
        return service.reply(request)

    receiver.reply = reply
    round_(engine)
    assert life(engine) == ["requested", "running"]

    service.state = "CRASHED"
    assert round_(engine, NOW + POLL_INTERVAL).followed == FollowSummary(1, 1)
    assert life(engine) == ["requested", "running", "failed"]


def test_a_report_and_the_mark_of_the_request_do_not_wait_for_each_other(
    engine: Engine, receiver: HttpReceiver
) -> None:
    service = prepared(engine, receiver)
    begun = Event()

    def slow_report() -> None:
        with write(engine) as connection:
            run = find_run(connection, only_run(engine).webhook_id, lock=True)
            begun.set()
            sleep(0.3)  # meanwhile the mark is made as far as it can be
            assert run is not None
            arrived(connection, run.webhook_id, NOW)

    with ThreadPoolExecutor(1) as pool:

        def reply(request: Received) -> Reply:
            reports.append(pool.submit(slow_report))
            assert begun.wait(10)
            return service.reply(request)

        reports: list[Future[None]] = []
        receiver.reply = reply
        assert round_(engine).sent == SendSummary(delivered=1)
        reports[0].result(10)
    assert life(engine) == ["requested", "accepted"]


def test_who_dies_before_the_mark_leaves_nothing_to_be_sent_once_the_service_has_reported(
    engine: Engine, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """What a process that dies feels like from inside."""

    def die(*_: object) -> None:
        raise Killed

    prepared(engine, receiver)
    with monkeypatch.context() as patch:
        patch.setattr(actions, "settle", die)
        with pytest.raises(Killed):
            round_(engine)
    assert (life(engine), len(receiver.received)) == (["requested"], 1)

    say(engine, "accepted")
    assert round_(engine, NOW + CLAIM).sent == SendSummary()
    assert (life(engine), len(receiver.received)) == (["requested", "accepted"], 1)


def test_of_many_reports_at_once_one_counts(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver)
    round_(engine)
    add_version(engine, version="2")

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: say(engine, "succeeded", "2"), range(8)))

    assert sorted(changed for changed, _ in said) == [False] * 7 + [True]
    assert len(news(engine)) == 1


@pytest.mark.parametrize("preset", ["airflow", "github_workflow", "dagster"])
def test_a_service_that_does_not_call_back_is_asked(engine: Engine, receiver: HttpReceiver, preset: str) -> None:
    service = prepared(engine, receiver, preset)
    round_(engine)
    words = {state: word for word, state in service.words.items()}

    now = NOW
    for word in (words["accepted"], words["running"], words["running"], words["succeeded"]):
        service.state, now = word, now + POLL_INTERVAL
        summary = round_(engine, now)
        assert summary.followed.asked == 1
    assert summary.followed == FollowSummary(1, 1)
    assert round_(engine, now + POLL_INTERVAL).followed == FollowSummary()

    assert life(engine) == ["requested", "accepted", "running", "succeeded"]
    assert news(engine)[0]["lines"][0]["reason"] == "which version came of it was not said"
    add_version(engine, version="2")
    assert say(engine, "succeeded", "2") == (True, "version 2 came of it")


def test_a_service_that_cannot_be_asked_now_is_asked_again(engine: Engine, receiver: HttpReceiver) -> None:
    service = prepared(engine, receiver, "prefect")
    round_(engine)
    receiver.reply = lambda _: Reply(429, b"", {"Retry-After": "600"})
    assert round_(engine, NOW + POLL_INTERVAL).followed == FollowSummary(1)
    assert only_run(engine).poll_error == "answered HTTP 429: too many requests"

    receiver.reply, service.state = service.reply, "CRASHED"
    assert round_(engine, NOW + POLL_INTERVAL + timedelta(seconds=599)).followed == FollowSummary()
    assert round_(engine, NOW + POLL_INTERVAL + timedelta(seconds=600)).followed == FollowSummary(1, 1)
    run = only_run(engine)
    assert (run.state, run.poll_error) == ("failed", "")


def test_a_run_that_takes_too_long_times_out_once(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver, policy=replace(POLICY, timeout=timedelta(hours=2)))
    round_(engine)
    say(engine, "running")

    assert round_(engine, NOW + timedelta(hours=2, seconds=-1)).followed == FollowSummary()
    assert round_(engine, NOW + timedelta(hours=2)).followed == FollowSummary(timed_out=1)
    assert round_(engine, NOW + timedelta(hours=3)).followed == FollowSummary()
    (told,) = news(engine)
    assert (told["title"], told["severity"]) == ("delay 1: retraining timed out", "warning")
    assert "reports to the callback address" in told["advice"]


def test_somebody_is_asked_first_and_lets_it_go(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver, policy=replace(POLICY, ask_first=True))

    assert round_(engine) == ActionSummary(requested=("delay",))
    run = only_run(engine)
    assert (run.state, receiver.received) == (RunState.WAITING, [])
    (told,) = news(engine)
    assert told["title"] == "delay 1: a retraining waits for approval"
    assert f"watchkeeper retraining approve {run.webhook_id}" in told["advice"]
    assert say(engine, "running") == (False, "it was not asked for yet: somebody has to approve it first")

    with pytest.raises(InvalidError, match="author is empty"):
        approve(engine, NOW, run.webhook_id, author="")
    assert approve(engine, NOW, run.webhook_id, author="ann", comment="go ahead").changed
    again = approve(engine, NOW, run.webhook_id, author="bob")
    assert (again.changed, again.reason) == (False, "it does not wait for approval, it is requested")
    assert round_(engine).sent == SendSummary(delivered=1)
    assert receiver.received[0].headers["webhook-id"] == run.webhook_id
    steps = show_run(engine, run.webhook_id)[1]
    assert [(step.new_state, step.by) for step in steps] == [
        ("waiting_for_approval", "worker"),
        ("requested", "ann"),
        ("accepted", "worker"),
    ]


def test_a_rejected_request_is_never_sent_and_stands_for_its_alerts(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver, policy=replace(POLICY, ask_first=True))
    round_(engine)
    run = only_run(engine)

    assert reject(engine, NOW, run.webhook_id, author="ann", comment="holidays").reason == "rejected by ann: holidays"
    assert round_(engine, NOW + 30 * DAY) == ActionSummary()
    assert not approve(engine, NOW, run.webhook_id, author="bob").changed
    assert (life(engine), receiver.received) == (["waiting_for_approval", "cancelled"], [])


def test_what_could_not_be_delivered_is_sent_again_as_the_same(engine: Engine, receiver: HttpReceiver) -> None:
    service = prepared(engine, receiver)
    receiver.reply = lambda _: Reply(404)
    assert round_(engine).sent == SendSummary(dead=1)
    run = only_run(engine)
    assert (run.state, run.last_error) == ("failed", "answered HTTP 404")
    assert "send-again" in news(engine)[0]["advice"]

    receiver.reply = service.reply
    assert send_again(engine, NOW, run.webhook_id, author="ann").changed
    assert not send_again(engine, NOW, run.webhook_id, author="ann").changed
    assert round_(engine).sent == SendSummary(delivered=1)
    first, second = receiver.received
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert life(engine) == ["requested", "failed", "requested", "accepted"]


def test_what_could_not_be_delivered_is_not_sent_again_beside_a_newer_run(
    engine: Engine, receiver: HttpReceiver
) -> None:
    prepared(engine, receiver)
    receiver.reply = lambda _: Reply(410)
    round_(engine)
    dead = only_run(engine)
    newer = start(engine, NOW, SETTINGS, "delay", reason="mended", author="ann")

    with pytest.raises(ConflictError, match=f"run {newer.webhook_id} of delay is requested meanwhile"):
        send_again(engine, NOW, dead.webhook_id, author="bob")


def test_nothing_new_is_asked_for_while_a_run_is_under_way(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver, policy=replace(POLICY, cooldown=timedelta(0), timeout=timedelta(days=3)))
    round_(engine)
    measure(engine, 1, "b", subject="distance")

    assert round_(engine, NOW + DAY).declined == {"delay": "a run is accepted already"}
    say(engine, "failed", message="no memory")
    assert round_(engine, NOW + DAY).requested == ("delay",)


def test_a_segments_breach_asks_only_where_the_policy_lets_it(engine: Engine, receiver: HttpReceiver) -> None:
    service = services()["webhook"]
    receiver.reply = service.reply
    version_id = add_version(engine)
    add_target(engine, START, "training", "webhook", service.config(receiver.url("")))
    set_policy(engine, START, "delay", POLICY, target="training")
    measure(engine, version_id, "o")
    measure(engine, version_id, "b", segment="country=FI")

    why = "training_serving_skew is firing in the segment country=FI alone, and the policy looks at the whole"
    assert round_(engine).declined == {"delay": why}
    set_policy(engine, START, "delay", replace(POLICY, segments=True), target="training")
    assert round_(engine).requested == ("delay",)


def test_the_budget_counts_what_was_let_go(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver, policy=replace(POLICY, cooldown=timedelta(0), budget=1, ask_first=True))
    round_(engine)
    reject(engine, NOW, only_run(engine).webhook_id, author="ann")
    measure(engine, 1, "b", subject="distance")
    assert round_(engine, NOW + DAY).requested == ("delay",)
    approve(engine, NOW + DAY, list_runs(engine)[0].webhook_id, author="ann")
    report(engine, NOW + DAY, list_runs(engine)[0].webhook_id, Report("failed"), by="callback")
    measure(engine, 1, "b", subject="elevation")

    assert "the budget of 1 requests in 30 days is spent" in round_(engine, NOW + 2 * DAY).declined["delay"]
    assert round_(engine, NOW + 31 * DAY).requested == ("delay",)


def test_a_person_asks_by_hand_whatever_the_policy_waits_for(engine: Engine, receiver: HttpReceiver) -> None:
    service = prepared(engine, receiver, policy=replace(POLICY, minimum_new_labels=1000, ask_first=True))
    assert round_(engine).requested == ()

    run = start(engine, NOW, SETTINGS, "delay", reason=" new airports ", author="ann")
    assert (run.state, run.asked_by, run.reason) == (RunState.REQUESTED, "ann", "new airports")
    with pytest.raises(ConflictError, match="is requested already"):
        start(engine, NOW, SETTINGS, "delay", reason="again", author="bob")
    assert round_(engine).sent == SendSummary(delivered=1)
    (event,) = service.started.values()
    assert event["data"]["reason"] == "new airports"
    assert event["data"]["measurements"][0]["check"] == "training_serving_skew"


def test_by_hand_a_target_is_enough(engine: Engine, receiver: HttpReceiver) -> None:
    add_version(engine, version="1")
    with pytest.raises(NotFoundError, match="set one, or name a target"):
        start(engine, NOW, SETTINGS, "delay", reason="why not", author="ann")
    with pytest.raises(InvalidError, match="say why"):
        start(engine, NOW, SETTINGS, "delay", reason=" ", author="ann")
    add_target(engine, START, "training", "webhook", services()["webhook"].config(receiver.url("")))

    run = start(engine, NOW, SETTINGS, "delay", reason="why not", author="ann", target="training")
    assert (run.version, run.target and run.target.name) == ("1", "training")


def test_removing_the_policy_withdraws_what_nobody_took(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver)
    receiver.reply = lambda _: Reply(503)
    round_(engine)
    remove_policy(engine, NOW, "delay")

    assert round_(engine, NOW + DAY).sent == SendSummary()
    run = only_run(engine)
    assert (run.state, run.sending, len(receiver.received)) == ("cancelled", "dead", 1)


def test_without_an_address_of_the_collector_none_is_told(engine: Engine, receiver: HttpReceiver) -> None:
    service = prepared(engine, receiver)
    alert(engine, NOW)
    act(engine, NOW, Settings(allow_private_targets=True, host="0.0.0.0"), environment=ENVIRONMENT)

    (event,) = service.started.values()
    assert (event["data"]["callback_url"], event["data"]["training_set_url"]) == ("", "")


def test_runs_are_listed_by_model_and_state(engine: Engine, receiver: HttpReceiver) -> None:
    prepared(engine, receiver)
    round_(engine)
    add_version(engine, "other")

    assert [run.model for run in list_runs(engine, "delay", ["accepted"])] == ["delay"]
    assert list_runs(engine, "delay", ["failed"]) == list_runs(engine, "other") == []
    with pytest.raises(InvalidError, match="state: 'lost' is not allowed; allowed are waiting_for_approval"):
        list_runs(engine, states=["lost"])
