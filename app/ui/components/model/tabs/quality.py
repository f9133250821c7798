"""How good the model's answers are, as far as labels tell, and as estimated before they come."""

from __future__ import annotations

from app.ui.components.model import check_charts
from app.ui.components.scope import Scope

CHECKS = ("performance", "estimated_performance", "calibration", "label_coverage", "correction_rate")


def show(scope: Scope) -> None:
    """The charts of its checks."""
    check_charts.show(scope, CHECKS)
