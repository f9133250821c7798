"""Every model on one page, the worst first."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from app.ui import data, theme
from app.ui.components import empty, headline, wording
from app.ui.components.fleet import card
from app.ui.components.html import element, join


@st.fragment(run_every=data.connection.REFRESH)
def show() -> None:
    """The whole page, drawn again by itself."""
    cards, now = data.fleet.overview(), datetime.now(UTC)
    if not cards:
        empty.no_models()
        return
    st.html(
        join(
            element("h1", "Models", class_="wk-title"),
            element("p", headline.fleet(cards), class_="wk-lead"),
            element("p", f"As of {wording.moment(now)}; times are in UTC.", class_="wk-facts"),
        )
    )
    palette = theme.current()
    for one in cards:
        card.show(one, palette, now)


show()
