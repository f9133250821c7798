"""How fast the model answers."""

from __future__ import annotations

from app.ui.components.model import check_charts
from app.ui.components.scope import Scope

CHECKS = ("latency",)


def show(scope: Scope) -> None:
    """The charts of its checks."""
    check_charts.show(scope, CHECKS)
