"""Which alerts a model's own history would have raised: its stored profiles judged again, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from app.core.backtest import Episode, Replay, by_window, per_month
from app.core.errors import InvalidError
from app.core.model import Model, Outcome, Version
from app.core.overrides import Override
from app.services.catalogue import check_model
from app.services.evaluate import replay
from app.services.overrides import checked
from app.services.read_models.choice import choose_version
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read

NO_WINDOWS = "no window with predictions has closed yet: send predictions, then `watchkeeper run`"
NONE_IN_SPAN = (
    "no closed window with predictions lies in that span: give another --since or --until, or send predictions"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried in place of what is stored; None and empty: nothing. Overrides hold over the whole history.

    `fire_after`: windows in breach that an alert takes, for these checks alone.
    """

    false_alarms_per_month: float | None = None
    overrides: tuple[Override, ...] = ()
    fire_after: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check would have done; the numbers per month of 30 days. `expected`: false alerts, None if not known."""

    check: str
    windows_judged: int
    alerts: int
    alerts_per_month: float
    expected_false_alarms_per_month: float | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """The history of a version as its limits would have judged it. `reason` says why nothing could be judged."""

    model: str
    version: str
    since: datetime | None
    until: datetime | None
    windows: int
    months: float
    budget: float
    checks: tuple[CheckResult, ...]
    episodes: tuple[Episode, ...]
    reason: str = ""

    @property
    def told(self) -> bool:
        """Whether anything was judged."""
        return bool(self.checks)

    @property
    def alerts(self) -> int:
        return sum(check.alerts for check in self.checks)

    def rows(self) -> list[dict[str, Any]]:
        """One for each alert: its subject, from when to when it would have fired, and the worst it saw."""
        return [
            {
                "check": one.worst.check,
                "subject": one.worst.subject,
                "segment": one.worst.segment,
                "from": one.since,
                "to": one.until,
                "worst_value": one.worst.value,
                "limit": one.worst.limit,
                "statistic": one.worst.statistic,
                "reason": one.worst.reason,
            }
            for one in self.episodes
        ]


def backtest(
    engine: Engine,
    now: datetime,
    model: str,
    version: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    trial: Trial | None = None,
    progress: Callable[[int, int], object] = lambda _done, _all: None,
) -> Backtest:
    """Judge the closed windows that start in [since, until) anew, in memory, portion by portion.

    `progress` is told how many windows are done, of how many. Raises NotFoundError on an unknown name, InvalidError for
    a span or trial that is not allowed.
    """
    trial = trial or Trial()
    if since is not None and until is not None and since >= until:
        raise InvalidError("since", since.isoformat(), f"allowed is a time before until, {until.isoformat()}")
    with read(engine) as connection:
        found = find_model(connection, model)
        chosen = choose_version(connection, list_versions(connection, found.id), version)
    found = _tried(found, trial)
    seen, reasons, span = Replay(found.fire_after), Counter[str](), list[datetime]()
    for due, windows, measurements in replay(
        engine, found, chosen, now, since=since, until=until, tried=trial.overrides
    ):
        for measured in by_window(measurements, windows):
            seen.take(measured)
        reasons.update(one.reason for one in measurements if one.outcome is Outcome.NOT_EVALUATED)
        span += [windows[0].start, windows[-1].end]
        progress(seen.windows, due)
    nothing = NO_WINDOWS if since is None and until is None else NONE_IN_SPAN
    reason = f"nothing could be judged: {reasons.most_common(1)[0][0]}" if reasons else nothing
    return _result(found, chosen, seen, reason, (span[0], span[-1]) if span else (None, None))


def _tried(model: Model, trial: Trial) -> Model:
    budget = trial.false_alarms_per_month
    if budget is not None or trial.fire_after:
        model = replace(
            model,
            false_alarms_per_month=model.false_alarms_per_month if budget is None else budget,
            fire_after={**model.fire_after, **trial.fire_after},
        )
        check_model(model)
    for one in trial.overrides:
        checked(model, one)
    return model


def _result(
    model: Model,
    version: Version,
    seen: Replay,
    reason: str,
    span: tuple[datetime | None, datetime | None],
) -> Backtest:
    length = model.window.delta
    months = seen.windows / per_month(1, length)
    checks = tuple(
        CheckResult(
            one.check,
            one.judged,
            one.alerts,
            one.alerts / months,
            None if one.expected_rate is None else per_month(one.expected_rate, length),
        )
        for one in seen.tallies
    )
    return Backtest(
        model.name,
        version.name,
        *span,
        seen.windows,
        months,
        model.false_alarms_per_month,
        checks,
        tuple(seen.episodes),
        "" if checks else reason,
    )
