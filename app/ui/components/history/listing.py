"""Events as a list, the newest first, each with the way to what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from app.core.timeline import Event, EventKind
from app.ui.components import wording
from app.ui.components.html import Html, element, join

MOST = 200
_LABELS = {
    EventKind.DEPLOYMENT: ("▲", "Deployments"),
    EventKind.ROLLBACK: ("▼", "Rollbacks"),
    EventKind.DEPENDENCIES: ("■", "Dependencies"),
    EventKind.REFERENCE: ("⬢", "References"),
    EventKind.LABELS: ("●", "Labels"),
    EventKind.LIMIT: ("▬", "Limits"),
    EventKind.DRILL: ("✚", "Drills"),
    EventKind.SILENCE: ("⊗", "Silences"),
    EventKind.ALERT: ("◆", "Alerts"),
    EventKind.RETRAINING: ("★", "Retraining"),
}
_PAGES = {
    EventKind.DEPLOYMENT: "versions",
    EventKind.ROLLBACK: "versions",
    EventKind.DEPENDENCIES: "versions",
    EventKind.REFERENCE: "versions",
    EventKind.DRILL: "versions",
    EventKind.LABELS: "model",
    EventKind.LIMIT: "model",
    EventKind.SILENCE: "alerts",
    EventKind.RETRAINING: "retraining",
}


def label(kind: str) -> str:
    """Shape and name of a kind."""
    return " ".join(_LABELS[EventKind(kind)])


def listing(model: str, events: Sequence[Event]) -> Html:
    """At most the `MOST` newest events; `events` come with the oldest first."""
    if not events:
        return element(
            "p",
            "Nothing is written down in this time: no deployment, no reference, no limit that somebody set, no alert. "
            "Choose a longer range or a later day.",
            class_="wk-quiet",
        )
    shown = [_item(model, event) for event in reversed(events[-MOST:])]
    left_out = len(events) - len(shown)
    note = f"{wording.plural(left_out, 'older event')} not shown: choose a kind, or an earlier day." if left_out else ""
    return join(
        element("ol", *shown, class_="wk-timeline wk-events"),
        element("p", note, class_="wk-quiet") if note else None,
    )


def _item(model: str, event: Event) -> Html:
    mark, name = _LABELS[event.kind]
    by = f" by {event.author}" if event.author else ""
    colour = event.kind.value
    if event.kind is EventKind.ALERT and wording.is_resolved(event):
        mark, colour = "●", "over"
    kind = element("span", mark, class_=f"wk-event-mark wk-event-{colour}", title=name, role="img", aria_label=name)
    return element(
        "li",
        element("span", wording.moment(event.at), class_="wk-when"),
        element("span", kind, " ", element("a", wording.event(event), href=_target(model, event), target="_self"), by),
        element("span", event.why, class_="wk-reason") if event.why else None,
    )


def _target(model: str, event: Event) -> str:
    if event.alert_id is not None:
        return f"alert?id={event.alert_id}"
    page = _PAGES.get(event.kind, "model")
    query = {"model": model}
    if event.version and page == "model":
        query["version"] = event.version
    return f"{page}?{urlencode(query)}"
