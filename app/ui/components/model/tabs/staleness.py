"""How old the model, its data and its labels are, and how late labels come."""

from __future__ import annotations

from app.ui.components.model import check_charts, labels
from app.ui.components.scope import Scope

CHECKS = ("staleness",)


def show(scope: Scope) -> None:
    """The ages, and the delay curve of the labels."""
    check_charts.show(scope, CHECKS)
    labels.section(scope.view)
