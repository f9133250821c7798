"""Reviewing: who looks at which rows, what they say, and taking it back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.model import Model, Task
from app.core.records import CorrectionRecord, Scalar
from app.core.review import CLAIM, MOST_PER_DAY, PER_DAY, Kind, Pace, State, Verdict
from app.services.catalogue import NAME_LENGTH
from app.services.ingest import load_targets, negative_label, resolve_corrections
from app.storage import review_queue
from app.storage.catalogue import find_model, find_version, lock_model
from app.storage.engine import read, write
from app.storage.ingest import Rows, insert_rows
from app.storage.references import find_reference
from app.storage.review_queue import ReviewSetting
from app.storage.said import newest_said

MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer says about a row of the queue; `label` goes with `correct`. Binary: the other class is meant."""

    item: int
    verdict: Verdict
    label: Scalar = None


# --- Settings --------------------------------------------------------------------------------------------------------


def review_settings(engine: Engine, model: str) -> dict[str, Any]:
    """What is put before the model's reviewers, and how the queue stands. Raises NotFoundError for the model."""
    with read(engine) as connection:
        found = find_model(connection, model)
        setting = review_queue.find_setting(connection, found.id)
        counts = review_queue.count_items(connection, found.id)
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

    It begins with the predictions of the last day. Raises NotFoundError for the model, InvalidError for a value.
    """
    _check_author(author)
    if audits_per_day is not None and not 0 <= audits_per_day <= MOST_PER_DAY:
        raise InvalidError("audits_per_day", audits_per_day, f"allowed is from 0 to {MOST_PER_DAY}")
    asked: dict[str, Any] = {"audits_per_day": audits_per_day, "uncertain": uncertain, "novel": novel}
    with write(engine) as connection:
        model_id = lock_model(connection, model).id
        old = review_queue.find_setting(connection, model_id)
        changes = {name: value for name, value in asked.items() if value is not None}
        fresh = replace(old or _usual(model_id, now), author=author, changed_at=now, **changes)
        if old is None or not (old.audits_per_day or old.uncertain or old.novel):
            since = now - timedelta(days=1)
            first = review_queue.first_batch(connection, since)
            fresh = replace(fresh, position=max(first, fresh.position), pace=Pace(1.0, since, 0))
        review_queue.save_setting(connection, fresh)
    return review_settings(engine, model)


def _usual(model_id: int, now: datetime) -> ReviewSetting:
    return ReviewSetting(model_id, PER_DAY, True, True, "", now, 0, Pace(1.0, now, 0))


# --- Rows ------------------------------------------------------------------------------------------------------------


def next_rows(
    engine: Engine, now: datetime, model: str, kind: Kind, *, author: str, limit: int
) -> list[dict[str, Any]]:
    """The next rows for the author, which nobody else gets for a quarter of an hour.

    Raises NotFoundError for the model, InvalidError for the author, the limit, or a kind that the model's task has not.
    """
    _check_author(author)
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


def answer(engine: Engine, now: datetime, model: str, answers: Sequence[Answer], *, author: str) -> int:
    """Record what the author says about rows, as ordinary corrections: all of them or, on any error, none.

    A label of an audit has the source audit and the probability of its draw, any other one the source user. The number
    of corrections is returned. Raises NotFoundError for the model or a row, InvalidError for a label or the author,
    ConflictError where somebody else has a row, or it was decided before.
    """
    _check_author(author)
    if not 0 < len(answers) <= MOST_AT_ONCE or len({one.item for one in answers}) < len(answers):
        raise InvalidError("answers", len(answers), f"allowed are 1 to {MOST_AT_ONCE}, each about another row")
    targets = load_targets(engine)
    with write(engine) as connection:
        found = find_model(connection, model)
        items = review_queue.find_items(connection, found.id, [one.item for one in answers])
        for one in answers:
            _check_open(items.get(one.item), one.item, author, now)
        others = {name: _other_class(connection, found, name) for name in {item.version for item in items.values()}}
        said = (
            _record(found, item, one, others[item.version], author, now)
            for one in answers
            for item in [items[one.item]]
        )
        resolved = resolve_corrections(targets, [record for record in said if record is not None], now)
        for rejection in resolved.rejected:
            raise InvalidError(rejection.field, rejection.value, rejection.error)
        insert_rows(connection, [Rows(corrections=resolved.rows)], now)
        states = {one.item: State.SKIPPED if one.verdict is Verdict.SKIP else State.ANSWERED for one in answers}
        review_queue.decide(connection, states, author, now)
    return len(resolved.rows)


def _check_open(item: Row[Any] | None, asked: int, author: str, now: datetime) -> None:
    if item is None:
        raise NotFoundError("row of the review queue", str(asked), [], "ask for some with `watchkeeper review next`")
    if item.state != State.WAITING:
        by = f" by {item.decided_by}" if item.decided_by else ""
        raise ConflictError(f"row {asked} of the review queue is {item.state} already{by}")
    if item.claimed_by != author and item.claimed_until is not None and item.claimed_until > now:
        raise ConflictError(f"{item.claimed_by} is looking at row {asked} until {item.claimed_until:%H:%M} UTC")


def _other_class(connection: Connection, model: Model, version: str) -> str | None:
    """What the reference calls the class that is not the positive one; None where nothing says so."""
    if model.task is not Task.BINARY:
        return None
    reference = find_reference(connection, find_version(connection, model.id, version).id)
    return None if reference is None else reference.layout.classes[0]


def _record(
    model: Model, item: Row[Any], said: Answer, other: str | None, author: str, now: datetime
) -> CorrectionRecord | None:
    """The correction; None where an audit was skipped, which says nothing."""
    kind = Kind(item.kind)
    if kind is Kind.AUDIT and said.verdict is Verdict.SKIP:
        return None
    return CorrectionRecord(
        model.name,
        item.prediction_id,
        now,
        kind.source,
        _label(model, item, said, other),
        item.version,
        author,
        kind is not Kind.AUDIT,  # counted as shown to users, audits would thin the corrections of users out
        item.probability,
    )


def _label(model: Model, item: Row[Any], said: Answer, other: str | None) -> Scalar:
    predicted: Scalar = item.predicted_class if item.predicted_value is None else item.predicted_value
    if said.verdict is Verdict.SKIP:
        return None
    if said.verdict is Verdict.CONFIRM:
        if predicted is None:
            raise InvalidError("verdict", said.verdict.value, f"row {said.item} predicted nothing; give the label")
        # Where only a score was sent, the collector did not know the class by its name.
        return other if other is not None and predicted != model.positive_label else predicted
    if said.label is not None:
        return said.label
    if model.task is not Task.BINARY or predicted is None:
        raise InvalidError("label", None, f"row {said.item} needs the label that is true")
    return (other or negative_label(model)) if predicted == model.positive_label else model.positive_label


# --- Taking it back --------------------------------------------------------------------------------------------------


def undo(engine: Engine, now: datetime, model: str, prediction_id: str, *, author: str) -> None:
    """Take back what the author said last about a prediction, in the queue or elsewhere.

    A correction is never deleted: another one withdraws it, and what was said before counts again. A row of the queue
    waits again, and first for the author. Raises NotFoundError for the model, or where the author said nothing.
    """
    _check_author(author)
    targets = load_targets(engine)
    with write(engine) as connection:
        model_id = lock_model(connection, model).id
        items = review_queue.items_of(connection, model_id, prediction_id, author)
        said = newest_said(connection, model_id, prediction_id, author)
        if said is None and not items:
            raise NotFoundError(f"correction by {author} of", prediction_id, [])
        if said is not None:
            record = CorrectionRecord(
                model, prediction_id, now, said.source, None, said.version, author, withdraws=said.id
            )
            insert_rows(connection, [Rows(corrections=resolve_corrections(targets, [record], now).rows)], now)
        review_queue.reopen(connection, items, author, now + CLAIM)


def _check_author(author: str) -> None:
    if not author.strip() or len(author) > NAME_LENGTH or not author.isprintable():
        raise InvalidError("author", author[:NAME_LENGTH], f"allowed are 1 to {NAME_LENGTH} printable characters")
