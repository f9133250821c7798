"""What the predictions of a version turned out to be worth."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app.services.read_models import quality_view
from app.services.read_models.quality_view import ErrorsByScore, QualityView, ResidualView
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def quality(version_id: int, since: datetime, until: datetime, segment: str) -> QualityView:
    """Scores, classes and labels in [since, until), beside the reference."""
    return quality_view.quality_view(engine(), version_id, since, until, segment)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def errors(
    version_id: int, before: tuple[datetime, datetime], after: tuple[datetime, datetime], segment: str
) -> ErrorsByScore | None:
    """The error by score in both spans; None for a regression."""
    return quality_view.errors_view(engine(), version_id, before, after, segment)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def residuals(version_id: int, since: datetime, until: datetime) -> ResidualView:
    """Errors of a regression by what was predicted, in the reference and now."""
    return quality_view.residual_view(engine(), version_id, since, until)
