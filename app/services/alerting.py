"""From measurements to alerts: decide, write down what changed, and have it told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from app.core.alerting import Decision, Finding, State, decide, fingerprint, utc_text, windows_to_fire, without_data
from app.core.model import Outcome, Window
from app.core.notifying import Pace
from app.services import checks
from app.services.notifying import Telling, notify
from app.storage import alerts
from app.storage.alerts import MeasuredVersion, NewAlert, StoredAlert, Transition
from app.storage.engine import read, write

RECENT_WINDOWS = 50
"""An alert looks at no older window, counted back from the newest: its cost grows with subjects, not with history."""


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """What one round changed."""

    fired: int = 0
    resolved: int = 0
    notifications: int = 0

    def __add__(self, other: AlertSummary) -> AlertSummary:
        return AlertSummary(
            self.fired + other.fired, self.resolved + other.resolved, self.notifications + other.notifications
        )


@dataclass(frozen=True, slots=True)
class _Scope:
    """What alerts are about: a version, or Watchkeeper itself."""

    version_id: int | None = None
    names: tuple[str, str, str] = ("", "", "")
    fire_after: Mapping[str, int] = field(default_factory=dict)

    def fingerprint(self, finding: Finding) -> str:
        return fingerprint(*self.names, *finding.series)


@dataclass(slots=True)
class _Changes:
    """What findings change: alerts that change, alerts that only saw a newer window, alerts that lost their data."""

    to_change: list[tuple[Finding, StoredAlert | None, Decision]] = field(default_factory=list)
    to_refresh: list[tuple[Finding, StoredAlert]] = field(default_factory=list)
    without_data: list[tuple[Finding, StoredAlert]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.to_change or self.to_refresh or self.without_data)


def alert(
    engine: Engine,
    now: datetime,
    *,
    public_url: str = "",
    advice_for: Callable[[str], str] = checks.advice_for,
    reports: bool = False,
    pace: Pace | None = None,
    digests: bool = False,
) -> AlertSummary:
    """Bring all alerts up to the newest measurements, and put into the outbox what people are to be told.

    Doing it twice, or in two processes at once, changes and tells no more. `public_url` is the dashboard's address as
    people reach it; without it messages carry no link. `reports`: ask for a report of the windows in breach when
    quality or skew is told.

    Raises ExceptionGroup, once all others are decided and told, with the error of every version that could not be: each
    carries the names of its model and version as a note.
    """
    with read(engine) as connection:
        versions = alerts.measured_versions(connection)
    changed, failures = AlertSummary(), list[Exception]()
    for version in versions:
        try:
            changed += _alert_version(engine, version, now)
        except Exception as error:  # noqa: BLE001  what is damaged in one version must not keep the others' alerts back
            error.add_note(f"model {version.model!r} version {version.version!r}")
            failures.append(error)
    told = notify(engine, Telling(now, pace or Pace(), public_url, advice_for, reports, digests))
    if failures:
        raise ExceptionGroup(f"the alerts of {len(failures)} versions could not be decided", failures)
    return changed + AlertSummary(notifications=told)


def alert_about_itself(engine: Engine, now: datetime, findings: Sequence[Finding]) -> AlertSummary:
    """Bring the alerts about Watchkeeper itself up to `findings`, which are all that there is to say at this moment.

    What fires and is not among them is over. People are told in the next round of `alert`.
    """
    with read(engine) as connection:
        known = alerts.stored_alerts(connection, None)
    # A clock that was put back must not let what is known look newer than what is.
    seen = {stored.series: max(now, stored.known.judged_window) for stored in known.values()}
    findings = [replace(one, window=_at(seen.get(one.series, now))) for one in findings]
    found = {finding.series for finding in findings}
    changes = _decide(_Scope(), findings, known)
    changes.to_change += [
        (_end(stored, _at(seen[stored.series]), "there is no such thing any more"), stored, _over(stored, "it is gone"))
        for stored in known.values()
        if stored.known.state is not State.RESOLVED and stored.series not in found
    ]
    return _write(engine, _Scope(), changes, now) if changes else AlertSummary()


def _at(moment: datetime) -> Window:
    return Window(moment, moment)


def _alert_version(engine: Engine, version: MeasuredVersion, now: datetime) -> AlertSummary:
    names = (version.project, version.model, version.version)
    scope = _Scope(version.version_id, names, version.fire_after)
    with read(engine) as connection:
        oldest = version.newest_window - version.window * RECENT_WINDOWS
        findings = [] if version.unwatched else alerts.newest_findings(connection, version.version_id, oldest)
        known = alerts.stored_alerts(connection, version.version_id)
        gone = _gone(connection, version, findings, known.values())
    changes = _decide(scope, findings, known)
    changes.to_change += gone
    changes.without_data = _without_data(version, known.values(), changes)
    return _write(engine, scope, changes, now) if changes else AlertSummary()


def _decide(scope: _Scope, findings: Sequence[Finding], known: Mapping[str, StoredAlert]) -> _Changes:
    changes = _Changes()
    for finding in findings:
        stored = known.get(scope.fingerprint(finding))
        decision = decide(
            stored.known if stored else None, finding, after=windows_to_fire(scope.fire_after, finding.check)
        )
        if decision.changed:
            changes.to_change.append((finding, stored, decision))
        elif stored and _news(stored, finding):
            changes.to_refresh.append((finding, stored))
    return changes


def _gone(
    connection: Connection, version: MeasuredVersion, findings: Sequence[Finding], known: Iterable[StoredAlert]
) -> list[tuple[Finding, StoredAlert | None, Decision]]:
    """Alerts about what the newest window does not measure, such as a feature that a new reference lacks: they end.

    While windows are judged anew, an alert waits until the window that it rests on has its turn. Of a version that is
    retired, or stands by, nothing is watched any more.
    """
    found = {finding.series for finding in findings}
    newest = version.newest_window
    lost = [
        stored
        for stored in known
        if stored.known.state is not State.RESOLVED
        and stored.known.judged_window <= newest
        and stored.series not in found
    ]
    asked = lost and not version.unwatched
    measured = alerts.measured_in(connection, version.version_id, newest) if asked else set()
    why = version.unwatched or "the newest window has no such measurement"
    reason = f"no longer watched: {why}"
    window = Window(newest, newest + version.window)
    return [
        (_end(stored, window, reason), stored, _over(stored, reason))
        for stored in lost
        if stored.series not in measured
    ]


def _end(stored: StoredAlert, window: Window, reason: str) -> Finding:
    return Finding(*stored.series, Outcome.NOT_EVALUATED, window, None, None, "", reason)


def _over(stored: StoredAlert, reason: str) -> Decision:
    return Decision(State.RESOLVED, stored.known.severity, True, reason)


def _without_data(
    version: MeasuredVersion, known: Iterable[StoredAlert], changes: _Changes
) -> list[tuple[Finding, StoredAlert]]:
    """Open alerts that nobody can say any more how they are, with that as the finding."""
    busy = {stored.id for _, stored, _ in changes.to_change if stored} | {stored.id for _, stored in changes.to_refresh}
    return [
        (_unjudged(stored, version.window), stored)
        for stored in known
        if stored.no_data_at is None
        and stored.id not in busy
        and without_data(stored.known, version.newest_window, version.window, version.late)
    ]


def _unjudged(stored: StoredAlert, length: timedelta) -> Finding:
    start = stored.known.judged_window
    reason = f"no data: no window after that of {utc_text(start)} could be judged"
    return _end(stored, Window(start, start + length), reason)


def _news(stored: StoredAlert, finding: Finding) -> bool:
    """Whether the alert shows something older than the finding."""
    seen = (stored.known.judged_window, stored.value, stored.limit, stored.reason)
    newer_or_same = finding.window.start >= stored.known.judged_window
    return newer_or_same and seen != (finding.window.start, finding.value, finding.limit, finding.reason)


def _write(engine: Engine, scope: _Scope, changes: _Changes, now: datetime) -> AlertSummary:
    """Write the changes; those that another process has written already are left out."""
    with write(engine) as connection:
        if scope.version_id is not None:
            alerts.lock_version(connection, scope.version_id)
        for finding, stored in changes.to_refresh:
            alerts.refresh(connection, stored, finding)
        written = _open(connection, scope, changes, now) + _change(connection, changes, now)
        lost = [
            Transition(stored.id, stored.known.state, stored.known.state, finding.reason, finding)
            for finding, stored in changes.without_data
            if alerts.mark_without_data(connection, stored, now)
        ]
        alerts.add_transitions(connection, written + lost, now)
    return AlertSummary(
        fired=sum(one.new.open and not one.old.open for one in written),
        resolved=sum(one.old.open and not one.new.open for one in written),
    )


def _open(connection: Connection, scope: _Scope, changes: _Changes, now: datetime) -> list[Transition]:
    """Store the alerts that are in breach for the first time."""
    new = [
        NewAlert(scope.fingerprint(finding), finding, decision)
        for finding, stored, decision in changes.to_change
        if stored is None
    ]
    ids = alerts.open_alerts(connection, scope.version_id, new, now)
    return [
        Transition(ids[one.fingerprint], State.RESOLVED, one.decision.state, one.decision.reason, one.finding)
        for one in new
        if one.fingerprint in ids
    ]


def _change(connection: Connection, changes: _Changes, now: datetime) -> list[Transition]:
    """Change the alerts that there are."""
    return [
        Transition(stored.id, stored.known.state, new.state, new.reason, finding)
        for finding, stored, new in changes.to_change
        if stored is not None and alerts.change_state(connection, stored, new, finding, now)
    ]
