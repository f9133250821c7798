"""The features of a version, and one of them closely."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app.core.errors import NotFoundError
from app.services.read_models import examples as read_examples
from app.services.read_models import feature_view, histogram
from app.services.read_models.examples import Examples
from app.services.read_models.feature_view import ErrorView, SubjectStanding
from app.services.read_models.histogram import Comparison
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def subjects(version_id: int, check: str, until: datetime, segment: str) -> list[SubjectStanding]:
    """How every subject of the check stands in its newest window before `until`, the worst first."""
    return feature_view.subjects(engine(), version_id, check, until, segment)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def segments(version_id: int, check: str, subject: str, until: datetime) -> list[SubjectStanding]:
    """How the subject stands in each segment, the worst first."""
    return feature_view.segments(engine(), version_id, check, subject, until)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def comparison(
    version_id: int,
    feature: str,
    since: datetime,
    until: datetime,
    segment: str,
    earlier: tuple[datetime, datetime] | None = None,
) -> Comparison | None:
    """The reference, or the windows `earlier`, against [since, until); None for what has no bars to draw."""
    try:
        return histogram.compare(
            engine(), version_id, feature, since=since, until=until, segment=segment, earlier=earlier, by_change=True
        )
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def error(version_id: int, feature: str, since: datetime, until: datetime) -> ErrorView | None:
    """Where the model errs along the feature; None for what is no column of the reference."""
    try:
        return feature_view.feature_error(engine(), version_id, feature, since, until)
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def examples(
    version_id: int, feature: str, since: datetime, until: datetime, kind: str, turn: int, segment: str
) -> Examples | None:
    """A handful of predictions to look at; None for what is no column of the reference."""
    try:
        return read_examples.examples(
            engine(), version_id, feature, since=since, until=until, kind=kind, turn=turn, segment=segment
        )
    except NotFoundError:
        return None
