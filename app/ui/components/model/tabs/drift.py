"""Which inputs no longer look as they did in training, or lately."""

from __future__ import annotations

from app.ui.components import wording
from app.ui.components.model import check_charts, features
from app.ui.components.scope import Scope

OF_THE_WHOLE = ("multivariate_drift", "feature_parity")
CHECKS = (*wording.FEATURE_CHECKS, *OF_THE_WHOLE)


def show(scope: Scope) -> None:
    """The heat map of the features with one of them in detail, and what is measured of all together."""
    features.section(scope.view, scope.since, scope.until)
    if any(one.check in OF_THE_WHOLE for one in scope.view.checks):
        check_charts.show(scope, OF_THE_WHOLE)
