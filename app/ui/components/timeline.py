"""What changed around a time, as a list to read from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.core.timeline import Event
from app.ui.components import wording
from app.ui.components.html import Html, element

MOST = 30


def section(events: Sequence[Event], began: datetime) -> Html:
    """The events, the oldest first, with the beginning of the breach among them."""
    before = [event for event in events if event.at <= began]
    after = [event for event in events if event.at > began]
    beginning = element(
        "li",
        element("span", wording.moment(began), class_="wk-when"),
        element("b", "◆ the first window in breach"),
        class_="wk-began",
    )
    shown = [*map(_item, before[-MOST:]), beginning, *map(_item, after[:MOST])]
    hidden = max(0, len(before) - MOST) + max(0, len(after) - MOST)
    note = f"{wording.plural(hidden, 'event')} further away are left out." if hidden else ""
    if not events:
        note = "Nothing is written down: no deployment, no new reference, no limit that somebody set, no other alert."
    return element(
        "div",
        element("ol", *shown, class_="wk-timeline"),
        element("p", note, class_="wk-quiet") if note else None,
    )


def _item(event: Event) -> Html:
    by = f" by {event.author}" if event.author else ""
    return element(
        "li",
        element("span", wording.moment(event.at), class_="wk-when"),
        element("span", wording.event(event), by),
        element("span", event.why, class_="wk-reason") if event.why else None,
    )
