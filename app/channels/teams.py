"""Microsoft Teams, through a workflow that is started by a webhook: an Adaptive Card within 28 KB.

Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from app.core import messages
from app.core.delivery import Answer, Retry, Sent, Traits, judge
from app.core.messages import Kind, Line, Message
from app.core.plain_text import fitting, one_line, sign
from app.core.ports import Network, Resolve
from app.core.severity import Severity

LARGEST_CARD = 28 * 1024
LINES_LIMIT = 12_000
"""In bytes, with the frame of each line; what else a card says is at most about 10 KB."""

_COLOURS = {Severity.CRITICAL: "attention", Severity.WARNING: "warning", Severity.INFO: "accent"}


@dataclass(frozen=True, slots=True)
class Teams:
    """A workflow of Teams that posts a card to a channel or a chat when a webhook request is received."""

    name: ClassVar[str] = "teams"
    traits: ClassVar[Traits] = Traits(spacing=timedelta(milliseconds=500))

    url: str = field(metadata={"secret": True, "help": "address of the workflow, which holds its signature"})

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send the card. A body that speaks of a failure, even with status 200, means that nobody was told."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = network.request("POST", resolve(self.url), body=encoded(card(message)), headers=headers)
        verdict = judge(answer)
        if isinstance(verdict, Sent) and b"failed" in answer.body.lower():
            return Retry(f"answered HTTP {answer.status}, but that the card was not delivered")
        return verdict


PLUGIN = Teams


def card(message: Message) -> dict[str, Any]:
    """The message as a workflow takes it. All texts are plain runs, in which markdown is no markup."""
    body = [_text(f"{sign(message)} {message.title}", size="large", weight="bolder", color=_colour(message))]
    body += [_text(line) for line in fitting(message, LINES_LIMIT, _line, _size)]
    body += [_text(f"{name}: {text}", isSubtle=True) for name, text in messages.facts(message)]
    body += [_text(f"What to do: {message.advice}")] if message.advice else []
    actions = [{"type": "Action.OpenUrl", "title": "Open in Watchkeeper", "url": message.link}] if message.link else []
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def encoded(value: object) -> bytes:
    """JSON in UTF-8: escapes would make an emoji twelve bytes of the 28 KB."""
    return json.dumps(value, ensure_ascii=False).encode()


def _text(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": one_line(text), **style}]}


def _line(line: Line) -> str:
    subject = messages.subject_text(line.subject, line.segment)
    return one_line(f"• {subject}: {messages.line_text(line)}" if subject else f"• {messages.line_text(line)}")


def _size(text: str) -> int:
    return len(encoded(_text(text)))


def _colour(message: Message) -> str:
    return "good" if message.kind is Kind.RESOLVED else _COLOURS[message.severity]
