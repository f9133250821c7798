"""The versions of a model, and which of them is live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from app.core.drills import Drill
from app.core.errors import NotFoundError
from app.services import deployments, drills, subscribers
from app.services.channels import list_channels
from app.services.read_models.versions import ModelVersions, model_versions
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine
from app.ui.data.fleet import names, overview
from app.ui.data.models import model as shown_model
from app.ui.data.scorecards import scorecard


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def versions(model: str) -> ModelVersions | None:
    """The model's versions and what happened to them; None when there is no such model."""
    try:
        return model_versions(engine(), model)
    except NotFoundError:
        return None


def make_live(model: str, version: str, author: str, reason: str, seen: int) -> None:
    """Make the version live, unless what was live changed since `seen`. Raises WatchkeeperError that says why not."""
    deployments.go_to(engine(), model, version, datetime.now(UTC), author=author, reason=reason, seen=seen)
    for known in (versions, shown_model, scorecard, overview, names):
        known.clear()


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def told(model: str) -> tuple[list[str], list[str]]:
    """Who is told of a change: the targets that machines listen at, and the channels of people."""
    targets = [one.target for one in subscribers.list_subscribers(engine(), model)]
    return targets, [one.name for one in list_channels(engine()) if one.off is None]


def drills_of(model: str) -> list[Drill]:
    """The model's drills, the newest first; read anew each time, since one of them may be running."""
    return drills.list_drills(engine(), model)


def drill(drill_id: int) -> Drill:
    """The drill as it stands; one whose time is over has failed."""
    return drills.drill(engine(), drill_id, datetime.now(UTC))


def call_off_drill(drill_id: int, author: str, reason: str) -> Drill:
    """End a drill that waits for its answers. Raises WatchkeeperError that says why not."""
    return drills.call_off_drill(engine(), drill_id, datetime.now(UTC), author=author, reason=reason)


def start_drill(model: str, version: str, author: str, timeout: timedelta) -> Drill:
    """Ask the serving side to load the version. Raises WatchkeeperError that says why not."""
    return drills.start_drill(engine(), model, datetime.now(UTC), to=version, author=author, timeout=timeout)
