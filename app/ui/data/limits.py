"""The limits of a model, those that people set, and what another one would have told."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any, TypeVar

import streamlit as st

from app.core.errors import NotFoundError, WatchkeeperError
from app.core.model import Model
from app.core.overrides import Override
from app.services import catalogue, limit_trials, limits, overrides
from app.services.backtest import Backtest, Trial, backtest
from app.services.limit_trials import LimitTrial
from app.services.limits import ModelLimits
from app.ui.data.connection import FRESH, MOST_ANSWERS, attempt, engine
from app.ui.data.fleet import overview
from app.ui.data.models import check_series, model

Answer = TypeVar("Answer")
_TRIALS = "trials of limits"
MOST_TRIALS = 8
"""Trials of one visitor that are kept."""


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def model_limits(name: str, version: str, segment: str) -> ModelLimits | None:
    """The limits of the newest judged window; None when the segment, or the version, is not there (any more)."""
    try:
        return limits.model_limits(engine(), name, version, segment)
    except NotFoundError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def set_by_people(name: str) -> list[dict[str, Any]]:
    """Every limit that somebody set, the oldest first, also those that hold no longer."""
    return overrides.list_overrides(engine(), name, ended=True)


def cannot_be_set(of: Model, check: str, subject: str | None, segment: str) -> str:
    """Why nobody can set that limit; "" where somebody can."""
    return limit_trials.can_be_set(of, check, subject, segment)


def trial(
    name: str, version: str, new: Override, since: datetime, until: datetime, progress: Callable[[float], object]
) -> LimitTrial | str:
    """What the limit would have told, or why it cannot be tried."""
    key = (name, version, new.check, new.subject, new.segment, new.limit, since, until)
    try:
        return _tried(
            key,
            lambda: limit_trials.try_limit(
                engine(), datetime.now(UTC), name, version, new, since=since, until=until, progress=progress
            ),
        )
    except WatchkeeperError as error:
        return str(error)


def backtests(
    name: str, version: str, new: Trial, since: datetime, until: datetime, progress: Callable[[float], object]
) -> tuple[Backtest, Backtest] | str:
    """What would have been told as things stand, and with what is tried; or why that cannot be tried."""

    now, found = datetime.now(UTC), model(name, version)
    stands = found and (found.model.false_alarms_per_month, str(found.model.fire_after))

    def judged(trial: Trial, begin: float) -> Backtest:
        def report(done: int, of: int) -> None:
            progress(begin + done / of / 2)

        return backtest(engine(), now, name, version, since=since, until=until, trial=trial, progress=report)

    key = (name, version, stands, new.false_alarms_per_month, str(new.fire_after), since, until)
    try:
        return _tried(key, lambda: (judged(Trial(), 0.0), judged(new, 0.5)))
    except WatchkeeperError as error:
        return str(error)


def _tried(key: Hashable, make: Callable[[], Answer]) -> Answer:
    """What was tried is kept for the visit, the newest trials of it."""
    kept: dict[Hashable, Any] = st.session_state.setdefault(_TRIALS, {})
    if key not in kept:
        found = make()
        while len(kept) >= MOST_TRIALS:
            del kept[next(iter(kept))]
        kept[key] = found
    answer: Answer = kept[key]
    return answer


def set_limit(name: str, new: Override) -> str:
    """Let the limit hold from now on; what is wrong with that, or ""."""
    words = {field: getattr(new, field) for field in ("check", "subject", "segment", "limit", "author", "reason")}
    return _attempt(lambda: overrides.set_override(engine(), datetime.now(UTC), name, **words))


def remove_limit(name: str, check: str, subject: str | None, segment: str, author: str, reason: str) -> str:
    """Let the learnt limit hold again; what is wrong with that, or ""."""
    return _attempt(
        lambda: overrides.remove_override(
            engine(),
            datetime.now(UTC),
            name,
            check=check,
            subject=subject,
            segment=segment,
            author=author,
            reason=reason,
        )
    )


def change_model(name: str, **changes: Any) -> str:
    """Give the model another budget or patience; what is wrong with that, or ""."""
    return _attempt(lambda: catalogue.change_model(engine(), name, **changes))


def _attempt(act: Callable[[], object]) -> str:
    return attempt(act, model_limits, set_by_people, model, check_series, overview)
