"""How the model stands at a glance: open alerts, worst segments, versions, and what was done."""

from __future__ import annotations

import streamlit as st

from app.core.model import Stage
from app.services.read_models.standings import Standing
from app.ui import data
from app.ui.components import activity, alerts
from app.ui.components.html import join, title
from app.ui.components.model import segments, version_records
from app.ui.components.scope import Scope


def show(scope: Scope) -> None:
    """One section after the other, those with nothing to say left out."""
    _alerts(scope)
    segments.section(scope.view)
    found = data.models.version_records(scope.model, scope.since, scope.until)
    if len(found) > 1:
        st.html(version_records.section(found))
    _done(scope)


def _alerts(scope: Scope) -> None:
    found = data.alerts.open_alerts(scope.model, scope.version)
    if found:
        st.html(join(title("Open alerts"), alerts.section(found, data.checks.advice)))
    elif scope.view.standing is Standing.BREACH:
        said = "None yet: the worker raises them in its next round."
        if scope.view.version.stage in (Stage.REGISTERED, Stage.RETIRED):
            said = "None: this version is not live, and what gets no requests is no longer watched."
        st.html(title("Open alerts", said))


def _done(scope: Scope) -> None:
    """What was done about it, and what could not be said to anybody."""
    runs = data.retraining.retraining_runs(scope.model)
    st.html(title("Retraining", "" if runs else "Nothing was asked for so far."))
    if runs:
        st.html(activity.runs(runs))
    troubles = data.alerts.undelivered(scope.model)
    if troubles:
        st.html(join(title("Messages that did not arrive"), activity.troubles(troubles)))
