"""Reviewing: what is put before reviewers, who looks at which rows, and taking back what was said of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from app.core.authors import signed
from app.core.errors import InvalidError, NotFoundError
from app.core.model import Task
from app.core.records import CorrectionRecord
from app.core.review import CLAIM, KEPT, MOST_PER_DAY, PER_DAY, Kind, Pace, State
from app.services.ingest import load_targets, resolve_corrections
from app.storage import review_queue
from app.storage.catalogue import find_model, find_version, lock_model
from app.storage.engine import read, write
from app.storage.ingest import Rows, insert_rows
from app.storage.review_queue import ReviewSetting
from app.storage.said import Said, newest_said, said_at

MOST_AT_ONCE = 200


# --- Settings --------------------------------------------------------------------------------------------------------


def review_settings(engine: Engine, now: datetime, model: str) -> dict[str, Any]:
    """What is put before the model's reviewers, and how the queue stands: of what was decided, that of the last KEPT.

    Raises NotFoundError for the model.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        setting = review_queue.find_setting(connection, found.id)
        counts = review_queue.count_items(connection, found.id, now - KEPT)
    queue = {kind.value: {state.value: counts[kind][state] for state in State} for kind in Kind}
    if setting is None:
        return {"model": model, "audits_per_day": 0, "uncertain": False, "novel": False, "queue": queue}
    names = ("audits_per_day", "uncertain", "novel", "author", "changed_at")
    return {
        "model": model,
        **{name: getattr(setting, name) for name in names},
        "probability": setting.pace.probability,
        "queue": queue,
    }


def set_review(
    engine: Engine,
    now: datetime,
    model: str,
    *,
    author: str,
    audits_per_day: int | None = None,
    uncertain: bool | None = None,
    novel: bool | None = None,
) -> dict[str, Any]:
    """Say what is put before the model's reviewers; what is left out stays as it is, or as is usual at first.

    It begins with the predictions of the last day that any came. Raises NotFoundError for the model, InvalidError for
    a value.
    """
    author = signed(author)
    if audits_per_day is not None and not 0 <= audits_per_day <= MOST_PER_DAY:
        raise InvalidError("audits_per_day", audits_per_day, f"allowed is from 0 to {MOST_PER_DAY}")
    asked: dict[str, Any] = {"audits_per_day": audits_per_day, "uncertain": uncertain, "novel": novel}
    with write(engine) as connection:
        model_id = lock_model(connection, model).id
        old = review_queue.find_setting(connection, model_id)
        changes = {name: value for name, value in asked.items() if value is not None}
        fresh = replace(old or _usual(model_id, now), author=author, changed_at=now, **changes)
        if old is None or not (old.audits_per_day or old.uncertain or old.novel):
            since = (review_queue.newest_came_at(connection) or now) - timedelta(days=1)
            first = review_queue.first_batch(connection, since)
            fresh = replace(fresh, position=max(first, fresh.position), pace=Pace(1.0, since, 0))
        review_queue.save_setting(connection, fresh)
    return review_settings(engine, now, model)


def _usual(model_id: int, now: datetime) -> ReviewSetting:
    return ReviewSetting(model_id, PER_DAY, True, True, "", now, 0, Pace(1.0, now, 0))


# --- Rows ------------------------------------------------------------------------------------------------------------


def next_rows(
    engine: Engine, now: datetime, model: str, kind: Kind, *, author: str, limit: int
) -> list[dict[str, Any]]:
    """The next rows for the author, which nobody else gets for a quarter of an hour.

    Raises NotFoundError for the model, InvalidError for the author, the limit, or a kind that the model's task has not.
    """
    author = signed(author)
    if not 1 <= limit <= MOST_AT_ONCE:
        raise InvalidError("limit", limit, f"allowed is from 1 to {MOST_AT_ONCE}")
    with write(engine) as connection:
        found = find_model(connection, model)
        if kind is Kind.UNCERTAIN and found.task is Task.REGRESSION:
            raise InvalidError(
                "kind", kind.value, "a regression model does not say how sure it is; ask for audit or novel"
            )
        rows = review_queue.waiting_items(connection, found.id, kind, author, now, limit)
        review_queue.claim(connection, [row.id for row in rows], author, now + CLAIM)
    return [_shown(row, now + CLAIM) for row in rows]


