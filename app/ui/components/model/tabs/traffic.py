"""How much was asked of the model, what it answered, and how sure it was."""

from __future__ import annotations

import streamlit as st

from app.services.read_models.histogram import Comparison
from app.ui import data, theme
from app.ui.components import choice, figures, wording
from app.ui.components.html import Html, element, join
from app.ui.components.model import check_charts
from app.ui.components.scope import Scope

CHECKS = ("volume", "confident_share", "prediction_drift", "throughput")
NOW_WINDOWS = 7
"""How many of the newest windows stand for "now" in the comparison with the reference."""
PARTS = {"time": "Over time", "answers": "Answers now against the reference"}


def show(scope: Scope) -> None:
    """The checks over time, or the newest answers beside the reference's."""
    part = choice.buttons("view", "What is shown", list(PARTS), "time", words=PARTS.__getitem__, hidden_label=True)
    if part == "answers":
        _answers(scope)
    else:
        check_charts.together(scope, CHECKS)


def _answers(scope: Scope) -> None:
    since = max(scope.since, scope.until - NOW_WINDOWS * scope.view.model.window.delta)
    found = data.models.answers(scope.view.version.id, since, scope.until, scope.segment)
    if found is None:
        st.html(element("p", "Without a reference there is nothing to compare with.", class_="wk-quiet"))
        return
    shown = [one for one in (found.scores, found.classes) if one is not None]
    if not shown or not shown[0].now.values:
        st.html(element("p", "Nothing was answered in the newest windows of this range.", class_="wk-quiet"))
        return
    span = f"{wording.start_of_window(since)} to {wording.start_of_window(scope.until)}"
    with st.grid(columns=len(shown), min_column_width=check_charts.WIDTH, gap="medium") as cells:
        for one in shown:
            with cells.cell():
                said = _said(one)
                st.html(join(element("p", said, class_="wk-chart-title"), _legend(span)))
                figures.show(figures.histogram(one, theme.current()), key=f"answers {one.feature}", alt=said)


def _legend(span: str) -> Html:
    return element(
        "p",
        element("span", "■", class_="wk-key-reference", aria_hidden="true"),
        "reference ",
        element("span", "■", class_="wk-key-now", aria_hidden="true"),
        f"now, {span} UTC",
        class_="wk-facts",
    )


def _said(found: Comparison) -> str:
    """What changed most, in words."""
    if not found.labels:
        unscored = f"; {wording.share(found.now.missing)} of the predictions have none" if found.now.missing else ""
        return f"{found.feature} of {wording.count(found.now.values)} predictions against the reference{unscored}"
    if not found.reference.values:
        return f"{found.feature}: the reference has no predictions"
    gaps = abs(found.now.shares - found.reference.shares)
    most = int(gaps.argmax())
    before, now = (wording.share(float(side.shares[most])) for side in (found.reference, found.now))
    return f"{found.feature}: {found.labels[most]} was {before}, is {now} of predictions"
