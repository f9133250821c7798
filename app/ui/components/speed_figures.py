"""How long answers take, as a figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.core.profile import LATENCY_EDGES
from app.services.read_models.speeds import VersionSpeed
from app.ui.components import figures
from app.ui.theme import Palette

_TICKS = [digit * 10.0**power for power in range(-2, 6) for digit in (1, 3)]
DASHES = ("solid", "dash", "dot", "dashdot")


def by_version(found: Sequence[VersionSpeed], palette: Palette, *, height: int = 320) -> go.Figure:
    """The share of requests that took at most so long, a line a version: the newest is the thick one."""
    figure = figures.blank(palette, height)
    filled = np.flatnonzero(np.sum([one.shares for one in found], axis=0))
    span = slice(max(filled[0] - 1, 0), filled[-1] + 2)
    for n, one in enumerate(reversed(found)):
        figure.add_scatter(
            x=LATENCY_EDGES[1:][span],
            y=np.cumsum(one.shares)[span],
            mode="lines",
            name=figures.plain(f"Version {one.version.name}"),
            line={
                "color": palette.accent if n == 0 else palette.muted,
                "width": 2.4 if n == 0 else 1.6,
                "dash": DASHES[n % len(DASHES)],
            },
            hovertemplate="%{y:.1%} within %{x:.3g} ms",
        )
    figure.update_xaxes(type="log", title_text="Milliseconds", tickvals=_TICKS)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02], title_text="Share of requests")
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.12, "x": 0}, hovermode="x")
    return figure
