"""Slack's Block Kit: a message as blocks within Slack's limits, with its plain text beside them.

Source: https://docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core import messages
from app.core.messages import Line, Message
from app.core.plain_text import LINE_LIMIT, fitting, sign, without_mentions

# Messages of about 13,000 characters are refused although each block is within its own limit.
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FACT_LIMIT = 300
BUTTON_URL_LIMIT = 3000
TOTAL_LIMIT = 8_000

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def blocks_of(message: Message) -> dict[str, Any]:
    """The message as Slack takes it: fallback `text`, and `blocks`."""
    title = escaped(message.title, HEADER_LIMIT)
    header = escaped(f"{sign(message)} {message.title}", HEADER_LIMIT)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": header}}]
    blocks += [_section(text) for text in _pages(fitting(message, TOTAL_LIMIT, _line))]
    if message.advice:
        blocks.append(_section(f"*What to do:* {escaped(message.advice, LINE_LIMIT)}"))
    # Slack refuses the whole message for a context without an element, and a test message has no facts.
    facts = [f"*{name}:* {escaped(text, FACT_LIMIT)}" for name, text in messages.facts(message)]
    if facts:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": fact} for fact in facts]})
    if message.link and len(message.link) <= BUTTON_URL_LIMIT:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open in Watchkeeper"}, "url": message.link}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": title, "blocks": blocks}


def escaped(text: str, limit: int) -> str:
    """`text` on one line with Slack's three control characters escaped, cut to `limit` without splitting an escape."""
    # Slack itself is content with the escapes; Mattermost, which speaks the same, reads markdown.
    printable = without_mentions("".join(filter(str.isprintable, " ".join(text.split()))))
    pieces = [_ESCAPES.get(character, character) for character in printable]
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


def _line(line: Line) -> str:
    subject = messages.subject_text(line.subject, line.segment)
    text = escaped(messages.line_text(line), LINE_LIMIT)
    return f"• *{escaped(subject, LINE_LIMIT)}*: {text}" if subject else f"• {text}"


def _pages(lines: list[str]) -> Iterator[str]:
    """The lines in sections of at most SECTION_LIMIT characters."""
    page = ""
    for line in lines:
        if page and len(page) + 1 + len(line) > SECTION_LIMIT:
            yield page
            page = line
        else:
            page = f"{page}\n{line}" if page else line
    if page:
        yield page
