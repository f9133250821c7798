"""What was done: retraining requests, and messages that did not arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from app.services.read_models.activity import RetrainingRequest, Undelivered
from app.ui.components import wording
from app.ui.components.alerts import failure_text
from app.ui.components.html import Html, element, table

_STATES = {"delivered": "● delivered", "pending": "◌ waiting", "dead": "◆ given up"}


def requests(found: Sequence[RetrainingRequest]) -> Html:
    """The requests as a table, newest first."""
    return table(
        ("Requested", "Version", "Why", "Delivery"),
        [(wording.moment(one.created_at), one.version, one.reason, _delivery(one)) for one in found],
    )


def _delivery(request: RetrainingRequest) -> str:
    state = _STATES.get(request.state, request.state)
    if request.delivered_at is not None:
        return f"{state} {wording.moment(request.delivered_at)}"
    attempts = wording.plural(request.attempts, "attempt")
    return f"{state}, {attempts}: {request.last_error}" if request.last_error else state


def troubles(found: Sequence[Undelivered]) -> Html:
    """Messages that wait or were given up, one line each."""
    return element(
        "div",
        *(element("p", f"{one.title} — ", failure_text(one.channel, asdict(one)), class_="wk-failed") for one in found),
    )
