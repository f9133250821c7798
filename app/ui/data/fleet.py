"""The fleet."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from app.services import read_models
from app.services.read_models.fleet import ModelCard
from app.ui.data.connection import FRESH, engine


@st.cache_data(ttl=FRESH, show_spinner=False)
def overview() -> list[ModelCard]:
    """One card per model, the worst first."""
    return read_models.overview(engine(), datetime.now(UTC))
