"""The pages' only door to the services: one engine a process, and answers kept for some seconds.

What a page shows may therefore be `FRESH` old; a page asks again by itself every `REFRESH`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import NotFoundError, WatchkeeperError
from app.core.fold import WHOLE
from app.core.silences import Matcher, Silence
from app.services import acknowledging, deployments, read_models, silences
from app.services.alert_page import AlertPage
from app.services.alert_page import alert_page as read_alert_page
from app.services.causes import Explanation, explain
from app.services.channels import list_channels, retry_dead
from app.services.checks import all_checks
from app.services.read_models import activity, histogram, model_view, series
from app.services.read_models.activity import Undelivered
from app.services.read_models.fleet import ModelCard
from app.services.read_models.histogram import Comparison
from app.services.read_models.labels import ModelLabels, model_labels
from app.services.read_models.model_view import ModelView
from app.services.read_models.segments import ModelSegments, model_segments
from app.services.read_models.series import HeatMap, Series
from app.services.read_models.version_records import VersionRecord
from app.services.read_models.version_records import version_records as read_version_records
from app.services.read_models.versions import ModelVersions, model_versions
from app.services.reports import Contents, list_reports, report_contents
from app.services.retraining_runs import Outcome, approve, list_runs, reject, send_again
from app.services.runbooks import Guidance, find_guidance
from app.services.scorecards import ModelScorecard, model_scorecard
from app.settings import Settings, SettingsError
from app.storage import migrate
from app.storage.engine import open_engine
from app.storage.retraining_runs import StoredRun

FRESH = timedelta(seconds=20)
REFRESH = timedelta(seconds=30)
MOST_ANSWERS = 500
MOST_REPORTS = 5
MOST_RUNS = 50


@st.cache_resource(show_spinner=False)
def _engine() -> Engine:
    return open_engine(Settings.from_environment(os.environ))


@st.cache_data(ttl=FRESH, show_spinner=False)
def database_problem() -> tuple[str, str] | None:
    """What is wrong with the database and the command that mends it; None when nothing is."""
    try:
        current, head = migrate.current(_engine()), migrate.head()
    except SettingsError as error:
        return f"The settings are wrong: {error}", "watchkeeper doctor"
    except (SQLAlchemyError, OSError) as error:
        # The first line alone: what follows quotes the address, which may hold a password.
        return f"The database cannot be reached: {type(error).__name__}.", "watchkeeper doctor"
    if current == head:
        return None
    what = "is empty" if current is None else f"is at schema {current}, and this program needs {head}"
    return f"The database {what}.", "watchkeeper db upgrade"


@st.cache_data(ttl=FRESH, show_spinner=False)
def overview() -> list[ModelCard]:
    """One card per model, the worst first."""
    return read_models.overview(_engine(), datetime.now(UTC))


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def model(name: str, version: str | None) -> ModelView | None:
    """The model's page in short; None when there is no such model or version."""
    try:
        return model_view.model_view(_engine(), name, version)
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def check_series(
    version_id: int,
    check: str,
    since: datetime,
    until: datetime,
    subjects: Sequence[str] | None = None,
    segment: str = WHOLE,
) -> list[Series]:
    """The check's series in [since, until), of all rows or a segment."""
    return series.series(_engine(), version_id, check, since=since, until=until, subjects=subjects, segment=segment)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def heat_map(version_id: int, check: str, since: datetime, until: datetime) -> HeatMap:
    """The check's worst subjects, window by window."""
    return series.heat_map(_engine(), version_id, check, since=since, until=until)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def features(version_id: int) -> tuple[str, ...]:
    """The features of the version's reference."""
    return histogram.features_of(_engine(), version_id)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def comparison(version_id: int, feature: str, since: datetime, until: datetime) -> Comparison | None:
    """The feature's reference against what was served; None when the reference does not have it."""
    try:
        return histogram.compare(_engine(), version_id, feature, since=since, until=until)
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def open_alerts(model: str, version: str) -> list[dict[str, Any]]:
    """The open alerts of one version."""
    return [row for row in alerts(ended=False) if (row["model"], row["version"]) == (model, version)]


@st.cache_data(ttl=FRESH, show_spinner=False)
def alerts(*, ended: bool) -> list[dict[str, Any]]:
    """The open alerts, or every one that there ever was, the worst first."""
    return read_models.alerts(_engine(), datetime.now(UTC), all_=ended)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def alert_page(identity: int) -> AlertPage | None:
    """Everything about one alert; None when there is no such one."""
    try:
        return read_alert_page(_engine(), identity, datetime.now(UTC))
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False)
def has_channels() -> bool:
    """Whether anybody is told of alerts."""
    return bool(list_channels(_engine()))


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def guidance(model: str, check: str) -> Guidance:
    """The runbook of the check; of a model that there is none of, the check's own."""
    try:
        return find_guidance(_engine(), model, check)
    except NotFoundError:
        return find_guidance(_engine(), "", check)


