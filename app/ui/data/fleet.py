"""The fleet."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from app.services import read_models
from app.services.read_models.fleet import ModelCard
from app.services.read_models.fleet import model_names as read_names
from app.services.read_models.news import News
from app.services.read_models.news import news as read_news
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine
from app.ui.data.kept import Kept


def _overview() -> list[ModelCard]:
    return read_models.overview(engine(), datetime.now(UTC))


overview = Kept(_overview, FRESH)
"""One card per model, the worst first."""


def _names() -> list[str]:
    return read_names(engine())


names = Kept(_names, FRESH)
"""The names of all models, those with the most open alerts first."""


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def news(since: datetime) -> News:
    """What changed since then."""
    return read_news(engine(), since, datetime.now(UTC))
