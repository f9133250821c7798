"""Whether the same inputs still mean the same."""

from __future__ import annotations

import streamlit as st

from app.core.model import Task
from app.ui import data
from app.ui.components import split
from app.ui.components.html import element
from app.ui.components.model import check_charts
from app.ui.components.quality import concept, residual_charts
from app.ui.components.scope import Scope

CHECKS = (concept.CHECK,)


def show(scope: Scope) -> None:
    """The evidence over time and the errors by score; of a regression, which has no score, its residuals."""
    if scope.view.model.task is Task.REGRESSION:
        said = "The check needs a score; of a regression, look at how far predictions are off, and where."
        st.html(element("p", said, class_="wk-quiet"))
        residual_charts.residuals(
            data.quality.residuals(scope.view.version.id, scope.since, scope.until), scope.segment
        )
        return
    check_charts.show(scope, CHECKS)
    st.html(element("p", concept.MEANING, class_="wk-facts"))
    concept.errors(scope, split.choose(scope, split.breach_of(scope, concept.CHECK, "")))
