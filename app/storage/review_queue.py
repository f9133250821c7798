"""The review queue: settings, the predictions to be considered, and the rows that wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, update

from app.core.model import Source
from app.core.review import CLAIM, KEPT, MOST_WAITING, Kind, Pace, State
from app.storage.row_ids import among
from app.storage.tables import batch, prediction, review_item, review_setting, version

PORTION = 500

_s, _i, _p = review_setting.c, review_item.c, prediction.c


@dataclass(frozen=True, slots=True)
class ReviewSetting:
    """What is put before reviewers, who said so, and how far the predictions were considered."""

    model_id: int
    audits_per_day: int
    uncertain: bool
    novel: bool
    author: str
    changed_at: datetime
    position: int
    pace: Pace


def find_setting(connection: Connection, model_id: int) -> ReviewSetting | None:
    """The model's setting; None where it has no queue."""
    row = connection.execute(select(review_setting).where(_s.model_id == model_id)).one_or_none()
    if row is None:
        return None
    pace = Pace(row.probability, row.paced_since, row.paced_rows)
    values = (row.model_id, row.audits_per_day, row.uncertain, row.novel, row.author, row.changed_at, row.position)
    return ReviewSetting(*values, pace)


def reviewed_models(connection: Connection) -> list[int]:
    """The models that have a queue."""
    return list(connection.scalars(select(_s.model_id).order_by(_s.model_id)))


def save_setting(connection: Connection, new: ReviewSetting) -> None:
    """Store the setting in place of the model's earlier one."""
    connection.execute(delete(review_setting).where(_s.model_id == new.model_id))
    values = {name: getattr(new, name) for name in ("model_id", "audits_per_day", "uncertain", "novel", "author")}
    moved = {"changed_at": new.changed_at, "position": new.position, **_pace(new.pace)}
    connection.execute(insert(review_setting).values(**values, **moved))


def move_on(connection: Connection, model_id: int, old: int, position: int, pace: Pace) -> bool:
    """Record that the predictions up to the batch `position` were considered; False when somebody else did."""
    query = update(review_setting).where(_s.model_id == model_id, _s.position == old)
    return connection.execute(query.values(position=position, **_pace(pace))).rowcount == 1


def _pace(pace: Pace) -> dict[str, Any]:
    return {"probability": pace.probability, "paced_since": pace.since, "paced_rows": pace.rows}


# --- Predictions to be considered ------------------------------------------------------------------------------------


def first_batch(connection: Connection, since: datetime) -> int:
    """The batch before the first that came at `since` or later; the newest when none did."""
    later = connection.scalar(select(func.min(batch.c.id)).where(batch.c.created_at >= since))
    return (later - 1) if later is not None else (connection.scalar(select(func.max(batch.c.id))) or 0)


def newest_came_at(connection: Connection) -> datetime | None:
    """When the newest batch that holds predictions came; None before any did."""
    newest = select(func.max(batch.c.id)).where(batch.c.predictions > 0).scalar_subquery()
    return connection.scalar(select(batch.c.created_at).where(batch.c.id == newest))


def next_batches(connection: Connection, after: int, up_to: int, rows: int) -> list[int]:
    """The ids of the batches after `after`, of about so many predictions."""
    query = select(batch.c.id, batch.c.predictions).where(batch.c.id > after, batch.c.id <= up_to).order_by(batch.c.id)
    found, size = [], 0
    for row in connection.execute(query.limit(rows)):
        found.append(row.id)
        size += row.predictions
        if size >= rows:
            break
    return found


def came_at(connection: Connection, batch_id: int) -> datetime:
    """When a batch came."""
    came: datetime = connection.execute(select(batch.c.created_at).where(batch.c.id == batch_id)).scalar_one()
    return came


def _considered(connection: Connection, batch_ids: Sequence[int], version_ids: Sequence[int]) -> Any:
    return and_(among(connection, _p.batch_id, batch_ids), (_p.version_id + 0).in_(version_ids))


