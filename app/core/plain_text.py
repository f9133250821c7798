"""A message in plain text, within the limits that services set: on one line, so many lines, so much together."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.core import messages
from app.core.messages import Kind, Line, Message
from app.core.severity import Severity

_ALARM_SIGNS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
_SIGNS = {Kind.ACKNOWLEDGED: "👀", Kind.RESOLVED: "🟢", Kind.DIGEST: "📋", Kind.NEWS: "📣"}
LINE_LIMIT = 500
_MARKUP = re.compile(r"(?<!\w)@(?=\w)|<(?=[@!#/\w])|\](?=\()")
"""Where chat services begin to read a mention (`@everyone`, `<users/all>`), or a link with a text of its own."""


def sign(message: Message) -> str:
    """One character that tells kind and severity at a glance; the words say both again."""
    return _SIGNS.get(message.kind) or _ALARM_SIGNS[message.severity]


def one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """Text from elsewhere on one line, without what cannot be printed, cut to `limit` characters."""
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_mentions(text: str) -> str:
    """Text that looks the same, but calls nobody and hides no link where a chat service reads it as markup."""
    return _MARKUP.sub(lambda found: found[0] + "\u200b", text)


def bullet(line: Line) -> str:
    """What is said about a subject, e.g. `- dep_delay: 0.31, limit 0.1 (normed Wasserstein)`."""
    subject = messages.subject_text(line.subject, line.segment)
    text = messages.line_text(line)
    return one_line(f"- {subject}: {text}" if subject else f"- {text}")


def fitting(
    message: Message, most: int, form: Callable[[Line], str] = bullet, size: Callable[[str], int] = len
) -> list[str]:
    """The lines in the given form, as many as are together no longer than `most`; then how many are left out."""
    shown: list[str] = []
    for position, line in enumerate(message.lines):
        text = form(line)
        most -= size(text) + 1
        if most < 0:
            return [*shown, messages.more_text(len(message.lines) - position + message.more)]
        shown.append(text)
    return [*shown, messages.more_text(message.more)] if message.more else shown


def body(message: Message, most: int) -> str:
    """All that the message says below its title; `most` is the length of its lines together, in characters."""
    parts = [
        "\n".join(fitting(message, most)),
        "\n".join(f"{name}: {one_line(text)}" for name, text in messages.facts(message)),
        f"What to do: {one_line(message.advice)}" if message.advice else "",
        message.link,
    ]
    return "\n\n".join(part for part in parts if part)
