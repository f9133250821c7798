"""Whether the model can go back to an earlier version."""

from __future__ import annotations

from app.ui.components.model import check_charts
from app.ui.components.scope import Scope

CHECKS = ("rollback_ready",)


def show(scope: Scope) -> None:
    """The charts of its checks."""
    check_charts.show(scope, CHECKS)
