"""Curves by score, of two sides: what scores are worth, and where predictions are wrong."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.core.model import Task
from app.core.reliability import Curve
from app.services.read_models.quality_view import QualityView
from app.ui import theme
from app.ui.components import figures, wording
from app.ui.components.html import Html, element, join, title
from app.ui.theme import Palette


def calibration(found: QualityView) -> None:
    """The reliability diagram, or why there is none."""
    binary = found.task is Task.BINARY
    what = "positive" if binary else "right"
    st.html(title("Calibration", f"Of the predictions with about the same score, how many turned out {what}."))
    reference, now = found.reliability
    if now is None:
        reason = "no labelled prediction of this range has a score"
        st.html(
            element("p", f"Cannot tell: {reason}; choose a longer range, or send labels and scores.", class_="wk-quiet")
        )
        return
    said = f"Scores are off by {100 * now.gap:.1f} points on average"
    if reference is not None:
        said += f", in the reference by {100 * reference.gap:.1f}"
    legend = two_sides("reference", "now", reference, now, "┄ perfect")
    st.html(join(element("p", said, class_="wk-chart-title"), legend))
    drawn = figure([reference, now], ("reference", "now"), theme.current(), f"turned out {what}")
    drawn.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": theme.current().muted, "dash": "dash", "width": 1},
        hoverinfo="skip",
    )
    if binary:
        drawn.add_vline(x=found.threshold, line={"color": theme.current().muted, "dash": "dot", "width": 1})
    drawn.update_xaxes(range=[0, 1])
    drawn.update_yaxes(range=[0, 1.02])
    figures.show(drawn, key="reliability", alt=said)
    threshold = f" Dotted: the decision threshold, {found.threshold:g}." if binary else ""
    st.html(
        element("p", f"Mean distance of shares from scores: expected calibration error.{threshold}", class_="wk-facts")
    )


def two_sides(left: str, right: str, before: Curve | None, after: Curve | None, more: str = "") -> Html:
    """What the two curves are, and how many labelled rows each rests on."""
    keys = [
        element(
            "span",
            element("span", mark, class_=f"wk-key-{key}", aria_hidden="true"),
            f"{name}: {wording.count(float(side.rows.sum())) if side else 'no'} labelled rows ",
        )
        for mark, key, name, side in (("■", "reference", left, before), ("●", "now", right, after))
    ]
    return element("p", *keys, f"bars: 95 % (Wilson) {more}", class_="wk-facts wk-scale")


def figure(sides: list[Curve | None], names: tuple[str, str], palette: Palette, what: str) -> go.Figure:
    """The share by mean score with its interval: the first side in grey squares, the second in colour."""
    drawn = figures.blank(palette, 320)
    styles = ((palette.reference, "square"), (palette.accent, "circle"))
    for side, name, (colour, symbol) in zip(sides, names, styles, strict=True):
        if side is None:
            continue
        known = np.flatnonzero(side.rows > 0)
        share = side.share[known]
        drawn.add_scatter(
            x=side.score[known],
            y=share,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": side.upper[known] - share,
                "arrayminus": share - side.lower[known],
                "color": colour,
                "thickness": 1.4,
                "width": 3,
            },
            mode="lines+markers",
            line={"color": colour, "width": 1.6},
            marker={"symbol": symbol, "size": 8, "color": colour},
            customdata=[_hover(side, int(at), name, what) for at in known],
            hovertemplate="%{customdata}<extra></extra>",
        )
    drawn.update_yaxes(tickformat=".0%", rangemode="tozero")
    drawn.update_xaxes(title={"text": "score", "standoff": 4})
    return drawn


def _hover(side: Curve, at: int, name: str, what: str) -> str:
    share, lower, upper = (wording.share(float(part[at])) for part in (side.share, side.lower, side.upper))
    rows = wording.count(float(side.rows[at]))
    return f"{name}: mean score {side.score[at]:.3f}<br>{share} {what} ({lower} to {upper})<br>{rows} labelled rows"
