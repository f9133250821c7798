"""The jobs of the worker, how often each is to run, and for how long its runs are remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.settings import Settings

KEEP_RUNS = timedelta(days=30)
KEEP_DONE_FREQUENT = timedelta(days=1)
"""There is one every few seconds, and after a day nobody asks for those that went well."""
SELF_WATCH_SECONDS = 60
"""Services that wait for a heartbeat count minutes, and so does what is looked at."""

KEEP_RUNS = timedelta(days=30)
KEEP_DONE_FREQUENT = timedelta(days=1)
"""There is one every few seconds, and after a day nobody asks for those that went well."""


class Job(StrEnum):
    """The jobs, in the order in which they build on each other."""

    FOLD = "fold"
    EVALUATE = "evaluate"
    ALERT = "alert"
    WATCH = "watch"
    ROLL_BACK = "roll_back"
    DIGEST = "digest"
    DELIVER = "deliver"
    ACT = "act"
    REPORT = "report"
    ROLL_UP = "roll_up"
    REVIEW = "review"
    HEARTBEAT = "heartbeat"


ALL = tuple(Job)
FREQUENT = frozenset({Job.FOLD, Job.DELIVER})
"""Jobs that look every few seconds for something to do."""
SELF_WATCH = frozenset({Job.WATCH, Job.HEARTBEAT})
"""Jobs that look at the others."""
JUDGING = (Job.FOLD, Job.EVALUATE, Job.ALERT)
AFTERWARDS = tuple(job for job in Job if job not in JUDGING)
GROUPS: tuple[tuple[Job, ...], ...] = (
    (Job.FOLD,),
    (Job.EVALUATE, Job.ALERT, Job.ROLL_BACK, Job.DIGEST, Job.ACT),
    (Job.DELIVER,),
    (Job.REPORT,),
    (Job.ROLL_UP, Job.REVIEW),
    (Job.WATCH, Job.HEARTBEAT),
)
"""Jobs that run one after the other. Neither a long backlog to fold nor a long evaluation holds up the messages that
wait to be sent, and a storm of messages to a slow channel holds up no evaluation."""


def interval(job: Job, settings: Settings) -> timedelta:
    """How often a job is to run."""
    if job in FREQUENT:
        return timedelta(seconds=settings.fold_interval_seconds)
    if job in SELF_WATCH:
        return timedelta(seconds=max(SELF_WATCH_SECONDS, settings.work_interval_seconds))
    return timedelta(seconds=settings.work_interval_seconds)


def slot_of(job: Job, settings: Settings, now: datetime) -> datetime:
    """`now`, rounded down to a multiple of the job's interval: what is done once in each of them."""
    zero = datetime(1970, 1, 1, tzinfo=UTC)
    return now - (now - zero) % interval(job, settings)


def beside(job: Job) -> frozenset[Job]:
    """The other jobs of its group, for which it may have to wait."""
    return frozenset(other for jobs in GROUPS if job in jobs for other in jobs if other is not job)
