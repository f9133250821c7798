"""How bad a breach is: by its size, and by the direction of harm."""

from __future__ import annotations

import pytest

from app.core.severity import CRITICAL_EXCESS, Severity, severity_of, worst

CASES = [
    ("just beyond the limit is a warning", 1.01, False, Severity.WARNING),
    ("within the limit, in the third window of a breach, is a warning still", 0.4, False, Severity.WARNING),
    ("far beyond it is critical", CRITICAL_EXCESS, False, Severity.CRITICAL),
    ("better than normal is news", 0.0, False, Severity.INFO),
    ("normal itself breaches a limit that somebody set", 0.0, True, Severity.WARNING),
    ("what has no size is a warning", None, False, Severity.WARNING),
]


@pytest.mark.parametrize(("excess", "was_set", "severity"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_severity(excess: float | None, was_set: bool, severity: Severity) -> None:
    assert severity_of(excess, limit_was_set=was_set) is severity


def test_severities_have_an_order() -> None:
    assert [one.worse for one in Severity] == [Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL]
    assert worst([Severity.INFO, Severity.CRITICAL, Severity.WARNING]) is Severity.CRITICAL
