"""The page of alerts: one card per check of a version, the worst first, by filters that the address keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeAlias

import streamlit as st

from app.core.severity import Severity
from app.ui import data
from app.ui.components import choice, empty, urgency, wording
from app.ui.components.alerts import name_of
from app.ui.components.html import Html, element, join, markdown_text

Alert: TypeAlias = Mapping[str, Any]

ANY = "any"
STATES = {"open": "Open", "firing": "Firing", "acknowledged": "Acknowledged", "silenced": "Silenced", ANY: "All"}
SEVERITIES = {ANY: "Any severity", **{one.value: urgency.severity_text(one.value) for one in reversed(Severity)}}
MOST_CARDS = 40


def show() -> None:
    """The filters, then the cards that fit them."""
    st.html(element("h1", "Alerts", class_="wk-title"))
    models = [card.model.name for card in data.fleet.overview()]
    if not models:
        empty.no_models()
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="choices"):
        state = choice.pills("state", "State", list(STATES), "open", words=STATES.__getitem__)
        severity = choice.pills("severity", "Severity", list(SEVERITIES), ANY, words=SEVERITIES.__getitem__)
        names = {ANY: "All models", **{name: name for name in models}}
        model = choice.select("of", "Model", list(names), ANY, words=names.__getitem__)
    _cards(state, severity, model)


@st.fragment(run_every=data.connection.REFRESH)
def _cards(state: str, severity: str, model: str) -> None:
    alerts = data.alerts.alerts(ended=state == ANY)
    chosen = [one for one in alerts if _fits(one, state, severity, model)]
    groups = grouped(chosen)
    if not groups:
        empty.no_alerts(narrowed=bool(alerts) or state == ANY, channels=data.alerts.has_channels())
        return
    st.html(element("p", _headline(chosen, groups), class_="wk-lead"))
    now = datetime.now(UTC)
    for rows in islice(groups, MOST_CARDS):
        _card(rows, now)
    if len(groups) > MOST_CARDS:
        more = wording.plural(len(groups) - MOST_CARDS, "more check")
        st.html(element("p", f"And {more}, less urgent; narrow by severity or model.", class_="wk-quiet"))


def _fits(alert: Alert, state: str, severity: str, model: str) -> bool:
    right_state = state == ANY or alert["status"] == state or (state == "open" and alert["state"] != "pending")
    return right_state and severity in (ANY, alert["severity"]) and model in (ANY, alert["model"])


def grouped(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """The alerts of each check of each version; the groups and what is in them keep the order that they come in."""
    groups: dict[tuple[Any, ...], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert["model"], alert["version"], alert["check"]), []).append(alert)
    return list(groups.values())


def _headline(alerts: Sequence[Alert], groups: Sequence[Sequence[Alert]]) -> str:
    unheeded = sum(any(alert["status"] == "firing" for alert in rows) for rows in groups)
    said = f"{wording.plural(len(alerts), 'alert')} of {wording.plural(len(groups), 'check')}"
    return f"{said}; {unheeded or 'none'} of these checks nobody has in hand yet."


def _card(rows: Sequence[Alert], now: datetime) -> None:
    worst = rows[0]
    with st.container(border=True, key=f"card-alert-{worst['id']}", gap=None):
        title = f"**{markdown_text(name_of(worst))}: {markdown_text(wording.check_title(worst['check']))}**"
        st.page_link("views/alert.py", label=title, query_params={"id": str(worst["id"])})
        st.html(join(_status_line(rows, now), element("p", _what(rows), class_="wk-what")))


def _status_line(rows: Sequence[Alert], now: datetime) -> Html:
    worst = rows[0]
    since = min((row["since"] for row in rows if row["since"]), default=None)
    facts = [
        urgency.span_text(worst["state"], since or worst["judged_window"], worst["changed_at"], now),
        *dict.fromkeys(f"in the hands of {row['acknowledged_by']}" for row in rows if row["acknowledged_by"]),
        *dict.fromkeys(row["silenced_by"] for row in rows if row["silenced_by"]),
    ]
    badges = (urgency.severity_badge(worst["severity"]), urgency.status_badge(worst))
    return element("div", *badges, *(element("span", fact) for fact in facts if fact), class_="wk-statusline")


def _what(rows: Sequence[Alert]) -> str:
    """The worst of them in a line, and how many more there are."""
    worst = rows[0]
    check, subject = worst["check"], worst["subject"]
    value, limit = (wording.number(check, subject, worst[name]) for name in ("value", "limit"))
    said = worst["reason"] if worst["value"] is None else f"{wording.alert_subject(worst)} {value}, limit {limit}"
    return said + (f"; and {len(rows) - 1} more" if len(rows) > 1 else "")
