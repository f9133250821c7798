"""How bad an alert is and where it stands, as shape, word and colour: each of the three would do alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.core.severity import Severity
from app.ui.components import wording
from app.ui.components.html import Html, element

_SEVERITIES = {Severity.CRITICAL: ("▲", "Critical"), Severity.WARNING: ("◆", "Warning"), Severity.INFO: ("○", "Info")}
_STATES = {
    "firing": ("breach", "◆", "Firing"),
    "acknowledged": ("cannot_tell", "✓", "Acknowledged"),
    "silenced": ("cannot_tell", "◌", "Silenced"),
    "no data": ("no_data", "▫", "No data"),
    "pending": ("cannot_tell", "◌", "Pending"),
    "resolved": ("ok", "●", "Resolved"),
}
"""Of each status: the colours of the badge, its shape and its word."""


def severity_text(severity: str) -> str:
    """Shape and word."""
    return " ".join(_SEVERITIES[Severity(severity)])


def severity_badge(severity: str) -> Html:
    """The severity in a pill."""
    mark, word = _SEVERITIES[Severity(severity)]
    class_ = f"wk-state wk-severity-{severity}"
    return element("span", element("span", mark, aria_hidden="true"), word, class_=class_)


def status_text(status: str) -> str:
    """The word for it."""
    return _STATES[status][2] if status in _STATES else status.capitalize()


def status_badge(alert: Mapping[str, Any]) -> Html:
    """Where the alert stands, in a pill."""
    colours, mark, word = _STATES.get(alert["status"], ("cannot_tell", "◌", alert["status"]))
    return element("span", element("span", mark, aria_hidden="true"), word, class_=f"wk-state wk-state-{colours}")


def span_text(state: str, began: datetime, changed: datetime, now: datetime) -> str:
    """Since when an alert is in breach, or how long it was."""
    start = wording.start_of_window(began)
    if state == "resolved":
        return f"from {start}, over since {wording.moment(changed)}"
    return f"since {start} ({wording.duration(now - began)})"
