"""References, which a single row is compared with."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from app.core.row_comparison import Typical
from app.services.read_models import typical_rows as read_models
from app.ui.data.connection import engine

KEPT = timedelta(minutes=5)
MOST_VERSIONS = 20
"""Whose typical rows are kept; each takes 3 KB a feature."""


@st.cache_resource(ttl=KEPT, show_spinner=False, max_entries=MOST_VERSIONS)
def typical_rows(model: str, version: str) -> Typical | None:
    """What the rows of the version's reference look like; None without one."""
    return read_models.typical_rows(engine(), model, version)
