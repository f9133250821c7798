"""What to do about an alert, as somebody declared it for a project, a model, a check, or a check of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.core.errors import InvalidError

LONGEST = 20_000
"""Characters of a runbook."""
_HOST = re.compile(r"https?://([^/@]*@)?[\w.\[-]")
_PLAIN_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Runbook:
    """An address or a text. An empty `model` is every model of the project, an empty `check` every check."""

    project: str
    model: str
    check: str
    content: str
    author: str
    set_at: datetime

    @property
    def of(self) -> str:
        """What it was declared for."""
        return scope_text(self.project, self.model, self.check)


def scope_text(project: str, model: str, check: str) -> str:
    """Such as `check volume of model fraud`."""
    parts = [f"check {check}" if check else "", f"model {model}" if model else ""]
    return " of ".join(part for part in parts if part) or f"project {project}"


def runbook_for(known: Iterable[Runbook], project: str, model: str, check: str) -> Runbook | None:
    """The one that is declared most closely: for the check of the model, the model, the check, the project."""
    fitting = [one for one in known if one.project == project and one.model in ("", model) and one.check in ("", check)]
    return max(fitting, key=lambda one: (bool(one.model), bool(one.check)), default=None)


def address(content: str) -> str:
    """The content where it is the address of a page; "" where it is a text."""
    text = content.strip()
    return text if text.startswith(("http://", "https://")) and not re.search(r"\s", text) else ""


def checked(content: str) -> str:
    """The content as it is kept. Raises InvalidError for an empty one, one too long, or an address without a host."""
    text = content.strip()
    if not text or len(text) > LONGEST:
        raise InvalidError("runbook", text[:60], f"allowed is an address or a text of 1 to {LONGEST} characters")
    if address(text) and (not _HOST.match(text) or not text.isprintable()):
        raise InvalidError(
            "runbook", text[:200], "allowed is an address with a host, such as https://wiki.example.org/x"
        )
    if not all(character.isprintable() or character in "\n\t" for character in text):
        raise InvalidError("runbook", text[:60], "allowed are printable characters and line breaks")
    return text


def about(text: str, model: str) -> str:
    """A text whose commands name the model in place of MODEL, where its name can stand in one as it is."""
    return re.sub(r"\bMODEL\b", model, text) if _PLAIN_NAME.fullmatch(model) else text
