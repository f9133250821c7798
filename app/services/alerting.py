"""From measurements to alerts: decide, write down what changed, and put one message per check into the outbox."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import Connection, Engine

from app.core.alerting import Finding, State, decide, fingerprint
from app.core.causes import cause_text, likely
from app.core.messages import MOST_CAUSES, Kind, Message, compose
from app.core.model import Outcome, Window
from app.services import checks
from app.services.alert_reports import request_reports
from app.services.causes import causes_of
from app.services.telling import tell
from app.storage import alerts
from app.storage.alerts import MeasuredVersion, StoredAlert, Transition
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


@dataclass(slots=True)
class _Changes:
    """What a version's findings change: alerts that change state, and alerts that only saw a newer window."""

    to_change: list[tuple[Finding, StoredAlert | None, State, str]] = field(default_factory=list)
    to_refresh: list[tuple[Finding, StoredAlert]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What goes into messages beside the findings. `reports`: are reports asked for whenever an alert fires?"""

    now: datetime
    public_url: str
    advice_for: Callable[[str], str]
    reports: bool


def alert(
    engine: Engine,
    now: datetime,
    *,
    public_url: str = "",
    advice_for: Callable[[str], str] = checks.advice_for,
    reports: bool = False,
) -> AlertSummary:
    """Bring all alerts up to the newest measurements. Doing it twice, or in two processes at once, changes no more.

    `public_url` is the dashboard's address as people reach it; without it messages carry no link. `reports`: ask for a
    report of the windows in breach when quality or skew is told.
    """
    with read(engine) as connection:
        versions = alerts.measured_versions(connection)
    telling = _Telling(now, public_url, advice_for, reports)
    return sum((_alert_version(engine, version, telling) for version in versions), AlertSummary())


def _alert_version(engine: Engine, version: MeasuredVersion, telling: _Telling) -> AlertSummary:
    with read(engine) as connection:
        oldest = version.newest_window - version.window * RECENT_WINDOWS
        findings = [] if version.unwatched else alerts.newest_findings(connection, version.version_id, oldest)
        known = alerts.stored_alerts(connection, version.version_id)
        gone = _gone(connection, version, findings, known.values())
    changes = _decide(version, findings, known)
    changes.to_change += [(finding, stored, State.RESOLVED, finding.reason) for finding, stored in gone]
    if not changes.to_change and not changes.to_refresh:
        return AlertSummary()
    why, now = _causes(engine, version, changes), telling.now
    with write(engine) as connection:
        for finding, stored in changes.to_refresh:
            alerts.refresh(connection, stored, finding)
        transitions = _change(connection, version, changes, now)
        asked = request_reports(connection, version.version_id, transitions, now) if telling.reports else {}
        firing = alerts.firing_counts(connection, version.version_id)
        messages = _messages(version, transitions, known, telling, why, asked, firing)
        for message, told in messages:
            notification_id = tell(connection, message, version_id=version.version_id)
            alerts.add_transitions(connection, notification_id, told, now)
    fired = sum(transition.new is State.FIRING for transition in transitions)
    return AlertSummary(fired, len(transitions) - fired, len(messages))


def _decide(version: MeasuredVersion, findings: Sequence[Finding], known: dict[str, StoredAlert]) -> _Changes:
    changes = _Changes()
    for finding in findings:
        stored = known.get(_fingerprint(version, finding))
        decision = decide(stored.known if stored else None, finding)
        if decision.changed:
            changes.to_change.append((finding, stored, decision.state, decision.reason))
        elif stored and _news(stored, finding):
            changes.to_refresh.append((finding, stored))
    return changes


def _gone(
    connection: Connection, version: MeasuredVersion, findings: Sequence[Finding], known: Iterable[StoredAlert]
) -> list[tuple[Finding, StoredAlert]]:
    """Alerts that fire about what the newest window does not measure, such as a feature that a new reference lacks.

    While windows are judged anew, an alert waits until the window that it rests on has its turn. Of a version that is
    retired, or stands by, nothing is watched any more.
    """
    found = {finding.series for finding in findings}
    newest = version.newest_window
    lost = [
        stored
        for stored in known
        if stored.known.state is State.FIRING and stored.known.judged_window <= newest and stored.series not in found
    ]
    asked = lost and not version.unwatched
    measured = alerts.measured_in(connection, version.version_id, newest) if asked else set()
    return [(_no_longer_watched(version, stored), stored) for stored in lost if stored.series not in measured]


def _no_longer_watched(version: MeasuredVersion, stored: StoredAlert) -> Finding:
    window = Window(version.newest_window, version.newest_window + version.window)
    why = version.unwatched or "the newest window has no such measurement"
    reason = f"no longer watched: {why}"
    return Finding(*stored.series, Outcome.NOT_EVALUATED, window, None, None, "", reason)


def _news(stored: StoredAlert, finding: Finding) -> bool:
    """Whether the alert shows something older than the finding."""
    seen = (stored.known.judged_window, stored.value, stored.limit, stored.reason)
    newer_or_same = finding.window.start >= stored.known.judged_window
    return newer_or_same and seen != (finding.window.start, finding.value, finding.limit, finding.reason)


def _change(connection: Connection, version: MeasuredVersion, changes: _Changes, now: datetime) -> list[Transition]:
    """Write the changes; those that another process has written already are left out."""
    written = []
    for finding, stored, new, reason in changes.to_change:
        if stored is None:
            identity = alerts.open_alert(connection, _fingerprint(version, finding), version.version_id, finding, now)
        else:
            identity = stored.id if alerts.change_state(connection, stored, new, finding, now) else None
        if identity is not None:
            old = stored.known.state if stored else State.RESOLVED
            written.append(Transition(identity, old, new, reason, finding))
    return written


def _messages(
    version: MeasuredVersion,
    transitions: Sequence[Transition],
    known: dict[str, StoredAlert],
    telling: _Telling,
    why: Mapping[str, Sequence[str]],
    asked: Mapping[str, int],
    firing: Mapping[str, int],
) -> list[tuple[Message, list[Transition]]]:
    """One message per check and kind of change, with the transitions it tells."""
    groups: dict[tuple[str, State, bool], list[Transition]] = defaultdict(list)
    for transition in transitions:
        watched = transition.finding.outcome is not Outcome.NOT_EVALUATED
        groups[transition.finding.check, transition.new, watched].append(transition)
    return [
        (
            compose(
                [transition.finding for transition in told],
                identity=uuid.uuid4().hex,
                thread=fingerprint(version.project, version.model, version.version, check, "", "")[:32],
                kind=Kind(kind.value),
                model=version.model,
                version=version.version,
                at=telling.now,
                since=_since(version, told, known),
                advice=telling.advice_for(check),
                link=_link(telling.public_url, version, check),
                causes=why.get(check, ()),
                report=_report(telling.public_url, asked.get(check) if kind is State.FIRING else None),
                remaining=firing.get(check, 0),
            ),
            told,
        )
        for (check, kind, _), told in groups.items()
    ]


def _causes(engine: Engine, version: MeasuredVersion, changes: _Changes) -> dict[str, list[str]]:
    """The likely causes, in words, of each check of which an alert is about to fire; looked up before anything is
    written, so that no writer waits for it.
    """
    firing = [finding for finding, _, state, _ in changes.to_change if state is State.FIRING]
    # Of a check that fires for all rows and for segments, the causes for all rows; else those of the worst segment.
    ordered = sorted(firing, key=lambda found: (not found.segment, found.window, found.excess))
    newest = {finding.check: finding for finding in ordered}
    with read(engine) as connection:
        return {
            check: [
                cause_text(cause)
                for cause in likely(
                    causes_of(connection, version.version_id, found.window, check, found.segment), MOST_CAUSES
                )
            ]
            for check, found in newest.items()
        }


def _since(version: MeasuredVersion, told: Sequence[Transition], known: dict[str, StoredAlert]) -> datetime | None:
    """The start of the earliest breach among the subjects, which for a resolved alert is the one it had stored."""
    starts = []
    for transition in told:
        stored = known.get(_fingerprint(version, transition.finding))
        starts.append(transition.finding.since or (stored.known.since if stored else None))
    return min((start for start in starts if start), default=None)


def _link(public_url: str, version: MeasuredVersion, check: str) -> str:
    if not public_url:
        return ""
    query = urlencode({"model": version.model, "version": version.version, "check": check})
    return f"{public_url.rstrip('/')}/model?{query}"


def _report(public_url: str, report_id: int | None) -> str:
    """Where the report is going to be: a page of the dashboard, or what a command shows."""
    if report_id is None:
        return ""
    return f"{public_url.rstrip('/')}/reports?id={report_id}" if public_url else f"watchkeeper report show {report_id}"


def _fingerprint(version: MeasuredVersion, finding: Finding) -> str:
    return fingerprint(version.project, version.model, version.version, finding.check, finding.subject, finding.segment)
