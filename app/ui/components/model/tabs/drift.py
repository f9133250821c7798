"""Which inputs no longer look as they did in training, or lately."""

from __future__ import annotations

from app.ui.components import empty, wording
from app.ui.components.model import check_charts, features
from app.ui.components.scope import Scope

BY_FEATURE = (*wording.FEATURE_CHECKS, "feature_parity")
OF_THE_WHOLE = ("multivariate_drift",)
CHECKS = (*BY_FEATURE, *OF_THE_WHOLE)


def show(scope: Scope) -> None:
    """One check at a time: all features window by window, or what is measured of all together."""
    if scope.view.reference is None:
        empty.no_reference(scope.model, scope.version)
        return
    standing = check_charts.choose(scope, CHECKS)
    if standing is None:
        return
    if standing.check in BY_FEATURE:
        features.section(scope, standing)
    else:
        check_charts.check(scope, standing)
