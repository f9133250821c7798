"""What an answer of the collector means for the batch that was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from collectors.client.buffer import Reason

LONGEST_RETRY_AFTER = 300.0
"""Seconds; a proxy that asks for a day would otherwise silence the client for a day."""

_REQUEST_TIMEOUT, _CONTENT_TOO_LARGE, _UNPROCESSABLE, _TOO_MANY_REQUESTS = 408, 413, 422, 429
_BAD_GATEWAY, _UNAVAILABLE = 502, 503


@dataclass(frozen=True, slots=True)
class Settled:
    """The collector has answered for every record; field and complaint are of the first rejected one."""

    sent: int
    duplicates: int
    rejected: int
    field: str = ""
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the same batch again.

    after  seconds that the collector asked for, None if it did not say
    away   the collector is busy or absent, whatever the batch: waiting is right however often it happens
    """

    why: str
    after: float | None = None
    away: bool = False


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Send it in smaller parts."""

    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Sending it again cannot help."""

    reason: Reason
    why: str


Verdict = Settled | Retry | TooLarge | Drop

_Shape = TypeVar("_Shape")


class _Rejection(msgspec.Struct):
    index: int
    error: str
    field: str | None = None

    def said(self) -> str:
        return f"{self.field}: {self.error}" if self.field else self.error


class _Account(msgspec.Struct):
    accepted: int
    duplicates: int
    rejected: list[_Rejection]


class _Complaint(msgspec.Struct):
    error: str


def judge(status: int, headers: Mapping[str, str], body: bytes, *, records: int, now: datetime) -> Verdict:
    """Decide what to do with a batch of so many records after this answer.

    headers has lower-case names or ignores case; now, with a zone, gives a Retry-After date its meaning.
    """
    answered = f"the collector answered {status}"
    if 200 <= status < 300 or status == _UNPROCESSABLE:
        account = _decoded(body, _Account)
        if account is not None and account.accepted + account.duplicates + len(account.rejected) == records:
            return _settled(account)
        if status != _UNPROCESSABLE:
            # Stored or not, nobody knows: the ids make a second time harmless.
            return Retry(
                f"{answered} without an account of the {records} records sent; is this the collector's address?"
            )
    said = _decoded(body, _Complaint)
    answered += f": {said.error}" if said else ""
    if status == _CONTENT_TOO_LARGE:
        return TooLarge(answered)
    if status in (_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS) or status >= 500:
        away = status in (_TOO_MANY_REQUESTS, _BAD_GATEWAY, _UNAVAILABLE)
        return Retry(answered, _retry_after(headers.get("retry-after", ""), now), away)
    if 300 <= status < 400:
        answered += f" and points to {headers.get('location', 'another address')}; redirects are not followed"
    return Drop("rejected", answered)


def _settled(account: _Account) -> Settled:
    settled = Settled(account.accepted, account.duplicates, len(account.rejected))
    if not account.rejected:
        return settled
    first = account.rejected[0]
    return replace(settled, field=first.field or "", complaint=f"the collector rejected a record: {first.said()}")


def _retry_after(value: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3), a number of seconds or a date; None if it is neither."""
    if value.strip().isdecimal():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:  # "-0000", which means UTC
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def _decoded(body: bytes, shape: type[_Shape]) -> _Shape | None:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
