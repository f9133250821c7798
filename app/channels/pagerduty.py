"""PagerDuty, through its Events API v2: an incident for each thread, opened, acknowledged and resolved by its key.

Source: https://developer.pagerduty.com/docs/events-api-v2/overview.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from app.core import messages
from app.core.delivery import JSON, Answer, Sent, Traits, judge
from app.core.messages import Kind, Message
from app.core.plain_text import fitting, one_line
from app.core.ports import Network, Resolve
from app.outbound import check_address

SUMMARY_LIMIT = 1024
LINES_LIMIT = 20_000
"""In characters; PagerDuty takes an event of 512 KB."""


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """A service in PagerDuty with an integration of the kind Events API v2."""

    name: ClassVar[str] = "pagerduty"
    traits: ClassVar[Traits] = Traits(spacing=timedelta(milliseconds=500), keeps_open=True)

    routing_key: str = field(metadata={"secret": True, "help": "integration key of the service, 32 characters"})
    url: str = field(
        default="https://events.pagerduty.com",
        metadata={"help": "address of the Events API; of the EU region: https://events.eu.pagerduty.com"},
    )

    def __post_init__(self) -> None:
        check_address("url", self.url)

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Open, acknowledge or resolve the incident of the thread; news becomes a change event."""
        key = resolve(self.routing_key)
        if message.kind is Kind.DIGEST:
            return Sent("not passed on: PagerDuty takes alerts and changes")
        if message.kind is Kind.RESOLVED and not message.ends:
            return Sent("not passed on: the incident stays open, as others of the check are in breach")
        path, event = (
            ("change/enqueue", _change(message)) if message.kind is Kind.NEWS else ("enqueue", _event(message))
        )
        body = json.dumps({"routing_key": key, **event}).encode()
        return judge(network.request("POST", f"{self.url.rstrip('/')}/v2/{path}", body=body, headers=JSON))


PLUGIN = PagerDuty


def _event(message: Message) -> dict[str, Any]:
    event: dict[str, Any] = {"dedup_key": message.thread}
    if message.ends:
        return {**event, "event_action": "resolve"}
    if message.kind is Kind.ACKNOWLEDGED:
        return {**event, "event_action": "acknowledge"}
    details = {name: one_line(text) for name, text in messages.facts(message)}
    payload = {
        **_head(message),
        "severity": message.severity.value,
        "group": message.model,
        "class": message.check,
        "custom_details": {"Subjects": fitting(message, LINES_LIMIT), **details, "What to do": message.advice},
    }
    return {**event, "event_action": "trigger", "payload": payload, "client": "Watchkeeper", **_links(message)}


def _change(message: Message) -> dict[str, Any]:
    details = {"Details": fitting(message, LINES_LIMIT)}
    return {"payload": {**_head(message), "custom_details": details}, **_links(message)}


def _head(message: Message) -> dict[str, Any]:
    return {
        "summary": one_line(message.title, SUMMARY_LIMIT),
        "source": one_line(f"{message.model} {message.version}") or "Watchkeeper",
        "timestamp": message.at.isoformat(),
    }


def _links(message: Message) -> dict[str, Any]:
    return {"links": [{"href": message.link, "text": "Open in Watchkeeper"}]} if message.link else {}
