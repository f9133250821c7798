"""The dashboard's frame: what every page has in common."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.ui import data, theme
from app.ui.components import empty

HERE = Path(__file__).parent


def _frame() -> None:
    st.set_page_config(page_title="Watchkeeper", page_icon=str(HERE / "static" / "icon.png"), layout="wide")
    st.html(f"<style>{theme.css_variables(theme.current())}</style>")
    st.html(HERE / "static" / "style.css")
    st.logo(str(HERE / "static" / "icon.png"), size="large")
    pages = [
        st.Page("views/overview.py", title="Overview", default=True),
        st.Page("views/alerts.py", title="Alerts", url_path="alerts"),
        st.Page("views/model.py", title="Model", url_path="model"),
        st.Page("views/retraining.py", title="Retraining", url_path="retraining"),
        st.Page("views/versions.py", title="Versions", url_path="versions"),
        st.Page("views/reports.py", title="Reports", url_path="reports"),
        st.Page("views/scorecard.py", title="Scorecard", url_path="scorecard"),
        # Where links lead: of no use without the alert or the check that they name.
        st.Page("views/alert.py", title="Alert", url_path="alert", visibility="hidden"),
        st.Page("views/runbook.py", title="Runbook", url_path="runbook", visibility="hidden"),
    ]
    page = st.navigation(pages, position="top")
    problem = data.connection.database_problem()
    if problem:
        empty.database(*problem)
    else:
        page.run()


_frame()
