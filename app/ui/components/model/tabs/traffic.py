"""How much was asked of the model, and how sure its answers were."""

from __future__ import annotations

from app.ui.components.model import check_charts
from app.ui.components.scope import Scope

CHECKS = ("volume", "throughput", "confident_share", "prediction_drift")


def show(scope: Scope) -> None:
    """The charts of its checks."""
    check_charts.show(scope, CHECKS)
