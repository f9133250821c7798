"""What to do about an alert: the runbook that somebody declared, else the one that comes with the check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Engine

from app.core.authors import signed
from app.core.errors import NotFoundError
from app.core.runbooks import Runbook, about, address, checked, runbook_for, scope_text
from app.services.checks import all_checks
from app.storage import runbooks
from app.storage.catalogue import find_model
from app.storage.engine import read, write

PROJECT = "default"
BUILT_IN = "Watchkeeper's own"


@dataclass(frozen=True, slots=True)
class Guidance:
    """What to do: a text, or the address of a page. `of` says what it was declared for, `author` by whom.

    All are empty where nobody declared anything, and no check of that name is installed.
    """

    text: str = ""
    address: str = ""
    of: str = ""
    author: str = ""


@cache
def built_in(check: str) -> str:
    """The runbook that comes with the check, in Markdown; "" where there is no such check."""
    found = files("app.core.checks") / "runbooks" / f"{check}.md"
    return found.read_text(encoding="utf-8") if check in all_checks() else ""


def guidance(connection: Connection, model: str, check: str) -> Guidance:
    """The runbook of a check of a model ("": of Watchkeeper itself)."""
    declared = runbook_for(runbooks.list_runbooks(connection, PROJECT), PROJECT, model, check)
    if declared is None:
        text = about(built_in(check), model)
        return Guidance(text, "", BUILT_IN if text else "")
    page = address(declared.content)
    return Guidance("" if page else declared.content, page, declared.of, declared.author)


def find_guidance(engine: Engine, model: str, check: str) -> Guidance:
    """The same, for who has no connection. Raises NotFoundError for a name that is not known."""
    with read(engine) as connection:
        _check_names(connection, model, check)
        return guidance(connection, model, check)


def where_to_read(connection: Connection, public_url: str, model: str, check: str) -> str:
    """What a message says: the declared page, the dashboard's, or the command that prints it; "" for no runbook."""
    found = guidance(connection, model, check)
    if found.address or not found.text:
        return found.address
    if public_url:
        names = {name: value for name, value in (("check", check), ("model", model)) if value}
        return f"{public_url.rstrip('/')}/runbook?{urlencode(names)}"
    return f"watchkeeper runbook show --check {check}" + (f" --model {model}" if model else "")


def set_runbook(engine: Engine, now: datetime, content: str, *, model: str, check: str, author: str) -> Runbook:
    """Declare the runbook of the check of the model ("": of every one), in place of an earlier one for the same.

    Raises NotFoundError for a name that is not known, InvalidError for the content or the author.
    """
    new = Runbook(PROJECT, model, check, checked(content), signed(author), now)
    with write(engine) as connection:
        _check_names(connection, model, check)
        runbooks.put_runbook(connection, new)
    return new


def remove_runbook(engine: Engine, *, model: str, check: str) -> None:
    """Let what is declared less closely, or what comes with the check, hold again. Raises NotFoundError."""
    with write(engine) as connection:
        if not runbooks.remove_runbook(connection, PROJECT, model, check):
            known = [one.of for one in runbooks.list_runbooks(connection, PROJECT)]
            raise NotFoundError("declared runbook", scope_text(PROJECT, model, check), known)


def list_runbooks(engine: Engine) -> list[dict[str, Any]]:
    """What people declared, by model and check."""
    with read(engine) as connection:
        return [asdict(one) for one in runbooks.list_runbooks(connection, PROJECT)]


def _check_names(connection: Connection, model: str, check: str) -> None:
    if model:
        find_model(connection, model, PROJECT)
    if check and check not in all_checks():
        raise NotFoundError("check", check, sorted(all_checks()))
