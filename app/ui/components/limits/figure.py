"""A value over time, with the limit that held and the one that is tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.core.model import Measurement, Outcome
from app.ui.components import figures, wording
from app.ui.theme import Palette


def two_limits(
    check: str, subject: str, now: Sequence[Measurement], tried: Sequence[Measurement], palette: Palette
) -> go.Figure:
    """`now` and `tried` are the same windows, the oldest first; what is beyond the tried limit is a diamond."""
    figure = figures.blank(palette, 260)
    times = figures.texts([one.window.start for one in tried])
    old_times = figures.texts([one.window.start for one in now])
    _line(figure, times, [one.value for one in tried], {"color": palette.accent, "width": 2}, "value", check, subject)
    old, new = [one.limit for one in now], [one.limit for one in tried]
    _line(figure, old_times, old, {"color": palette.unknown, "width": 2, "dash": "dot"}, "limit now", check, subject)
    _line(figure, times, new, {"color": palette.breach, "width": 2, "dash": "dash"}, "new limit", check, subject)
    beyond = [i for i, one in enumerate(tried) if one.outcome is Outcome.BREACH and one.value is not None]
    figure.add_scatter(
        x=[times[i] for i in beyond],
        y=[tried[i].value for i in beyond],
        mode="markers",
        marker={"symbol": "diamond", "color": palette.breach, "size": 9},
        hoverinfo="skip",
    )
    if wording.is_share(check, subject):
        figure.update_yaxes(tickformat=".1%")
    if check in figures.LOGARITHMIC:
        figure.update_yaxes(type="log", dtick=1)
    if len(times) > 1:  # marks of what happened before would widen it
        figure.update_xaxes(range=[times[0], times[-1]])
    figures.time_ticks(figure, [one.window.start for one in tried])
    figure.update_layout(hovermode="x")
    return figure


def _line(
    figure: go.Figure,
    times: Sequence[str],
    values: Sequence[float | None],
    line: dict[str, Any],
    name: str,
    check: str,
    subject: str,
) -> None:
    figure.add_scatter(
        x=times,
        y=values,
        mode="lines",
        line=line,
        customdata=[wording.number(check, subject, value) for value in values],
        hovertemplate=f"%{{x|%-d %b %Y, %H:%M}} UTC<br>{name} %{{customdata}}<extra></extra>",
    )
