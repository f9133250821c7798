"""One version of a model: how it stands, and what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app.core.errors import NotFoundError
from app.core.fold import WHOLE
from app.services.causes import Explanation, explain
from app.services.read_models import histogram, model_view, series
from app.services.read_models.answers import Answers
from app.services.read_models.answers import answers as read_answers
from app.services.read_models.labels import ModelLabels, model_labels
from app.services.read_models.model_view import ModelView
from app.services.read_models.segments import ModelSegments, model_segments
from app.services.read_models.series import HeatMap, Series
from app.services.read_models.speeds import VersionSpeed
from app.services.read_models.speeds import version_speeds as read_version_speeds
from app.services.read_models.version_records import VersionRecord
from app.services.read_models.version_records import version_records as read_version_records
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def model(name: str, version: str | None, segment: str = WHOLE) -> ModelView | None:
    """The version in short, or a segment of its rows; None when there is no such model or version."""
    try:
        return model_view.model_view(engine(), name, version, segment)
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
    return series.series(engine(), version_id, check, since=since, until=until, subjects=subjects, segment=segment)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def heat_map(
    version_id: int, check: str, since: datetime, until: datetime, *, segment: str = WHOLE, search: str = ""
) -> HeatMap:
    """The check's worst subjects, window by window; of those alone whose name has the text that is searched for."""
    return series.heat_map(engine(), version_id, check, since=since, until=until, segment=segment, search=search)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def features(version_id: int) -> tuple[str, ...]:
    """The features of the version's reference."""
    return histogram.features_of(engine(), version_id)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def version_records(model: str, since: datetime, until: datetime) -> list[VersionRecord]:
    """What each version of the model did in these windows."""
    return read_version_records(engine(), model, since, until)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def answers(version_id: int, since: datetime, until: datetime, segment: str = WHOLE) -> Answers | None:
    """The version's scores and classes in [since, until) beside its reference's; None without a reference."""
    return read_answers(engine(), version_id, since=since, until=until, segment=segment)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def version_speeds(model: str, since: datetime, until: datetime, segment: str = WHOLE) -> list[VersionSpeed]:
    """How fast each version of the model answered in these windows."""
    return read_version_speeds(engine(), model, since, until, segment)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def causes(model: str, version: str, check: str, window: datetime) -> Explanation | None:
    """Why the version's check is in breach in the window of that time; None when it is not."""
    return explain(engine(), model, version, check, window)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def labels(model: str, version: str) -> ModelLabels | None:
    """How late the version's labels come; None when there is no such version."""
    try:
        return model_labels(engine(), model, version, datetime.now(UTC))
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def segments(model: str, version: str) -> ModelSegments | None:
    """The version's worst segments; None when there is no such version."""
    try:
        return model_segments(engine(), model, version)
    except NotFoundError:
        return None
