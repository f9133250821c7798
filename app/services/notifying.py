"""From alerts to messages: one message per check of a version, about what people do not know yet or must not forget."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from app.core.alerting import Finding, fingerprint, utc_text
from app.core.causes import cause_text, likely
from app.core.messages import MOST_CAUSES, Kind, Message, compose
from app.core.notifying import Notice, Pace, what_to_tell
from app.core.routing import Routing
from app.core.severity import Severity, worst
from app.core.silences import Identity, Silence, hush
from app.services.alert_reports import request_report
from app.services.causes import causes_of
from app.services.routing import RouteBook
from app.services.runbooks import where_to_read
from app.services.telling import tell
from app.storage import alerts, channels, outbox, silences, told
from app.storage.engine import read, write
from app.storage.told import TellingAlert

_TAKING_BACK = (Kind.ACKNOWLEDGED, Kind.RESOLVED)
NEVER = timedelta(days=36_500)
"""How long a repetition waits that nobody is to get."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What goes into messages beside the findings, and how often they are told.

    `reports`: are reports asked for whenever an alert fires? `digests`: are any written, for what can wait?
    """

    now: datetime
    pace: Pace
    public_url: str
    advice_for: Callable[[str], str]
    reports: bool
    digests: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    """The alerts of one check of one version, and the messages that are due about them."""

    identity: Identity
    version_id: int | None
    alerts: Mapping[int, TellingAlert]
    notices: Sequence[Notice]
    routing: Routing

    def thread_of(self, kind: Kind) -> str:
        """What keeps messages together: those about what fires, and apart from them what is only news."""
        names = self.identity
        apart = kind.value if kind is Kind.NEWS else ""
        return fingerprint(names.project, names.model, names.version, names.check, apart, "")[:32]

    def told(self, notice: Notice) -> list[TellingAlert]:
        return [self.alerts[alert.id] for alert in notice.alerts]


def notify(engine: Engine, telling: Telling, *, itself: bool = False) -> int:
    """Put every message that is due into the outbox; how many. Two processes at once tell no more than one.

    `itself`: of alerts about Watchkeeper itself only.
    """
    with read(engine) as connection:
        standing = silences.standing(connection)
        book = RouteBook.read(connection, digests=telling.digests)
        groups = _groups(told.telling_alerts(connection, itself=itself), standing, book, telling)
    by_version: dict[int | None, list[_Group]] = defaultdict(list)
    for group in groups:
        by_version[group.version_id].append(group)
    return sum(_notify(engine, version_id, due, standing, book, telling) for version_id, due in by_version.items())


def _groups(
    found: Iterable[TellingAlert], standing: Sequence[Silence], book: RouteBook, telling: Telling
) -> list[_Group]:
    """The groups about which there is something to tell."""
    together: dict[tuple[int | None, str], list[TellingAlert]] = defaultdict(list)
    for one in found:
        together[one.version_id, one.identity.check].append(one)
    groups = []
    for (version_id, _), members in together.items():
        routing = _routing(book, members)
        notices = what_to_tell(
            [replace(one.standing, hush=hush(standing, one.identity, telling.now)) for one in members],
            telling.now,
            _pace(telling.pace, routing),
        )
        if notices:
            by_id = {one.standing.id: one for one in members}
            groups.append(_Group(members[0].identity, version_id, by_id, notices, routing))
    return groups


def _routing(book: RouteBook, members: Sequence[TellingAlert]) -> Routing:
    """Where what is told of the group goes: by the worst that fires, else by the worst that did."""
    open_ = [one for one in members if one.standing.state.open] or members
    severity = worst(one.standing.severity for one in open_)
    names = members[0].identity
    return book.routing(names.model, names.check, severity, [one.identity.segment for one in open_])


def _pace(usual: Pace, routing: Routing) -> Pace:
    """The usual pace, where no route says otherwise. What waits for a digest is repeated by the digest."""
    if routing.in_digest and not routing.at_once:
        usual = replace(usual, repeat=NEVER, escalate=None)
    paced = replace(usual, repeat=routing.repeat or usual.repeat)
    if routing.escalate_after is None:
        return paced
    return replace(paced, escalate=routing.escalate_after, escalates=Severity.WARNING)


def _notify(
    engine: Engine,
    version_id: int | None,
    due: Sequence[_Group],
    standing: Sequence[Silence],
    book: RouteBook,
    telling: Telling,
) -> int:
    """Decide again, now that nobody else can change these alerts, and tell."""
    why = _causes(engine, due)
    with write(engine) as connection:
        if version_id is not None:
            alerts.lock_version(connection, version_id)
        found = told.telling_alerts(connection, version_id, itself=version_id is None, lock=True)
        groups = _groups(found, standing, book, telling)
        if any(notice.kind in _TAKING_BACK for group in groups for notice in group.notices):
            # What is said then takes messages back, channel by channel: two rounds would wait for each other.
            channels.lock_all(connection)
        for group in groups:
            for notice in group.notices:
                _tell(connection, book, group, notice, why.get(group.identity.check, ()), telling)
    return sum(len(group.notices) for group in groups)


def _tell(
    connection: Connection,
    book: RouteBook,
    group: _Group,
    notice: Notice,
    causes: Sequence[str],
    telling: Telling,
) -> None:
    report = _report(connection, group, notice, telling)
    names = group.identity
    runbook = where_to_read(connection, telling.public_url, names.model, names.check)
    message = _message(group, notice, causes, report, runbook, telling)
    to = _channels(connection, book, group, notice)
    in_digest = not book.readers.isdisjoint(group.routing.in_digest)
    notification_id = tell(connection, message, version_id=group.version_id, to=to, in_digest=in_digest)
    told.mark_told(connection, notice.what, [alert.id for alert in notice.alerts], notification_id, telling.now)
    if notice.kind.alarms:
        told.mark_mentioned(connection, [alert.id for alert in notice.mentioned], telling.now)


def _missed_escalation(
    connection: Connection, book: RouteBook, group: _Group, notice: Notice, thread: str
) -> Sequence[int]:
    """Those it was escalated to while they were off: escalated once, they would hear nothing of it for ever."""
    if not any(alert.known and alert.known.escalated_at for alert in notice.alerts):
        return []
    heard = {*outbox.channels_left_open(connection, thread), *book.ids(group.routing.at_once)}
    return [channel for channel in book.ids(group.routing.escalate_to) if channel not in heard]


def _channels(connection: Connection, book: RouteBook, group: _Group, notice: Notice) -> Sequence[int]:
    """Who is told: of what is new, those that the routes name; of how it goes on, those that have its beginning.

    A channel to which nothing was sent is spared both the alarm and its end. One that has yet to get the alarm needs no
    repetition. One that is off hears of nothing, but the end of what it has got waits for it.
    """
    thread, routed = group.thread_of(notice.kind), book.ids(group.routing.at_once)
    match notice.kind:
        case Kind.ESCALATED:
            return book.ids(group.routing.at_once, group.routing.escalate_to)
        case Kind.REPEATED:
            behind = set(outbox.channels_that_wait(connection, thread))
            missed = _missed_escalation(connection, book, group, notice, thread)
            return [channel for channel in [*routed, *missed] if channel not in behind]
        case Kind.ACKNOWLEDGED | Kind.RESOLVED:
            ends = notice.kind is Kind.RESOLVED and not notice.remaining
            if not notice.remaining:
                outbox.supersede(connection, thread)
            on = book.channels.values()
            return [one for one in outbox.channels_left_open(connection, thread) if ends or one in on]
        case _:
            return routed


def _message(
    group: _Group, notice: Notice, causes: Sequence[str], report: str, runbook: str, telling: Telling
) -> Message:
    findings = [_shown(one) for one in group.told(notice)]
    names, check = group.identity, group.identity.check
    severity = worst(alert.severity for alert in notice.alerts)
    return compose(
        findings,
        identity=uuid.uuid4().hex,
        thread=group.thread_of(notice.kind),
        kind=notice.kind,
        what=notice.what,
        severity=severity.worse if notice.kind is Kind.ESCALATED else severity,
        model=names.model,
        version=names.version,
        at=telling.now,
        since=min((found.since for found in findings if found.since), default=None),
        advice=telling.advice_for(check),
        link=_link(telling.public_url, group.told(notice)),
        runbook=runbook,
        causes=causes,
        report=report,
        note=_note(group, notice),
        remaining=notice.remaining,
    )


def _shown(one: TellingAlert) -> Finding:
    """The finding as it is told: without data, that is what there is to say."""
    if one.standing.no_data_at is None:
        return one.finding
    since = f"no data since the window of {utc_text(one.finding.window.start)}"
    return replace(one.finding, reason=f"{since}; {one.finding.reason}")


def _note(group: _Group, notice: Notice) -> str:
    """Why it is told now, where the kind of message does not say so."""
    if notice.what is Kind.ACKNOWLEDGED:
        return "; ".join(dict.fromkeys(one.acknowledgement for one in group.told(notice)))
    if notice.what is Kind.RESOLVED:
        return "; ".join(dict.fromkeys(one.resolution for one in group.told(notice) if one.resolution))
    first = notice.what is Kind.FIRING and notice.alerts[0].known is None
    return "" if first or notice.what is Kind.NEWS else notice.reason


def _causes(engine: Engine, groups: Iterable[_Group]) -> dict[str, list[str]]:
    """The likely causes, in words, of each check that alarms; looked up before anything is written, so that no writer
    waits for it.
    """
    found = {}
    with read(engine) as connection:
        for group in groups:
            alarming = [one.finding for notice in group.notices if notice.kind.alarms for one in group.told(notice)]
            if alarming and group.version_id is not None:
                # For all rows where they are in breach, else of the worst segment, in the newest window.
                told_of = max(alarming, key=lambda finding: (not finding.segment, finding.window, finding.excess))
                ranked = causes_of(connection, group.version_id, told_of.window, told_of.check, told_of.segment)
                found[told_of.check] = [cause_text(cause) for cause in likely(ranked, MOST_CAUSES)]
    return found


def _report(connection: Connection, group: _Group, notice: Notice, telling: Telling) -> str:
    """Where a report about what begins to fire is going to be: a page of the dashboard, or what a command shows."""
    if not telling.reports or group.version_id is None or notice.what is not Kind.FIRING:
        return ""
    findings = [one.finding for one in group.told(notice)]
    report_id = request_report(connection, group.version_id, findings, telling.now)
    if report_id is None:
        return ""
    url = telling.public_url.rstrip("/")
    return f"{url}/reports?id={report_id}" if url else f"watchkeeper report show {report_id}"


def _link(public_url: str, told: Sequence[TellingAlert]) -> str:
    """The page of the worst of the alerts, from where the way leads to the others."""
    if not public_url:
        return ""
    worst = min(told, key=lambda one: one.finding.urgency)
    return f"{public_url.rstrip('/')}/alert?id={worst.standing.id}"
