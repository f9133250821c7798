"""What reviewers say about rows of the queue: each answer becomes an ordinary correction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, Row

from app.core.authors import signed
from app.core.errors import ConflictError, InvalidError, NotFoundError, WatchkeeperError
from app.core.layout import OTHER
from app.core.model import Model, Task
from app.core.records import CorrectionRecord, Scalar
from app.core.review import Kind, State, Verdict
from app.services.ingest import Targets, load_targets, negative_label, resolve_corrections
from app.services.reviews import MOST_AT_ONCE
from app.storage import review_queue
from app.storage.catalogue import find_model, find_version
from app.storage.engine import read, write
from app.storage.ingest import CorrectionRow, Rows, insert_rows
from app.storage.references import find_reference


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer says about a row of the queue; `label` goes with `correct`. Binary: the other class is meant."""

    item: int
    verdict: Verdict
    label: Scalar = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row whose answer was not taken, and why."""

    item: int
    why: str


def classes(engine: Engine, model: str, version: str) -> list[str]:
    """What a row of the version may be labelled: the classes of its reference, binary ones the negative one first.

    Empty for a regression, and where no reference says which classes there are. Raises NotFoundError.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        reference = find_reference(connection, find_version(connection, found.id, version).id)
    if reference is not None:
        return [name for name in reference.layout.classes if name != OTHER]
    return [negative_label(found), found.positive_label] if found.task is Task.BINARY else []


def answer(engine: Engine, now: datetime, model: str, answers: Sequence[Answer], *, author: str) -> int:
    """Record what the author says about rows, as ordinary corrections: all of them or, on any error, none.

    A label of an audit has the source audit and the probability of its draw, any other one the source user. The number
    of corrections is returned. Raises NotFoundError for the model or a row, InvalidError for a label or the author,
    ConflictError where somebody else has a row, or it was decided before.
    """

    def refuse(_one: Answer, error: WatchkeeperError) -> NoReturn:
        raise error

    return _record_answers(engine, now, model, answers, author, refuse)


def answer_each(engine: Engine, now: datetime, model: str, answers: Sequence[Answer], *, author: str) -> list[Refusal]:
    """As `answer`, but what is wrong with one row keeps no other from being recorded; those refused are returned.

    Raises NotFoundError for the model, InvalidError for the author or too many answers.
    """
    refused: list[Refusal] = []

    def refuse(one: Answer, error: WatchkeeperError) -> None:
        refused.append(Refusal(one.item, str(error)))

    _record_answers(engine, now, model, answers, author, refuse)
    return refused


def _record_answers(
    engine: Engine,
    now: datetime,
    model: str,
    answers: Sequence[Answer],
    author: str,
    refuse: Callable[[Answer, WatchkeeperError], None],
) -> int:
    author = signed(author)
    if not 0 < len(answers) <= MOST_AT_ONCE or len({one.item for one in answers}) < len(answers):
        raise InvalidError("answers", len(answers), f"allowed are 1 to {MOST_AT_ONCE}, each about another row")
    targets = load_targets(engine)
    with write(engine) as connection:
        found = find_model(connection, model)
        items = review_queue.find_items(connection, found.id, [one.item for one in answers])
        others = {name: _other_class(connection, found, name) for name in {item.version for item in items.values()}}
        rows: list[CorrectionRow] = []
        states: dict[int, State] = {}
        for one in answers:
            try:
                item = _open(items.get(one.item), one.item, author, now)
                rows += _rows(targets, _record(found, item, one, others[item.version], author, now), now)
            except WatchkeeperError as error:
                refuse(one, error)
            else:
                states[one.item] = State.SKIPPED if one.verdict is Verdict.SKIP else State.ANSWERED
        if states:
            insert_rows(connection, [Rows(corrections=rows)], now)
            review_queue.decide(connection, states, author, now)
    return len(rows)


def _rows(targets: Targets, record: CorrectionRecord | None, now: datetime) -> Sequence[CorrectionRow]:
    if record is None:
        return []
    resolved = resolve_corrections(targets, [record], now)
    for rejection in resolved.rejected:
        raise InvalidError(rejection.field, rejection.value, rejection.error)
    return resolved.rows


def _open(item: Row[Any] | None, asked: int, author: str, now: datetime) -> Row[Any]:
    if item is None:
        raise NotFoundError("row of the review queue", str(asked), [], "ask for some with `watchkeeper review next`")
    if item.state != State.WAITING:
        by = f" by {item.decided_by}" if item.decided_by else ""
        raise ConflictError(f"row {asked} of the review queue is {item.state} already{by}")
    if item.claimed_by != author and item.claimed_until is not None and item.claimed_until > now:
        raise ConflictError(f"{item.claimed_by} is looking at row {asked} until {item.claimed_until:%H:%M} UTC")
    return item


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
