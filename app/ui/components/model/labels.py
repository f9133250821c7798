"""How late the labels come, and whether the declared delay fits."""

from __future__ import annotations

import streamlit as st

from app.core.label_delay import duration
from app.services.read_models.labels import ModelLabels
from app.services.read_models.model_view import ModelView
from app.ui import data, theme
from app.ui.components import figures, wording
from app.ui.components.html import element, title


def section(view: ModelView) -> None:
    """The delay curve of the version's labels; nothing while it is not known."""
    found = data.models.labels(view.model.name, view.version.name)
    if found is None or found.curve is None:
        return
    declared = f"Declared: {duration(found.model.label_delay)}; {found.verdict}."
    st.html(title("Label delay", declared))
    said = _measured(found)
    st.html(element("p", said, class_="wk-chart-title"))
    figures.show(figures.delay_curve(found.curve, found.model.label_delay, theme.current()), key="delays", alt=said)


def _measured(found: ModelLabels) -> str:
    assert found.curve is not None
    waiting = sum(not window.final for window in found.windows)
    state = f"{wording.plural(waiting, 'window')} provisional" if waiting else "all windows final"
    return f"Labels that came: {wording.delays(found.quantiles)}; {state}"
