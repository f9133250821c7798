"""Messages to send in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.core.messages import Kind, Line, Message
from app.core.model import Window
from app.core.severity import Severity

START = datetime(2026, 3, 1, tzinfo=UTC)


def firing(lines: int = 2, text: str = "above its limit", more: int = 0) -> Message:
    """A message about that many subjects."""
    return Message(
        id="0a1b2c.7",
        thread="feedbeef",
        kind=Kind.FIRING,
        severity=Severity.WARNING,
        title="delay 1: training_serving_skew breached for dep_delay and 1 more",
        model="delay",
        version="1",
        check="training_serving_skew",
        at=START + timedelta(days=1, minutes=1),
        since=START,
        window=Window(START, START + timedelta(days=1)),
        lines=tuple(Line(f"feature_{n}", "", 0.31, 0.1, "normed Wasserstein", text) for n in range(lines)),
        more=more,
        advice="Compare the pipelines.",
        link="https://watch.example.org/model?model=delay&version=1&check=training_serving_skew",
        expected_rate=0.003,
    )
