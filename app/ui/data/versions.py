"""The versions of a model, and which of them is live."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from app.core.errors import NotFoundError
from app.services import deployments
from app.services.read_models.versions import ModelVersions, model_versions
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def versions(model: str) -> ModelVersions | None:
    """The model's versions and what happened to them; None when there is no such model."""
    try:
        return model_versions(engine(), model)
    except NotFoundError:
        return None


def make_live(model: str, version: str, author: str, reason: str, seen: int) -> None:
    """Make the version live, unless what was live changed since `seen`. Raises WatchkeeperError that says why not."""
    deployments.go_to(engine(), model, version, datetime.now(UTC), author=author, reason=reason, seen=seen)
    versions.clear()
