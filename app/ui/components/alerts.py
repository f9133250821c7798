"""The open alerts of a model: what, since when, why, what to do, and whether anybody was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.core.checks.schema import LOST
from app.core.messages import ITSELF
from app.ui.components import wording
from app.ui.components.html import Html, element, table


def section(alerts: Sequence[Mapping[str, Any]], advice: Callable[[str], str]) -> Html:
    """One notice per check, what matters most first; `alerts` come in their order, the worst first."""
    by_check: dict[str, list[Mapping[str, Any]]] = {}
    for alert in alerts:
        by_check.setdefault(alert["check"], []).append(alert)
    order = sorted(by_check, key=wording.check_order)
    return element("div", *(_notice(check, by_check[check], advice(check)) for check in order), class_="wk-alerts")


def _notice(check: str, rows: list[Mapping[str, Any]], advice: str) -> Html:
    starts = [row["since"] for row in rows if row["since"] is not None]
    subjects = len({row["subject"] for row in rows})  # one may fire in several segments
    what = "feature" if check in wording.FEATURE_CHECKS else "measure"
    title = wording.check_title(check) + (f": {wording.plural(subjects, what)}" if len(rows) > 1 else "")
    return element(
        "div",
        element(
            "h4",
            element("span", "◆ ", aria_hidden="true"),
            element("a", title, href=f"alert?id={rows[0]['id']}", target="_self"),
            element("span", f" since {wording.start_of_window(min(starts))}", class_="wk-since") if starts else None,
        ),
        element("p", _why(rows[0])),
        _others(check, rows),
        element("p", element("b", "What to do: "), advice) if advice else None,
        *_delivery_lines(rows),
        class_="wk-alert",
    )


def name_of(alert: Mapping[str, Any]) -> str:
    """The model and version that the alert is about, or Watchkeeper itself."""
    return f"{alert['model']} {alert['version']}" if alert["model"] else ITSELF


def reading(alert: Mapping[str, Any]) -> str:
    """What is out of its limit, and how far; of a feature that is lost the share of its values says nothing."""
    subject = wording.alert_subject(alert)
    if alert["reason"] == LOST:
        return f"{subject} is {LOST}"
    if wording.is_yes_or_no(alert["subject"]):
        return subject
    value, limit = (wording.number(alert["check"], alert["subject"], alert[name]) for name in ("value", "limit"))
    return f"{subject} {value}, limit {limit}"


def _why(row: Mapping[str, Any]) -> str:
    """One alert in a line."""
    return reading(row) if row["reason"] == LOST else f"{reading(row)}: {row['reason']}"


def _others(check: str, rows: Sequence[Mapping[str, Any]]) -> Html | None:
    """All of several alerts, to unfold."""
    if len(rows) == 1:
        return None
    return element("details", element("summary", f"All {len(rows)}, the worst first"), _table(check, rows))


def _table(check: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    return table(
        ("What", "Value", "Limit", "Why"),
        [
            (
                wording.alert_subject(row),
                *(wording.number(check, row["subject"], row[name]) for name in ("value", "limit")),
                row["reason"],
            )
            for row in rows
        ],
        numbers={1, 2},
    )


def _delivery_lines(rows: Sequence[Mapping[str, Any]]) -> list[Html]:
    """Whom the message did not reach, and why; one line a channel."""
    latest = max(rows, key=lambda row: row["changed_at"])
    if latest["notified_at"] is None:
        return [element("p", f"Nobody has been told yet. {latest['silenced_by']}".strip(), class_="wk-quiet")]
    if not latest["deliveries"]:
        return [element("p", "Nobody was told: there was no channel for this message.", class_="wk-quiet")]
    failed = [one for one in latest["deliveries"] if one["last_error"] and one["state"] != "delivered"]
    return [element("p", failure_text(one["channel"], one), class_="wk-failed") for one in failed]


def failure_text(channel: str, delivery: Mapping[str, Any]) -> str:
    """What went wrong with a delivery, and whether it is tried again."""
    attempts = wording.plural(delivery["attempts"], "attempt")
    what_next = "given up" if delivery["state"] == "dead" else f"next try {wording.moment(delivery['next_attempt_at'])}"
    return f"✕ Not delivered to {channel} after {attempts}: {delivery['last_error']} ({what_next})"
