"""Is a model healthy? Many measurements become one verdict, on which a pipeline stops or goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.core.model import Measurement, Outcome


class Verdict(StrEnum):
    """What a pipeline is told. Only `healthy` lets it go on."""

    HEALTHY = "healthy"
    BREACH = "breach"
    CANNOT_TELL = "cannot_tell"

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 breach, 2 cannot tell."""
        return tuple(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """What decides about one subject of one check of one version.

    `measurement` is the newest breach where there is one, else the newest that was evaluated, else the newest.
    """

    version: str
    measurement: Measurement

    @property
    def outcome(self) -> Outcome:
        return self.measurement.outcome


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict and everything it rests on: breaches first, then what cannot be told, then what is in order."""

    verdict: Verdict
    findings: Sequence[Finding]

    def of(self, outcome: Outcome) -> list[Finding]:
        """The findings of that outcome."""
        return [finding for finding in self.findings if finding.outcome is outcome]


_SHOWN = (Outcome.BREACH, Outcome.NOT_EVALUATED, Outcome.OK)
"""What a person reads first."""
_DECIDES = (Outcome.NOT_EVALUATED, Outcome.OK, Outcome.BREACH)
"""Of several windows of one subject, the later of these says more."""


def decide(measured: Iterable[Finding], *, not_before: datetime | None = None) -> Gate:
    """The verdict on all measurements given, of any number of versions, checks, subjects and windows.

    One breach is a breach; without one, a single subject in order is healthy, and what cannot be told is listed. A
    window that ended before `not_before` no longer says that anything is in order.
    """
    newest: dict[tuple[str, str, str, str], Finding] = {}
    for finding in measured:
        one = finding.measurement
        key = (finding.version, one.check, one.subject, one.segment or "")
        current = _aged(finding, not_before)
        if key not in newest or _rank(current) > _rank(newest[key]):
            newest[key] = current
    findings = sorted(newest.items(), key=lambda item: (_SHOWN.index(item[1].outcome), item[0]))
    return Gate(_verdict(newest.values()), [finding for _, finding in findings])


def _aged(finding: Finding, not_before: datetime | None) -> Finding:
    one = finding.measurement
    if not_before is None or one.outcome is not Outcome.OK or one.window.end >= not_before:
        return finding
    reason = f"out of date: the window ended on {one.window.end:%Y-%m-%d %H:%M} UTC; is the worker running?"
    return replace(finding, measurement=replace(one, outcome=Outcome.NOT_EVALUATED, reason=reason))


def _rank(finding: Finding) -> tuple[int, datetime]:
    return _DECIDES.index(finding.outcome), finding.measurement.window.start


def _verdict(findings: Iterable[Finding]) -> Verdict:
    outcomes = {finding.outcome for finding in findings}
    if Outcome.BREACH in outcomes:
        return Verdict.BREACH
    return Verdict.HEALTHY if Outcome.OK in outcomes else Verdict.CANNOT_TELL
