"""How Watchkeeper judges itself: each row is a sentence about facts and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.delivery import Off
from app.core.looks import LOOKS, diagnose
from app.core.looks.work import ailing_jobs
from app.core.routing import Route, RouteMatch
from app.core.self_watch import (
    Backlog,
    ClientFacts,
    Database,
    Disk,
    Facts,
    FailedRun,
    Installed,
    JobFacts,
    Level,
    MissingSecret,
    Outbox,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GIB = 1 << 30


def ago(minutes: float) -> datetime:
    return NOW - minutes * MINUTE


def job(
    name: str = "fold", started: float = 0.1, outcome: str = "done", seconds: int = 30, done: float = 60
) -> JobFacts:
    detail = "the disk is full" if outcome == "failed" else ""
    running = outcome == "running"
    return JobFacts(name, timedelta(seconds=seconds), ago(started), outcome, detail, ago(done), running)


WELL = Facts(
    now=NOW,
    data_folder=Disk("/data", 50 * GIB),
    database=Database("postgresql", "", "0042", "0042", skew=timedelta(seconds=1), newest_write=ago(1)),
    installed=Installed(public_url="https://watch.example.org", public_host="watch.example.org", heartbeat=True),
    worker_leads=True,
    jobs=(job(), job("evaluate"), job("heartbeat")),
    channels=(Outbox("ops"),),
    routes=(Route(RouteMatch(), ("ops",), id=1),),
    retraining=(Outbox("training"),),
    good_keys=1,
    versions=1,
)
DATABASE = WELL.database
DROPPED = {"queue_full": 7}

SENTENCES: list[tuple[str, Facts, str, Level, str, str]] = [
    # what is the case, the facts, then what is said of it: subject, level, words of what, words of mend
    (
        "a full disk",
        replace(WELL, data_folder=Disk("/data", GIB // 2)),
        "data_folder",
        Level.BAD,
        "0.5 GiB",
        "free some",
    ),
    (
        "a folder that cannot be written",
        replace(WELL, data_folder=Disk("/data", error="Permission denied")),
        *("data_folder", Level.BAD, "Permission denied", "WATCHKEEPER_DATA_DIR"),
    ),
    (
        "a database that does not answer",
        replace(WELL, database=Database("postgresql", "connection refused")),
        *("database", Level.BAD, "connection refused", "WATCHKEEPER_DATABASE_URL"),
    ),
    (
        "an empty database",
        replace(WELL, database=replace(DATABASE, revision=None)),
        *("database", Level.BAD, "schema empty", "watchkeeper db upgrade"),
    ),
    (
        "a schema of a newer program",
        replace(WELL, database=replace(DATABASE, revision="0099", ahead=True)),
        *("database", Level.BAD, "does not know", "watchkeeper db downgrade 0042"),
    ),
    (
        "a second database in the data folder",
        replace(WELL, database=replace(DATABASE, unused="/data/watchkeeper.sqlite3")),
        *("second_database", Level.NOTE, "/data/watchkeeper.sqlite3", "WATCHKEEPER_DATABASE_URL"),
    ),
    (
        "a database whose clock is behind",
        replace(WELL, database=replace(DATABASE, skew=-5 * MINUTE)),
        *("clock", Level.BAD, "5 min behind", "set-ntp"),
    ),
    (
        "a collector whose clock is ahead",
        replace(WELL, database=replace(DATABASE, skew=None, newest_write=ago(-10))),
        *("clock", Level.BAD, "10 min in the future", "set-ntp"),
    ),
    (
        "no worker, and batches that wait",
        replace(WELL, worker_leads=False, backlog=Backlog(3, ago(20))),
        *("worker", Level.BAD, "work has waited since 2026-03-02 11:40 UTC", "watchkeeper work"),
    ),
    (
        "no worker, and a message that waits",
        replace(WELL, worker_leads=False, channels=(Outbox("ops", 0, ago(20)),)),
        *("worker", Level.BAD, "work has waited", "watchkeeper work"),
    ),
    (
        "no worker for two days, and nothing to do",
        replace(WELL, worker_leads=False, jobs=(job(started=2 * 1440),)),
        *("worker", Level.BAD, "the last job began at 2026-02-28 12:00 UTC", "watchkeeper work"),
    ),
    (
        "no worker, called by hand",
        replace(WELL, worker_leads=False),
        *("worker", Level.NOTE, "no worker runs", "watchkeeper run"),
    ),
    (
        "a job that fails",
        replace(WELL, jobs=(job("evaluate", outcome="failed"),)),
        *("jobs", Level.BAD, "evaluate failed: the disk is full (it last went well at 2026-03-02 11:00 UTC)", "log"),
    ),
    (
        "a job that failed once",
        replace(WELL, jobs=(job("evaluate", outcome="failed", done=1),)),
        *("jobs", Level.NOTE, "went well within the last two minutes: evaluate", "look again"),
    ),
    (
        "a job that hangs",
        replace(WELL, jobs=(job("evaluate", 16, "running"),)),
        *("jobs", Level.BAD, "evaluate has been running since 2026-03-02 11:44 UTC, due every 30 s", "restart"),
    ),
    (
        "a job whose worker is gone",
        replace(WELL, worker_leads=False, jobs=(job("evaluate", 16, "running"),)),
        *("jobs", Level.BAD, "its worker is gone", "watchkeeper work"),
    ),
    (
        "a job that is late",
        replace(WELL, jobs=(job("evaluate", 16),)),
        *("jobs", Level.BAD, "evaluate last began at 2026-03-02 11:44 UTC", "restart the worker"),
    ),
    (
        "old records that wait",
        replace(WELL, backlog=Backlog(3, ago(16))),
        *(
            "backlog",
            Level.BAD,
            "3 batches wait to be counted, the oldest since 2026-03-02 11:44 UTC",
            "watchkeeper run",
        ),
    ),
    (
        "a queue that grows",
        replace(WELL, backlog=Backlog(900, ago(5), (100, 200, 400, 600, 800, 900))),
        *("backlog", Level.BAD, "they become more: 100 at first", "docs/benchmarks.md"),
    ),
    (
        "no heartbeat",
        replace(WELL, installed=Installed()),
        *("heartbeat", Level.NOTE, "nobody notices", "WATCHKEEPER_HEARTBEAT_URL"),
    ),
    (
        "a heartbeat that nobody takes",
        replace(WELL, jobs=(job("heartbeat", outcome="failed"),)),
        *("heartbeat", Level.BAD, "it did not arrive", "WATCHKEEPER_HEARTBEAT_URL"),
    ),
    ("no channel", replace(WELL, channels=()), "deliveries", Level.NOTE, "no channel", "watchkeeper channel add"),
    (
        "every channel is off",
        replace(WELL, channels=(Outbox("ops", off=Off(ago(60), "ann", "moved")), Outbox("b", off=Off(ago(1), "bob")))),
        *(
            "deliveries",
            Level.BAD,
            "every channel is off, so nobody is told of alerts: ops, off since 2026-03-02 11:00",
        ),
        "watchkeeper channel on NAME",
    ),
    (
        "one channel is off",
        replace(WELL, channels=(Outbox("ops", off=Off(ago(60), "ann", "moved")), Outbox("b"))),
        *("deliveries", Level.NOTE, "nothing is sent to ops, off since 2026-03-02 11:00 UTC by ann (moved)"),
        "watchkeeper channel on 'ops'",
    ),
    (
        "a channel that has given up",
        replace(WELL, channels=(Outbox("ops", 2, None, "answered HTTP 404"),)),
        *("deliveries", Level.BAD, "ops: 2 given up: answered HTTP 404", "watchkeeper channel test 'ops'"),
    ),
    (
        "a message that was refused and is tried again",
        replace(WELL, channels=(Outbox("ops", 0, ago(3), "no answer"),)),
        *("deliveries", Level.NOTE, "ops: waiting since 2026-03-02 11:57 UTC: no answer", "channel test 'ops'"),
    ),
    (
        "a message that waits for more than an hour",
        replace(WELL, channels=(Outbox("ops", 0, ago(61), "no answer"),)),
        *("deliveries", Level.BAD, "ops: waiting since 2026-03-02 10:59 UTC: no answer", "channel test 'ops'"),
    ),
    (
        "a retraining target that is gone",
        replace(WELL, retraining=(Outbox("training", 1, None, "answered HTTP 410"),)),
        *("retraining", Level.BAD, "training: 1 given up: answered HTTP 410", "watchkeeper target test 'training'"),
    ),
    (
        "a retraining run that nobody heard of any more",
        replace(WELL, failed_runs=(FailedRun("fraud", "msg_1", "timed_out", ago(30)),)),
        *("retraining_runs", Level.BAD, "fraud: its newest retraining run timed out", "retraining show msg_1"),
    ),
    (
        "a secret that is not there",
        replace(WELL, missing_secrets=(MissingSecret("channel ops", "the secret env:URL is not set"),)),
        *("secrets", Level.BAD, "channel ops: the secret env:URL is not set", "environment of the worker"),
    ),
    (
        "an address that is none",
        replace(WELL, installed=Installed(public_url="watch.example.org")),
        *("public_url", Level.BAD, "'watch.example.org' is no address", "WATCHKEEPER_PUBLIC_URL"),
    ),
    (
        "links that lead to the reader's machine",
        replace(WELL, installed=Installed(public_url="http://localhost", public_host="localhost", public_is_here=True)),
        *("public_url", Level.NOTE, "their own machine", "WATCHKEEPER_PUBLIC_URL"),
    ),
    (
        "a collector open to the world without a key",
        replace(WELL, installed=Installed("0.0.0.0", keys_asked=True), good_keys=0),
        *("keys", Level.BAD, "nobody can send records", "watchkeeper key create"),
    ),
    (
        "services with a revoked key",
        replace(WELL, refused={"revoked key": 12, "no key": 1}),
        *("refused", Level.BAD, "1 no key, 12 revoked key", "watchkeeper key list"),
    ),
    (
        "a client that drops records",
        replace(WELL, clients=(ClientFacts("web-1", ago(1), 100, 90, DROPPED, ago(30)),)),
        *("clients", Level.BAD, "web-1 drops records: 7 queue_full of 100", "raise max_records"),
    ),
    (
        "a service that logs half of what it serves",
        replace(WELL, clients=(ClientFacts("web-1", ago(1), 60, 50, served=100),)),
        *("logged_share", Level.BAD, "logged 50 of the 100 predictions", "client.log()"),
    ),
    (
        "a route to a channel that is gone",
        replace(WELL, routes=(Route(RouteMatch(model="fraud*"), ("ops", "team"), id=7),)),
        *("routes", Level.BAD, "route 7 (model=fraud*) names channels that are gone: team", "watchkeeper route set 7"),
    ),
    (
        "a route that no channel is left of",
        replace(WELL, routes=(Route(RouteMatch(), ("team",), escalate_to=("ops",), id=7),)),
        *("routes", Level.BAD, "gone: team, so it takes nothing, and those behind it do", "channel add"),
    ),
    (
        "a route that escalates to a channel that is gone",
        replace(WELL, routes=(Route(RouteMatch(), ("ops",), escalate_to=("boss",), id=7),)),
        *("routes", Level.BAD, "route 7 (everything) names channels that are gone: boss", "channel add"),
    ),
    (
        "a route to a channel that is off",
        replace(
            WELL,
            channels=(Outbox("ops"), Outbox("night", off=Off(ago(60), "ann"))),
            routes=(Route(RouteMatch(), ("night",), id=7), Route(RouteMatch(), ("ops",), id=8)),
        ),
        *("routes", Level.NOTE, "channels that are off: night, so it takes nothing", "watchkeeper channel on"),
    ),
    (
        "a version without a reference",
        replace(WELL, bare_versions=("fraud 3",)),
        *("references", Level.NOTE, "without a reference: fraud 3", "watchkeeper import reference"),
    ),
]


@pytest.mark.parametrize(
    ("facts", "subject", "level", "what", "mend"), [row[1:] for row in SENTENCES], ids=[row[0] for row in SENTENCES]
)
def test_what_is_wrong_is_found_and_how_to_mend_it(
    facts: Facts, subject: str, level: Level, what: str, mend: str
) -> None:
    (found,) = [one for one in diagnose(facts) if one.subject == subject]
    assert (found.level, bool(found.why)) == (level, True)
    assert what in found.what
    assert mend in found.mend


def test_every_look_is_among_the_sentences_and_finds_nothing_where_all_is_well() -> None:
    assert {look.subject for look in LOOKS} == {row[2] for row in SENTENCES}
    found = diagnose(WELL)
    assert [one.subject for one in found] == [look.subject for look in LOOKS]
    assert {one.level for one in found} == {Level.OK}
    assert not any(one.why or one.mend for one in found)


def test_without_a_database_only_what_needs_none_is_told() -> None:
    found = diagnose(replace(WELL, database=Database("postgresql", "connection refused")))
    assert [one.subject for one in found] == ["data_folder", "database", "second_database"]


def test_each_of_several_things_is_told_by_itself() -> None:
    both = replace(WELL, jobs=(job("fold", outcome="failed"), job("evaluate", outcome="failed"), job("act")))
    assert [one.about for one in diagnose(both) if one.subject == "jobs"] == ["fold", "evaluate"]
    channels = (Outbox("a", 1), Outbox("b"), Outbox("c", 1))
    found = [one.about for one in diagnose(replace(WELL, channels=channels)) if one.subject == "deliveries"]
    assert found == ["a", "c"]


def test_a_job_that_waits_for_one_that_works_is_not_late() -> None:
    late = replace(job("alert", 16), waits_for=frozenset({"evaluate"}))
    assert ailing_jobs(replace(WELL, jobs=(job("evaluate", 5, "running"), late))) == []
    assert [one.about for one in ailing_jobs(replace(WELL, jobs=(job("report", 5, "running"), late)))] == ["alert"]


def test_a_job_that_is_seldom_due_is_given_more_time() -> None:
    hourly = replace(WELL, jobs=(job("report", 300, seconds=3600),))
    assert ailing_jobs(hourly) == []


@pytest.mark.parametrize("name", ["fold", "heartbeat"])
def test_what_failed_but_went_well_a_moment_ago_wakes_nobody(name: str) -> None:
    levels = [
        {
            one.level
            for one in diagnose(replace(WELL, jobs=(job("evaluate"), job(name, outcome="failed", done=minutes))))
        }
        for minutes in (0.5, 2, 2.1)
    ]
    assert [Level.BAD in found for found in levels] == [False, False, True]


def test_a_job_that_always_fails_fails_while_it_tries_again() -> None:
    again = replace(job("fold", outcome="failed"), running=True)
    assert [one.about for one in ailing_jobs(replace(WELL, jobs=(again,)))] == ["fold"]


def test_a_failed_heartbeat_is_no_ailing_job() -> None:
    assert ailing_jobs(replace(WELL, jobs=(job("heartbeat", outcome="failed"),))) == []


@pytest.mark.parametrize(
    ("trend", "expected"),
    [
        ((100, 200, 300, 400, 500, 600), True),
        ((600, 500, 400, 300, 200, 500), False),  # it became less
        ((100, 900, 100, 900, 100, 900), False),  # up and down
        ((100, 200, 300), False),  # too short to tell
        ((1, 2, 3, 4, 5, 6), False),  # too little to matter
    ],
)
def test_a_queue_grows_when_every_late_round_left_more_than_any_early_one(
    trend: tuple[int, ...], expected: bool
) -> None:
    assert Backlog(trend[-1], ago(5), trend).grows is expected
