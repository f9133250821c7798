"""How good the model's answers are, as far as labels tell, and as estimated before they come."""

from __future__ import annotations

import streamlit as st

from app.core.model import Task
from app.ui import data
from app.ui.components import choice
from app.ui.components.model import check_charts
from app.ui.components.quality import classes, completeness, curves, performance, residual_charts, segments
from app.ui.components.scope import Scope

CHECKS = ("performance", "estimated_performance", "calibration", "label_coverage", "correction_rate")
OVERVIEW, EACH = "overview", "checks"
_WORDS = {OVERVIEW: "At a glance", EACH: "Each check against its limit"}
_OF_THE_OVERVIEW = ("", "performance", "estimated_performance")


def show(scope: Scope) -> None:
    """What is known at a glance, or the charts of the checks: a link to one of these shows it."""
    usual = OVERVIEW if st.query_params.get("check", "") in (*_OF_THE_OVERVIEW, *_others(scope)) else EACH
    view = choice.buttons(
        "quality", "View", tuple(_WORDS), usual, joined=True, words=_WORDS.__getitem__, hidden_label=True
    )
    if view == EACH:
        check_charts.show(scope, CHECKS)
    else:
        _overview(scope)


def _others(scope: Scope) -> list[str]:
    """Checks of other parts of the page, which an address may still name."""
    return [one.check for one in scope.view.checks if one.check not in CHECKS]


def _overview(scope: Scope) -> None:
    measure = performance.measure(scope)
    performance.section(scope, measure)
    version_id = scope.view.version.id
    found = data.quality.quality(version_id, scope.since, scope.until, scope.segment)
    if found.task is Task.REGRESSION:
        residual_charts.predicted_and_actual(
            data.quality.residuals(version_id, scope.since, scope.until), scope.segment
        )
    else:
        left, right = st.columns(2, gap="large")
        with left:
            curves.calibration(found)
        with right:
            classes.section(found)
        classes.by_class(found)
    segments.section(scope, measure)
    completeness.section(found, data.models.labels(scope.model, scope.version))
