"""Silences: made and ended by people, kept for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Engine

from app.core.authors import signed
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.silences import LONGEST_WEEKLY, WEEKDAYS, Matcher, Silence, Weekly
from app.storage import silences
from app.storage.engine import read, write
from app.storage.silences import StoredSilence

LONGEST_TEXT, LONGEST_COMMENT = 200, 500


def add_silence(engine: Engine, now: datetime, new: Silence) -> dict[str, Any]:
    """Tell nobody of the alerts that fit. Raises InvalidError that names the field for a value that is not allowed."""
    new = replace(new, author=signed(new.author))
    _check(new, now)
    with write(engine) as connection:
        identity = silences.add_silence(connection, new, now)
    return _row(StoredSilence(identity, new, now), now)


def list_silences(engine: Engine, now: datetime, *, ended: bool = False) -> list[dict[str, Any]]:
    """The silences that hold or will, the oldest first; with `ended`, those that are over as well."""
    with read(engine) as connection:
        rows = [_row(one, now) for one in silences.list_silences(connection)]
    return [row for row in rows if ended or row["status"] != "ended"]


def end_silence(engine: Engine, now: datetime, identity: int, author: str) -> dict[str, Any]:
    """Let the silence hold no longer: what fires and fits is told in the worker's next round.

    Raises NotFoundError for the silence, ConflictError where it has ended before.
    """
    author = signed(author)
    with write(engine) as connection:
        known = {one.id: one for one in silences.list_silences(connection)}
        if identity not in known:
            raise NotFoundError("silence", str(identity), [str(one) for one in known])
        expires = known[identity].silence.expires
        if (expires and expires <= now) or not silences.end_silence(connection, identity, now, author):
            raise ConflictError(f"silence {identity} has ended already, at {expires:%Y-%m-%d %H:%M} UTC")
        return _row(next(one for one in silences.list_silences(connection) if one.id == identity), now)


def weekly(days: str, at: str, duration: timedelta, zone: str) -> Weekly:
    """A recurrence as people write it: `sat,sun` or `mon-fri`, `22:00`. Raises InvalidError that names the field."""
    try:
        time = datetime.strptime(at, "%H:%M").time()  # noqa: DTZ007  a time of the clocks in `zone`, whatever the day
    except ValueError:
        raise InvalidError("at", at, "allowed is a time such as 22:00") from None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidError("zone", zone, "allowed are names such as UTC or Europe/Berlin") from None
    if not timedelta(minutes=1) <= duration < LONGEST_WEEKLY:
        raise InvalidError("duration", str(duration), "allowed is from a minute to less than a week")
    return Weekly(frozenset(_days(days)), time, duration, zone)


def _days(text: str) -> list[int]:
    found: list[int] = []
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise InvalidError("days", text, f"allowed are {', '.join(WEEKDAYS)}, and spans such as mon-fri")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        found += [day % len(WEEKDAYS) for day in range(begin, end + 1 + (len(WEEKDAYS) if end < begin else 0))]
    return found


def _check(new: Silence, now: datetime) -> None:
    given = {name: text for name, text in asdict(new.matcher).items() if text is not None}
    if not given:
        allowed = f"at least one of {', '.join(spec.name for spec in fields(Matcher))} must be given; * is any"
        raise InvalidError("matcher", "", allowed)
    for name, text in given.items():
        if len(text) > LONGEST_TEXT or not text.isprintable():
            raise InvalidError(name, text[:LONGEST_TEXT], f"allowed are at most {LONGEST_TEXT} printable characters")
    _check_text("comment", new.comment, LONGEST_COMMENT)
    if new.expires is None and new.weekly is None:
        raise InvalidError("expires", None, "a silence that does not recur must say when it ends")
    if new.expires is not None and new.expires <= max(new.starts, now):
        raise InvalidError("expires", new.expires.isoformat(), "allowed is a time to come, after it starts")


def _check_text(field: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most or not text.isprintable():
        raise InvalidError(field, text[:most], f"allowed are 1 to {most} printable characters, not all blank")


def _row(stored: StoredSilence, now: datetime) -> dict[str, Any]:
    silence = stored.silence
    return {
        "id": stored.id,
        "status": _status(silence, now),
        **asdict(silence.matcher),
        "starts": silence.starts.astimezone(UTC),
        "expires": silence.expires and silence.expires.astimezone(UTC),
        "weekly": silence.weekly and _weekly_row(silence.weekly),
        "author": silence.author,
        "comment": silence.comment,
        "created_at": stored.created_at,
        "ended_by": stored.ended_by,
    }


def _status(silence: Silence, now: datetime) -> str:
    if silence.expires is not None and silence.expires <= now:
        return "ended"
    return "active" if silence.active(now) else "waiting"


def _weekly_row(recurrence: Weekly) -> Mapping[str, Any]:
    return {
        "days": ",".join(WEEKDAYS[day] for day in sorted(recurrence.days)),
        "at": f"{recurrence.at:%H:%M}",
        "minutes": int(recurrence.duration.total_seconds()) // 60,
        "zone": recurrence.zone,
    }
