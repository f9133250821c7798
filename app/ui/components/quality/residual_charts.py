"""Regression: what was predicted against what turned out, and how far predictions are off."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.core.fold import WHOLE
from app.core.reliability import Residuals
from app.services.read_models.quality_view import ResidualView
from app.ui import theme
from app.ui.components import figures, wording
from app.ui.components.html import element, join, title
from app.ui.theme import Palette

NOTE = (
    "By groups of predicted values, in the unit of what the model predicts. The reference's sample of labelled rows, "
    "against labelled predictions spread over this range, at most 1,000."
)

WHOLE_NOTE = "All rows together: rows are not sorted by segment here."


def predicted_and_actual(found: ResidualView, segment: str) -> None:
    """Mean truth by mean prediction; where a segment is chosen, it is said that these are all rows."""
    st.html(title("Predicted and actual", NOTE))
    _all_rows(segment)
    if _nothing(found):
        return
    assert found.now is not None
    said = _headline(found.now)
    _legend(found, said)
    drawn = figure(found, theme.current(), bias=False)
    ends = [float(np.nanmin(found.now.predicted)), float(np.nanmax(found.now.predicted))]
    drawn.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": theme.current().muted, "dash": "dash", "width": 1},
        hoverinfo="skip",
    )
    figures.show(drawn, key="predicted and actual", alt=said)


def residuals(found: ResidualView, segment: str) -> None:
    """Prediction minus truth by mean prediction; where a segment is chosen, it is said that these are all rows."""
    st.html(title("Residuals", f"Prediction minus truth: above the line, predictions are too high. {NOTE}"))
    _all_rows(segment)
    if _nothing(found):
        return
    assert found.now is not None
    said = _headline(found.now)
    _legend(found, said)
    drawn = figure(found, theme.current(), bias=True)
    drawn.add_hline(y=0, line={"color": theme.current().muted, "dash": "dash", "width": 1})
    figures.show(drawn, key="residuals", alt=said)


def _all_rows(segment: str) -> None:
    if segment != WHOLE:
        st.html(element("p", WHOLE_NOTE, class_="wk-quiet"))


def _nothing(found: ResidualView) -> bool:
    if found.now is None:
        said = "Cannot tell: no labelled prediction was found in this range. Raw rows may be past their retention."
        st.html(element("p", said, class_="wk-quiet"))
    return found.now is None


def _headline(now: Residuals) -> str:
    """The group that is furthest off beyond its interval."""
    off = np.where((now.lower > now.predicted) | (now.upper < now.predicted), np.abs(now.bias), np.nan)
    if not np.isfinite(off).any():
        return "No group of predictions is off by more than chance explains"
    at = int(np.nanargmax(off))
    high = "high" if now.bias[at] > 0 else "low"
    around, by = wording.short(float(now.predicted[at])), wording.short(abs(float(now.bias[at])))
    return f"Predictions around {around} are too {high} by {by}"


def _legend(found: ResidualView, said: str) -> None:
    keys = [
        element(
            "span",
            element("span", mark, class_=f"wk-key-{key}", aria_hidden="true"),
            f"{key}: {wording.count(float(side.rows.sum())) if side else 'no'} labelled rows ",
        )
        for mark, key, side in (("■", "reference", found.reference), ("●", "now", found.now))
    ]
    legend = element("p", *keys, "bars: 95 % (Student)", class_="wk-facts wk-scale")
    st.html(join(element("p", said, class_="wk-chart-title"), legend))


def figure(found: ResidualView, palette: Palette, *, bias: bool) -> go.Figure:
    """Both sides, with the interval of the mean; `bias`: prediction minus truth, else the truth."""
    drawn = figures.blank(palette, 320)
    styles = ((found.reference, "reference", palette.reference, "square"), (found.now, "now", palette.accent, "circle"))
    for side, name, colour, symbol in styles:
        if side is None:
            continue
        known = np.flatnonzero(side.rows > 0)
        mean = (side.bias if bias else side.actual)[known]
        half = ((side.upper - side.lower) / 2)[known]
        drawn.add_scatter(
            x=side.predicted[known],
            y=mean,
            error_y={"type": "data", "array": half, "color": colour, "thickness": 1.4, "width": 3},
            mode="lines+markers",
            line={"color": colour, "width": 1.6},
            marker={"symbol": symbol, "size": 8, "color": colour},
            customdata=[wording.count(float(n)) for n in side.rows[known]],
            hovertemplate=f"{name}: predicted %{{x:.4g}}, {'off by' if bias else 'true'} %{{y:.4g}}"
            "<br>%{customdata} labelled rows<extra></extra>",
        )
    drawn.update_xaxes(title={"text": "predicted", "standoff": 4})
    return drawn
