"""What a digest says of alerts that began, go on, or are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.alerting import utc_text
from app.core.digest_schedule import Schedule
from app.core.messages import ITSELF, MOST_LINES, Kind, Line, Message, subject_text
from app.core.severity import Severity
from app.core.timeline import names_text
from app.core.urgency import urgency

NOTHING = "Nothing began, nothing is over, and nothing is in breach."


class Part(StrEnum):
    """What a digest says of a check, in the order in which it says it of one model."""

    BEGAN = "began"
    GOES_ON = "still in breach"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class DigestAlert:
    """One alert as a digest tells of it; `part` is what it did. `model` is empty for Watchkeeper itself."""

    part: Part
    model: str
    version: str
    check: str
    subject: str
    segment: str
    severity: Severity
    excess: float
    value: float | None
    limit: float | None
    since: datetime

    @property
    def urgency(self) -> tuple[float, float, str, str]:
        """What lists are sorted by, the worst first."""
        return urgency(self.severity, self.excess, self.subject, self.segment)


def digest(
    alerts: Iterable[DigestAlert], *, identity: str, plan: Schedule, since: datetime, now: datetime, link: str = ""
) -> Message | None:
    """The digest of the alerts, grouped by model, the model with the worst first; one line for each check and part.

    None where there is nothing to say and nobody asked to be told so.
    """
    groups = _groups(alerts)
    if not groups and not plan.always:
        return None
    lines = [_line(group) for group in groups] or [Line("", "", None, None, "", NOTHING)]
    return Message(
        id=identity,
        thread=identity,
        kind=Kind.DIGEST,
        severity=Severity.INFO,
        title=f"{plan.words} digest: {_counts(groups)}",
        model="",
        version="",
        check="",
        at=now,
        since=None,
        window=None,
        lines=tuple(lines[:MOST_LINES]),
        more=max(0, len(lines) - MOST_LINES),
        note=f"from {utc_text(since)} to {utc_text(now)}",
        link=link,
    )


def _groups(alerts: Iterable[DigestAlert]) -> list[list[DigestAlert]]:
    together: dict[tuple[str, ...], list[DigestAlert]] = {}
    for one in sorted(alerts, key=lambda alert: alert.urgency):
        together.setdefault((one.model, one.version, one.check, one.part), []).append(one)
    models: dict[str, tuple[float, float]] = {}
    for group in together.values():
        worst = group[0].urgency[:2]
        models[group[0].model] = min(models.get(group[0].model, worst), worst)
    parts = tuple(Part)
    return sorted(
        together.values(),
        key=lambda group: (models[group[0].model], group[0].model, parts.index(group[0].part), group[0].urgency),
    )


def _line(group: Sequence[DigestAlert]) -> Line:
    worst = group[0]
    name = " ".join(part for part in (worst.model, worst.version) if part) or ITSELF
    since = min(one.since for one in group)
    return Line(f"{name}: {worst.check}", "", None, None, "", f"{worst.part}, {_whom(group)}; since {utc_text(since)}")


def _whom(group: Sequence[DigestAlert]) -> str:
    """The severity, the subjects, and how far the worst of them is."""
    worst = group[0]
    names = names_text(name for name in (subject_text(one.subject, one.segment) for one in group) if name)
    far = "" if worst.value is None or worst.limit is None else f"{worst.value:.4g}, limit {worst.limit:.4g}"
    return ": ".join(part for part in (f"{worst.severity}", names, far) if part)


def _counts(groups: Sequence[Sequence[DigestAlert]]) -> str:
    counts = {part: sum(group[0].part is part for group in groups) for part in Part}
    said = [f"{count} {'check' if count == 1 else 'checks'} {part}" for part, count in counts.items() if count]
    return ", ".join(said) or "nothing happened"
