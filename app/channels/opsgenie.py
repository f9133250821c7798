"""Opsgenie, Jira Service Management, and what speaks their alert API: an alert for each thread, known by its alias.

Source: https://docs.opsgenie.com/docs/alert-api.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from app.core import messages
from app.core.delivery import JSON, Answer, Sent, Traits, judge
from app.core.messages import Kind, Message
from app.core.plain_text import body, one_line
from app.core.ports import Network, Resolve
from app.core.severity import Severity
from app.outbound import check_address

MESSAGE_LIMIT = 130
DESCRIPTION_LIMIT = 15_000
LINES_LIMIT = 10_000
_PRIORITIES = {Severity.CRITICAL: "P1", Severity.WARNING: "P3", Severity.INFO: "P5"}
_SOURCE = "Watchkeeper"


@dataclass(frozen=True, slots=True)
class Opsgenie:
    """An API integration of a team."""

    name: ClassVar[str] = "opsgenie"
    traits: ClassVar[Traits] = Traits(spacing=timedelta(milliseconds=200), keeps_open=True)

    key: str = field(metadata={"secret": True, "help": "API key of the integration"})
    url: str = field(
        default="https://api.opsgenie.com",
        metadata={
            "help": "address before /v2/alerts; of Jira Service Management: "
            "https://api.atlassian.com/jsm/ops/integration"
        },
    )
    team: str = field(default="", metadata={"help": "team that has to respond; empty: as the integration says"})

    def __post_init__(self) -> None:
        check_address("url", self.url)

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Create, acknowledge or close the alert of the thread, or add a note to it."""
        headers = {**JSON, "Authorization": f"GenieKey {resolve(self.key)}"}
        if message.kind in {Kind.DIGEST, Kind.NEWS}:
            return Sent("not passed on: Opsgenie takes alerts only")
        change = _change(message)
        path = f"/{quote(message.thread, safe='')}/{change}?identifierType=alias" if change else ""
        content = {"source": _SOURCE, "note": _description(message)} if change else self._alert(message)
        address = f"{self.url.rstrip('/')}/v2/alerts{path}"
        return judge(network.request("POST", address, body=json.dumps(content).encode(), headers=headers))

    def _alert(self, message: Message) -> dict[str, Any]:
        names = {"model": message.model, "version": message.version, "check": message.check}
        alert = {
            "message": one_line(message.title, MESSAGE_LIMIT),
            "alias": message.thread,
            "description": _description(message),
            "details": {name: one_line(text) for name, text in [*names.items(), *messages.facts(message)] if text},
            "entity": one_line(f"{message.model} {message.version}"),
            "source": _SOURCE,
            "priority": _PRIORITIES[message.severity],
        }
        return alert | ({"responders": [{"name": self.team, "type": "team"}]} if self.team else {})


PLUGIN = Opsgenie


def _change(message: Message) -> str:
    """What is done to the alert that is there; empty when it is to be created, or to be counted once more."""
    if message.ends:
        return "close"
    return {Kind.ACKNOWLEDGED: "acknowledge", Kind.RESOLVED: "notes"}.get(message.kind, "")


def _description(message: Message) -> str:
    return f"{one_line(message.title)}\n\n{body(message, LINES_LIMIT)}"[:DESCRIPTION_LIMIT]
