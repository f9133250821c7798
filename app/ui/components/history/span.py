"""The time that a time line covers: what happens after the newest window has closed belongs to it too."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.ui.components.scope import Scope

_STEP = timedelta(minutes=5)
"""Ends are rounded up to it, so that an answer is asked for again only as often."""
_FAR = 0.25
"""Part of the range: where the newest window lies further back, the time since then is left out."""


def of(chosen: Scope, now: datetime) -> tuple[datetime, datetime]:
    """[since, until): up to now, unless somebody chose an earlier day or the data ended long ago."""
    newest = chosen.view.newest_window
    if newest is not None and chosen.until < newest + chosen.view.model.window.delta:
        return chosen.since, chosen.until
    return chosen.since, reach(chosen.until, chosen.until - chosen.since, now)


def reach(until: datetime, length: timedelta, now: datetime) -> datetime:
    """Up to now, unless the data, of which the last `length` is looked at, ended long ago: then `until`, its end."""
    if now - until > _FAR * length:
        return until
    rounded = now - timedelta(seconds=now.timestamp() % _STEP.total_seconds()) + _STEP
    return max(until, rounded)
