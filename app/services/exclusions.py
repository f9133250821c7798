"""Keeping rows out of training sets: who, why, and for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from app.core.authors import signed
from app.core.errors import InvalidError, NotFoundError
from app.core.training_set import Exclusion
from app.services.catalogue import NAME_LENGTH
from app.storage import exclusions
from app.storage.catalogue import find_model, lock_model
from app.storage.engine import read, write

LONGEST_COMMENT = 500
MOST_IDS = 10_000


def exclude(
    engine: Engine,
    now: datetime,
    model: str,
    *,
    author: str,
    comment: str,
    since: datetime | None = None,
    until: datetime | None = None,
    prediction_ids: Sequence[str] = (),
) -> dict[str, Any]:
    """Keep the predictions with these ids, or those of events in [since, until), out of training sets from now on.

    Raises NotFoundError for the model, InvalidError that names the field otherwise.
    """
    new = _checked(Exclusion(0, signed(author), comment, now, since, until, frozenset(prediction_ids)))
    with write(engine) as connection:
        model_id = find_model(connection, model).id
        new_id = exclusions.add_exclusion(connection, model_id, new)
        return _row(next(one for one in exclusions.list_exclusions(connection, model_id) if one.id == new_id))


def end_exclusion(engine: Engine, now: datetime, model: str, exclusion_id: int, *, author: str) -> None:
    """Let an exclusion hold no longer; sets that were made under it can still be made again as they were.

    Raises NotFoundError for the model and where no such exclusion holds, InvalidError for the author.
    """
    author = signed(author)
    with write(engine) as connection:
        model_id = lock_model(connection, model).id
        holding = [one.id for one in exclusions.list_exclusions(connection, model_id) if one.ended_at is None]
        if exclusion_id not in holding:
            raise NotFoundError("exclusion that holds", str(exclusion_id), list(map(str, holding)))
        exclusions.end_exclusion(connection, model_id, exclusion_id, author, now)


def list_exclusions(engine: Engine, model: str, *, ended: bool = False) -> list[dict[str, Any]]:
    """The model's exclusions, the oldest first; with `ended`, those that hold no longer as well."""
    with read(engine) as connection:
        found = exclusions.list_exclusions(connection, find_model(connection, model).id)
    return [_row(one) for one in found if ended or one.ended_at is None]


def _row(one: Exclusion) -> dict[str, Any]:
    values = asdict(one)
    comment = values.pop("comment")
    return {**values, "prediction_ids": sorted(one.prediction_ids), "comment": comment}


def _checked(new: Exclusion) -> Exclusion:
    _check_text("comment", new.comment, LONGEST_COMMENT)
    spans = new.since is not None or new.until is not None
    if spans == bool(new.prediction_ids):
        raise InvalidError("prediction_ids", len(new.prediction_ids), "allowed is either ids, or since and until")
    if spans and (new.since is None or new.until is None or new.until <= new.since):
        raise InvalidError("until", str(new.until), "allowed is a time after since, and both are needed")
    if len(new.prediction_ids) > MOST_IDS:
        raise InvalidError("prediction_ids", len(new.prediction_ids), f"allowed are at most {MOST_IDS} at once")
    for one in new.prediction_ids:
        _check_text("prediction_ids", one, NAME_LENGTH)
    return new


def _check_text(field: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most or not text.isprintable():
        raise InvalidError(field, text[:most], f"allowed are 1 to {most} printable characters")
