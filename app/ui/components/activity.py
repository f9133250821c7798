"""What was done: retraining requests, and messages that did not arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from app.core.retraining_run import RunState
from app.services.read_models.activity import Undelivered
from app.storage.retraining_runs import StoredRun
from app.ui.components import wording
from app.ui.components.alerts import failure_text
from app.ui.components.html import Html, element, table

_STATES = {
    RunState.WAITING: "◌ waits for approval",
    RunState.REQUESTED: "◌ requested",
    RunState.ACCEPTED: "◌ accepted",
    RunState.RUNNING: "◌ running",
    RunState.SUCCEEDED: "● succeeded",
    RunState.FAILED: "◆ failed",
    RunState.TIMED_OUT: "◆ timed out",
    RunState.CANCELLED: "○ cancelled",
}


def state_text(run: StoredRun) -> str:
    """Shape and word of where a run stands."""
    return _STATES[run.state]


def runs(found: Sequence[StoredRun], *, with_model: bool = False) -> Html:
    """Runs as a table, newest first."""
    model = ("Model",) if with_model else ()
    failed = ("Error",) if any(_error(one) for one in found) else ()
    head = ("Requested", *model, "Version", "State", "Since", "New version", "Why", *failed)
    return table(head, [_row(one, with_model)[: len(head)] for one in found])


def _row(run: StoredRun, with_model: bool) -> list[str]:
    requested, since = wording.moment(run.created_at), wording.moment(run.changed_at)
    named = [element("span", run.model, class_="wk-name")] if with_model else []
    state = element("span", state_text(run), class_="wk-fixed")
    dates = [element("span", date, class_="wk-fixed") for date in (requested, since)]
    why = element("span", run.reason, class_="wk-words")
    return [dates[0], *named, run.version, state, dates[1], run.new_version or wording.NO_VALUE, why, _error(run)]


def _error(run: StoredRun) -> str:
    attempts = f" ({wording.plural(run.attempts, 'attempt')})" if run.last_error else ""
    return (run.last_error or run.poll_error) + attempts


def troubles(found: Sequence[Undelivered]) -> Html:
    """Messages that wait or were given up, one line each."""
    return element(
        "div",
        *(element("p", f"{one.title} — ", failure_text(one.channel, asdict(one)), class_="wk-failed") for one in found),
    )
