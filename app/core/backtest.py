"""Which alerts measurements would have raised: the same pure decision as in service, window after window."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.core.alerting import AlertState, Finding, decide, windows_to_fire
from app.core.budget import MONTH
from app.core.model import Measurement, Outcome, Window

Series = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert that would have fired: from the first window in breach until the first that is ok again.

    `until` is None while it goes on. `worst` is the finding farthest beyond its limit.
    """

    since: datetime
    until: datetime | None
    worst: Finding


@dataclass(frozen=True, slots=True)
class CheckTally:
    """What a check would have done. `judged`: windows with a verdict. `alerts`: windows in which it would have told of
    subjects that begin to fire, once for all of them. `expected_rate`: new false alerts per judged window that its
    limits let us expect, the sum over its subjects; None where nothing was learnt.
    """

    check: str
    judged: int
    alerts: int
    expected_rate: float | None


@dataclass(slots=True)
class Replay:
    """The alerts of one version as its windows go by, each taken once, in order."""

    fire_after: Mapping[str, int] = field(default_factory=dict)
    windows: int = 0
    _states: dict[Series, AlertState] = field(default_factory=dict)
    _open: dict[Series, Episode] = field(default_factory=dict)
    _closed: list[Episode] = field(default_factory=list)
    _runs: dict[Series, datetime] = field(default_factory=dict)
    _judged: Counter[str] = field(default_factory=Counter)
    _alerts: Counter[str] = field(default_factory=Counter)
    _rates: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def take(self, found: Iterable[Measurement]) -> None:
        """All measurements of the next window."""
        self.windows += 1
        begun, judged = set(), set()
        for one in found:
            finding = self._finding(one)
            if finding.outcome is not Outcome.NOT_EVALUATED:
                judged.add(finding.check)
                if finding.expected_rate is not None:
                    self._rates[finding.check] += finding.expected_rate
            if self._decide(finding):
                begun.add(finding.check)
        self._judged.update(judged)
        self._alerts.update(begun)

    def _finding(self, one: Measurement) -> Finding:
        series = (one.check, one.subject, one.segment or "")
        if one.outcome is Outcome.BREACH:
            self._runs.setdefault(series, one.window.start)
        elif one.outcome is Outcome.OK:
            self._runs.pop(series, None)
        since = self._runs.get(series) if one.outcome is Outcome.BREACH else None
        return Finding(
            *series,
            one.outcome,
            one.window,
            one.value,
            one.limit,
            one.statistic,
            one.reason,
            one.expected_rate,
            since,
            one.normal,
        )

    def _decide(self, finding: Finding) -> bool:
        """Whether the finding's alert begins to fire."""
        series = finding.series
        known = self._states.get(series)
        decision = decide(known, finding, after=windows_to_fire(self.fire_after, finding.check))
        if decision.changed:
            self._states[series] = AlertState(decision.state, finding.window.start, severity=decision.severity)
        if decision.state.open and series not in self._open:
            self._open[series] = Episode(finding.since or finding.window.start, None, finding)
            return True
        if not decision.state.open and series in self._open:
            self._closed.append(replace(self._open.pop(series), until=finding.window.start))
        elif series in self._open and finding.outcome is Outcome.BREACH:
            episode = self._open[series]
            if finding.excess > episode.worst.excess:
                self._open[series] = replace(episode, worst=finding)
        return False

    @property
    def episodes(self) -> list[Episode]:
        """The alerts, in the order in which they began."""
        return sorted([*self._closed, *self._open.values()], key=lambda one: (one.since, one.worst.series))

    @property
    def tallies(self) -> list[CheckTally]:
        """One for each check with a verdict, by name."""
        return [
            CheckTally(
                check, windows, self._alerts[check], self._rates[check] / windows if check in self._rates else None
            )
            for check, windows in sorted(self._judged.items())
        ]


def per_month(per_window: float, length: timedelta) -> float:
    """A number per window as one per month of 30 days."""
    return per_window * (MONTH / length)


def by_window(found: Sequence[Measurement], windows: Iterable[Window]) -> Iterable[list[Measurement]]:
    """The measurements of each window, in its order; an empty list for a window without any."""
    grouped: dict[Window, list[Measurement]] = defaultdict(list)
    for one in found:
        grouped[one.window].append(one)
    return (grouped[window] for window in windows)
