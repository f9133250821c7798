"""The heartbeat: while every job goes well, an address outside is called, whose owner raises the alarm when it is not.

A worker that hangs or is gone cannot tell anybody; that nobody hears of it any more can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from app.core.delivery import Failed, Retry, judge
from app.core.errors import WatchkeeperError
from app.core.looks.work import ailing_jobs
from app.outbound import OutboundClient, OutboundError
from app.services.self_watch import read_facts
from app.settings import Settings

_BODY = {"Content-Type": "text/plain; charset=utf-8"}


class HeartbeatError(WatchkeeperError):
    """The heartbeat did not arrive. The text does not repeat its address, which is a secret."""


@dataclass(frozen=True, slots=True)
class HeartbeatSummary:
    """Whether an address was called, and the jobs because of which it was not the one for good news."""

    sent: bool = False
    ailing: tuple[str, ...] = ()


def beat(engine: Engine, now: datetime, settings: Settings, *, environment: Mapping[str, str]) -> HeartbeatSummary:
    """Call the settings' heartbeat address if no job failed, is late or hangs, else the one for failures.

    Raises HeartbeatError when the other side does not take it.
    """
    if not settings.heartbeat_url:
        return HeartbeatSummary()
    found = ailing_jobs(read_facts(engine, settings, now, environment))
    url = settings.heartbeat_fail_url if found else settings.heartbeat_url
    if url:
        _call(url, "; ".join(one.what for one in found))
    return HeartbeatSummary(bool(url), tuple(one.about for one in found))


def _call(url: str, said: str) -> None:
    # Whoever sets the environment may name an address of the own network, such as an Uptime Kuma beside us.
    client = OutboundClient(allow_private=True)
    try:
        answer = judge(client.request("POST" if said else "GET", url, body=said.encode(), headers=_BODY))
    except OutboundError as error:
        raise HeartbeatError(str(error)) from None
    if isinstance(answer, Retry | Failed):
        raise HeartbeatError(answer.why)
