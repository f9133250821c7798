"""Whether what the model computes is sound: no NaN, nothing saturated, the same input the same answer."""

from __future__ import annotations

from app.ui.components.model import check_charts
from app.ui.components.scope import Scope

CHECKS = ("numerical_stability",)


def show(scope: Scope) -> None:
    """The charts of its checks."""
    check_charts.show(scope, CHECKS)
