"""All features of a check at once: value over limit by feature and window, to be clicked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.core.model import Outcome
from app.services.read_models.series import HeatMap
from app.ui.components import wording
from app.ui.components.figures import MOST_MARKED, blank, plain, texts, time_ticks
from app.ui.theme import Palette

BEYOND = 2.0
"""Ratio of value to limit from which the heat map's colour grows no darker."""
HEAD, ROW, AXIS = 28, 33.6, 34
"""Pixels above the rows, of each row, and below: as those of the list beside it."""
MOST_POINTS = 3_000
"""Of a heat map that can be clicked: more of them are slow to draw."""


def figure_of(found: HeatMap, palette: Palette) -> go.Figure:
    """Value over limit by subject and window: at 1 the colour turns, and a breach has a diamond."""
    times = texts(found.starts)
    names = [plain(name) for name in found.subjects]
    ratio = np.clip(found.ratio, 0.0, BEYOND)
    breaches = found.outcomes == Outcome.BREACH.value
    roomy = len(times) <= MOST_MARKED
    rows, columns = np.nonzero(breaches if roomy else np.zeros_like(breaches))
    step = -(-ratio.size // MOST_POINTS) or 1
    cells = _cells(found)
    near, at, beyond = 0.0, 1.0 / BEYOND, 1.0
    scale = palette.scale
    figure = blank(palette, round(HEAD + ROW * len(names) + AXIS))
    figure.add_trace(
        go.Heatmap(
            x=times,
            y=names,
            z=ratio,
            zmin=0.0,
            zmax=BEYOND,
            colorscale=[[near, scale[0]], [at - 1e-6, scale[1]], [at, scale[2]], [beyond, scale[3]]],
            xgap=1 if roomy else 0,
            ygap=1,
            customdata=np.array(cells, dtype=object),
            hovertemplate="%{y}<br>%{x|%-d %b %Y, %H:%M} UTC<br>%{customdata}<extra></extra>",
            showscale=False,
        )
    )
    figure.add_scatter(
        x=[times[i] for i in columns],
        y=[names[i] for i in rows],
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 7,
            "color": palette.background,
            "line": {"width": 1, "color": palette.breach},
        },
        hoverinfo="skip",
    )
    _clickable(figure, times, names, cells, step)
    figure.update_layout(margin={"t": HEAD, "b": AXIS})
    figure.update_xaxes(automargin=False)
    time_ticks(figure, found.starts)
    if len(times) > 1:  # whole cells at both ends
        half = (found.starts[1] - found.starts[0]) / 2
        figure.update_xaxes(range=texts([found.starts[0] - half, found.starts[-1] + half]))
    axis = {"range": [len(names) - 0.5, -0.5], "tickmode": "array", "tickvals": names}
    figure.update_yaxes(**axis, showgrid=False, tickfont={"color": palette.text})
    return figure


def _clickable(
    figure: go.Figure, times: Sequence[str], names: Sequence[str], cells: Sequence[Sequence[str]], step: int
) -> None:
    """Points that nobody sees over every so many cells: a heat map by itself cannot be clicked."""
    columns = range(0, len(times), step)
    figure.add_scatter(
        x=np.tile(np.array(times, dtype=object)[::step], len(names)),
        y=np.repeat(np.array(names, dtype=object), len(columns)),
        mode="markers",
        marker={"size": ROW, "opacity": 0, "symbol": "square"},
        customdata=np.array([[row, cells[row][w]] for row in range(len(names)) for w in columns], dtype=object),
        hovertemplate="%{y}<br>%{x|%-d %b %Y, %H:%M} UTC<br>%{customdata[1]}<extra></extra>",
    )


def _cells(found: HeatMap) -> list[list[str]]:
    """[S][W] what stands in each cell, in words."""
    words = {"": "not measured"} | {one.value: wording.outcome_text(one) for one in Outcome}
    return [
        [
            words[outcome] if math.isnan(ratio) else f"{words[outcome]}, {ratio:.2f} of its limit"
            for ratio, outcome in zip(ratios, outcomes, strict=True)
        ]
        for ratios, outcomes in zip(found.ratio.tolist(), found.outcomes.tolist(), strict=True)
    ]
