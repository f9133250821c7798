"""The message about an alert, in no channel's dialect: what it says, its order, its stored form and its wording."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from app.core.alerting import Finding, utc_text
from app.core.model import Outcome, Window
from app.core.severity import Severity

MOST_LINES = 20
MOST_CAUSES = 3
ITSELF = "Watchkeeper"
"""What a message is about that is about no model."""


class Kind(StrEnum):
    """What a message is for. Those of an alert come in this order.

    `acknowledged` is said once somebody has all in hand that fires in the thread, `resolved` also of a part of it: see
    `Message.ends`. News are what is no alarm at all, and have a thread of their own.
    """

    FIRING = "firing"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    DIGEST = "digest"
    NEWS = "news"

    @property
    def alarms(self) -> bool:
        """Whether something is in breach that nobody has in hand yet."""
        return self in _ALARMS


_ALARMS = frozenset({Kind.FIRING, Kind.REPEATED, Kind.ESCALATED})
_VERBS = {
    Kind.FIRING: "breached",
    Kind.REPEATED: "still in breach",
    Kind.ESCALATED: "still in breach and nobody has it",
    Kind.ACKNOWLEDGED: "acknowledged",
    Kind.RESOLVED: "back within its limit",
    Kind.NEWS: "better than normal",
}
"""What a message about findings says of its check."""


@dataclass(frozen=True, slots=True)
class Line:
    """What happened to one subject."""

    subject: str
    segment: str
    value: float | None
    limit: float | None
    statistic: str
    reason: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message: about one check of one version, or, where `model` and `version` are empty, about Watchkeeper itself.

    `id` is the same however often the message is sent; `thread` is the same for all messages of this check and
    version, so that mail programs can show them together. `more` counts the subjects beyond `lines`; `remaining` those
    of the thread that are in breach after this change, which is what a resolve leaves open. `note` says why it is told
    now, `runbook` where to read what to do.
    """

    id: str
    thread: str
    kind: Kind
    severity: Severity
    title: str
    model: str
    version: str
    check: str
    at: datetime
    since: datetime | None
    window: Window | None
    lines: tuple[Line, ...]
    more: int = 0
    advice: str = ""
    link: str = ""
    expected_rate: float | None = None
    causes: tuple[str, ...] = ()
    report: str = ""
    remaining: int = 0
    note: str = ""
    runbook: str = ""

    @property
    def ends(self) -> bool:
        """Whether the thread has nothing in breach any more, so that what stands open elsewhere can be closed."""
        return self.kind is Kind.RESOLVED and not self.remaining

    @property
    def stands(self) -> bool:
        """Whether the message is about a thread that has something in breach still."""
        return self.kind not in {Kind.DIGEST, Kind.NEWS} and not self.ends


def compose(
    findings: Sequence[Finding],
    *,
    identity: str,
    thread: str,
    kind: Kind,
    what: Kind | None = None,
    severity: Severity = Severity.WARNING,
    model: str,
    version: str,
    at: datetime,
    since: datetime | None,
    advice: str = "",
    link: str = "",
    causes: Sequence[str] = (),
    report: str = "",
    remaining: int = 0,
    note: str = "",
    runbook: str = "",
) -> Message:
    """One message about all `findings` (at least one, all of the same check), the worst first.

    `what` happened to the findings, where that is not the kind of message. Findings without a verdict end an alert
    about something that is not measured any more, and those in breach one that somebody has resolved.
    `causes` are the likely ones in words, the likeliest first; the first MOST_CAUSES are told of what fires. `report`
    is where a report about it is going to be, `remaining` how many subjects of the check are in breach now.
    """
    ordered = sorted(findings, key=lambda found: found.urgency)
    newest = max(ordered, key=lambda found: found.window.start)
    rates = [found.expected_rate for found in ordered if found.expected_rate is not None]
    return Message(
        id=identity,
        thread=thread,
        kind=kind,
        severity=severity if kind.alarms else Severity.INFO,
        title=_title(" ".join(part for part in (model, version) if part) or ITSELF, what or kind, ordered),
        model=model,
        version=version,
        check=newest.check,
        at=at,
        since=since,
        window=newest.window,
        lines=tuple(_line(found) for found in ordered[:MOST_LINES]),
        more=max(0, len(ordered) - MOST_LINES),
        advice=advice if kind.alarms else "",
        link=link,
        expected_rate=max(rates) if rates else None,
        causes=tuple(causes[:MOST_CAUSES]) if kind.alarms else (),
        report=report,
        remaining=remaining,
        note=note,
        runbook=runbook if kind.alarms else "",
    )


