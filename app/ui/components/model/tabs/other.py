"""Checks that belong to no other part of the page, such as those that somebody added."""

from __future__ import annotations

from collections.abc import Sequence

from app.ui.components.model import check_charts
from app.ui.components.scope import Scope


def show(scope: Scope, checks: Sequence[str]) -> None:
    """Their charts."""
    check_charts.show(scope, checks)
