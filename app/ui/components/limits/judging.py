"""Windows judged again, while somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from app.ui.components.scope import Scope

Answer = TypeVar("Answer")


def again(of: Scope, judge: Callable[[Callable[[float], object]], Answer | str]) -> Answer | None:
    """What `judge` finds, which tells the bar how far it is; None where it says in a text why it cannot, as the page
    then does.
    """
    bar = st.progress(0.0, f"Judging the windows of {of.words} again ...")
    answer = judge(bar.progress)
    bar.empty()
    if isinstance(answer, str):
        st.error(answer)
        return None
    return answer
