"""The model's budget of false alarms, and how the checks share it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from app.core.case import Check
from app.core.model import Model

MONTH = timedelta(days=30)
MOST_PER_MONTH = 100.0


def sharing_checks(model: Model, checks: Iterable[Check]) -> list[Check]:
    """The checks that apply to the model and whose limits may alarm by chance: each gets an equal part."""
    return [check for check in checks if model.task in check.tasks and getattr(check, "shares_budget", True)]


def allowed_rate(model: Model, checks: Iterable[Check]) -> float:
    """New false alerts per window that each of the sharing checks may cause."""
    sharing = len(sharing_checks(model, checks))
    return model.false_alarms_per_month * (model.window.delta / MONTH) / max(sharing, 1)