def count_considered(connection: Connection, batch_ids: Sequence[int], version_ids: Sequence[int]) -> int:
    """How many predictions of the versions the batches hold."""
    query = select(func.count()).select_from(prediction).where(_considered(connection, batch_ids, version_ids))
    return connection.scalar(query) or 0


def considered(
    connection: Connection, batch_ids: Sequence[int], version_ids: Sequence[int], *, features: bool
) -> Iterator[Sequence[Row[Any]]]:
    """These predictions, PORTION at a time: id, version_id, prediction_id, request_id, score, class_scores,
    label_source, and features where they are asked for.
    """
    columns = [_p.id, _p.version_id, _p.prediction_id, _p.request_id, _p.score, _p.class_scores, _p.label_source]
    query = select(*columns, *([_p.features] if features else [])).order_by(_p.id)
    rows = connection.execute(
        query.where(_considered(connection, batch_ids, version_ids)), execution_options={"yield_per": PORTION}
    )
    yield from rows.partitions()


# --- Rows that wait --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewItem:
    """A prediction (by its id) that is worth a look."""

    version_id: int
    prediction: int
    kind: Kind
    rank: float
    reason: str
    probability: float | None = None


def add_items(connection: Connection, model_id: int, items: Sequence[NewItem], now: datetime) -> None:
    """Put predictions into the queue, and out of it what has no room, or what nobody looked at for long.

    What was decided stays, as what was said does.
    """
    if items:
        connection.execute(insert(review_item), [_values(model_id, item, now) for item in items])
    # By kind and state, as the index has them: what was decided becomes ever more, and is not looked through.
    undecided = _i.state.in_([State.WAITING.value, State.EXPIRED.value])
    old = and_(_i.model_id == model_id, _i.kind.in_(list(Kind)), undecided, _i.drawn_at < now - KEPT)
    connection.execute(delete(review_item).where(old, or_(_i.state != State.WAITING, _i.kind != Kind.AUDIT)))
    connection.execute(update(review_item).where(old, _i.state == State.WAITING).values(state=State.EXPIRED))
    for kind in Kind:
        _make_room(connection, model_id, kind)


def _values(model_id: int, item: NewItem, now: datetime) -> dict[str, Any]:
    about = {"model_id": model_id, "version_id": item.version_id, "prediction": item.prediction}
    why = {"kind": item.kind.value, "rank": item.rank, "reason": item.reason, "probability": item.probability}
    return {**about, **why, "state": State.WAITING.value, "drawn_at": now}


def _make_room(connection: Connection, model_id: int, kind: Kind) -> None:
    """Keep MOST_WAITING: of the audits the newest, since what they say must not decide; of the others the first."""
    order = _i.id.desc() if kind is Kind.AUDIT else _i.rank
    waiting = and_(_i.model_id == model_id, _i.kind == kind.value, _i.state == State.WAITING.value)
    crowded = list(connection.scalars(select(_i.id).where(waiting).order_by(order, _i.id).offset(MOST_WAITING)))
    if not crowded:
        return
    these = among(connection, _i.id, crowded)
    if kind is Kind.AUDIT:
        connection.execute(update(review_item).where(these).values(state=State.EXPIRED.value))
    else:
        connection.execute(delete(review_item).where(these))


_ROW = (
    *(_i.id, _i.kind, _i.state, _i.reason, _i.probability, _i.claimed_by, _i.claimed_until, _i.decided_by),
    *(_i.version_id, _i.decided_at),
    *(version.c.name.label("version"), _p.prediction_id, _p.event_time, _p.features),
    *(_p.predicted_class, _p.predicted_value, _p.score, _p.label_source),
)


def waiting_items(
    connection: Connection, model_id: int, kind: Kind, author: str, now: datetime, most: int
) -> Sequence[Row[Any]]:
    """The next rows for the author: those that nobody else has claimed and whose truth is not known otherwise."""
    query = page(model_id, kind, author, now, most)
    return connection.execute(query.with_for_update(of=review_item, skip_locked=True)).all()


