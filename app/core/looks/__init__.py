"""The looks that Watchkeeper takes at itself: each a judgement of facts, used by `doctor` and by its own alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.core.alerting import Finding
from app.core.looks import incoming, machine, outgoing, work
from app.core.model import Outcome, Window
from app.core.self_watch import Diagnosis, Facts, Level
from app.core.severity import Severity


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


LOOKS: tuple[Look, ...] = (
    Look(
        "data_folder",
        "Can the data folder be written, and has its disk 1 GiB left?",
        "nothing can be stored, and a full disk can damage what is",
        machine.data_folder,
        database=False,
        severity=Severity.CRITICAL,
    ),
    Look(
        "database",
        "Does the database answer, with the schema of this program?",
        "no service can work",
        machine.database,
        database=False,
        severity=Severity.CRITICAL,
    ),
    Look(
        "second_database",
        "Is there a SQLite database in the data folder beside the one that is named?",
        "a service without the setting works on the other one, and what it stores is not seen here",
        machine.second_database,
        database=False,
    ),
    Look(
        "clock",
        "Do the clocks of this machine, the database and the collectors agree within 30 s?",
        "windows close too early or too late, and messages may be sent twice",
        machine.clock,
    ),
    Look(
        "worker",
        "Does a worker lead, or does nothing wait for one?",
        "nothing is counted, judged or sent",
        work.worker,
        severity=Severity.CRITICAL,
    ),
    Look(
        "jobs",
        "Does each job go well (or did within two minutes), in time, and without hanging?",
        "what this job does is not done, and what builds on it is out of date",
        work.jobs,
        severity=Severity.CRITICAL,
    ),
    Look(
        "backlog",
        "Are new records counted within 15 minutes, and is what waits not growing?",
        "windows close late, and so do alerts come late",
        work.backlog,
        severity=Severity.CRITICAL,
    ),
    Look(
        "heartbeat",
        "Is a heartbeat sent, and does it arrive?",
        "a worker that is gone cannot say so itself",
        work.heartbeat,
    ),
    Look(
        "deliveries",
        "Is there a channel, is any on, and has each taken what was sent to it within an hour?",
        "people are not told of alerts",
        outgoing.deliveries,
        severity=Severity.CRITICAL,
    ),
    Look(
        "routes",
        "Is every channel that a route names there, and on?",
        "who was to hear of some alerts does not",
        outgoing.routes,
    ),
    Look(
        "retraining",
        "Has each retraining request reached its target within an hour?",
        "a model that has degraded is not trained anew",
        outgoing.retraining,
    ),
    Look(
        "retraining_runs",
        "Did each model's newest retraining run of the last week come to an end that is none of failure or silence?",
        "a model that has degraded is not replaced",
        outgoing.retraining_runs,
    ),
    Look(
        "secrets", "Is each secret that a channel or target names there?", "nothing can be sent there", outgoing.secrets
    ),
    Look(
        "public_url",
        "Do links in messages lead to the dashboard?",
        "who gets an alert has to look for its page",
        outgoing.public_url,
    ),
    Look(
        "keys",
        "Is there an API key, where the collector asks for one?",
        "services cannot send their records",
        incoming.keys,
    ),
    Look(
        "refused",
        "Were fewer than 10 requests refused in the last two hours?",
        "records of a service may be lost, or somebody tries keys",
        incoming.refused,
    ),
    Look(
        "clients",
        "Did no client drop records in the last hour?",
        "what is measured is not all that was served",
        incoming.clients,
    ),
    Look(
        "logged_share",
        "Do services that say how many predictions they served log 99 % of them?",
        "what is measured is not all that was served",
        incoming.logged_share,
    ),
    Look(
        "references",
        "Has every version that is not retired a reference?",
        "skew, quality without labels and limits cannot be judged",
        incoming.references,
    ),
)
"""In the order in which they are told: what must be mended first comes first."""
