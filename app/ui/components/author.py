"""Who does something: written down beside what is done, and asked for once a visit."""

from __future__ import annotations

import streamlit as st

from app.core.authors import LONGEST_AUTHOR

_KEPT = "author"


def ask(*, width: int = 280) -> str:
    """The name of who is in front of the screen; "" until it is given."""
    given = (
        st.text_input("Your name", value=st.session_state.get(_KEPT, ""), max_chars=LONGEST_AUTHOR, width=width) or ""
    )
    name = given.strip()
    if name:
        st.session_state[_KEPT] = name
    return name
