"""The page of one model, from its choices down to a single feature."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from app.services.read_models.model_view import ModelView
from app.services.read_models.standings import Standing
from app.ui import data
from app.ui.components import activity, alerts, empty, headline, scope, state, wording
from app.ui.components.html import Html, element, join, title
from app.ui.components.model import causes, features, labels, quality, segments, version_records


def show() -> None:
    """The choices, then everything that depends on them."""
    chosen = scope.choose()
    if chosen is not None:
        _content(chosen.model, chosen.version, chosen.since, chosen.until)


@st.fragment(run_every=data.connection.REFRESH)
def _content(model: str, version: str, since: datetime, until: datetime) -> None:
    view = data.models.model(model, version)
    if view is None:  # it was removed while somebody looked
        st.rerun()
    st.html(_header(view, datetime.now(UTC)))
    if view.breaches:
        st.html(causes.section(data.models.causes(model, version)))
    if view.newest_window is None:
        empty.no_predictions(model, version)
        return
    if view.checks:
        _alerts(view)
        quality.section(view, since, until)
        segments.section(view)
        features.section(view, since, until)
        labels.section(view)
        _versions(view, since, until)
    else:
        empty.no_measurements(until)
    _done(view)


def _header(view: ModelView, now: datetime) -> Html:
    starts = [judged.since for judged in view.breaches]
    texts = [
        state.since_text(min(starts, default=None), now),
        wording.plural(view.open_alerts, "open alert") if view.open_alerts else None,
    ]
    return join(
        element(
            "div",
            state.badge(view.standing),
            *(element("span", text) for text in texts if text),
            class_="wk-statusline",
        ),
        element("h1", view.model.name, class_="wk-title"),
        element("p", headline.model(view), class_="wk-lead"),
        element("p", " · ".join(_facts(view)), class_="wk-facts"),
    )


def _facts(view: ModelView) -> list[str]:
    model, version, reference = view.model, view.version, view.reference
    facts = [f"version {version.name}, {version.stage.value}", model.task.value, f"windows of one {model.window.value}"]
    if model.owner:
        facts.append(f"owner {model.owner}")
    if reference is None:
        facts.append("no reference")
    else:
        windows = wording.plural(reference.windows, "window")
        facts.append(f"reference of {wording.plural(reference.rows, 'row')} in {windows}")
    if view.newest_window is not None:
        facts.append(f"newest window {wording.start_of_window(view.newest_window)}")
    if view.false_alarms is not None and view.false_alarms.expected is not None:
        facts.append(view.false_alarms.words)
    return [*facts, "times in UTC"]


def _alerts(view: ModelView) -> None:
    found = data.alerts.open_alerts(view.model.name, view.version.name)
    if found:
        st.html(join(title("Open alerts"), alerts.section(found, data.checks.advice)))
    elif view.standing is Standing.BREACH:
        st.html(title("Open alerts", "None yet: the worker raises them in its next round."))


def _versions(view: ModelView, since: datetime, until: datetime) -> None:
    found = data.models.version_records(view.model.name, since, until)
    if len(found) > 1:
        st.html(version_records.section(found))


def _done(view: ModelView) -> None:
    """What was done about it, and what could not be said to anybody."""
    runs = data.retraining.retraining_runs(view.model.name)
    st.html(title("Retraining", "" if runs else "Nothing was asked for so far."))
    if runs:
        st.html(activity.runs(runs))
    troubles = data.alerts.undelivered(view.model.name)
    if troubles:
        st.html(join(title("Messages that did not arrive"), activity.troubles(troubles)))
