"""What to type into a terminal or a program, ready to be copied."""

from __future__ import annotations

import streamlit as st


def show(text: str) -> None:
    """The text in a box, whose lines wrap and have one colour: any screen is wide enough, and any eye reads it."""
    st.code(text, language=None, wrap_lines=True)
