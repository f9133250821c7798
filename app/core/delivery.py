"""One attempt to send something: what became of it, and when to try again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeAlias

RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The wait after the first, second ... attempt (Standard Webhooks): 10 attempts over three days."""

LONGEST_WAIT = timedelta(hours=24)
_JITTER = 0.1
_TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side has taken it. `note` says what was not perfect about it.

    `receipt` is what the channel wants to be handed with the next message of the same thread, such as the identity that
    the other side gave this one.
    """

    note: str = ""
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """It was not taken now, and may be later; not before `after` has passed, where the other side said so."""

    why: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It will never be taken as it is; somebody has to change something."""

    why: str


Answer: TypeAlias = Sent | Retry | Failed


@dataclass(frozen=True, slots=True)
class Off:
    """That a channel is off: nothing is sent there until somebody switches it on. `reason` may be empty."""

    since: datetime
    by: str
    reason: str = ""

    @property
    def words(self) -> str:
        """E.g. `off since 2026-03-01 08:00 UTC by ann (the room is moved)`."""
        why = f" ({self.reason})" if self.reason else ""
        return f"off since {self.since:%Y-%m-%d %H:%M} UTC by {self.by}{why}"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an HTTP server answered; names of headers in lower case, the body cut to a bounded size."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Traits:
    """What a service asks of those who send to it.

    `spacing` is the least time between two messages. `resend` is how often it is told again what is still in breach,
    where silence means that all is well. `keeps_open` says that an incident stays open there until its resolve comes.
    """

    spacing: timedelta = timedelta(0)
    resend: timedelta | None = None
    keeps_open: bool = False


JSON = {"Content-Type": "application/json"}
"""The headers of a request whose body is JSON."""


def judge(answer: HttpAnswer) -> Answer:
    """2xx is sent; 408, 425, 429 and 5xx are worth another try; a redirect and every other 4xx are not."""
    if 200 <= answer.status < 300:
        return Sent()
    if answer.status in _TRY_AGAIN or answer.status >= 500:
        return Retry(f"answered HTTP {answer.status}", retry_after(answer.headers))
    if 300 <= answer.status < 400:
        return Failed(f"answered HTTP {answer.status}, a redirect; give the final address, redirects are not followed")
    if answer.status == 410:
        return Failed("answered HTTP 410: the address is gone for good")
    return Failed(f"answered HTTP {answer.status}")


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that `Retry-After` asks for (RFC 9110, 10.2.3), at most a day; None when it is missing or unreadable.

    A date is read against the answer's own `Date`, so that a wrong clock on either side does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    until, sent = _date(text), _date(headers.get("date", ""))
    if until is None or sent is None:
        return None
    return min(max(until - sent, timedelta(0)), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else None


def next_wait(attempts: int, jitter: float, after: timedelta | None = None) -> timedelta | None:
    """How long to wait after the given number of attempts (1 or more); None when it is time to give up.

    `jitter` in [0, 1) spreads the wait over 10 % so that many failures do not come back at the same moment. The other
    side's wish, `after`, is honoured where it is the longer one.
    """
    if attempts > len(RETRY_DELAYS):
        return None
    wait = RETRY_DELAYS[attempts - 1] * (1 + _JITTER * jitter)
    return max(wait, after) if after else wait
