"""Everything that happened on one time axis: a lane for each kind, bars for what lasted, marks for what did not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import plotly.graph_objects as go

from app.core.messages import subject_text
from app.core.timeline import Event, EventKind, names_text
from app.services.read_models.spans import AlertSpan, DriftSpan
from app.ui.components import figures, markers, wording
from app.ui.theme import Palette

MOST_FEATURES = 8
"""Features with a lane, those that were beyond their limits in the most windows."""
_LANE_PIXELS = 30
_AXIS_PIXELS = 86
_MOST_LETTERS = 30
_MARKED = (
    ("Deployments", (EventKind.DEPLOYMENT, EventKind.ROLLBACK)),
    ("Dependencies", (EventKind.DEPENDENCIES,)),
    ("References", (EventKind.REFERENCE,)),
    ("Retraining", (EventKind.RETRAINING,)),
    ("Drills", (EventKind.DRILL,)),
    ("Limits", (EventKind.LIMIT,)),
    ("Silences", (EventKind.SILENCE,)),
    ("Labels", (EventKind.LABELS,)),
)
_SYMBOLS = {
    **{kind: symbol for kind, (symbol, _, _) in markers.SHAPES.items()},
    EventKind.REFERENCE: "hexagon",
    EventKind.DRILL: "cross",
    EventKind.LIMIT: "line-ew-open",
    EventKind.SILENCE: "circle-x-open",
    EventKind.LABELS: "circle",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """What lasted over [start, end), and what is said of it."""

    start: datetime
    end: datetime
    said: str


def figure(
    events: Sequence[Event],
    drift: Sequence[DriftSpan],
    alerts: Sequence[AlertSpan],
    span: tuple[datetime, datetime],
    palette: Palette,
) -> go.Figure | None:
    """The lanes that hold anything, from top to bottom: what people did, alerts, features; None without any."""
    drawn, names = figures.blank(palette, _AXIS_PIXELS), []
    for name, kinds in _MARKED:
        mine = [event for event in events if event.kind in kinds]
        if mine:
            names.append(name)
            _marks(drawn, name, mine, palette)
    for name, bars in _alert_lanes(alerts, span):
        names.append(name)
        _bars(drawn, name, bars, palette.breach)
    for name, bars in _feature_lanes(drift, span):
        names.append(name)
        _bars(drawn, name, bars, palette.accent)
    if not names:
        return None
    _axes(drawn, names, span, palette)
    return drawn


def _axes(drawn: go.Figure, names: Sequence[str], span: tuple[datetime, datetime], palette: Palette) -> None:
    """The time at the top, and the lanes below it in their order."""
    drawn.update_layout(height=_AXIS_PIXELS + _LANE_PIXELS * len(names), barmode="overlay", hovermode="closest")
    drawn.update_xaxes(
        type="date",
        range=figures.texts(span),
        showgrid=True,
        gridcolor=palette.border,
        side="top",
        nticks=6,
        tickangle=0,
        tickformat=_tick_format((span[1] - span[0]).days),
    )
    drawn.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=list(names),
        range=[len(names) - 0.5, -0.5],
        nticks=len(names) + 1,
        tickfont={"color": palette.text},
        showgrid=True,
    )


def _tick_format(days: int) -> str:
    """Short, since the lanes' names leave little room on a narrow screen."""
    return "%b<br>%Y" if days > 120 else "%-d %b" if days >= 4 else "%H:%M<br>%-d %b"


def hidden(drift: Sequence[DriftSpan]) -> int:
    """How many features have no lane."""
    return max(0, len({span.feature for span in drift}) - MOST_FEATURES)


def _marks(drawn: go.Figure, lane: str, events: Sequence[Event], palette: Palette) -> None:
    drawn.add_scatter(
        x=figures.texts([event.at for event in events]),
        y=[lane] * len(events),
        mode="markers",
        marker={
            "symbol": [_SYMBOLS[event.kind] for event in events],
            "size": 12,
            "color": palette.text,
            "line": {"width": 1.5, "color": palette.background if lane not in {"Limits", "Silences"} else palette.text},
        },
        customdata=[_said(event) for event in events],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
    )


