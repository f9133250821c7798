"""One stored prediction in full: what was said about it, and saying more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, select

from app.core.authors import signed
from app.core.errors import InvalidError, NotFoundError
from app.core.model import Model, Source
from app.core.records import CorrectionRecord, Scalar
from app.core.truth import Correction, Decision, effective_truth, standing
from app.services.ingest import store
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read
from app.storage.prediction_search import Direction, Portion, Span, rows_of
from app.storage.stored_rows import corrections_of
from app.storage.tables import prediction
from app.storage.time_limit import TimeIsUpError, limited

NEARBY = timedelta(hours=1)
"""How far from an event the answers of other versions to the same request are looked for."""
MOST_ANSWERS = 20
_SECONDS = 2.0

_p = prediction.c


@dataclass(frozen=True, slots=True)
class Said:
    """Something said about the prediction. `effective`: it is the label; otherwise `why` it is not, or what it is."""

    at: datetime
    source: Source
    label: Scalar
    author: str
    effective: bool
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version answered to the same request."""

    version: str
    prediction_id: str
    event_time: datetime
    prediction: Scalar
    score: float | None


@dataclass(frozen=True, slots=True)
class Detail:
    """A prediction. `label` is the effective one by all that was said so far, `wrong` None where nothing tells.

    `counted`: what the worker has counted is the same. `answers`: those of all versions to its request; None: they
    could not be looked for in time.
    """

    model: Model
    version_id: int
    version: str
    versions: tuple[str, ...]
    row: Mapping[str, Any]
    features: Mapping[str, Any]
    attributes: Mapping[str, Any]
    prediction: Scalar
    label: Scalar
    source: Source | None
    wrong: bool | None
    counted: bool
    said: Sequence[Said]
    answers: Sequence[Answer] | None


def detail(engine: Engine, model: str, prediction_id: str, version: str | None = None) -> Detail:
    """The prediction of that id, of the version or of the one that answered last.

    Raises NotFoundError where there is none.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        names = {one.id: one.name for one in list_versions(connection, found.id)}
        mine = select(prediction).where(_p.version_id.in_(names), _p.prediction_id == prediction_id)
        rows = connection.execute(mine.order_by(_p.event_time.desc(), _p.id.desc())).all()
        row = next((one for one in rows if version in (None, names[one.version_id])), None)
        if row is None:
            raise NotFoundError("prediction", prediction_id, None, f"none of this id was stored for {model}")
        said = corrections_of(connection, found.id, row.version_id, [row.id]).get(row.id, [])
    truth = effective_truth(said)
    decision = Decision(found.task, found.positive_label)
    label = truth.label
    decided = row.predicted_value is not None or row.predicted_class is not None
    wrong = decision.differs(row.predicted_class, row.predicted_value, label) if label and decided else None
    source = label.source if label else None
    return Detail(
        found,
        row.version_id,
        names[row.version_id],
        tuple(names[one.version_id] for one in rows),
        dict(row._mapping),
        json.loads(row.features),
        json.loads(row.attributes or "{}"),
        _one_of(row.predicted_class, row.predicted_value),
        _one_of(label.label_class, label.label_value) if label else None,
        source,
        wrong,
        _is_counted(row, label),
        _history(said, label),
        _answers(engine, names, row, rows),
    )


def _one_of(class_: str | None, value: float | None) -> Scalar:
    return class_ if value is None else value


def _is_counted(row: Row[Any], label: Correction | None) -> bool:
    counted = (row.label_class, row.label_value, row.label_source)
    return counted == ((label.label_class, label.label_value, label.source.value) if label else (None, None, None))


def _history(said: Sequence[Correction], label: Correction | None) -> list[Said]:
    """The newest first."""
    stands = {one.id for one in standing(said)}
    taken_back = {one.withdraws: one for one in said if one.withdraws is not None}
    rows = sorted(said, key=lambda one: (one.said_at, one.id), reverse=True)
    return [
        Said(
            datetime.fromtimestamp(one.said_at / 1e6, UTC),
            one.source,
            _one_of(one.label_class, one.label_value),
            one.author or "",
            label is not None and one.id == label.id,
            _why(one, label, taken_back.get(one.id), stands=one.id in stands),
        )
        for one in rows
    ]


def _why(one: Correction, label: Correction | None, taken_back: Correction | None, *, stands: bool) -> str:
    if one.withdraws is not None:
        return "takes an earlier one back"
    if not stands:
        return f"taken back by {taken_back.author}" if taken_back and taken_back.author else "taken back"
    if label is None or not one.has_label:
        return "shown, without a verdict" if one.shown else "says no label"
    if one.id == label.id:
        return "the newest of the strongest source"
    if one.source is not label.source:
        return f"{label.source.value.replace('_', ' ')} is the stronger source"
    return "a newer one of the same source counts"


def _answers(
    engine: Engine, names: Mapping[int, str], row: Row[Any], same_id: Sequence[Row[Any]]
) -> list[Answer] | None:
    """By all versions, the newest first; those of the same prediction id among them."""
    found = {one.id: one for one in same_id}
    if row.request_id is not None:
        span = Span([*names], row.event_time - NEARBY, row.event_time + NEARBY)
        try:
            with limited(engine, _SECONDS) as connection:
                same = _p.request_id == row.request_id
                answers = rows_of(connection, span, Portion(Direction.OLDER), same, MOST_ANSWERS)
        except TimeIsUpError:
            return None
        found |= {one.id: one for one in answers}
    ordered = sorted(found.values(), key=lambda one: (one.event_time, one.id), reverse=True)
    return [
        Answer(
            names[one.version_id],
            one.prediction_id,
            one.event_time,
            _one_of(one.predicted_class, one.predicted_value),
            one.score,
        )
        for one in ordered
    ]


def correct(
    engine: Engine, now: datetime, model: str, prediction_id: str, *, version: str, label: Scalar, author: str
) -> None:
    """Say what is true of a prediction that the author was shown, as a correction of source user.

    Raises InvalidError for the label or the author, NotFoundError for the prediction.
    """
    author = signed(author)
    if label is None or label == "":
        raise InvalidError("label", None, "say what is true of the prediction")
    detail(engine, model, prediction_id, version)
    said = CorrectionRecord(model, prediction_id, now, Source.USER, label, version, author, shown=True)
    _, receipt = store(engine, [], [said], now)
    for rejection in receipt.rejected:
        raise InvalidError(rejection.field, rejection.value, rejection.error)
