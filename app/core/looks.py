"""The looks that Watchkeeper takes at itself: each a judgement of facts, used by `doctor` and by its own alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.core.alerting import Finding, utc_text
from app.core.model import Outcome, Window
from app.core.self_watch import Diagnosis, Facts, JobFacts, Level, Outbox
from app.core.severity import Severity

LEAST_FREE_BYTES = 1 << 30
LATE = timedelta(minutes=15)
"""A job is late, and one that runs is stuck, after this or after so many of its intervals, whichever is longer:"""
LATE_INTERVALS = 20
ABANDONED = timedelta(days=1)
"""Without any job for so long, nobody calls `watchkeeper run` either."""
LONGEST_PENDING = timedelta(hours=1)
SKEW = timedelta(seconds=30)
"""Of two clocks. Windows close by the clock, and claims of what is being sent last five minutes."""
RECENTLY = timedelta(hours=1)
LEAST_LOGGED = 0.99
"""Share of what a service says it served."""
LEAST_REFUSED = 10
MOST_NAMED = 5
HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to look at. `judge` gives nothing but what is not as it should be, or else says what is well.

    `why`: what becomes of the user's models while it stands badly. `database`: asks for a database that can be used.
    `severity`: of the alert about it, while it does.
    """

    subject: str
    question: str
    why: str
    judge: Callable[[Facts], Iterator[Diagnosis] | Sequence[Diagnosis]]
    database: bool = True
    severity: Severity = Severity.WARNING


def diagnose(facts: Facts) -> list[Diagnosis]:
    """What every look finds, in their order; those that need a database are left out while there is none to use."""
    return [
        diagnosis if diagnosis.level is Level.OK else replace(diagnosis, why=look.why)
        for look in LOOKS
        if facts.database.usable or not look.database
        for diagnosis in look.judge(facts)
    ]


def findings(diagnoses: Sequence[Diagnosis], now: datetime) -> list[Finding]:
    """What is bad as breaches, for alerts about Watchkeeper itself: one for each thing that a look is about."""
    severity = {look.subject: look.severity for look in LOOKS}
    return [
        Finding(
            check=one.subject,
            subject=one.about,
            segment="",
            outcome=Outcome.BREACH,
            window=Window(now, now),
            value=None,
            limit=None,
            statistic="",
            reason=f"{one.what}. To mend it: {one.mend}",
            declared=severity[one.subject],
        )
        for one in diagnoses
        if one.level is Level.BAD
    ]


def advice_for(subject: str) -> str:
    """What is at stake while it stands badly."""
    return next((look.why for look in LOOKS if look.subject == subject), "")


def _well(subject: str, what: str) -> list[Diagnosis]:
    return [Diagnosis(subject, Level.OK, what)]


def _note(subject: str, what: str, mend: str) -> list[Diagnosis]:
    return [Diagnosis(subject, Level.NOTE, what, mend=mend)]


def _bad(subject: str, what: str, mend: str, about: str = "") -> list[Diagnosis]:
    return [Diagnosis(subject, Level.BAD, what, mend=mend, about=about)]


# --- This machine and the database ------------------------------------------------------------------------------------


def _data_folder(facts: Facts) -> Sequence[Diagnosis]:
    disk = facts.data_folder
    if disk.error:
        return _bad("data_folder", disk.error, "set WATCHKEEPER_DATA_DIR to a folder that can be written")
    what = f"{disk.path}, {disk.free_bytes / 2**30:.1f} GiB free"
    if disk.free_bytes < LEAST_FREE_BYTES:
        return _bad("data_folder", what, "free some space, or set WATCHKEEPER_DATA_DIR to a larger disk")
    return _well("data_folder", what)


def _database(facts: Facts) -> Sequence[Diagnosis]:
    known = facts.database
    if known.error:
        mend = "check WATCHKEEPER_DATABASE_URL and WATCHKEEPER_DATABASE_PASSWORD, and that the server answers"
        return _bad("database", known.error, mend)
    where = f"{known.dialect}, schema {known.revision or 'empty'}"
    if known.ahead:
        back = f"`watchkeeper db downgrade {known.head}`"
        mend = f"start the newer program that it belongs to, or take it back with that program: {back}"
        return _bad("database", f"{where}, which this program does not know", mend)
    if known.revision != known.head:
        return _bad("database", where, f"run `watchkeeper db upgrade` (to {known.head})")
    return _well("database", where)


