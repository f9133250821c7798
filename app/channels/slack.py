"""Slack, through an incoming webhook: a Block Kit message with its plain text beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from app.core import messages
from app.core.delivery import JSON, Answer, Failed, Retry, Sent, Traits, judge
from app.core.messages import Message
from app.core.ports import Network, Resolve

# Slack's limits. Messages of about 13,000 characters are refused although each block is within its own.
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
BUTTON_URL_LIMIT = 3000
LINE_LIMIT = 500
TOTAL_LIMIT = 10_000

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SLACK_CODE = re.compile(rb"[a-z_]{2,60}")


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of a Slack workspace (or of a server that speaks the same, such as Mattermost)."""

    name: ClassVar[str] = "slack"
    traits: ClassVar[Traits] = Traits(spacing=timedelta(seconds=1))

    url: str = field(metadata={"secret": True, "help": "address of the incoming webhook"})

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send the message. Slack says `ok`: any other body, even with status 200, means that nobody was told."""
        body = json.dumps(payload(message)).encode()
        answer = network.request("POST", resolve(self.url), body=body, headers=JSON)
        verdict = judge(answer)
        code = f" ({answer.body.decode()})" if _SLACK_CODE.fullmatch(answer.body) else ""
        match verdict:
            case Sent() if answer.body.strip() != b"ok":
                return Retry(f"answered HTTP {answer.status} but not ok{code}")
            case Retry(why, after):
                return Retry(why + code, after)
            case Failed(why):
                return Failed(why + code)
        return verdict


PLUGIN = Slack


def payload(message: Message) -> dict[str, Any]:
    """The message as Slack takes it: fallback `text`, and `blocks` within Slack's limits."""
    title = escaped(message.title, HEADER_LIMIT)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title}}]
    blocks += [_section(text) for text in _pages(message)]
    if message.advice:
        blocks.append(_section(f"*What to do:* {escaped(message.advice, LINE_LIMIT)}"))
    # Slack refuses the whole message for one empty text, and a test message has no facts.
    if frame := " | ".join(f"*{name}:* {text}" for name, text in messages.facts(message)):
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": frame}]})
    if message.link and len(message.link) <= BUTTON_URL_LIMIT:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open in Watchkeeper"}, "url": message.link}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": title, "blocks": blocks}


def escaped(text: str, limit: int) -> str:
    """`text` on one line with Slack's three control characters escaped, cut to `limit` without splitting an escape."""
    pieces = [_ESCAPES.get(character, character) for character in " ".join(text.split())]
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    kept, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > limit - 1:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _pages(message: Message) -> Iterator[str]:
    """The lines in sections of at most SECTION_LIMIT characters, and of TOTAL_LIMIT together."""
    page = ""
    for line in _lines(message):
        if page and len(page) + 1 + len(line) > SECTION_LIMIT:
            yield page
            page = line
        else:
            page = f"{page}\n{line}" if page else line
    if page:
        yield page


def _lines(message: Message) -> Iterator[str]:
    total = 0
    for position, line in enumerate(message.lines):
        subject = messages.subject_text(line.subject, line.segment)
        text = escaped(messages.line_text(line), LINE_LIMIT)
        shown = f"• *{escaped(subject, LINE_LIMIT)}*: {text}" if subject else f"• {text}"
        total += len(shown) + 1
        if total > TOTAL_LIMIT:
            yield messages.more_text(len(message.lines) - position + message.more)
            return
        yield shown
    if message.more:
        yield messages.more_text(message.more)
