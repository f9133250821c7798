"""Alerts, what to do about them, and who was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from app.core.errors import NotFoundError
from app.core.silences import Matcher, Silence
from app.services import acknowledging, read_models, silences
from app.services.alert_page import AlertPage
from app.services.alert_page import alert_page as read_alert_page
from app.services.channels import Revival, list_channels, retry_dead
from app.services.read_models import activity
from app.services.read_models.activity import Undelivered
from app.services.read_models.alert_rows import open_alerts_that_fit
from app.services.runbooks import Guidance, find_guidance
from app.ui.data.connection import FRESH, MOST_ANSWERS, attempt, engine
from app.ui.data.fleet import names, overview
from app.ui.data.models import model


@st.cache_data(ttl=FRESH, show_spinner=False)
def alerts(*, ended: bool) -> list[dict[str, Any]]:
    """The open alerts, or every one that there ever was, the worst first."""
    return read_models.alerts(engine(), datetime.now(UTC), all_=ended)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def open_alerts(model: str, version: str) -> list[dict[str, Any]]:
    """The open alerts of one version."""
    return [row for row in alerts(ended=False) if (row["model"], row["version"]) == (model, version)]


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def alert_page(identity: int) -> AlertPage | None:
    """Everything about one alert; None when there is no such one."""
    try:
        return read_alert_page(engine(), identity, datetime.now(UTC))
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def undelivered(model: str) -> list[Undelivered]:
    """Messages about the model that no channel has accepted yet."""
    return activity.undelivered(engine(), model)


@st.cache_data(ttl=FRESH, show_spinner=False)
def channels_on() -> tuple[int, int]:
    """How many channels are on, and how many there are."""
    found = list_channels(engine())
    return sum(one.off is None for one in found), len(found)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def guidance(model: str, check: str) -> Guidance:
    """The runbook of the check; of a model that there is none of, the check's own."""
    try:
        return find_guidance(engine(), model, check)
    except NotFoundError:
        return find_guidance(engine(), "", check)


def acknowledge(identities: Sequence[int], author: str, comment: str, *, group: bool = False) -> str:
    """Take the alerts in hand; what is wrong with that, or ""."""
    return _attempt(
        lambda: acknowledging.acknowledge(engine(), datetime.now(UTC), identities, **_said(author, comment, group))
    )


def unacknowledge(identities: Sequence[int], author: str, comment: str, *, group: bool = False) -> str:
    """Give the alerts back; what is wrong with that, or ""."""
    return _attempt(
        lambda: acknowledging.unacknowledge(engine(), datetime.now(UTC), identities, **_said(author, comment, group))
    )


def resolve(identities: Sequence[int], author: str, comment: str, *, group: bool = False) -> str:
    """Say that the alerts are over; what is wrong with that, or ""."""
    return _attempt(
        lambda: acknowledging.resolve(engine(), datetime.now(UTC), identities, **_said(author, comment, group))
    )


def _said(author: str, comment: str, group: bool) -> dict[str, Any]:
    return {"author": author, "comment": comment, "group": group}


def silence(matcher: Matcher, duration: timedelta, author: str, comment: str) -> str:
    """Tell nobody of what fits, from now on for so long; what is wrong with that, or ""."""
    now = datetime.now(UTC)
    return _attempt(lambda: silences.add_silence(engine(), now, Silence(matcher, now, now + duration, author, comment)))


@st.cache_data(ttl=FRESH, show_spinner=False)
def all_silences() -> list[dict[str, Any]]:
    """Every silence that there ever was, the oldest first."""
    return silences.list_silences(engine(), datetime.now(UTC), ended=True)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def meant_by(matcher: Matcher) -> list[dict[str, Any]]:
    """The open alerts that a silence would mean, the worst first."""
    ids = set(open_alerts_that_fit(engine(), matcher))
    return [row for row in alerts(ended=False) if row["id"] in ids]


def add_silence(new: Silence) -> str:
    """Tell nobody of what fits; what is wrong with that, or ""."""
    return _attempt(lambda: silences.add_silence(engine(), datetime.now(UTC), new))


def end_silence(identity: int, author: str) -> str:
    """Let the silence hold no longer; what is wrong with that, or ""."""
    return _attempt(lambda: silences.end_silence(engine(), datetime.now(UTC), identity, author))


def retry_channel(channel: str) -> Revival | str:
    """Let what was given up on the channel be sent again; what became of it, or what is wrong with that."""
    revived: list[Revival] = []
    problem = _attempt(lambda: revived.append(retry_dead(engine(), datetime.now(UTC), channel)))
    return problem or revived[0]


def _attempt(act: Callable[[], object]) -> str:
    """Do it and forget what pages knew of alerts; what is wrong with it, or ""."""
    return attempt(act, alerts, alert_page, open_alerts, all_silences, meant_by, overview, names, model, undelivered)
