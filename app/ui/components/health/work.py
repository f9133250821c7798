"""The worker's jobs, and what waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.core.self_watch import Backlog, Outbox
from app.services.read_models.upkeep import Intake, JobStanding, Work
from app.services.schedule import Job
from app.storage.job_history import PastRun
from app.storage.jobs import RunState
from app.ui import data, theme
from app.ui.components import wording
from app.ui.components.health.strip import strip
from app.ui.components.html import Html, code_text, element, join, table, title

DOES = {
    Job.FOLD: "Counts what came in into the windows' profiles",
    Job.EVALUATE: "Judges the windows that have closed",
    Job.ALERT: "Opens, groups and resolves alerts",
    Job.WATCH: "Looks at Watchkeeper itself",
    Job.ROLL_BACK: "Goes back to an earlier version where a policy says so",
    Job.DIGEST: "Writes digests when they are due",
    Job.DELIVER: "Sends messages to the channels",
    Job.ACT: "Asks for retraining, and follows its runs",
    Job.REPORT: "Makes reports that were asked for",
    Job.ROLL_UP: "Rolls old hours up to days",
    Job.REVIEW: "Draws predictions for review",
    Job.HEARTBEAT: "Calls the dead man's switch",
}
_STATES = {RunState.DONE: "● went well", RunState.FAILED: "◆ failed", RunState.RUNNING: "◌ runs"}


@st.fragment(run_every=data.connection.REFRESH)
def show_jobs() -> None:
    """Each job: what became of its last run, and when the next one is due."""
    found, now = data.health.work(), datetime.now(UTC)
    st.html(element("p", jobs_headline(found), class_="wk-lead"))
    st.html(element("div", *(_job(one, found, now) for one in found.jobs), class_="wk-jobs"))


def jobs_headline(found: Work) -> str:
    """Whether the work is done."""
    leads = "A worker leads" if found.worker_leads else "No worker runs"
    last = max((one.runs[0].started_at for one in found.jobs if one.runs), default=None)
    ailing = [one.job.value for one in found.jobs if one.trouble]
    if ailing:
        return f"{leads}; {wording.plural(len(ailing), 'job')} not well: {', '.join(ailing)}."
    if last is None:
        return f"{leads}; no job has run yet."
    return f"{leads}; " + (
        "no job is late or fails." if found.worker_leads else f"the last job began {wording.moment(last)}."
    )


def _job(one: JobStanding, work: Work, now: datetime) -> Html:
    last = one.runs[0] if one.runs else None
    spark = strip(one.runs[::-1], theme.current())
    return element(
        "section",
        element("h3", element("b", one.job.value.replace("_", " ")), element("span", _state(one), class_=_class(one))),
        element("p", DOES[one.job], class_="wk-job-does"),
        element("p", _last(last, now) if last else "It has never run."),
        element("p", _due(one, work), class_="wk-facts"),
        spark,
        element("p", code_text(f"{one.trouble}. To mend it: {one.mend}"), class_="wk-failed") if one.trouble else None,
        None
        if one.trouble or last is None or not last.detail
        else element("p", counts_text(last.detail), class_="wk-facts"),
        class_="wk-job",
    )


def _state(one: JobStanding) -> str:
    if not one.runs:
        return "▫ never ran"
    state = one.runs[0].state
    return "◆ late" if one.trouble and state is RunState.DONE else _STATES[state]


def counts_text(detail: str) -> str:
    """What a run counted, `batches 3, late rows 2` of `batches=3 late_rows=2`; other words as they are."""
    parts = detail.split()
    if not all("=" in part for part in parts):
        return detail
    return ", ".join(part.replace("=", " ").replace("_", " ") for part in parts)


def _class(one: JobStanding) -> str:
    if not one.runs and not one.trouble:
        return "wk-job-state wk-job-idle"
    bad = one.trouble or (one.runs and one.runs[0].state is RunState.FAILED)
    return "wk-job-state wk-job-bad" if bad else "wk-job-state"


def _last(run: PastRun, now: datetime) -> str:
    ago = wording.duration(max(now - run.started_at, timedelta(0)))
    took = f", took {seconds(run.took)}" if run.took is not None else ""
    return f"Last began {wording.moment(run.started_at)} ({ago} ago){took}."


def _due(one: JobStanding, work: Work) -> str:
    every = f"Due every {seconds(one.every)}"
    return f"{every}; next {one.next_due:%H:%M:%S} UTC." if work.worker_leads else f"{every}, once a worker runs."


def seconds(span: timedelta) -> str:
    """A short time with its unit."""
    value = span.total_seconds()
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.3g} s" if value < 120 else f"{value / 60:.3g} min"


@st.fragment(run_every=data.connection.REFRESH)
def show_queues() -> None:
    """What waits to be counted or sent, and what clients lost."""
    found, came = data.health.work(), data.health.intake()
    st.html(join(title("To be counted"), _backlog(found.backlog)))
    st.html(join(title("To be sent", "Messages by channel, and requests for retraining by target."), _outbox(found)))
    st.html(join(title("Clients", "What the clients of the last seven days say of themselves."), _clients(came)))
    st.html(join(title("Refused requests", "In the last seven days, by reason."), _refused(came)))


def _backlog(backlog: Backlog) -> Html:
    if not backlog.batches:
        return element("p", "● Nothing waits: everything that came in is counted.")
    since = f", the oldest since {wording.moment(backlog.since)}" if backlog.since else ""
    more = " ◆ They become more." if backlog.grows else ""
    return element("p", f"◌ {wording.plural(backlog.batches, 'batch', 'batches')} wait{since}.{more}")


def _outbox(found: Work) -> Html:
    places = [*(("channel", one) for one in found.channels), *(("target", one) for one in found.targets)]
    if not places:
        return element("p", code_text("There is no channel and no target yet; `watchkeeper channel add` makes one."))
    rows = [_place(kind, one) for kind, one in places]
    return table(("Place", "Kind", "Stands", "Last error"), rows)


def _place(kind: str, one: Outbox) -> Sequence[str]:
    if one.off:
        return (one.name, kind, f"◌ nothing is sent: {one.off.words}", wording.NO_VALUE)
    states = [f"◆ {one.dead} given up"] if one.dead else []
    states += [f"◌ waiting since {wording.moment(one.pending_since)}"] if one.pending_since else []
    return (one.name, kind, ", ".join(states) or "● nothing waits", one.error or wording.NO_VALUE)


def _clients(came: Intake) -> Html:
    if not came.clients:
        return element("p", code_text("No client has reported yet; see `docs/client.md`."), class_="wk-quiet")
    losing = sum(bool(one.report.dropped) for one in came.shown)
    said = f"◆ {wording.plural(losing, 'client')} lost records." if losing else "● No client lost a record."
    shown = f" The latest {len(came.shown)} of {came.clients}." if len(came.shown) < came.clients else ""
    rows = [
        (
            one.report.host,
            wording.moment(one.reported_at),
            wording.count(one.report.logged),
            wording.count(one.report.sent),
            wording.count(one.report.rejected),
            _dropped(one.report.dropped),
            wording.moment(one.dropped_at) if one.dropped_at else wording.NO_VALUE,
        )
        for one in came.shown
    ]
    head = ("Host", "Reported", "Logged", "Sent", "Rejected", "Lost", "Last loss")
    return join(element("p", said + shown), table(head, rows, numbers={2, 3, 4}))


def _dropped(dropped: object) -> str:
    assert isinstance(dropped, dict)
    found = [
        f"{wording.count(number)} {reason.replace('_', ' ')}" for reason, number in sorted(dropped.items()) if number
    ]
    return f"◆ {', '.join(found)}" if found else "none"


def _refused(came: Intake) -> Html:
    if not came.refused:
        return element("p", "● None.")
    rows = [(reason.replace("_", " "), wording.count(number)) for reason, number in sorted(came.refused.items())]
    return table(("Reason", "Requests"), rows, numbers={1})
