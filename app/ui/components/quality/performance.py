"""Realised beside estimated quality, one measure at a time."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.core.model import Outcome, Task
from app.services.read_models.series import Series
from app.ui import data, theme
from app.ui.components import charts, choice, figures, markers, wording
from app.ui.components.html import Html, element, join
from app.ui.components.scope import Scope
from app.ui.theme import Palette

REALISED, ESTIMATED = "performance", "estimated_performance"
MEASURES = {
    Task.BINARY: ("accuracy", "auc", "f1", "precision", "recall"),
    Task.MULTICLASS: ("accuracy", "f1", "precision", "recall"),
    Task.REGRESSION: ("rmse", "mae", "bias"),
}
PROVISIONAL = "provisional"
"""How the reason begins that the realised value of a window has no verdict because labels are still due."""


def measure(chosen: Scope) -> str:
    """The measure that is looked at."""
    names = MEASURES[chosen.view.model.task]
    task = chosen.view.model.task.value
    words = {name: wording.subject_title(REALISED, name) for name in names}
    return choice.buttons(
        "measure", "Measure", names, names[0], joined=True, words=words.__getitem__, key=f"measure of a {task}"
    )


def section(chosen: Scope, subject: str) -> None:
    """One chart of both, with what happened meanwhile on its time axis."""
    realised, estimated = (_series(chosen, check, subject) for check in (REALISED, ESTIMATED))
    if realised is None and estimated is None:
        st.html(element("p", "Neither realised nor estimated in this range; choose a longer one.", class_="wk-quiet"))
        return
    said, palette = headline(subject, realised, estimated), theme.current()
    st.html(join(element("p", said, class_="wk-chart-title"), _legend(chosen.view.model.task, realised, estimated)))
    drawn = figure(realised, estimated, palette)
    events = data.timeline.events(chosen.model, chosen.since, chosen.until, markers.KINDS)
    markers.draw(drawn, events, palette)
    figures.show(drawn, key="realised and estimated", alt=said)
    known = [one for one in (realised, estimated) if one is not None]
    charts.learnt_limit(chosen.view, known[:1])
    marks = markers.legend(events)
    if marks:
        st.html(marks)


def _series(chosen: Scope, check: str, subject: str) -> Series | None:
    found = data.models.check_series(
        chosen.view.version.id, check, chosen.since, chosen.until, (subject,), chosen.segment
    )
    return next((one for one in found if charts.has_values(one)), None)


def headline(subject: str, realised: Series | None, estimated: Series | None) -> str:
    """Where both stand, in words."""
    title = wording.subject_title(REALISED, subject)
    if realised is None:
        said = f"{title} is not known from labels in this range"
    else:
        final = np.flatnonzero(np.isfinite(realised.values) & ~provisional(realised))
        at = int(final[-1] if final.size else np.flatnonzero(np.isfinite(realised.values))[-1])
        state = wording.outcome_text(realised.outcomes[at]) if final.size else "provisional"
        window = wording.start_of_window(realised.starts[at])
        value = wording.number(REALISED, subject, float(realised.values[at]))
        said = f"{title} {value} in the window of {window}, {state}"
    if estimated is None:
        return f"{said}; there is no estimate of it"
    at = int(np.flatnonzero(np.isfinite(estimated.values))[-1])
    window = wording.start_of_window(estimated.starts[at])
    return f"{said}; estimated {wording.number(ESTIMATED, subject, float(estimated.values[at]))} in that of {window}"


def provisional(series: Series) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """[W] whether labels are still due: the value may change."""
    waits = zip(series.outcomes, series.reasons, strict=True)
    return np.array([o is Outcome.NOT_EVALUATED and r.startswith(PROVISIONAL) for o, r in waits], dtype=np.bool_)


def _legend(task: Task, realised: Series | None, estimated: Series | None) -> Html:
    said = []
    if realised is not None:
        said.append("— realised, from ground truth and audits")
    if estimated is not None:
        source = "by the errors that the reference had" if task is Task.REGRESSION else "from scores alone"
        said.append(f"┄ estimated {source}")
    said.append("pale: 95 % interval where it is known")
    if realised is not None:
        said.append("shaded: what is normal · ◆ breach · ○ no verdict")
        if provisional(realised).any():
            said.append("dotted line: from here on labels are still due, the values are provisional")
    return element("p", " · ".join(said), class_="wk-facts")


def figure(realised: Series | None, estimated: Series | None, palette: Palette) -> go.Figure:
    """Both lines with their intervals, over what is normal for the realised one."""
    base = realised or estimated
    assert base is not None
    drawn = figures.time_series(base, palette, height=320)
    if realised is None:
        drawn.update_traces(line={"dash": "dash"}, selector={"mode": "lines", "fill": None})
        return drawn
    waiting = np.flatnonzero(provisional(realised))
    if waiting.size:
        start = figures.texts([realised.starts[int(waiting[0])]])[0]
        drawn.add_vline(x=start, line={"color": palette.muted, "dash": "dot", "width": 1.5})
    if estimated is not None:
        times = figures.texts(estimated.starts)
        figures.band(drawn, times, estimated.lower, estimated.upper, figures.faded(palette.muted), "95 % interval")
        drawn.add_scatter(
            x=times,
            y=estimated.values,
            mode="lines",
            line={"color": palette.muted, "width": 2, "dash": "dash"},
            hovertemplate="estimated %{y:.3f}<extra></extra>",
        )
        first, last = min(base.starts[0], estimated.starts[0]), max(base.starts[-1], estimated.starts[-1])
        if first < last:
            drawn.update_xaxes(range=figures.texts([first, last]))
    return drawn
