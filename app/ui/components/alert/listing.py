"""The list of alerts: a row for each check of a version, the worst first, by filters that the address keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import streamlit as st

from app.core.severity import Severity
from app.ui import data
from app.ui.components import choice, empty, scope, urgency, wording
from app.ui.components.alert import bulk, silences
from app.ui.components.alerts import name_of, reading
from app.ui.components.html import Html, element, join, markdown_text, table

Alert: TypeAlias = Mapping[str, Any]

ANY = "any"
PARTS = {"alerts": "Alerts", "silences": "Silences and maintenance"}
STATES = {"open": "Open", "firing": "Firing", "acknowledged": "Acknowledged", "silenced": "Silenced", ANY: "All"}
SEVERITIES = {ANY: "Any severity", **{one.value: urgency.severity_text(one.value) for one in reversed(Severity)}}
ROWS_OF_A_PAGE = 15
MOST_MEMBERS = 100


def show() -> None:
    """The filters, then the checks that fit them; or the silences."""
    if scope.is_empty():
        return
    st.html(element("h1", "Alerts", class_="wk-title"))
    models = data.fleet.names()
    part = choice.buttons(
        "part", "Part of the page", list(PARTS), "alerts", joined=True, words=PARTS.__getitem__, hidden_label=True
    )
    if part == "silences":
        silences.show()
        return
    bulk.dialog_asked_for()
    with st.container(horizontal=True, vertical_alignment="bottom", key="choices"):
        state = choice.buttons("state", "State", list(STATES), "open", words=STATES.__getitem__)
        severity = choice.buttons("severity", "Severity", list(SEVERITIES), ANY, words=SEVERITIES.__getitem__)
    with st.container(horizontal=True, vertical_alignment="bottom", key="names"):
        names = {ANY: "All models", **{name: name for name in models}}
        model = choice.select("of", "Model", list(names), ANY, words=names.__getitem__)
        checks = sorted(data.checks.check_names(), key=wording.check_order)
        check = choice.select("check", "Check", [ANY, *checks], ANY, words=_check_words)
        text = choice.text("search", "Search", placeholder="Feature, segment, reason, name ...")
    _rows(state, severity, model, check, text)


def _check_words(check: str) -> str:
    return "All checks" if check == ANY else wording.check_title(check)


@st.fragment(run_every=data.connection.REFRESH)
def _rows(state: str, severity: str, model: str, check: str, text: str) -> None:
    alerts = data.alerts.alerts(ended=state == ANY)
    on, known = data.alerts.channels_on()
    if known and not on:
        st.error("Nobody is told of alerts: every channel is off. The page Channels switches them on.")
    chosen = [one for one in alerts if _fits(one, state, severity, model, check) and _says(one, text)]
    groups = grouped(chosen)
    if not groups:
        empty.no_alerts(narrowed=bool(alerts) or state == ANY, channels=bool(known))
        return
    unheeded = [one for one in chosen if one["state"] == "firing"]
    with st.container(horizontal=True, vertical_alignment="center", key="said"):
        st.html(element("p", _headline(chosen, groups), class_="wk-lead"))
        if sum(map(_unheeded, groups)) > 1:
            bulk.button(f"Take in hand or resolve all {len(unheeded)}", "all shown", unheeded)
    shown, now = groups[_offset(len(groups)) :][:ROWS_OF_A_PAGE], datetime.now(UTC)
    with st.container(key="alert-rows", gap=None):
        for rows in shown:
            _row(rows, now)


def _offset(groups: int) -> int:
    """Where the page that is shown begins."""
    pages = [str(page) for page in range(1, -(-groups // ROWS_OF_A_PAGE) + 1)]
    if len(pages) == 1:
        return 0
    return (int(choice.select("page", f"Page of {len(pages)}", pages, "1", width=120)) - 1) * ROWS_OF_A_PAGE


def _fits(alert: Alert, state: str, severity: str, model: str, check: str) -> bool:
    right_state = state == ANY or alert["status"] == state or (state == "open" and alert["state"] != "pending")
    return (
        right_state
        and severity in (ANY, alert["severity"])
        and model in (ANY, alert["model"])
        and check in (ANY, alert["check"])
    )


def _says(alert: Alert, text: str) -> bool:
    """Whether every word of the text stands somewhere in the alert."""
    names = ("model", "version", "check", "subject", "segment", "reason", "acknowledged_by", "acknowledged_comment")
    said = " ".join(str(alert[name] or "") for name in names) + " " + wording.check_title(alert["check"])
    return all(word in said.casefold() for word in text.casefold().split())


def grouped(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """The alerts of each check of each version; the groups and what is in them keep the order that they come in."""
    groups: dict[tuple[Any, ...], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert["model"], alert["version"], alert["check"]), []).append(alert)
    return list(groups.values())


def _unheeded(rows: Sequence[Alert]) -> bool:
    return any(alert["status"] == "firing" for alert in rows)


def _headline(alerts: Sequence[Alert], groups: Sequence[Sequence[Alert]]) -> str:
    unheeded = sum(_unheeded(rows) for rows in groups)
    said = f"{wording.plural(len(alerts), 'alert')} of {wording.plural(len(groups), 'check')}"
    if not unheeded:
        return f"{said}."
    if len(groups) == 1:
        in_part = any(alert["status"] == "acknowledged" for alert in groups[0])
        return f"{said}, " + ("not all of them in hand yet." if in_part else "which nobody has in hand yet.")
    return f"{said}; nobody has {unheeded if unheeded < len(groups) else 'any'} of these checks in hand yet."


def _row(rows: Sequence[Alert], now: datetime) -> None:
    worst, firing = rows[0], [row for row in rows if row["state"] == "firing"]
    with st.container(horizontal=True, vertical_alignment="top", key=f"alert-row-{worst['id']}"):
        with st.container(gap=None, key=f"alert-text-{worst['id']}"):
            title = f"**{markdown_text(name_of(worst))}: {markdown_text(wording.check_title(worst['check']))}**"
            st.page_link("views/alert.py", label=title, query_params={"id": str(worst["id"])})
            st.html(join(_status_line(rows, now), element("p", _what(rows), class_="wk-what"), _members(rows)))
        if firing:
            bulk.button("Take in hand", f"group {worst['id']}", firing)


def _status_line(rows: Sequence[Alert], now: datetime) -> Html:
    worst = rows[0]
    since = min((row["since"] for row in rows if row["since"]), default=None)
    facts = [
        urgency.span_text(worst["state"], since or worst["judged_window"], worst["changed_at"], now),
        *dict.fromkeys(f"in the hands of {row['acknowledged_by']}" for row in rows if row["acknowledged_by"]),
        *dict.fromkeys(f"resolved by {row['resolved_by']}" for row in rows if row["resolved_by"]),
        *dict.fromkeys(row["silenced_by"] for row in rows if row["silenced_by"]),
    ]
    badges = (urgency.severity_badge(worst["severity"]), urgency.status_badge(worst))
    return element("div", *badges, *(element("span", fact) for fact in facts if fact), class_="wk-statusline")


def _what(rows: Sequence[Alert]) -> str:
    """The worst of them in a line, and how many more there are."""
    worst = rows[0]
    said = reading(worst) if worst["value"] is not None else worst["reason"]
    return said + (f"; and {len(rows) - 1} more" if len(rows) > 1 else "")


def _members(rows: Sequence[Alert]) -> Html | None:
    """All of several alerts, to unfold, each a way to its page."""
    if len(rows) == 1:
        return None
    listed = [
        (
            element("a", wording.alert_subject(row), href=f"alert?id={row['id']}", target="_self"),
            *(wording.number(row["check"], row["subject"], row[name]) for name in ("value", "limit")),
            element("span", urgency.severity_text(row["severity"]), class_="wk-fixed"),
            urgency.status_text(row["status"]),
        )
        for row in rows[:MOST_MEMBERS]
    ]
    more = f", the worst {MOST_MEMBERS} of them" if len(rows) > MOST_MEMBERS else ""
    head = element("summary", f"All {len(rows)}{more}")
    return element(
        "details",
        head,
        table(("What", "Value", "Limit", "Severity", "State"), listed, numbers={1, 2}),
        class_="wk-fold",
    )
