"""Requests for retraining."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from app.core.delivery import Answer
from app.core.training_set import Manifest
from app.services.read_models.retraining import Lived, PolicyStanding, lives, standings
from app.services.retraining import start
from app.services.retraining_runs import Outcome, approve, list_runs, reject, send_again
from app.services.targets import TargetStatus, list_targets, send_test
from app.services.training_sets import list_manifests
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
    forget()
    return outcome


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def recent(most: int) -> list[Lived]:
    """The newest runs of all models with their steps."""
    return lives(engine(), most)


@st.cache_data(ttl=FRESH, show_spinner=False)
def policies() -> list[PolicyStanding]:
    """Every policy, and what is left of its budget and cool-down."""
    return standings(engine(), datetime.now(UTC))


@st.cache_data(ttl=FRESH, show_spinner=False)
def targets() -> list[TargetStatus]:
    """Where requests can go; secrets are references."""
    return list_targets(engine())


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def training_sets(model: str) -> list[Manifest]:
    """The manifests of the model's training sets, the newest first."""
    return list_manifests(engine(), model)


def ask(model: str, version: str, target: str, reason: str, author: str) -> StoredRun:
    """Ask by hand; `target` empty: the one of the policy. Raises WatchkeeperError that says why not."""
    now = datetime.now(UTC)
    begun = start(engine(), now, settings(), model, reason=reason, author=author, version=version, target=target)
    forget()
    return begun


def try_target(name: str, *, may_start: bool) -> Answer:
    """Send a real request that says it is a test. Raises WatchkeeperError that says why not."""
    return send_test(engine(), datetime.now(UTC), settings(), name, environment=os.environ, may_start=may_start)


def forget() -> None:
    """What pages knew of runs is read anew."""
    for answers in (retraining_runs, recent, policies):
        answers.clear()
