"""Prometheus Alertmanager, through its API v2: an alert for each thread, told again as long as it stands.

Source: https://prometheus.io/docs/alerting/latest/alerts_api.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from app.core.delivery import JSON, Answer, Sent, Traits, judge
from app.core.messages import Kind, Message
from app.core.plain_text import body, one_line
from app.core.ports import Network, Resolve
from app.core.severity import Severity
from app.outbound import check_address

DESCRIPTION_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """An Alertmanager, which groups, routes and silences what it is told."""

    name: ClassVar[str] = "alertmanager"
    # Alertmanager takes what is told no more for resolved, after 5 minutes unless its resolve_timeout says otherwise.
    traits: ClassVar[Traits] = Traits(resend=timedelta(minutes=1), keeps_open=True)

    url: str = field(metadata={"help": "address of Alertmanager, without /api, such as https://alerts.example.org"})
    authorization: str = field(
        default="",
        metadata={"secret": True, "help": "value of the header Authorization, such as `Bearer ...`; empty: no header"},
    )

    def __post_init__(self) -> None:
        check_address("url", self.url)

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Tell the alert's present state. `thread` is the severity that it has been told with so far.

        The severity is one of the labels, and labels are what Alertmanager knows an alert by. Only an alarm changes it:
        that somebody has it, or that a part of it is over, makes the rest no milder.
        """
        authorization = {"Authorization": resolve(self.authorization)} if self.authorization else {}
        if message.kind in {Kind.DIGEST, Kind.NEWS}:
            return Sent("not passed on: Alertmanager takes alerts only")
        severity = message.severity.value if message.kind.alarms else thread or Severity.WARNING.value
        content = json.dumps(list(_alerts(message, severity, thread))).encode()
        headers = {**JSON, **authorization}
        answer = judge(network.request("POST", f"{self.url.rstrip('/')}/api/v2/alerts", body=content, headers=headers))
        return Sent(receipt="" if message.ends else severity) if isinstance(answer, Sent) else answer


PLUGIN = Alertmanager


def _alerts(message: Message, severity: str, told_as: str) -> Iterator[dict[str, Any]]:
    """The alert as it is now; before it, the end of the one that was told with another severity."""
    ended = {"endsAt": message.at.isoformat()}
    if message.ends or told_as not in {"", severity}:
        yield _alert(message, told_as or severity) | ended
    if not message.ends:
        yield _alert(message, severity)


def _alert(message: Message, severity: str) -> dict[str, Any]:
    labels = {
        "alertname": message.check or "watchkeeper",
        "model": message.model,
        "version": message.version,
        "check": message.check,
        "severity": severity,
    }
    alert = {
        # Without a value a label is none.
        "labels": {name: one_line(value) for name, value in labels.items() if value},
        "annotations": {"summary": one_line(message.title), "description": body(message, DESCRIPTION_LIMIT)},
        "startsAt": min(message.since or message.at, message.at).isoformat(),
    }
    return alert | ({"generatorURL": message.link} if message.link else {})
