"""Figures: each answers one question, in the colours of the theme."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.core.label_delay import DELAY_EDGES, DelayCurve, duration
from app.core.model import Outcome
from app.services.read_models.histogram import Comparison
from app.services.read_models.series import FloatArray, Series
from app.ui.components import wording
from app.ui.components.gaps import with_gaps
from app.ui.theme import Palette

MOST_MARKED = 100
"""Windows up to which a line may be thick, and a cell of a heat map has room for a gap and a mark."""
FEW_WINDOWS = 45
"""Windows up to which breaches have large marks: side by side in more windows, they would hide the line."""
FROM_ZERO = {"staleness", "rollback_ready", "volume", "latency"}
"""Checks of amounts, which are read from zero."""
LOGARITHMIC = {"concept_drift": 0.1}
"""Checks whose value grows by factors, with the smallest value that is drawn."""
_CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}


def show(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw it over the whole width; `alt` says it in words."""
    st.plotly_chart(figure, key=key, config=_CONFIG, alt=alt)


def pick(figure: go.Figure, *, key: str, alt: str) -> int | None:
    """Draw it so that a click chooses; gives the number that the chosen point's trace put first into `customdata`."""
    event = st.plotly_chart(figure, key=key, config=_CONFIG, alt=alt, on_select="rerun", selection_mode="points")
    points = event["selection"]["points"]
    data = points[0].get("customdata") if points else None
    return int(data[0]) if isinstance(data, list) else None  # a text is what a mark on the time axis says


def blank(palette: Palette, height: int) -> go.Figure:
    """What all figures begin with: the theme, no margins, no grid along time.

    Said as one: Plotly takes several times as long to be told the same piece by piece.
    """
    return go.Figure(
        layout={
            "height": height,
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": palette.muted, "size": 13},
            "showlegend": False,
            "hoverlabel": {
                "bgcolor": palette.surface,
                "bordercolor": palette.border,
                "font": {"color": palette.text},
            },
            "dragmode": False,
            "bargap": 0.08,
            "xaxis": {
                "showgrid": False,
                "linecolor": palette.border,
                "tickcolor": palette.border,
                "automargin": True,
            },
            "yaxis": {"gridcolor": palette.border, "zeroline": False, "automargin": True, "nticks": 5},
        }
    )


def texts(times: Sequence[datetime]) -> list[str]:
    """UTC times as Plotly takes them: it would show a zone's offset as another time."""
    return [f"{time:%Y-%m-%d %H:%M:%S}" for time in times]


def time_series(series: Series, palette: Palette, *, height: int = 230) -> go.Figure:
    """The value with its uncertainty, over the band of what is normal; breaches are diamonds."""
    series = with_gaps(series)
    times = texts(series.starts)
    floor = LOGARITHMIC.get(series.check)
    low, high = _normal_range(series)
    values = series.values
    if floor is not None:
        low, values = _raised(floor, low, values)
    figure = blank(palette, height)
    band(figure, times, low, high, palette.band, "normal range")
    band(figure, times, series.lower, series.upper, faded(palette.accent), "95 % interval")
    figure.add_scatter(
        x=times,
        y=values,
        mode="lines",
        line={"color": palette.accent, "width": 2 if len(times) <= MOST_MARKED else 1.4},
        customdata=_hover(series),
        hovertemplate="%{x|%-d %b %Y, %H:%M} UTC<br>%{customdata}<extra></extra>",
    )
    judged = any(outcome is not Outcome.NOT_EVALUATED for outcome in series.outcomes)
    for outcome, symbol, colour in (
        (Outcome.NOT_EVALUATED, "circle-open", palette.unknown),
        (Outcome.BREACH, "diamond", palette.breach),
    ):
        if not judged:  # what is said of all of them need not stand at each
            break
        chosen = [i for i, found in enumerate(series.outcomes) if found is outcome and np.isfinite(series.values[i])]
        size = 9 if len(times) <= FEW_WINDOWS else 5
        figure.add_scatter(
            x=[times[i] for i in chosen],
            y=values[chosen],
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": size},
            hoverinfo="skip",
        )
    if wording.is_share(series.check, series.subject):
        figure.update_yaxes(tickformat=".1%")
    if series.check in FROM_ZERO:
        figure.update_yaxes(rangemode="tozero")
    flat = _flat(values, low, high, series.lower, series.upper)
    if flat is not None:
        figure.update_yaxes(range=[min(0.0, 1.25 * flat), max(1.25 * flat, 1.0 if flat == 0 else 0.0)])
    if floor is not None:
        figure.update_yaxes(type="log", dtick=1)
    if len(times) > 1:  # the same span in every chart: markers would widen it in some
        figure.update_xaxes(range=[times[0], times[-1]])
    time_ticks(figure, series.starts)
    figure.update_traces(cliponaxis=False)
    figure.update_layout(hovermode="x")
    return figure


def _flat(*arrays: FloatArray) -> float | None:
    """The one value that all of them have: Plotly would draw an axis from one less to one more around it."""
    known = np.concatenate([array[np.isfinite(array)] for array in arrays])
    return float(known[0]) if known.size and np.ptp(known) == 0 else None


def _normal_range(series: Series) -> tuple[FloatArray, FloatArray]:
    """Both ends of what is normal, [W] each; a rate's within 0 to 1, where it can lie at all."""
    if not wording.is_rate(series.check, series.subject):
        return series.low, series.high
    return np.clip(series.low, 0, 1), np.clip(series.high, 0, 1)


