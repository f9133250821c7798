"""Limits that people set: validated, kept with author and reason, never deleted."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from app.core.authors import signed
from app.core.budget import sharing_checks
from app.core.case import Check
from app.core.errors import InvalidError, NotFoundError
from app.core.model import Model
from app.core.overrides import Override
from app.services.catalogue import NAME_LENGTH
from app.services.checks import all_checks
from app.storage import evaluations, overrides
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read, write
from app.storage.overrides import StoredOverride

LONGEST_REASON = 500


def set_override(
    engine: Engine,
    now: datetime,
    model: str,
    *,
    check: str,
    limit: float,
    author: str,
    reason: str,
    subject: str | None = None,
    segment: str = "",
) -> None:
    """Give the check this limit, for windows that end after `now`; an earlier one for the same is ended by it.

    Raises NotFoundError for the model, InvalidError that names the field otherwise.
    """
    author = signed(author)
    with write(engine) as connection:
        found = find_model(connection, model)
        new = checked(found, Override(check, subject, segment, limit, author, reason, now))
        for standing in _standing(overrides.list_overrides(connection, found.id), check, subject, segment):
            overrides.end_override(connection, standing.id, now, author, "another limit was set")
        overrides.add_override(connection, found.id, new)


def unmeasured(engine: Engine, model: str, check: str, subject: str | None, segment: str) -> str:
    """What a limit may wait for in vain: a subject or a segment that the newest judged windows do not have.

    Empty when they have both, or nothing is judged yet. Raises NotFoundError for the model.
    """
    with read(engine) as connection:
        versions = list_versions(connection, find_model(connection, model).id)
        segments = {name for one in versions for name in evaluations.judged_segments(connection, one.id)}
        subjects = {
            name for one in versions for name in evaluations.judged_subjects(connection, one.id, check, segment)
        }
    if segment and segment not in segments:
        return f"no such segment is judged yet: {segment!r}{_known(segments)}"
    if subject and subjects and subject not in subjects:
        return f"{check} has no such subject yet: {subject!r}{_known(subjects)}"
    return ""


def _known(names: set[str]) -> str:
    return f"; there are {', '.join(sorted(names))}" if names else ""


def remove_override(
    engine: Engine,
    now: datetime,
    model: str,
    *,
    check: str,
    author: str,
    reason: str,
    subject: str | None = None,
    segment: str = "",
) -> None:
    """Let the learnt limit hold again, for windows that end after `now`.

    Raises NotFoundError for the model and where no such limit is set, InvalidError for an empty author or reason.
    """
    author = signed(author)
    _check_reason(reason)
    with write(engine) as connection:
        found = find_model(connection, model)
        stored = overrides.list_overrides(connection, found.id)
        standing = _standing(stored, check, subject, segment)
        if not standing:
            known = [_name(one.override) for one in stored if one.override.until is None]
            raise NotFoundError("limit set for", _name(Override(check, subject, segment, 0, "", "", now)), known)
        for one in standing:
            overrides.end_override(connection, one.id, now, author, reason)


def list_overrides(engine: Engine, model: str, *, ended: bool = False) -> list[dict[str, Any]]:
    """The limits set for the model, oldest first; with `ended`, those that hold no longer as well."""
    with read(engine) as connection:
        stored = overrides.list_overrides(connection, find_model(connection, model).id)
    return [_row(one) for one in stored if ended or one.override.until is None]


def checked(model: Model, new: Override) -> Override:
    """The override as given. Raises InvalidError for a check that has no learnt limit, a subject whose limit is fixed,
    and any other value that is not allowed.
    """
    known = {
        check.name: check for check in sharing_checks(model, all_checks().values()) if "" not in _fixed_subjects(check)
    }
    if new.check not in known:
        raise InvalidError("check", new.check, f"allowed are the checks with a learnt limit: {', '.join(known)}")
    if new.subject in _fixed_subjects(known[new.check]):
        raise InvalidError("subject", new.subject, "its limit is no learnt one and cannot be set")
    if not math.isfinite(new.limit) or new.limit < 0:
        raise InvalidError("limit", new.limit, "allowed is a number from 0 on")
    for field, text in (("subject", new.subject or ""), ("segment", new.segment)):
        _check_text(field, text, NAME_LENGTH)
    _check_reason(new.reason)
    return new


def _fixed_subjects(check: Check) -> frozenset[str]:
    """The subjects whose limits nobody can set; "" where the check has no other."""
    fixed: frozenset[str] = getattr(check, "fixed_subjects", frozenset())
    return fixed


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidError("reason", reason, "allowed is a text that is not empty")
    _check_text("reason", reason, LONGEST_REASON)


def _check_text(field: str, text: str, most: int) -> None:
    if len(text) > most or not text.isprintable():
        raise InvalidError(field, text[:NAME_LENGTH], f"allowed are at most {most} printable characters")


def _standing(stored: list[StoredOverride], check: str, subject: str | None, segment: str) -> list[StoredOverride]:
    wanted = (check, subject, segment)
    return [
        one
        for one in stored
        if one.override.until is None and (one.override.check, one.override.subject, one.override.segment) == wanted
    ]


def _name(override: Override) -> str:
    subject = "" if override.subject is None else f":{override.subject}"
    return f"{override.check}{subject}" + (f" in {override.segment}" if override.segment else "")


def _row(stored: StoredOverride) -> dict[str, Any]:
    values = asdict(stored.override)
    return {
        **{name: values[name] for name in ("check", "subject", "segment", "limit", "author", "reason")},
        "set_at": values["since"],
        "removed_at": values["until"],
        "removed_by": stored.removed_by,
        "removal_reason": stored.removal_reason,
    }
