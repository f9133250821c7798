"""Who has an alert, and the ways to take it in hand, give it back, resolve or silence it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.core.silences import Matcher
from app.services.alert_page import AlertPage
from app.ui import data
from app.ui.components import author, wording
from app.ui.components.alert.silence_form import DURATIONS
from app.ui.components.html import element

SUBJECT, CHECK, MODEL = "This alert alone", "All of this check and model", "All of this model"


def section(page: AlertPage) -> None:
    """Who has it, then what can be done about that."""
    st.html(element("p", _who_has_it(page), class_="wk-holder"))
    if page.alert["state"] not in ("firing", "acknowledged"):
        return
    with st.container(horizontal=True, key="actions"):
        held = page.alert["state"] == "acknowledged"
        with st.popover("Give it back" if held else "Acknowledge", type="secondary" if held else "primary"):
            _hold(page, held=held)
        if page.version_id is not None:  # what is about Watchkeeper itself ends by itself
            with st.popover("Resolve"):
                _resolve(page)
        # Once it is silenced it is another popover, which is closed.
        with st.popover("Silence", key=f"silence {page.alert['silenced_by']}"):
            _silence(page)


def _who_has_it(page: AlertPage) -> str:
    alert = page.alert
    if alert["resolved_by"]:
        over = wording.moment(alert["changed_at"])
        return f"● {alert['resolved_by']} resolved it on {over}: {alert['resolved_comment']}."
    if alert["silenced_by"]:
        return f"Nobody is told: {alert['silenced_by']}."
    if not alert["acknowledged_by"]:
        return "Nobody has it in hand." if alert["state"] == "firing" else ""
    comment = f": {alert['acknowledged_comment']}" if alert["acknowledged_comment"] else ""
    when = f" since {wording.moment(alert['acknowledged_at'])}" if alert["acknowledged_at"] else ""
    return f"✓ {alert['acknowledged_by']} has it in hand{when}{comment}."


def _hold(page: AlertPage, *, held: bool) -> None:
    """Acknowledge, or give back."""
    with st.form("hold", border=False):
        who, comment = author.ask(), st.text_input("Comment", placeholder="What is being done, or why")
        others = len(page.group) - 1
        group = others > 0 and st.checkbox(f"And the {others} others of this check", value=True)
        if st.form_submit_button("Give it back" if held else "I have it in hand"):
            act = data.alerts.unacknowledge if held else data.alerts.acknowledge
            _do(lambda: act([page.alert["id"]], who, comment, group=group))


def _resolve(page: AlertPage) -> None:
    """Say that it is over, before a window says so."""
    with st.form("resolve", border=False):
        who, comment = author.ask(), st.text_input("Comment", placeholder="Why it is over")
        others = len(page.group) - 1
        group = others > 0 and st.checkbox(f"And the {others} others of this check", value=False)
        st.html(
            element(
                "p", "Those that heard of it hear that. A later window in breach fires it again.", class_="wk-facts"
            )
        )
        if st.form_submit_button("It is over"):
            _do(lambda: data.alerts.resolve([page.alert["id"]], who, comment, group=group))


def _silence(page: AlertPage) -> None:
    """Tell nobody for a while."""
    with st.form("silence", border=False):
        who, comment = author.ask(), st.text_input("Comment", placeholder="Why nobody need be told")
        scope = st.selectbox("What", [SUBJECT, CHECK, MODEL] if page.model else [SUBJECT, CHECK])
        duration = st.selectbox("For how long", list(DURATIONS), index=1)
        if st.form_submit_button("Silence"):
            _do(lambda: data.alerts.silence(matcher(page, scope), DURATIONS[duration], who, comment))


def matcher(page: AlertPage, scope: str) -> Matcher:
    """What a silence of this scope is about."""
    alert = page.alert
    model = alert["model"] or ""
    if scope == MODEL:
        return Matcher(model=model)
    if scope == CHECK:
        return Matcher(model=model, check=alert["check"])
    return Matcher(model=model, check=alert["check"], subject=alert["subject"], segment=alert["segment"] or "")


def _do(act: Callable[[], str]) -> None:
    """Do it and show the page anew; what cannot be done is said."""
    problem = act()
    if problem:
        st.error(problem)
    else:
        st.rerun()
