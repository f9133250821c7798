"""What of a model is in breach, for the fleet: what matters most first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.services.read_models.standings import CheckStanding, Standing
from app.ui.components import wording

MOST = 3


def names(checks: Mapping[str, CheckStanding]) -> list[str]:
    """The checks in breach."""
    wrong = [name for name, check in checks.items() if check.standing is Standing.BREACH]
    return sorted(wrong, key=wording.check_order)


def text(checks: Mapping[str, CheckStanding]) -> str:
    """Such as `Data drift (8 of 15 features), Latency`; "" where nothing is."""
    wrong = names(checks)
    more = f" and {wording.plural(len(wrong) - MOST, 'more check')}" if len(wrong) > MOST else ""
    return ", ".join(_text(checks[name]) for name in wrong[:MOST]) + more


def short_text(wrong: Sequence[str]) -> str:
    """Such as `Schema +2`, of the names."""
    return wording.check_title(wrong[0]) + (f" +{len(wrong) - 1}" if len(wrong) > 1 else "") if wrong else ""


def _text(check: CheckStanding) -> str:
    title = wording.check_title(check.check)
    # One subject of `schema` is no feature: all those that are new.
    if check.check not in wording.FEATURE_CHECKS or check.check == "schema" or not check.breaches:
        return title
    return f"{title} ({check.breaches} of {wording.plural(check.judged, 'feature')})"
