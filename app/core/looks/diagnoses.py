"""How a look says what it found."""

from __future__ import annotations

from datetime import timedelta

from app.core.self_watch import Diagnosis, Level


def well(subject: str, what: str) -> list[Diagnosis]:
    """It is as it should be."""
    return [Diagnosis(subject, Level.OK, what)]


def note(subject: str, what: str, mend: str) -> list[Diagnosis]:
    """Nothing is wrong, and yet somebody may want to know it."""
    return [Diagnosis(subject, Level.NOTE, what, mend=mend)]


def bad(subject: str, what: str, mend: str, about: str = "") -> list[Diagnosis]:
    """It is not as it should be; `about` tells several such things of one subject apart."""
    return [Diagnosis(subject, Level.BAD, what, mend=mend, about=about)]


def span(time: timedelta) -> str:
    """A time in words, in seconds or minutes."""
    seconds = round(time.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"