def _line(found: Finding) -> Line:
    return Line(found.subject, found.segment, found.value, found.limit, found.statistic, found.reason)


def _title(of: str, what: Kind, ordered: Sequence[Finding]) -> str:
    verb = _VERBS[what]
    if ordered[0].outcome is Outcome.NOT_EVALUATED:
        verb = "no longer watched"
    elif what is Kind.RESOLVED and ordered[0].outcome is Outcome.BREACH:
        verb = "resolved by hand"
    names = [subject_text(found.subject, found.segment) for found in ordered]
    whom = names[0] if len(names) == 1 else f"{names[0] or 'the whole'} and {len(names) - 1} more"
    return f"{of}: {ordered[0].check} {verb}" + (f" for {whom}" if whom else "")


def subject_text(subject: str, segment: str) -> str:
    """A subject with its segment, e.g. `dep_delay (carrier=UA)`; empty when the check looks at the whole."""
    return f"{subject} ({segment})" if subject and segment else subject or segment


def line_text(line: Line) -> str:
    """What is said about a subject after its name, e.g. `0.31, limit 0.1 (normed Wasserstein); above ...`."""
    if line.value is None:
        return line.reason or "no value"
    limit = "" if line.limit is None else f", limit {line.limit:.4g}"
    statistic = f" ({line.statistic})" if line.statistic else ""
    return f"{line.value:.4g}{limit}{statistic}" + (f"; {line.reason}" if line.reason else "")


def more_text(more: int) -> str:
    """The last line of a list that was cut."""
    return f"and {more} more"


def facts(message: Message) -> list[tuple[str, str]]:
    """The frame of the message as (name, text), in reading order."""
    rows = [("Why now", message.note)] if message.note else []
    rows += [("In breach since", utc_text(message.since))] if message.since else []
    if message.window:
        rows.append(("Window", f"{utc_text(message.window.start)} to {utc_text(message.window.end)}"))
    if (further := further_in_breach(message)) > 0:
        rows.append(("Still in breach", f"{further} more of this check"))
    if message.causes:
        rows.append(("Likely causes", "; ".join(message.causes)))
    if message.report:
        rows.append(("Report", message.report))
    if message.runbook:
        rows.append(("Runbook", message.runbook))
    if message.expected_rate is not None:
        rows.append(("Expected false breaches", f"{message.expected_rate:.2g} per window and subject"))
    return rows


def further_in_breach(message: Message) -> int:
    """How many subjects of the thread are in breach that the message is not about."""
    return message.remaining - (len(message.lines) + message.more if message.kind.alarms else 0)


def to_json(message: Message) -> dict[str, Any]:
    """The message as JSON values; numbers that JSON cannot carry are the strings of `app.core.records.NON_FINITE`."""
    stored: dict[str, Any] = msgspec.to_builtins(message)
    for line in stored["lines"]:
        line.update(value=storable(line["value"]), limit=storable(line["limit"]))
    return stored


def from_json(stored: dict[str, Any]) -> Message:
    """The message that `to_json` wrote."""
    return msgspec.convert(stored, Message, strict=False)


def storable(value: float | None) -> float | str | None:
    """A number as JSON can hold it: NaN and the infinities become their names."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