def _second_database(facts: Facts) -> Sequence[Diagnosis]:
    known = facts.database
    if not known.unused:
        return _well("second_database", "there is one database")
    what = f"{known.unused} holds another database, which is not the one that the settings name ({known.dialect})"
    mend = (
        "if a service still writes there, give it the same WATCHKEEPER_DATABASE_URL as the others; "
        "else move the file away"
    )
    return _note("second_database", what, mend)


def _clock(facts: Facts) -> Sequence[Diagnosis]:
    mend = "synchronise the clocks of all machines, e.g. `timedatectl set-ntp true`"
    skew, newest = facts.database.skew, facts.database.newest_write
    if skew is not None and abs(skew) > SKEW:
        side = "ahead of" if skew > timedelta(0) else "behind"
        return _bad("clock", f"the database's clock is {_span(abs(skew))} {side} this machine's", mend)
    if newest is not None and newest - facts.now > SKEW:
        what = f"the newest record was stored at {utc_text(newest)}, {_span(newest - facts.now)} in the future"
        return _bad("clock", what, mend)
    return _well("clock", "the clocks agree")


# --- The worker -------------------------------------------------------------------------------------------------------


def _worker(facts: Facts) -> Sequence[Diagnosis]:
    if facts.worker_leads:
        return _well("worker", "a worker leads")
    last = max((job.started_at for job in facts.jobs), default=None)
    said = f"no worker runs; the last job began at {utc_text(last)}" if last else "no worker runs, and no job has run"
    waiting = [facts.backlog.since, *(place.pending_since for place in (*facts.channels, *facts.retraining))]
    since = min((time for time in waiting if time), default=None)
    abandoned = last is not None and facts.now - last > ABANDONED and facts.versions > 0
    if (since and facts.now - since > LATE) or abandoned:
        what = said + (f", and work has waited since {utc_text(since)}" if since else "")
        return _bad("worker", what, "start `watchkeeper work` (or `watchkeeper up`)")
    mend = "start `watchkeeper work` (or `watchkeeper up`), unless you call `watchkeeper run` yourself"
    return _note("worker", said, mend)


def _jobs(facts: Facts) -> Sequence[Diagnosis]:
    if found := ailing_jobs(facts):
        return found
    if failed := [job.job for job in facts.jobs if job.outcome == "failed" and job.job != HEARTBEAT]:
        what = f"failed just now, and went well within the last two minutes: {', '.join(failed)}"
        return _note("jobs", what, "look again in two minutes; the worker's log says why")
    return _well("jobs", "each job went well" if facts.jobs else "no job has run yet")


def ailing_jobs(facts: Facts) -> list[Diagnosis]:
    """The jobs that fail, are late, or hang; the heartbeat, which tells of them, is not one."""
    return [diagnosis for job in facts.jobs if job.job != HEARTBEAT for diagnosis in _job(job, facts)]


def _job(job: JobFacts, facts: Facts) -> list[Diagnosis]:
    patience = max(LATE, LATE_INTERVALS * job.interval)
    age = facts.now - job.started_at
    # While the one before it works, a job is not late; one that hangs is told itself.
    busy = any(other.running and other.job in job.waits_for for other in facts.jobs)
    if job.fails(facts.now):
        mend = f"read the worker's log{_JOB_MENDS.get(job.job, '')}; then `watchkeeper run` tries it at once"
        return _bad("jobs", f"{job.job} failed: {job.detail}{_last_done(job)}", mend, job.job)
    if job.running and not facts.worker_leads and age > patience:
        what = f"{job.job} began at {utc_text(job.started_at)} and its worker is gone"
        return _bad("jobs", what, "start `watchkeeper work` (or `watchkeeper up`): it takes up what was left", job.job)
    if job.running and age > patience:
        what = f"{job.job} has been running since {utc_text(job.started_at)}, due every {_span(job.interval)}"
        return _bad(
            "jobs", what, "restart the worker: nothing is lost, its work is done again from where it was", job.job
        )
    if facts.worker_leads and not busy and age > patience:
        what = f"{job.job} last began at {utc_text(job.started_at)}, due every {_span(job.interval)}"
        return _bad("jobs", what, "restart the worker, and read its log", job.job)
    return []