def check_names() -> list[str]:
    """The checks that are installed."""
    return list(all_checks())


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def retraining_runs(model: str | None = None) -> list[StoredRun]:
    """The latest requests for retraining (of the model), newest first."""
    return list_runs(_engine(), model, most=MOST_RUNS)


def decide(action: str, run_id: str, author: str) -> Outcome:
    """Approve, reject or send a run again in somebody's name; what is shown is read anew afterwards."""
    decisions: dict[str, Callable[..., Outcome]] = {"approve": approve, "reject": reject, "send_again": send_again}
    public_url = Settings.from_environment(os.environ).public_url
    outcome = decisions[action](_engine(), datetime.now(UTC), run_id, author=author, public_url=public_url)
    retraining_runs.clear()
    return outcome


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def version_records(model: str, since: datetime, until: datetime) -> list[VersionRecord]:
    """What each version of the model did in these windows."""
    return read_version_records(_engine(), model, since, until)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def undelivered(model: str) -> list[Undelivered]:
    """Messages about the model that no channel has accepted yet."""
    return activity.undelivered(_engine(), model)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def causes(model: str, version: str) -> Explanation | None:
    """Why the version's worst check is in breach; None when there is nothing to explain."""
    return explain(_engine(), model, version)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def labels(model: str, version: str) -> ModelLabels | None:
    """How late the version's labels come; None when there is no such version."""
    try:
        return model_labels(_engine(), model, version, datetime.now(UTC))
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def segments(model: str, version: str) -> ModelSegments | None:
    """The version's worst segments; None when there is no such version."""
    try:
        return model_segments(_engine(), model, version)
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def scorecard(model: str) -> ModelScorecard | None:
    """The ML Test Score of the model's newest version with data; None when it has no version."""
    try:
        return model_scorecard(_engine(), model, None, datetime.now(UTC))
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def versions(model: str) -> ModelVersions | None:
    """The model's versions and what happened to them; None when there is no such model."""
    try:
        return model_versions(_engine(), model)
    except NotFoundError:
        return None


def make_live(model: str, version: str, author: str, reason: str, seen: int) -> None:
    """Make the version live, unless what was live changed since `seen`. Raises WatchkeeperError that says why not."""
    deployments.go_to(_engine(), model, version, datetime.now(UTC), author=author, reason=reason, seen=seen)
    versions.clear()


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def reports() -> list[dict[str, Any]]:
    """Every report there is, the newest first."""
    return list_reports(_engine())


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_REPORTS)
def report(report_id: int) -> Contents:
    """A finished report."""
    return report_contents(_engine(), report_id)


def acknowledge(identity: int, author: str, comment: str, *, group: bool) -> str:
    """Take the alert in hand; what is wrong with that, or ""."""
    return _done(
        lambda: acknowledging.acknowledge(_engine(), datetime.now(UTC), [identity], **_said(author, comment, group))
    )


def unacknowledge(identity: int, author: str, comment: str, *, group: bool) -> str:
    """Give the alert back; what is wrong with that, or ""."""
    return _done(
        lambda: acknowledging.unacknowledge(_engine(), datetime.now(UTC), [identity], **_said(author, comment, group))
    )


def _said(author: str, comment: str, group: bool) -> dict[str, Any]:
    return {"author": author, "comment": comment, "group": group}


def silence(matcher: Matcher, duration: timedelta, author: str, comment: str) -> str:
    """Tell nobody of what fits, from now on for so long; what is wrong with that, or ""."""
    now = datetime.now(UTC)
    return _done(lambda: silences.add_silence(_engine(), now, Silence(matcher, now, now + duration, author, comment)))


def retry_channel(channel: str) -> str:
    """Let what was given up on the channel be sent again; what is wrong with that, or ""."""
    return _done(lambda: retry_dead(_engine(), datetime.now(UTC), channel))


def _done(act: Callable[[], object]) -> str:
    """Do it and forget what pages knew of alerts; what is wrong with it, or ""."""
    try:
        act()
    except WatchkeeperError as error:
        return str(error)
    for known in (alerts, alert_page, open_alerts, overview, undelivered):
        known.clear()
    return ""


def question(check: str) -> str:
    """What the check asks; empty when it is not installed (any more)."""
    plugin = all_checks().get(check)
    return plugin.question if plugin else ""


def advice(check: str) -> str:
    """What to do about a breach of the check."""
    plugin = all_checks().get(check)
    return plugin.advice if plugin else ""
