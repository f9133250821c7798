"""To take alerts in hand, to give them back, and to resolve them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine

from app.core.alerting import State
from app.core.authors import signed
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.storage import acknowledgements
from app.storage.acknowledgements import HeldAlert
from app.storage.engine import write

LONGEST_COMMENT = 500


def acknowledge(
    engine: Engine, now: datetime, alert_ids: Sequence[int], *, author: str, comment: str = "", group: bool = False
) -> list[int]:
    """Somebody has these alerts in hand: they are not repeated and not escalated until they resolve or get worse.

    `group`: those that are told together with them, too. The ids of all that are acknowledged. Who takes over what
    another has, has it. Raises NotFoundError for an alert, ConflictError for one that does not fire: then nothing is
    changed; InvalidError for an author or comment that is not allowed.
    """
    author, comment = signed(author), _checked(comment)
    reason = f"acknowledged by {author}" + (f": {comment}" if comment else "")
    with write(engine) as connection:
        held = _held(connection, alert_ids, group=group)
        if group:  # a member that resolves at this moment keeps nobody from the others
            held = [one for one in held if one.state.open or one.id in alert_ids]
        for one in held:
            if not one.state.open:
                raise ConflictError(f"alert {one.id} is {one.state}; only what fires can be acknowledged")
            acknowledgements.move(connection, one, State.ACKNOWLEDGED, author, comment, reason, now)
    return [one.id for one in held]


def unacknowledge(
    engine: Engine, now: datetime, alert_ids: Sequence[int], *, author: str, comment: str = "", group: bool = False
) -> list[int]:
    """Nobody has these alerts in hand any more: they fire, and are told again. Raises as `acknowledge` does."""
    author, comment = signed(author), _checked(comment)
    reason = f"given back by {author}" + (f": {comment}" if comment else "")
    with write(engine) as connection:
        held = _held(connection, alert_ids, group=group)
        if group:
            held = [one for one in held if one.state is State.ACKNOWLEDGED or one.id in alert_ids]
        for one in held:
            if one.state is not State.ACKNOWLEDGED:
                raise ConflictError(f"alert {one.id} is {one.state}; only what is acknowledged can be given back")
            acknowledgements.move(connection, one, State.FIRING, "", "", reason, now)
    return [one.id for one in held]


def resolve(
    engine: Engine, now: datetime, alert_ids: Sequence[int], *, author: str, comment: str, group: bool = False
) -> list[int]:
    """Somebody says that these alerts are over; those that heard that they fire hear that, and why.

    A later window in breach fires them again. `group`: those that are told together with them, too. The ids of all
    that are resolved. Raises NotFoundError for an alert, ConflictError for one that does not fire or is about
    Watchkeeper itself: then nothing is changed; InvalidError for an author or comment that is not allowed.
    """
    author, comment = signed(author), _checked(comment)
    if not comment.strip():
        raise InvalidError("comment", comment, "say why it is over")
    with write(engine) as connection:
        held = _held(connection, alert_ids, group=group)
        if group:
            held = [one for one in held if one.state.open or one.id in alert_ids]
        for one in held:
            if not one.state.open:
                raise ConflictError(f"alert {one.id} is {one.state}; only what fires can be resolved")
            if one.version_id is None:  # each look at Watchkeeper is a newer one: it would fire again within a minute
                raise ConflictError(
                    f"alert {one.id} is about Watchkeeper itself and ends by itself, once `watchkeeper doctor` no "
                    "longer finds it; mend it, or silence it"
                )
            acknowledgements.close(connection, one, author, comment, f"resolved by {author}: {comment}", now)
    return [one.id for one in held]


def _held(connection: Connection, alert_ids: Sequence[int], *, group: bool) -> list[HeldAlert]:
    wanted = sorted({*alert_ids, *(acknowledgements.group_of(connection, alert_ids) if group else ())})
    held = acknowledgements.lock_alerts(connection, wanted)
    missing = set(alert_ids) - {one.id for one in held}
    if missing or not alert_ids:
        raise NotFoundError("alert", ", ".join(map(str, sorted(missing))), None, "see `watchkeeper alert list`")
    return held


def _checked(comment: str) -> str:
    if len(comment) > LONGEST_COMMENT or not (comment == "" or comment.isprintable()):
        allowed = f"allowed are at most {LONGEST_COMMENT} printable characters"
        raise InvalidError("comment", comment[:LONGEST_COMMENT], allowed)
    return comment
