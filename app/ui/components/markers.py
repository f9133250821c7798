"""What happened, as marks on the time axis of a chart: a change seen beside what may have caused it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import plotly.graph_objects as go

from app.core.timeline import Event, EventKind
from app.ui.components import figures, wording
from app.ui.components.html import Html, element
from app.ui.theme import Palette

SHAPES = {
    EventKind.DEPLOYMENT: ("triangle-up", "▲", "deployment"),
    EventKind.ROLLBACK: ("triangle-down", "▼", "rollback"),
    EventKind.DEPENDENCIES: ("square", "■", "other dependencies"),
    EventKind.ALERT: ("diamond", "◆", "alert"),
    EventKind.RETRAINING: ("star", "★", "retraining"),
}
"""Of each kind: Plotly's symbol, the same as text, and its name."""
# Alerts are left out: a chart marks its own windows in breach, and alerts of other checks say nothing about it.
KINDS = tuple(kind.value for kind in SHAPES if kind is not EventKind.ALERT)
"""The kinds that stand on every time axis."""
MOST_LINES = 12
"""Marks up to which each has a line through the chart; more of them would hide what is measured."""
_MOST_TEXTS = 6


def draw(figure: go.Figure, events: Sequence[Event], palette: Palette) -> None:
    """Put the events at the top of the chart: one mark for each kind and day, which says what happened."""
    for kind, (symbol, _, _) in SHAPES.items():
        by_time = _by_time([event for event in events if event.kind is kind])
        if not by_time:
            continue
        times = figures.texts(list(by_time))
        if len(by_time) <= MOST_LINES:
            figure.add_scatter(
                x=[time for at in times for time in (at, at, None)],
                y=[end for _ in times for end in (0, 1, None)],
                yaxis="y2",
                mode="lines",
                line={"color": palette.text, "width": 1, "dash": "dot"},
                opacity=0.6,
                hoverinfo="skip",
            )
        figure.add_scatter(
            x=times,
            y=[1] * len(times),
            yaxis="y2",
            mode="markers",
            marker={
                "symbol": symbol,
                "size": 9 if len(by_time) <= MOST_LINES else 6,
                "color": palette.text,
                "line": {"width": 1, "color": palette.background},
            },
            customdata=[_said(found) for found in by_time.values()],
            hovertemplate="%{customdata}<extra></extra>",
            cliponaxis=False,
        )
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def legend(events: Sequence[Event]) -> Html | None:
    """What the marks mean; None without any."""
    kinds = {event.kind for event in events}
    said = [f"{mark} {name}" for kind, (_, mark, name) in SHAPES.items() if kind in kinds]
    return element("p", "On the time axis: ", " · ".join(said), class_="wk-facts") if said else None


def _by_time(events: Sequence[Event]) -> dict[datetime, list[Event]]:
    """The events of each day, at the time of the first of them."""
    days: dict[datetime, list[Event]] = {}
    for event in events:
        days.setdefault(event.at.replace(hour=0, minute=0, second=0, microsecond=0), []).append(event)
    return {found[0].at: found for found in days.values()}


def _said(found: Sequence[Event]) -> str:
    lines = [f"{wording.moment(event.at)}: {figures.plain(event.what)}" for event in found[:_MOST_TEXTS]]
    more = [f"and {len(found) - _MOST_TEXTS} more"] if len(found) > _MOST_TEXTS else []
    return "<br>".join([*lines, *more])
