"""How reviewing stands: what waits and who has it, what was done today and by whom, and the single decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from app.core.errors import InvalidError, NotFoundError
from app.core.model import Task
from app.core.review import Kind, State
from app.storage import review_record
from app.storage.catalogue import find_model
from app.storage.engine import read
from app.storage.review_queue import ReviewSetting, find_items, find_setting

MOST_DECISIONS = 1_000


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that a reviewer has asked for, and until when nobody else gets them."""

    rows: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """The rows of a kind that wait: those that anybody may have, and those that somebody has."""

    free: int
    held: Mapping[str, Held]

    @property
    def waiting(self) -> int:
        return self.free + sum(one.rows for one in self.held.values())


@dataclass(frozen=True, slots=True)
class Done:
    """What a reviewer decided about rows of a kind."""

    author: str
    kind: Kind
    answered: int
    skipped: int


@dataclass(frozen=True, slots=True)
class ReviewStanding:
    """A model's queue; `setting` None: nobody has turned it on. `today`: since midnight UTC."""

    task: Task
    setting: ReviewSetting | None
    queues: Mapping[Kind, Queue]
    today: Sequence[Done]

    @property
    def is_on(self) -> bool:
        one = self.setting
        return one is not None and bool(one.audits_per_day or one.uncertain or one.novel)


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about a row; `label` None: skipped."""

    item: int
    kind: Kind
    author: str
    at: datetime
    version: str
    prediction_id: str
    prediction: str | float | None
    score: float | None
    label: str | float | None


def review_standing(engine: Engine, now: datetime, model: str) -> ReviewStanding:
    """How the model's queue stands. Raises NotFoundError."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with read(engine) as connection:
        found = find_model(connection, model)
        setting = find_setting(connection, found.id)
        waiting = review_record.waiting_by_holder(connection, found.id, now)
        decided = review_record.decided_since(connection, found.id, midnight)
    kinds = [kind for kind in Kind if kind is not Kind.UNCERTAIN or found.task is not Task.REGRESSION]
    return ReviewStanding(found.task, setting, {kind: _queue(kind, waiting) for kind in kinds}, _done(decided))


def _queue(kind: Kind, rows: Sequence[Row[Any]]) -> Queue:
    mine = [row for row in rows if row.kind == kind]
    held = {row.holder: Held(row.rows, row.until) for row in mine if row.holder}
    return Queue(sum(row.rows for row in mine if not row.holder), held)


def _done(rows: Sequence[Row[Any]]) -> list[Done]:
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        found.setdefault((row.author, row.kind), {})[row.state] = row.rows
    parts = ((*who, n.get(State.ANSWERED, 0), n.get(State.SKIPPED, 0)) for who, n in found.items())
    return [Done(author, Kind(kind), answered, skipped) for author, kind, answered, skipped in sorted(parts)]


def decisions(
    engine: Engine, model: str, *, author: str | None, before: tuple[datetime, int] | None, most: int
) -> list[Decision]:
    """What was decided last (by the author), newest first, at most so many. Raises NotFoundError for the model.

    `before`: of which decision, by its time and row, the older ones are wanted.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        rows = review_record.decisions(connection, found.id, author, before, most)
    return [_decision(row) for row in rows]


def decisions_page(
    engine: Engine, model: str, *, author: str | None, before: int | None, until: datetime | None, most: int
) -> list[Decision]:
    """As `decisions`, of what was decided before `until`, and older than the decision about row `before` of the queue.

    Raises NotFoundError for the model, or where nothing is decided about the row, InvalidError for `most`.
    """
    if not 1 <= most <= MOST_DECISIONS:
        raise InvalidError("limit", most, f"allowed is from 1 to {MOST_DECISIONS}")
    edges = [(until, 0)] if until else []
    if before is not None:
        with read(engine) as connection:
            row = find_items(connection, find_model(connection, model).id, [before]).get(before)
        if row is None or row.decided_at is None:
            raise NotFoundError("decided row of the review queue", str(before), [])
        edges.append((row.decided_at, before))
    return decisions(engine, model, author=author, before=min(edges, default=None), most=most)


def _decision(row: Row[Any]) -> Decision:
    said = row.predicted_class if row.predicted_value is None else row.predicted_value
    label = row.label_class if row.label_value is None else row.label_value
    about = (row.item, Kind(row.kind), row.author, row.at, row.version, row.prediction_id)
    return Decision(*about, said, row.score, label)
