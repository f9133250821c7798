"""Pages with nothing to show yet: what is missing, and the command that brings it."""

from __future__ import annotations

from datetime import datetime
from shlex import quote

import streamlit as st

from app.ui.components import command, wording
from app.ui.components.html import Html, element, join


def _title(text: str, lead: str | Html) -> None:
    st.html(join(element("h1", text, class_="wk-title"), element("p", lead, class_="wk-lead")))


def database(problem: str, remedy: str) -> None:
    """The database cannot be used as it is."""
    _title("The database is not ready", problem)
    st.text("Run this with the same settings as the dashboard, then reload the page:")
    command.show(remedy)


def no_models() -> None:
    """Nothing is registered."""
    _title(
        "Nothing to watch yet",
        "Register a model and its version, and show it what is normal: the rows it was validated on.",
    )
    command.show(
        "watchkeeper model add churn --task binary --window day\n"
        "watchkeeper version add churn 1\n"
        "watchkeeper import reference validation.csv --model churn --version 1 \\\n"
        "    --timestamp-column time --score-column score --label-column label --out-of-sample"
    )
    st.text("Or see a real model degrade over a year of flights:")
    command.show("watchkeeper demo")


def no_version(model: str) -> None:
    """The model has no version."""
    st.text("This model has no version yet. Register the one that is deployed:")
    command.show(f"watchkeeper version add {quote(model)} 1")


def no_predictions(model: str, version: str) -> None:
    """Nothing was logged."""
    st.text("No predictions have been counted yet. Send them from the model's service with the client:")
    command.show(
        "from collectors.client import Client\n\n"
        'client = Client("http://127.0.0.1:8600")\n'
        f"client.log({model!r}, {version!r}, features, prediction, score)"
    )
    st.text("Or import a file of them, and judge it:")
    names = f"--model {quote(model)} --version {quote(version)}"
    command.show(
        f"watchkeeper import predictions predictions.csv {names} --timestamp-column time --score-column score\n"
        "watchkeeper run"
    )


def no_measurements(closes: datetime) -> None:
    """Predictions are there, and no check has run."""
    st.text(
        "No window has been judged yet. Each one is judged once it has closed, "
        f"the newest from {wording.moment(closes)} on. Where no worker runs, this judges the closed ones:"
    )
    command.show("watchkeeper run")


def no_reference(model: str, version: str) -> None:
    """Skew needs something to compare with."""
    st.text("This version has no reference, so its features cannot be compared with training. Import it:")
    command.show(
        f"watchkeeper import reference validation.csv --model {quote(model)} --version {quote(version)} \\\n"
        "    --timestamp-column time --score-column score --label-column label --out-of-sample"
    )


def no_reports(model: str) -> None:
    """Nothing was asked for."""
    st.text("No report has been asked for yet. Ask above, and the worker makes it; on the command line:")
    command.show(
        f"watchkeeper report create --model {quote(model)} --since 2026-11-01 --until 2026-11-08\nwatchkeeper run"
    )


def no_retraining() -> None:
    """Nothing was asked for."""
    st.text("Nothing has been asked for yet. Say which alerts of a model ask for retraining, and whom:")
    command.show(
        "watchkeeper target add training --preset webhook --set url=https://ci.example.org/retrain \\\n"
        "    --set secret=env:RETRAIN_SECRET\n"
        "watchkeeper policy set churn --check performance --target training"
    )


def no_alerts(*, narrowed: bool, channels: bool) -> None:
    """Nothing fires, or nothing of what was asked for."""
    if narrowed:
        st.text("No alert fits these filters.")
        return
    st.text(
        "Nothing fires. The worker looks at every window that has closed and raises an alert when one is in breach; "
        "where no worker runs, this does it once:"
    )
    command.show("watchkeeper run")
    if not channels:
        st.text("Alerts are shown here alone, because there is no channel yet. To be told in Slack, for example:")
        command.show("watchkeeper channel add ops --kind slack --set url=env:SLACK_WEBHOOK_URL")


def no_limits() -> None:
    """Nothing was judged yet, so that no limit is known."""
    st.text("No window of this version is judged yet, and limits are known with the first one. Where no worker runs:")
    st.code("watchkeeper run", language="bash")


def no_channels() -> None:
    """Nobody is told of anything."""
    st.text("Alerts are shown here alone. To be told of them, add a channel below, or from a shell:")
    st.code("watchkeeper channel add ops --kind slack --set url=env:SLACK_WEBHOOK_URL", language="bash")


def no_such_alert(wanted: str) -> None:
    """The address names no alert, or one that is not there."""
    _title("No such alert", f"There is no alert “{wanted}”." if wanted else "The address names no alert.")
    st.page_link("views/alerts.py", label="All alerts")