_REBUILD = "; `watchkeeper rebuild` counts damaged profiles anew"
_JOB_MENDS = {
    "fold": f"{_REBUILD}, and where the reference is damaged, store it again: what waits is then counted",
    "evaluate": _REBUILD,
    "roll_up": _REBUILD,
}


def _last_done(job: JobFacts) -> str:
    return f" (it last went well at {utc_text(job.done_at)})" if job.done_at else " (it never went well)"


def _backlog(facts: Facts) -> Sequence[Diagnosis]:
    waiting = facts.backlog
    since = f", the oldest since {utc_text(waiting.since)}" if waiting.since else ""
    what = f"{waiting.batches} batches wait to be counted{since}"
    mend = "start `watchkeeper work` (or `up`), or run `watchkeeper run` once"
    if waiting.since and facts.now - waiting.since > LATE:
        return _bad("backlog", what, mend)
    if waiting.grows:
        faster = (
            "give the worker a machine and the database a disk of its own; see docs/benchmarks.md for what one bears"
        )
        return _bad("backlog", f"{what}, and they become more: {waiting.trend[0]} at first", faster)
    return _well("backlog", what)


def _heartbeat(facts: Facts) -> Sequence[Diagnosis]:
    if not facts.installed.heartbeat:
        mend = "set WATCHKEEPER_HEARTBEAT_URL to an address of e.g. Healthchecks.io, see docs/operating.md"
        return _note("heartbeat", "no heartbeat is sent: nobody notices when the worker is gone", mend)
    newest = next((job for job in facts.jobs if job.job == HEARTBEAT), None)
    if newest is None:
        return _note("heartbeat", "none was sent yet", "start `watchkeeper work` with the same settings")
    if newest.fails(facts.now):
        mend = "correct WATCHKEEPER_HEARTBEAT_URL (or the file WATCHKEEPER_HEARTBEAT_URL_FILE names)"
        return _bad("heartbeat", f"it did not arrive: {newest.detail}{_last_done(newest)}", mend)
    return _well("heartbeat", f"sent at {utc_text(newest.started_at)}")


# --- What goes out ----------------------------------------------------------------------------------------------------


def _deliveries(facts: Facts) -> Iterator[Diagnosis]:
    if not facts.channels:
        mend = "`watchkeeper channel add`, see docs/alerts.md"
        yield from _note("deliveries", "no channel: alerts are only in the dashboard", mend)
    elif all(place.off for place in facts.channels):
        off = "; ".join(f"{place.name}, {place.off.words}" for place in facts.channels if place.off)
        mend = "`watchkeeper channel on NAME` switches one on"
        yield from _bad("deliveries", f"every channel is off, so nobody is told of alerts: {off}", mend)
    else:
        found = [
            one for place in facts.channels for one in _place("deliveries", place, facts.now, _channel_mend(place))
        ]
        yield from found or _well("deliveries", "no message was refused, or waits for long")


def _channel_mend(place: Outbox) -> str:
    name = f"'{place.name}'"
    if place.off:
        return f"`watchkeeper channel on {name}` switches it on"
    again = f"and `watchkeeper channel retry {name}` sends again what was given up"
    return f"`watchkeeper channel test {name}` says what is wrong, `watchkeeper channel set {name}` changes it, {again}"


def _retraining(facts: Facts) -> Iterator[Diagnosis]:
    found = [one for place in facts.retraining for one in _place("retraining", place, facts.now, _target_mend(place))]
    yield from found or _well("retraining", "every retraining request reached its target")


def _target_mend(place: Outbox) -> str:
    return f"`watchkeeper target test '{place.name}'` says what is wrong; see `watchkeeper target --help` to correct it"


def _place(subject: str, place: Outbox, now: datetime, mend: str) -> list[Diagnosis]:
    if place.off:
        return _note(subject, f"nothing is sent to {place.name}, {place.off.words}", mend)
    error = f": {place.error}" if place.error else ""
    if place.dead:
        return _bad(subject, f"{place.name}: {place.dead} given up{error}", mend, place.name)
    what = f"{place.name}: waiting since {utc_text(place.pending_since)}{error}" if place.pending_since else ""
    if place.pending_since and now - place.pending_since > LONGEST_PENDING:
        return _bad(subject, what, mend, place.name)
    return _note(subject, what, mend) if what and error else []


