"""The dashboard's frame: what every page has in common, and the way from page to page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.ui import data, styles, theme
from app.ui.components import choice, empty
from app.ui.readiness import readiness

HERE = Path(__file__).parent
ICON = str(HERE / "static" / "icon.png")
# Its width in pixels; on a narrow screen it is hidden until one asks for it. No docstring: Streamlit would show it.
SIDE_BAR = 232


def _page(name: str, title: str, icon: str, *, default: bool = False) -> st.Page:
    path = None if default else name
    return st.Page(f"views/{name}.py", title=title, icon=f":material/{icon}:", url_path=path, default=default)


def _link_target(name: str, title: str) -> st.Page:
    """A page that links lead to: of no use without the alert or the check that they name."""
    return st.Page(f"views/{name}.py", title=title, url_path=name, visibility="hidden")


def _pages() -> dict[str, list[st.Page]]:
    return {
        "Watch": [
            _page("fleet", "Fleet", "grid_view", default=True),
            _page("alerts", "Alerts", "notifications"),
            _page("timeline", "Timeline", "timeline"),
            _link_target("alert", "Alert"),
            _link_target("runbook", "Runbook"),
        ],
        "Look closer": [
            _page("model", "Model", "monitoring"),
            _page("feature", "Feature", "ssid_chart"),
            _page("explorer", "Explorer", "manage_search"),
            _page("scorecard", "Scorecard", "checklist"),
            _page("reports", "Reports", "description"),
        ],
        "Act": [
            _page("review", "Review", "rate_review"),
            _page("retraining", "Retraining", "model_training"),
            _page("versions", "Versions", "deployed_code_history"),
        ],
        "Set up": [
            _page("limits", "Limits", "tune"),
            _page("channels", "Channels", "campaign"),
            _page("health", "Settings and health", "settings_heart"),
        ],
    }


def _frame() -> None:
    st.set_page_config(page_title="Watchkeeper", page_icon=ICON, layout="wide", initial_sidebar_state=SIDE_BAR)
    st.html(f"<style>{theme.css_variables()}{styles.sheets()}</style>")
    readiness.somebody_came()
    st.logo(ICON, size="large")
    page = st.navigation(_pages(), expanded=True)
    choice.entered(page.url_path)
    problem = data.connection.database_problem()
    if problem:
        empty.database(*problem)
    else:
        page.run()


_frame()
