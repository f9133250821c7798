"""What happened to a model, and which of it stands beside its measurements."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app.core.timeline import Event
from app.services.read_models import spans
from app.services.read_models.spans import AlertSpan, DriftSpan
from app.services.read_models.timeline import timeline
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def events(model: str, since: datetime, until: datetime, kinds: tuple[str, ...] = ()) -> list[Event]:
    """The model's events in [since, until), the oldest first; of these kinds alone where any are given."""
    return timeline(engine(), model, since, until, kinds)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def drift(model: str, since: datetime, until: datetime) -> list[DriftSpan]:
    """When each feature of the model lay beyond its limit in windows that start in [since, until), oldest first."""
    return spans.drift_spans(engine(), model, since, until)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def alerts(model: str, since: datetime, until: datetime) -> list[AlertSpan]:
    """When the model's alerts were open in [since, until)."""
    return spans.alert_spans(engine(), model, since, until)