def _retraining_runs(facts: Facts) -> Iterator[Diagnosis]:
    for run in facts.failed_runs:
        ended = "timed out" if run.state == "timed_out" else "failed"
        what = f"{run.model}: its newest retraining run {ended} at {utc_text(run.at)}"
        again = f"`watchkeeper retraining start {run.model}` asks again"
        mend = f"`watchkeeper retraining show {run.run}` says what happened; {again}"
        yield from _bad("retraining_runs", what, mend, run.model)
    if not facts.failed_runs:
        yield from _well("retraining_runs", "no model's newest retraining run failed")


def _secrets(facts: Facts) -> Iterator[Diagnosis]:
    for missing in facts.missing_secrets:
        mend = "set it in the environment of the worker (and of this command, to look again)"
        yield from _bad("secrets", f"{missing.owner}: {missing.error}", mend, missing.owner)
    if not facts.missing_secrets:
        yield from _well("secrets", "every secret that is named is there")


def _public_url(facts: Facts) -> Sequence[Diagnosis]:
    url = facts.installed.public_url
    mend = "set WATCHKEEPER_PUBLIC_URL to the dashboard's address as people reach it, e.g. https://watch.example.org"
    if not url:
        return _note("public_url", "messages carry no link to the dashboard", mend)
    if not facts.installed.public_host:
        return _bad("public_url", f"{url!r} is no address, so links in messages lead nowhere", mend)
    if facts.installed.public_is_here:
        return _note("public_url", f"{url} leads everybody who reads a message to their own machine", mend)
    return _well("public_url", url)


# --- What comes in ----------------------------------------------------------------------------------------------------


def _keys(facts: Facts) -> Sequence[Diagnosis]:
    reached = facts.installed
    if not reached.keys_asked:
        return _well("keys", f"none are asked for: the collector listens on {reached.host} only")
    if not facts.good_keys:
        mend = "`watchkeeper key create NAME`, and give it to the services as WATCHKEEPER_KEY"
        return _bad("keys", "the collector asks for an API key, and there is none: nobody can send records", mend)
    return _well("keys", f"{facts.good_keys} API keys are good")


def _refused(facts: Facts) -> Sequence[Diagnosis]:
    said = ", ".join(f"{count} {reason}" for reason, count in sorted(facts.refused.items()))
    if sum(facts.refused.values()) < LEAST_REFUSED:
        return _well("refused", f"requests refused in the last two hours: {said or 'none'}")
    mend = "see who sends them in the collector's log; `watchkeeper key list` says which keys are good"
    return _bad("refused", f"requests refused in the last two hours: {said}", mend)


def _clients(facts: Facts) -> Iterator[Diagnosis]:
    dropping = [one for one in facts.clients if one.dropped_at and facts.now - one.dropped_at <= RECENTLY]
    for client in dropping:
        lost = ", ".join(f"{count} {reason}" for reason, count in sorted(client.dropped.items()))
        mend = "; ".join(_CLIENT_MENDS[reason] for reason in sorted(client.dropped) if reason in _CLIENT_MENDS)
        what = f"a client on {client.host} drops records: {lost} of {client.logged} since it started"
        yield from _bad("clients", what, mend or "see stats.last_error of the client", client.host)
    if not dropping:
        told = f"{len(facts.clients)} clients reported in the last hour" if facts.clients else "no client reports"
        yield from _well("clients", f"{told}, none drops records")


_CLIENT_MENDS = {
    "queue_full": "raise max_records and max_bytes of Client(), or start more collectors",
    "rejected": "give the service a good key: `watchkeeper key create NAME`, then WATCHKEEPER_KEY",
    "gave_up": "read the collector's log for what it failed on",
    "closed": "close() or flush() the client at the end with more time, and log nothing afterwards",
}