def _raised(floor: float, *arrays: FloatArray) -> tuple[FloatArray, ...]:
    """The arrays with nothing below `floor`: a logarithmic axis has no zero."""
    return tuple(np.maximum(array, floor) for array in arrays)


def band(figure: go.Figure, times: list[str], low: Any, high: Any, colour: str, name: str) -> None:
    """A filled band, drawn stretch by stretch so that it does not bridge what is unknown."""
    known = np.isfinite(low) & np.isfinite(high)
    for first, last in _stretches(known):
        span = slice(first, last + 1)
        # A stretch of one window is drawn a little wide, or it would have no area.
        figure.add_scatter(
            x=[*times[span], *times[span][::-1]],
            y=[*high[span], *low[span][::-1]],
            fill="toself",
            fillcolor=colour,
            line={"width": 0 if last > first else 4, "color": colour},
            mode="lines",
            hoverinfo="skip",
            name=name,
        )


def _stretches(known: Any) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    return [(int(first), int(after) - 1) for first, after in steps.reshape(-1, 2)]


def _hover(series: Series) -> list[str]:
    """Each point in words: value, limit, verdict, reason."""
    rows = zip(series.values, *_normal_range(series), series.outcomes, series.reasons, strict=True)
    return [
        "<br>".join(
            part
            for part in (
                wording.number(series.check, series.subject, float(value)),
                _range_text(series, float(low), float(high)),
                wording.outcome_text(outcome),
                plain(reason),
            )
            if part
        )
        for value, low, high, outcome, reason in rows
    ]


def _range_text(series: Series, low: float, high: float) -> str:
    if np.isnan(high):
        return ""
    return "normal: " + " to ".join(wording.number(series.check, series.subject, end) for end in (low, high))


def delay_curve(curve: DelayCurve, declared: timedelta, palette: Palette, *, height: int = 230) -> go.Figure:
    """The share of labels that are in, by the time since their prediction; a line stands at the declared delay."""
    seen = curve.observed.total_seconds() >= DELAY_EDGES
    seconds, shares = DELAY_EDGES[seen], curve.shares[seen]
    texts = [f"{share:.1%} within {duration(timedelta(seconds=s))}" for s, share in zip(seconds, shares, strict=True)]
    figure = blank(palette, height)
    figure.add_trace(
        go.Scatter(
            x=seconds,
            y=shares,
            mode="lines",
            line={"color": palette.accent, "width": 2},
            hovertext=texts,
            hoverinfo="text",
        )
    )
    figure.add_vline(x=max(declared.total_seconds(), DELAY_EDGES[0]), line={"color": palette.muted, "dash": "dot"})
    marks = {60: "1 min", 3_600: "1 h", 86_400: "1 d", 604_800: "7 d", 2_592_000: "30 d", 31_536_000: "1 y"}
    figure.update_xaxes(type="log", tickvals=list(marks), ticktext=list(marks.values()))
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def time_ticks(figure: go.Figure, starts: Sequence[datetime]) -> None:
    """Short texts at the time axis, each complete in itself: Plotly's own put the year below the first alone."""
    days = (starts[-1] - starts[0]).days if starts else 0
    form = "%H:%M" if days < 1 else "%-d %b %H:%M" if days < 4 else "%-d %b" if days < 270 else "%b %Y"
    figure.update_xaxes(tickformat=form, nticks=6)


def histogram(found: Comparison, palette: Palette, names: tuple[str, str] = ("reference", "now")) -> go.Figure:
    """Shares of both sides, which have these names, over the same bars."""
    figure = blank(palette, 320)
    if found.edges is None:
        _categories(figure, found, palette, names)
    else:
        _bars(figure, found, palette, names)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def _bars(figure: go.Figure, found: Comparison, palette: Palette, names: tuple[str, str]) -> None:
    """The first side as filled bars, the second as an outline over them."""
    edges = found.edges
    assert edges is not None
    centres, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    figure.add_bar(
        x=centres,
        y=found.reference.shares,
        width=width,
        marker={"color": palette.reference, "line": {"width": 0}},
        customdata=[f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)],
        hovertemplate=f"%{{customdata}}<br>{names[0]} %{{y:.1%}}<extra></extra>",
    )
    figure.add_scatter(
        x=np.concatenate([edges[:1], edges]),
        y=np.concatenate([[0.0], found.now.shares, [0.0]]),
        mode="lines",
        line={"shape": "hv", "color": palette.accent, "width": 2.2},
        hovertemplate=f"{names[1]} %{{y:.1%}}<extra></extra>",
    )
    figure.update_layout(bargap=0)


def _categories(figure: go.Figure, found: Comparison, palette: Palette, names: tuple[str, str]) -> None:
    labels = [plain(label) for label in found.labels]
    sides, colours = (found.reference, found.now), (palette.reference, palette.accent)
    for side, colour, name in zip(sides, colours, names, strict=True):
        figure.add_bar(
            x=labels,
            y=side.shares,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=f"%{{x}}<br>{name} %{{y:.1%}}<extra></extra>",
        )
    figure.update_xaxes(type="category")
    figure.update_layout(barmode="group", bargap=0.25)


def plain(text: str) -> str:
    """A text that Plotly shows as it is: it takes tags such as <b> and <a> for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def faded(colour: str) -> str:
    """The colour for areas that others shine through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.22)"
