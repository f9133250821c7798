"""The page's state in its address, so that a link shows somebody else the same."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def asked(name: str, options: Sequence[str], default: str) -> str:
    """What the address asks for, where that is one of the options."""
    value = st.query_params.get(name)
    return value if value is not None and value in options else default


def remember(**values: str) -> None:
    """Put the values into the address; what stands there already is left alone."""
    for name, value in values.items():
        if st.query_params.get(name) != value:
            st.query_params[name] = value
