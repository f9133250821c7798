"""API keys."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from app.services.keys import CreatedKey, create_key, list_keys, revoke_key
from app.storage.api_keys import ApiKey
from app.ui.data.connection import FRESH, engine


@st.cache_data(ttl=FRESH, show_spinner=False)
def known() -> list[ApiKey]:
    """All keys, revoked ones too, oldest first."""
    return list_keys(engine())


def create(name: str, scope: str) -> CreatedKey:
    """Make a key. Raises InvalidError for a name or scope that cannot be."""
    made = create_key(engine(), name, scope, datetime.now(UTC))
    known.clear()
    return made


def revoke(key_id: int) -> ApiKey:
    """Take a key out of use. Raises NotFoundError without it."""
    revoked = revoke_key(engine(), key_id, datetime.now(UTC))
    known.clear()
    return revoked
