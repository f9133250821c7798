"""Requests for retraining."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from app.services.retraining_runs import Outcome, approve, list_runs, reject, send_again
from app.storage.retraining_runs import StoredRun
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine, settings

MOST_RUNS = 50


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def retraining_runs(model: str | None = None) -> list[StoredRun]:
    """The latest requests for retraining (of the model), newest first."""
    return list_runs(engine(), model, most=MOST_RUNS)


def decide(action: str, run_id: str, author: str) -> Outcome:
    """Approve, reject or send a run again in somebody's name; what is shown is read anew afterwards."""
    decisions: dict[str, Callable[..., Outcome]] = {"approve": approve, "reject": reject, "send_again": send_again}
    public_url = settings().public_url
    outcome = decisions[action](engine(), datetime.now(UTC), run_id, author=author, public_url=public_url)
    retraining_runs.clear()
    return outcome