def _said(event: Event) -> str:
    by = f" by {event.author}" if event.author else ""
    return f"{wording.moment(event.at)}<br>{figures.plain(event.what + by)}"


def _bars(drawn: go.Figure, lane: str, bars: Sequence[Bar], colour: str) -> None:
    drawn.add_bar(
        base=figures.texts([bar.start for bar in bars]),
        x=[(bar.end - bar.start).total_seconds() * 1000 for bar in bars],
        y=[lane] * len(bars),
        orientation="h",
        width=0.5,
        marker={"color": colour, "line": {"width": 0}},
        customdata=[bar.said for bar in bars],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _alert_lanes(alerts: Sequence[AlertSpan], span: tuple[datetime, datetime]) -> Iterator[tuple[str, list[Bar]]]:
    """A lane for each check, with a bar wherever at least one of its alerts was open."""
    checks = sorted({alert.check for alert in alerts}, key=wording.check_order)
    for check in checks:
        mine = sorted((alert for alert in alerts if alert.check == check), key=lambda one: one.start or span[0])
        yield _lane("◆ ", wording.check_title(check)), [_open_bar(found, span) for found in _overlapping(mine, span)]


def _overlapping(alerts: Iterable[AlertSpan], span: tuple[datetime, datetime]) -> list[list[AlertSpan]]:
    """Groups of alerts, in order of their start, whose times touch."""
    groups: list[list[AlertSpan]] = []
    last = span[0]
    for alert in alerts:
        if groups and (alert.start or span[0]) <= last:
            groups[-1].append(alert)
            last = max(last, alert.end or span[1])
        else:
            groups.append([alert])
            last = alert.end or span[1]
    return groups


def _open_bar(alerts: Sequence[AlertSpan], span: tuple[datetime, datetime]) -> Bar:
    start, end = min(one.start or span[0] for one in alerts), max(one.end or span[1] for one in alerts)
    whom = names_text(dict.fromkeys(filter(None, (subject_text(one.subject, one.segment) for one in alerts))))
    since = "open before this time" if any(one.start is None for one in alerts) else f"from {wording.moment(start)}"
    until = "open to the end of this time" if any(one.end is None for one in alerts) else f"until {wording.moment(end)}"
    count = wording.plural(len({one.id for one in alerts}), "alert")
    return Bar(start, end, f"{figures.plain(f'{count}: {whom}' if whom else count)}<br>{since}, {until}")


def _feature_lanes(drift: Sequence[DriftSpan], span: tuple[datetime, datetime]) -> Iterator[tuple[str, list[Bar]]]:
    """The features that were beyond their limits in the most windows, the earliest of them first."""
    windows: dict[str, int] = {}
    for one in drift:  # the oldest first, and so are the names
        windows[one.feature] = windows.get(one.feature, 0) + one.windows
    worst = set(sorted(windows, key=lambda name: -windows[name])[:MOST_FEATURES])
    for feature in (name for name in windows if name in worst):
        bars = [Bar(one.start, min(one.end, span[1]), _drift_text(one)) for one in drift if one.feature == feature]
        yield _lane("", feature), bars


def _drift_text(one: DriftSpan) -> str:
    check, windows = wording.check_title(one.check), wording.plural(one.windows, "window")
    words = f"{one.feature} of version {one.version}: {windows} beyond its limit ({check})"
    return f"{figures.plain(words)}<br>{wording.moment(one.start)} to {wording.moment(one.end)}"


def _lane(mark: str, name: str) -> str:
    """The lane's label; of a long name the beginning."""
    short = name if len(name) <= _MOST_LETTERS else name[: _MOST_LETTERS - 1] + "…"
    return mark + figures.plain(short)
