"""Does the model do worse where this feature changed?"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.core.feature_error import FeatureError
from app.services.read_models.feature_view import ErrorView
from app.ui import data, theme
from app.ui.components import figures, wording
from app.ui.components.feature.picker import Picked
from app.ui.components.feature.values import NOW_WINDOWS
from app.ui.components.html import element, join, title
from app.ui.components.scope import Scope
from app.ui.theme import Palette

CHANGED = 0.02
"""A range whose share of the values moved by so much is marked."""


def section(chosen: Scope, picked: Picked) -> None:
    """The error along the feature, and what the shift alone does to it."""
    since = max(chosen.since, chosen.until - NOW_WINDOWS * chosen.view.model.window.delta)
    view = data.features.error(chosen.view.version.id, picked.feature, since, chosen.until)
    st.html(title("Does the model do worse where it changed?", _NOTE))
    if view is None or view.found is None:
        reason = view.reason if view else "this feature has no values of its own to sort errors by"
        st.html(element("p", f"Cannot tell: {reason}.", class_="wk-quiet"))
        return
    said = headline(view.found, picked.feature)
    st.html(join(element("p", said, class_="wk-chart-title"), element("p", _legend(view.found), class_="wk-facts")))
    figures.show(figure(view.found, theme.current()), key="error by feature", alt=said)
    st.html(element("p", _facts(view), class_="wk-facts"))


_NOTE = (
    "From the reference's labelled rows: how often the model errs in each range of values, and what becomes of the "
    f"error when the values lie as in the last {NOW_WINDOWS} windows, all rows together."
)


def headline(found: FeatureError, feature: str) -> str:
    """The answer in words."""
    if found.change is None:
        return f"Cannot tell what the shift of {feature} does to the {found.statistic}: {found.reason}"
    change, lower, upper = found.change
    expected = _number(found, found.overall + change)
    interval = f"{_signed(found, change)}, 95 % interval {_signed(found, lower)} to {_signed(found, upper)}"
    moved = f"from {_number(found, found.overall)} to {expected} ({interval})"
    if lower > 0:
        return f"Yes: the shift of {feature} alone lifts the {found.statistic} {moved}"
    if upper < 0:
        return f"No: the shift of {feature} alone lowers the {found.statistic} {moved}"
    return f"No difference that could be told: the shift of {feature} alone moves the {found.statistic} {moved}"


def _number(found: FeatureError, value: float) -> str:
    return wording.share(value) if found.statistic == "error rate" else wording.short(value)


def _signed(found: FeatureError, value: float) -> str:
    return (
        f"{100 * value:+.2f} points"
        if found.statistic == "error rate"
        else f"{'+' if value >= 0 else '-'}{wording.short(abs(value))}"
    )


def _legend(found: FeatureError) -> str:
    return (
        f"{found.statistic.capitalize()} with its 95 % interval; dotted: of all rows. "
        "▲ more of the values lie here now than in the reference, ▼ fewer, ● about as many."
    )


def _facts(view: ErrorView) -> str:
    found, importance = view.found, view.importance
    assert found is not None
    kind = "Wilson" if found.statistic == "error rate" else "Student"
    rows = (
        f"Post-stratified {found.statistic} over {wording.count(found.labelled)} labelled rows of the reference's "
        f"sample; intervals: {kind}, 95 %."
    )
    said = [rows]
    if importance is not None and importance.error is not None:
        meant = "chance alone explains what is seen" if importance.error == 0 else "0 is none, 1 is all of it"
        said.append(
            f"What the feature tells of the error: {importance.error:.2f} (informational correlation; {meant})."
        )
    said.append("An error that grew within a range is not seen here: realised quality and concept drift show it.")
    return " ".join(said)


def figure(found: FeatureError, palette: Palette) -> go.Figure:
    """The error by range, with a mark that says whether the range holds more of the values now."""
    shown = np.flatnonzero((found.rows > 0) | (found.now > 0) | (found.before > 0))
    grew = found.now - found.before
    symbols = np.where(grew > CHANGED, "triangle-up", np.where(grew < -CHANGED, "triangle-down", "circle"))
    colours = np.where(grew > CHANGED, palette.breach, np.where(grew < -CHANGED, palette.ok, palette.muted))
    error = found.error[shown]
    drawn = figures.blank(palette, 280)
    drawn.add_trace(
        go.Scatter(
            x=list(range(len(shown))),
            y=error,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": found.upper[shown] - error,
                "arrayminus": error - found.lower[shown],
                "color": palette.reference,
                "thickness": 1.5,
                "width": 4,
            },
            mode="markers",
            marker={"symbol": symbols[shown].tolist(), "size": 11, "color": colours[shown].tolist()},
            customdata=[_hover(found, int(at)) for at in shown],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    drawn.add_hline(y=found.overall, line={"color": palette.muted, "dash": "dot", "width": 1})
    names = [figures.plain(found.ranges[at]) for at in shown]
    # By place: two ranges of the same name would be drawn as one.
    drawn.update_xaxes(tickvals=list(range(len(shown))), ticktext=names, range=[-0.5, len(shown) - 0.5])
    drawn.update_yaxes(rangemode="tozero", tickformat=".0%" if found.statistic == "error rate" else None)
    return drawn


def _hover(found: FeatureError, at: int) -> str:
    shares = (
        f"share {wording.share(float(found.before[at]))} in the reference, {wording.share(float(found.now[at]))} now"
    )
    rows = f"{wording.count(float(found.rows[at]))} labelled rows"
    lower, error, upper = (float(part[at]) for part in (found.lower, found.error, found.upper))
    said = (
        "too few labelled rows"
        if np.isnan(error)
        else (f"{found.statistic} {_number(found, error)} ({_number(found, lower)} to {_number(found, upper)})")
    )
    return f"{figures.plain(found.ranges[at])}<br>{said}<br>{rows}<br>{shares}"
