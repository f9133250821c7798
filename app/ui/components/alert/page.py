"""The page of one alert, in the order in which somebody asks who was woken by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app.core.causes import MOST_EXCESS, cause_text, likely
from app.core.checks.schema import LOST
from app.services.alert_page import AlertPage
from app.ui import data
from app.ui.components import charts, empty, markers, timeline, urgency, wording
from app.ui.components.alert import actions, deliveries, runbook
from app.ui.components.alerts import name_of
from app.ui.components.html import Html, element, join, markdown_text, table, title

MOST_CAUSES = 5


def show() -> None:
    """The alert that the address asks for."""
    wanted = st.query_params.get("id", "")
    page = data.alerts.alert_page(int(wanted)) if wanted.isdecimal() else None
    if page is None:
        empty.no_such_alert(wanted)
        return
    st.html(_header(page, datetime.now(UTC)))
    _ways_on(page)
    actions.section(page)
    _how_bad(page)
    st.html(join(title("What probably caused it"), _causes(page)))
    st.html(join(title("What changed around then", _span(page)), timeline.section(page.events, page.began)))
    st.html(title("What to do", page.advice))
    runbook.draw(page.runbook)
    deliveries.section(page)


def _header(page: AlertPage, now: datetime) -> Html:
    alert = page.alert
    facts = [
        urgency.span_text(alert["state"], page.began, alert["changed_at"], now),
        f"newest window {wording.start_of_window(alert['judged_window'])}",
        "times in UTC",
    ]
    badges = (urgency.severity_badge(alert["severity"]), urgency.status_badge(alert))
    return join(
        element("div", *badges, *(element("span", fact) for fact in facts), class_="wk-statusline"),
        element("h1", _what(alert), class_="wk-title"),
        element("p", f"{name_of(alert)}: {data.checks.question(alert['check'])}".rstrip(": "), class_="wk-lead"),
    )


def _what(alert: Mapping[str, Any]) -> str:
    subject, check = wording.alert_subject(alert), wording.check_title(alert["check"])
    return check if subject == check else f"{check}: {subject}"


def _ways_on(page: AlertPage) -> None:
    with st.container(horizontal=True, key="ways"):
        st.page_link("views/alerts.py", label="All alerts")
        if page.model is not None:
            query = {"model": page.model.name, "version": page.alert["version"], "check": page.alert["check"]}
            st.page_link("views/model.py", label=f"Model {markdown_text(page.model.name)}", query_params=query)
            limit = {**query, "subject": page.alert["subject"], "segment": page.alert["segment"] or ""}
            st.page_link("views/limits.py", label="Its limit", query_params=limit)


def _how_bad(page: AlertPage) -> None:
    st.html(join(title("How bad it is"), element("p", _figures(page.alert), class_="wk-lead"), _reason(page.alert)))
    if page.version_id is not None:
        since, until = page.chart
        alert = page.alert
        for series in data.models.check_series(
            page.version_id, alert["check"], since, until, (alert["subject"],), alert["segment"] or ""
        ):
            if charts.has_values(series):
                events = data.timeline.events(page.model.name, since, until, markers.KINDS) if page.model else []
                charts.chart(series, events)
                if legend := markers.legend(events):
                    st.html(legend)
    if len(page.group) > 1:
        st.html(_beside(page))


def _figures(alert: Mapping[str, Any]) -> str:
    """Value, limit and normal in one sentence."""
    if _reason_says_all(alert):
        reason = (alert["reason"] or "there is no value").rstrip(".")
        return f"{reason[:1].upper()}{reason[1:]}."
    value, limit, normal = (
        wording.number(alert["check"], alert["subject"], alert[name]) for name in ("value", "limit", "normal")
    )
    said = f"{value}, where the limit is {limit}" + (f" and {normal} is normal" if alert["normal"] is not None else "")
    if alert["excess"] >= MOST_EXCESS:
        said += ": far more than the limit allows"
    elif alert["excess"] > 1:
        said += f": {alert['excess']:.1f} times as far from normal as the limit allows"
    if alert["expected_rate"]:
        said += f". By chance it happens in {wording.rate(alert['expected_rate'])} of windows"
    return said + "."


def _reason_says_all(alert: Mapping[str, Any]) -> bool:
    """Whether the numbers add nothing: there is none, the feature is lost, or it is a fact."""
    return alert["value"] is None or alert["reason"] == LOST or wording.is_yes_or_no(alert["subject"])


def _reason(alert: Mapping[str, Any]) -> Html | None:
    if not alert["reason"] or _reason_says_all(alert):
        return None
    statistic = f" The statistic is {alert['statistic']}." if alert["statistic"] else ""
    reason = alert["reason"].rstrip(".")
    return element("p", f"{reason[:1].upper()}{reason[1:]}.{statistic}", class_="wk-facts")


def _beside(page: AlertPage) -> Html:
    """Every alert of the check, each a way to its own page."""
    rows = [
        (
            element("a", wording.alert_subject(row), href=f"alert?id={row['id']}", target="_self")
            if row["id"] != page.alert["id"]
            else element("b", f"{wording.alert_subject(row)} (this one)"),
            *(wording.number(row["check"], row["subject"], row[name]) for name in ("value", "limit")),
            element("span", urgency.severity_text(row["severity"]), class_="wk-fixed"),
            urgency.status_text(row["status"]),
        )
        for row in page.group
    ]
    head = element("summary", f"All {len(rows)} of this check, the worst first")
    listed = table(("What", "Value", "Limit", "Severity", "State"), rows, numbers={1, 2})
    return element("details", head, listed, open_="" if len(rows) <= MOST_CAUSES else None, class_="wk-fold")


def _causes(page: AlertPage) -> Html:
    note = page.why_no_causes
    quiet = element("p", f"{note[:1].upper()}{note[1:]}.", class_="wk-quiet") if note else None
    found: Sequence[str] = [cause_text(cause) for cause in likely(page.causes, MOST_CAUSES)]
    if found:
        of = f"In the window of {wording.start_of_window(page.explained)}:" if page.explained else ""
        listed = element("ol", *(element("li", text) for text in found))
        return element("div", element("p", of) if of else None, listed, quiet, class_="wk-why")
    said = "Nothing else that is measured left its normal range in that window."
    return element("div", element("p", said) if page.explained and not note else None, quiet, class_="wk-why")


def _span(page: AlertPage) -> str:
    since, until = page.around
    return f"From {wording.moment(since)} to {wording.moment(until)}."
