"""Who hears of alerts: of those of late as it is and as it would be, and of any one that somebody asks about."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.core.severity import Severity
from app.services.route_preview import RECENT, Draft, Heard
from app.services.routing import in_words
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import element, join, table

MOST = 20
_HEAD = ("Model", "Version", "Check", "Severity", "Stands", "Goes to", "Would go to")


def show(draft: Draft) -> None:
    """What the change comes to for the alerts of late."""
    found = data.channels.preview(draft)
    if isinstance(found, str):
        st.html(element("p", f"✕ {found}", class_="wk-failed", role="status"))
        return
    changed = [one for one in found if one.changes]
    rows = table(_HEAD, [_row(one) for one in changed[:MOST]]) if changed else None
    st.html(join(element("p", _said(found, changed), class_="wk-what", role="status"), rows))


def _said(found: Sequence[Heard], changed: Sequence[Heard]) -> str:
    if not found:
        return f"No check has alerted in the last {RECENT.days} days, so there is nothing to show by."
    which = f"{wording.plural(len(found), 'check')} that alerted in the last {RECENT.days} days"
    if not changed:
        return f"Of {which} none would be told otherwise than now."
    more = f"; the first {MOST} are shown" if len(changed) > MOST else ""
    return f"Of {which} this would tell {len(changed)} otherwise{more}:"


def _row(one: Heard) -> tuple[str, ...]:
    return (
        one.model or "Watchkeeper itself",
        one.version,
        wording.check_title(one.check),
        one.severity.value,
        "fires" if one.fires else "is over",
        in_words(one.now),
        in_words(one.then),
    )


def ask() -> None:
    """Who hears of an alert of a model, a check and a severity, by the routes as they are."""
    models = data.fleet.names()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Of the model", models, None, accept_new_options=True, width=220, key="heard model")
        checks = sorted(data.checks.check_names())
        check = st.selectbox("Of the check", checks, format_func=wording.check_title, width=260)
        severity = st.selectbox("Severity", [one.value for one in Severity], 1, width=160)
    if not model:
        st.html(element("p", "Say which model the alert is about.", class_="wk-quiet"))
        return
    found = data.channels.explain(model, check, Severity(severity))
    over = [f"route {one} fits, and takes nothing: no channel of it is there and on" for one in found["passed_over"]]
    reasons = element("p", "; ".join([*found["why"], *over]), class_="wk-facts")
    st.html(join(element("p", found["words"], class_="wk-what", role="status"), reasons))