def page(model_id: int, kind: Kind, author: str, now: datetime, most: int) -> Select[Any]:
    """The statement for them."""
    free = or_(_i.claimed_until.is_(None), _i.claimed_until <= now, _i.claimed_by == author)
    mine = and_(_i.model_id == model_id, _i.kind == kind.value, _i.state == State.WAITING.value, free)
    # What a user said about a row must not keep an audit from it: the audit would no longer be a random choice.
    settled = [Source.GROUND_TRUTH.value] if kind is Kind.AUDIT else list(Source)
    unknown = or_(_p.label_source.is_(None), _p.label_source.not_in(settled))
    order = (_i.id,) if kind is Kind.AUDIT else (_i.rank, _i.id)
    return _items().where(mine, unknown).order_by(*order).limit(most)


def find_items(connection: Connection, model_id: int, ids: Sequence[int]) -> dict[int, Row[Any]]:
    """The rows of the model with these ids; nobody else decides about them until the transaction ends."""
    query = _items().where(_i.model_id == model_id, among(connection, _i.id, ids)).order_by(_i.id)
    return {row.id: row for row in connection.execute(query.with_for_update(of=review_item))}


def items_of(connection: Connection, model_id: int, prediction_id: str, author: str) -> Sequence[Row[Any]]:
    """The rows of that prediction about which the author decided, the newest decision last."""
    decided = (State.ANSWERED.value, State.SKIPPED.value)
    mine = (_i.model_id == model_id, _p.prediction_id == prediction_id, _i.decided_by == author)
    query = _items().where(*mine, _i.state.in_(decided)).order_by(_i.decided_at, _i.id)
    return connection.execute(query).all()


def _items() -> Select[Any]:
    joined = review_item.join(prediction, _p.id == _i.prediction).join(version, version.c.id == _i.version_id)
    return select(*_ROW).select_from(joined)


def claim(connection: Connection, ids: Sequence[int], author: str, until: datetime) -> None:
    """Keep the rows for the author until then."""
    these = among(connection, _i.id, ids)
    connection.execute(update(review_item).where(these).values(claimed_by=author, claimed_until=until))


def unclaim(connection: Connection, model_id: int, ids: Sequence[int], author: str) -> None:
    """Let others have those of the rows that the author has and did not decide about."""
    mine = and_(_i.model_id == model_id, _i.claimed_by == author, _i.state == State.WAITING.value)
    query = update(review_item).where(mine, among(connection, _i.id, ids))
    connection.execute(query.values(claimed_by="", claimed_until=None))


def decide(connection: Connection, states: Mapping[int, State], author: str, now: datetime) -> None:
    """Record what became of the rows."""
    for state in set(states.values()):
        these = among(connection, _i.id, [id_ for id_, one in states.items() if one is state])
        values = {"state": state.value, "decided_by": author, "decided_at": now}
        connection.execute(update(review_item).where(these).values(values))


def reopen(connection: Connection, ids: Sequence[int], author: str, now: datetime) -> None:
    """Let rows wait again as if they were drawn now, and first for the author."""
    values = {"state": State.WAITING.value, "decided_by": "", "decided_at": None, "drawn_at": now}
    connection.execute(update(review_item).where(among(connection, _i.id, ids)).values(values))
    claim(connection, ids, author, now + CLAIM)


def count_items(connection: Connection, model_id: int, since: datetime) -> dict[Kind, Counter[State]]:
    """How many rows of each kind are in which state; of those that were decided, the ones decided from `since` on."""
    query = select(_i.kind, _i.state, func.count()).where(_i.model_id == model_id).group_by(_i.kind, _i.state)
    undecided = (_i.kind.in_(list(Kind)), _i.state.in_([State.WAITING.value, State.EXPIRED.value]))
    found: dict[Kind, Counter[State]] = {kind: Counter() for kind in Kind}
    for part in (query.where(*undecided), query.where(_i.decided_at >= since)):  # each has an index of its own
        for kind, state, number in connection.execute(part):
            found[Kind(kind)][State(state)] = number
    return found
