"""How well a model is watched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from app.core.errors import NotFoundError
from app.services.scorecards import ModelScorecard, model_scorecard
from app.ui.data.connection import MOST_ANSWERS, engine

KEPT = timedelta(minutes=5)
"""A card counts the windows of every check, and changes with the hours."""


@st.cache_data(ttl=KEPT, show_spinner="Counting what was judged …", max_entries=MOST_ANSWERS)
def scorecard(model: str) -> ModelScorecard | None:
    """The ML Test Score of the version that the model is shown by; None when it has no version."""
    try:
        return model_scorecard(engine(), model, None, datetime.now(UTC))
    except NotFoundError:
        return None
