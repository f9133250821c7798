"""The worker, its jobs, and what waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.core.alerting import utc_text
from app.core.looks.diagnoses import bad, note, span, well
from app.core.self_watch import Diagnosis, Facts, JobFacts

LATE = timedelta(minutes=15)
"""A job is late, and one that runs is stuck, after this or after so many of its intervals, whichever is longer:"""
LATE_INTERVALS = 20
ABANDONED = timedelta(days=1)
"""Without any job for so long, nobody calls `watchkeeper run` either."""
HEARTBEAT = "heartbeat"


def worker(facts: Facts) -> Sequence[Diagnosis]:
    """Whether one leads, or nothing waits for one."""
    if facts.worker_leads:
        return well("worker", "a worker leads")
    last = max((job.started_at for job in facts.jobs), default=None)
    said = f"no worker runs; the last job began at {utc_text(last)}" if last else "no worker runs, and no job has run"
    waiting = [facts.backlog.since, *(place.pending_since for place in (*facts.channels, *facts.retraining))]
    since = min((time for time in waiting if time), default=None)
    abandoned = last is not None and facts.now - last > ABANDONED and facts.versions > 0
    if (since and facts.now - since > LATE) or abandoned:
        what = said + (f", and work has waited since {utc_text(since)}" if since else "")
        return bad("worker", what, "start `watchkeeper work` (or `watchkeeper up`)")
    mend = "start `watchkeeper work` (or `watchkeeper up`), unless you call `watchkeeper run` yourself"
    return note("worker", said, mend)


def jobs(facts: Facts) -> Sequence[Diagnosis]:
    """Whether each goes well and in time."""
    if found := ailing_jobs(facts):
        return found
    if failed := [job.job for job in facts.jobs if job.outcome == "failed" and job.job != HEARTBEAT]:
        what = f"failed just now, and went well within the last two minutes: {', '.join(failed)}"
        return note("jobs", what, "look again in two minutes; the worker's log says why")
    return well("jobs", "each job went well" if facts.jobs else "no job has run yet")


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
        return bad("jobs", f"{job.job} failed: {job.detail}{_last_done(job)}", mend, job.job)
    if job.running and not facts.worker_leads and age > patience:
        what = f"{job.job} began at {utc_text(job.started_at)} and its worker is gone"
        return bad("jobs", what, "start `watchkeeper work` (or `watchkeeper up`): it takes up what was left", job.job)
    if job.running and age > patience:
        what = f"{job.job} has been running since {utc_text(job.started_at)}, due every {span(job.interval)}"
        return bad(
            "jobs", what, "restart the worker: nothing is lost, its work is done again from where it was", job.job
        )
    if facts.worker_leads and not busy and age > patience:
        what = f"{job.job} last began at {utc_text(job.started_at)}, due every {span(job.interval)}"
        return bad("jobs", what, "restart the worker, and read its log", job.job)
    return []


_REBUILD = "; `watchkeeper rebuild` counts damaged profiles anew"
_JOB_MENDS = {
    "fold": f"{_REBUILD}, and where the reference is damaged, store it again: what waits is then counted",
    "evaluate": _REBUILD,
    "roll_up": _REBUILD,
}


def _last_done(job: JobFacts) -> str:
    return f" (it last went well at {utc_text(job.done_at)})" if job.done_at else " (it never went well)"


def backlog(facts: Facts) -> Sequence[Diagnosis]:
    """Whether new records are counted in time."""
    waiting = facts.backlog
    since = f", the oldest since {utc_text(waiting.since)}" if waiting.since else ""
    what = f"{waiting.batches} batches wait to be counted{since}"
    mend = "start `watchkeeper work` (or `up`), or run `watchkeeper run` once"
    if waiting.since and facts.now - waiting.since > LATE:
        return bad("backlog", what, mend)
    if waiting.grows:
        faster = (
            "give the worker a machine and the database a disk of its own; see docs/benchmarks.md for what one bears"
        )
        return bad("backlog", f"{what}, and they become more: {waiting.trend[0]} at first", faster)
    return well("backlog", what)


def heartbeat(facts: Facts) -> Sequence[Diagnosis]:
    """Whether one is sent, and arrives."""
    if not facts.installed.heartbeat:
        mend = "set WATCHKEEPER_HEARTBEAT_URL to an address of e.g. Healthchecks.io, see docs/operating.md"
        return note("heartbeat", "no heartbeat is sent: nobody notices when the worker is gone", mend)
    newest = next((job for job in facts.jobs if job.job == HEARTBEAT), None)
    if newest is None:
        return note("heartbeat", "none was sent yet", "start `watchkeeper work` with the same settings")
    if newest.fails(facts.now):
        mend = "correct WATCHKEEPER_HEARTBEAT_URL (or the file WATCHKEEPER_HEARTBEAT_URL_FILE names)"
        return bad("heartbeat", f"it did not arrive: {newest.detail}{_last_done(newest)}", mend)
    return well("heartbeat", f"sent at {utc_text(newest.started_at)}")