def _logged_share(facts: Facts) -> Iterator[Diagnosis]:
    telling = [(one, one.served) for one in facts.clients if one.served]
    short = [(one, served) for one, served in telling if one.predictions < LEAST_LOGGED * served]
    for client, served in short:
        what = f"a client on {client.host} logged {client.predictions} of the {served} predictions that it served"
        mend = "call client.log() for every prediction; see docs/client.md, 'How much of it arrives'"
        yield from _bad("logged_share", what, mend, client.host)
    if not short:
        said = "what is served is logged" if telling else "no client tells how many predictions it served"
        yield from _well("logged_share", said)


def _references(facts: Facts) -> Sequence[Diagnosis]:
    if not facts.bare_versions:
        return _well("references", "every version has a reference" if facts.versions else "there is no version yet")
    named = ", ".join(facts.bare_versions[:MOST_NAMED])
    more = len(facts.bare_versions) - MOST_NAMED
    what = f"without a reference: {named}" + (f" and {more} more" if more > 0 else "")
    return _note("references", what, "store one with `watchkeeper import reference` to judge skew and quality")


def _span(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"


LOOKS: tuple[Look, ...] = (
    Look(
        "data_folder",
        "Can the data folder be written, and has its disk 1 GiB left?",
        "nothing can be stored, and a full disk can damage what is",
        _data_folder,
        database=False,
        severity=Severity.CRITICAL,
    ),
    Look(
        "database",
        "Does the database answer, with the schema of this program?",
        "no service can work",
        _database,
        database=False,
        severity=Severity.CRITICAL,
    ),
    Look(
        "second_database",
        "Is there a SQLite database in the data folder beside the one that is named?",
        "a service without the setting works on the other one, and what it stores is not seen here",
        _second_database,
        database=False,
    ),
    Look(
        "clock",
        "Do the clocks of this machine, the database and the collectors agree within 30 s?",
        "windows close too early or too late, and messages may be sent twice",
        _clock,
    ),
    Look(
        "worker",
        "Does a worker lead, or does nothing wait for one?",
        "nothing is counted, judged or sent",
        _worker,
        severity=Severity.CRITICAL,
    ),
    Look(
        "jobs",
        "Does each job go well (or did within two minutes), in time, and without hanging?",
        "what this job does is not done, and what builds on it is out of date",
        _jobs,
        severity=Severity.CRITICAL,
    ),
    Look(
        "backlog",
        "Are new records counted within 15 minutes, and is what waits not growing?",
        "windows close late, and so do alerts come late",
        _backlog,
        severity=Severity.CRITICAL,
    ),
    Look(
        "heartbeat",
        "Is a heartbeat sent, and does it arrive?",
        "a worker that is gone cannot say so itself",
        _heartbeat,
    ),
    Look(
        "deliveries",
        "Is there a channel, is any on, and has each taken what was sent to it within an hour?",
        "people are not told of alerts",
        _deliveries,
        severity=Severity.CRITICAL,
    ),
    Look(
        "retraining",
        "Has each retraining request reached its target within an hour?",
        "a model that has degraded is not trained anew",
        _retraining,
    ),
    Look(
        "retraining_runs",
        "Did each model's newest retraining run of the last week come to an end that is none of failure or silence?",
        "a model that has degraded is not replaced",
        _retraining_runs,
    ),
    Look("secrets", "Is each secret that a channel or target names there?", "nothing can be sent there", _secrets),
    Look(
        "public_url",
        "Do links in messages lead to the dashboard?",
        "who gets an alert has to look for its page",
        _public_url,
    ),
    Look(
        "keys",
        "Is there an API key, where the collector asks for one?",
        "services cannot send their records",
        _keys,
    ),
    Look(
        "refused",
        "Were fewer than 10 requests refused in the last two hours?",
        "records of a service may be lost, or somebody tries keys",
        _refused,
    ),
    Look(
        "clients",
        "Did no client drop records in the last hour?",
        "what is measured is not all that was served",
        _clients,
    ),
    Look(
        "logged_share",
        "Do services that say how many predictions they served log 99 % of them?",
        "what is measured is not all that was served",
        _logged_share,
    ),
    Look(
        "references",
        "Has every version that is not retired a reference?",
        "skew, quality without labels and limits cannot be judged",
        _references,
    ),
)
"""In the order in which they are told: what must be mended first comes first."""