def _shown(row: Row[Any], until: datetime) -> dict[str, Any]:
    """A row as a reviewer sees it: without what others said about it, which would sway them."""
    return {
        "item": row.id,
        "kind": row.kind,
        "version": row.version,
        "prediction_id": row.prediction_id,
        "event_time": row.event_time,
        "prediction": row.predicted_class if row.predicted_value is None else row.predicted_value,
        "score": row.score,
        "reason": row.reason,
        "claimed_until": until,
        "features": json.loads(row.features),
    }


# --- Taking it back --------------------------------------------------------------------------------------------------


def give_back(engine: Engine, model: str, items: Sequence[int], *, author: str) -> None:
    """Let others have rows that the author asked for and did not decide about. Raises NotFoundError for the model."""
    author = signed(author)
    with write(engine) as connection:
        review_queue.unclaim(connection, find_model(connection, model).id, items, author)


def undo(
    engine: Engine,
    now: datetime,
    model: str,
    prediction_id: str | None = None,
    *,
    author: str,
    item: int | None = None,
    version: str | None = None,
) -> str:
    """Take back what the author said last about a prediction (of `version`, where given), in the queue or elsewhere.

    With `item`, what the author decided about that row of the queue, and nothing else. The prediction's id is returned.

    A correction is never deleted: another one withdraws it, and what was said before counts again. The row of the queue
    that it came from waits again, and first for the author. Raises NotFoundError for the model or the version, or where
    the author said nothing; InvalidError for what does not say what is meant.
    """
    author = signed(author)
    if prediction_id is None and item is None:
        raise InvalidError("prediction_id", None, "say which prediction, or which row of the queue with `item`")
    if item is not None and version is not None:
        raise InvalidError("version", version, "a row of the queue is of one version; leave the version out")
    targets = load_targets(engine)
    with write(engine) as connection:
        model_id = lock_model(connection, model).id
        if item is not None or prediction_id is None:
            said, items, prediction_id = _decided(connection, model_id, prediction_id, author, item or 0)
        else:
            version_id = None if version is None else find_version(connection, model_id, version).id
            said, items = _said_last(connection, model_id, prediction_id, author, version_id)
        if said is not None:
            record = CorrectionRecord(
                model, prediction_id, now, said.source, None, said.version, author, withdraws=said.id
            )
            insert_rows(connection, [Rows(corrections=resolve_corrections(targets, [record], now).rows)], now)
        review_queue.reopen(connection, items, author, now)
    return prediction_id


def _decided(
    connection: Connection, model_id: int, prediction_id: str | None, author: str, item: int
) -> tuple[Said | None, list[int], str]:
    """The correction that came from a row of the queue, if any still stands, the row, and its prediction's id."""
    row = review_queue.find_items(connection, model_id, [item]).get(item)
    if row is None or prediction_id not in (None, row.prediction_id) or row.decided_by != author:
        why = "`watchkeeper review decisions` lists what was decided, and by whom"
        raise NotFoundError(f"decision by {author} about row", str(item), [], why)
    said = said_at(connection, model_id, row.prediction_id, author, row.version_id, row.decided_at)
    return said, [item], row.prediction_id


def _said_last(
    connection: Connection, model_id: int, prediction_id: str, author: str, version_id: int | None
) -> tuple[Said | None, list[int]]:
    """The newest correction and the rows that it came from; without any, the row that was skipped last."""
    rows = review_queue.items_of(connection, model_id, prediction_id, author)
    said = newest_said(connection, model_id, prediction_id, author, version_id)
    if said is not None:
        return said, [row.id for row in rows if (row.version_id, row.decided_at) == (said.version_id, said.said_at)]
    mine = [row.id for row in rows if version_id in (None, row.version_id)]
    if not mine:
        raise NotFoundError(f"correction by {author} of", prediction_id, [])
    return None, mine[-1:]
