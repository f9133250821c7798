"""The checks that there are."""

from __future__ import annotations

from functools import cache
from typing import cast

import app.core.checks
from app.core import looks
from app.core.case import FEATURE_LOOKBACK, Check
from app.core.registry import plugins


@cache
def all_checks() -> dict[str, Check]:
    """Every check by its name."""
    return cast(dict[str, Check], plugins(app.core.checks))


@cache
def checks_by_season() -> frozenset[str]:
    """The checks that judge a window by those of its own season, once the reference knows these."""
    return frozenset(name for name, check in all_checks().items() if getattr(check, "by_season", False))


def segment_checks() -> tuple[Check, ...]:
    """The checks that run for each segment too: all but those about the version itself."""
    return tuple(check for check in all_checks().values() if not getattr(check, "whole_only", False))


@cache
def feature_lookback() -> int:
    """Windows before the first judged one whose features some check looks at."""
    return max(getattr(check, "feature_lookback", FEATURE_LOOKBACK) for check in all_checks().values())


def advice_for(check: str) -> str:
    """What the check advises to do about a breach, or what is at stake where Watchkeeper itself is in trouble.

    Empty when no such check is installed any more.
    """
    found = all_checks().get(check)
    return found.advice if found else looks.advice_for(check)
