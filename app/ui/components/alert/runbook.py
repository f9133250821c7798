"""The runbook of a check: the one that was declared, else the check's own."""

from __future__ import annotations

import streamlit as st

from app.services.runbooks import BUILT_IN, Guidance
from app.ui import data
from app.ui.components import link, wording
from app.ui.components.html import element, join, markdown_text


def show() -> None:
    """The runbook that the address or the person asks for."""
    names = sorted(data.checks.check_names(), key=wording.check_order)
    model = st.query_params.get("model", "")
    asked = link.asked("check", names, names[0])
    check = st.selectbox("Check", names, names.index(asked), format_func=wording.check_title, key="check", width=320)
    link.remember(check=check)
    whose = f"Runbook of the check {check}" + (f" of the model {model}" if model else "")
    st.html(
        join(
            element("h1", wording.check_title(check), class_="wk-title"),
            element("p", data.checks.question(check), class_="wk-lead"),
            element("p", f"{whose}.", class_="wk-facts"),
        )
    )
    draw(data.alerts.guidance(model, check))


def draw(found: Guidance) -> None:
    """The text, or the way to the page."""
    if found.address:
        # As a link of Markdown: Streamlit opens it in another tab and lets no script through.
        st.markdown(f"[{markdown_text(found.address)}](<{found.address}>)")
    elif found.of == BUILT_IN:
        st.markdown(found.text)
    elif found.text:
        st.html(element("div", found.text, class_="wk-text"))
    else:
        st.html(element("p", "There is no runbook for this yet; `watchkeeper runbook set` declares one."))
    if found.author:
        st.html(element("p", f"Declared for {found.of} by {found.author}.", class_="wk-facts"))
