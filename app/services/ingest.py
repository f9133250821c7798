"""From records to rows: names become ids, labels become canonical, and what a model cannot take is rejected.

Everything that holds for a record however it arrived (over HTTP, from a file) is decided here; what only a wire format
knows is its collector's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Engine

from app.core.model import Model, Source, Task, Version
from app.core.records import (
    NON_FINITE,
    CorrectionRecord,
    OfflineFeaturesRecord,
    PredictionRecord,
    Receipt,
    Rejection,
    Scalar,
    canonical_label,
    class_name,
)
from app.services.snapshot import Snapshot
from app.storage import catalogue
from app.storage.engine import read, write
from app.storage.ingest import CorrectionRow, OfflineRow, PredictionRow, Rows, insert_rows

CLOCK_TOLERANCE = timedelta(minutes=5)  # by how much a sender's clock may be ahead of ours
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # a zero in a column of times is a time nobody meant
CLASS_LENGTH = 200

Row = TypeVar("Row", PredictionRow, CorrectionRow, OfflineRow)


@dataclass(frozen=True)
class Targets:
    """Where records can go, by the names that senders use."""

    models: Mapping[str, Model]
    versions: Mapping[tuple[str, str], Version]

    @cached_property
    def known_models(self) -> str:
        """The first names in words, for rejections: made once, since a body may hold 100,000 of them."""
        return _listed(self.models)

    @cached_property
    def known_versions(self) -> Mapping[str, str]:
        """The same for the versions of each model."""
        return {model: _listed(v for m, v in self.versions if m == model) for model in self.models}

    @cached_property
    def only_version(self) -> Mapping[str, str]:
        """Of each model that has one version, its name."""
        counts = Counter(model for model, _ in self.versions)
        return {model: version for model, version in self.versions if counts[model] == 1}


class Resolved(NamedTuple, Generic[Row]):
    """Rows to store, and what cannot be stored."""

    rows: list[Row]
    rejected: list[Rejection]


def load_targets(engine: Engine) -> Targets:
    """All models and versions of the default project."""
    with read(engine) as connection:
        models = {model.id: model for model in catalogue.list_models(connection)}
        versions = catalogue.list_versions(connection)
    return Targets(
        {model.name: model for model in models.values()},
        {(models[v.model_id].name, v.name): v for v in versions if v.model_id in models},
    )


def known_targets(engine: Engine) -> Snapshot[Targets]:
    """The targets, held in memory for up to half a minute; who finds one missing reloads."""
    return Snapshot(lambda: load_targets(engine), max_age=30)


def knows(targets: Targets, records: Sequence[PredictionRecord | CorrectionRecord | OfflineFeaturesRecord]) -> bool:
    """True when every model and version that the records name is among the targets.

    That a model has one version, for whose sake an offline record may leave it out, can change at any time.
    """
    named = {(record.model, record.version) for record in records}
    if records and isinstance(records[0], OfflineFeaturesRecord) and any(version is None for _, version in named):
        return False
    return all(pair in targets.versions or (pair[1] is None and pair[0] in targets.models) for pair in named)


def store(
    engine: Engine,
    predictions: Sequence[PredictionRecord],
    corrections: Sequence[CorrectionRecord],
    now: datetime,
    *,
    also: Callable[[Connection], None] | None = None,
) -> tuple[Receipt, Receipt]:
    """Store records in one transaction, of which `also` may be a part; the receipts of predictions and corrections.

    A rejection's index is the record's place in its sequence.
    """
    targets = load_targets(engine)
    resolved = resolve_predictions(targets, predictions, now)
    said = resolve_corrections(targets, corrections, now)
    with write(engine) as connection:
        [inserted] = insert_rows(connection, [Rows(resolved.rows, said.rows)], now)
        if also is not None:
            also(connection)
    return (
        Receipt(inserted.predictions, len(resolved.rows) - inserted.predictions, resolved.rejected),
        Receipt(inserted.corrections, len(said.rows) - inserted.corrections, said.rejected),
    )


# --- Predictions ------------------------------------------------------------------------------------------------------


def resolve_predictions(
    targets: Targets, records: Sequence[PredictionRecord], now: datetime, indexes: Sequence[int] | None = None
) -> Resolved[PredictionRow]:
    """The rows of the records; `indexes` are their places as the sender counts, for rejections."""
    latest = now + CLOCK_TOLERANCE
    rows: list[PredictionRow] = []
    rejected: list[Rejection] = []
    for place, record in zip(indexes or range(len(records)), records, strict=True):
        version = targets.versions.get((record.model, record.version))
        if version is None:
            rejected.append(_unknown(targets, place, record.model, record.version))
        elif not EARLIEST <= record.event_time <= latest:
            rejected.append(_out_of_time(place, record.event_time, latest))
        else:
            try:
                rows.append(_prediction_row(targets.models[record.model], version, record))
            except _RejectedError as error:
                rejected.append(Rejection(place, *error.args))
    return Resolved(rows, rejected)


class _RejectedError(Exception):
    """(field, value, what is allowed) of a value that the model's task does not take."""


def _prediction_row(model: Model, version: Version, record: PredictionRecord) -> PredictionRow:
    label, value, score = _DECIDERS[model.task](model, version, record)
    if label is not None and len(label) > CLASS_LENGTH:
        raise _RejectedError("prediction", label[:CLASS_LENGTH], f"a class may have at most {CLASS_LENGTH} characters")
    return (
        version.id,
        record.prediction_id,
        record.event_time,
        record.features,
        label,
        value,
        score,
        record.class_scores,
        record.latency_ms,
        record.request_id,
        record.unit_id,
        record.attributes,
    )


_Decision = tuple[str | None, float | None, float | None]  # class, value, score


def _decide_binary(model: Model, version: Version, record: PredictionRecord) -> _Decision:
    """Without a class the score decides; a score of NaN decides for none."""
    score = record.score
    if score is None and record.class_scores is not None:
        score = _scores(record.class_scores).get(model.positive_label)
    if record.predicted_class is not None:
        return record.predicted_class, None, score
    if score is None:
        raise _RejectedError("prediction", None, "is missing; allowed is a class, or a score that decides it")
    if math.isnan(score):
        return None, None, score
    return (model.positive_label if score >= version.decision_threshold else negative_label(model)), None, score


def negative_label(model: Model) -> str:
    """The class that is not the positive one, where a sender gave only the score."""
    return "0" if model.positive_label != "0" else "1"


def _decide_multiclass(_model: Model, _version: Version, record: PredictionRecord) -> _Decision:
    """Without a class the highest class score decides; the score is the probability of the top class."""
    label, score = record.predicted_class, record.score
    if record.class_scores is not None and (label is None or score is None):
        scores = _scores(record.class_scores)
        top = max(scores, key=lambda name: -math.inf if math.isnan(scores[name]) else scores[name])
        label = label if label is not None else (None if math.isnan(scores[top]) else top)
        score = score if score is not None else scores[top]
    elif label is None:
        raise _RejectedError("prediction", None, "is missing; allowed is a class, or class scores that decide it")
    return label, None, score


def _decide_regression(_model: Model, _version: Version, record: PredictionRecord) -> _Decision:
    if record.predicted_value is None:
        raise _RejectedError(
            "prediction", record.predicted_class, "allowed is a number, since the model is a regression"
        )
    return None, record.predicted_value, record.score


_DECIDERS: Mapping[Task, Callable[[Model, Version, PredictionRecord], _Decision]] = {
    Task.BINARY: _decide_binary,
    Task.MULTICLASS: _decide_multiclass,
    Task.REGRESSION: _decide_regression,
}

_class_scores = msgspec.json.Decoder(dict[str, float | str])


def _scores(text: str) -> dict[str, float]:
    scores = _class_scores.decode(text).items()
    return {class_name(name) or name: NON_FINITE[p] if isinstance(p, str) else p for name, p in scores}


# --- Corrections ------------------------------------------------------------------------------------------------------


def resolve_corrections(
    targets: Targets, records: Sequence[CorrectionRecord], now: datetime, indexes: Sequence[int] | None = None
) -> Resolved[CorrectionRow]:
    """The rows of the records; `indexes` are their places as the sender counts, for rejections."""
    latest = now + CLOCK_TOLERANCE
    rows: list[CorrectionRow] = []
    rejected: list[Rejection] = []
    for place, record in zip(indexes or range(len(records)), records, strict=True):
        model = targets.models.get(record.model)
        version = targets.versions.get((record.model, record.version or ""))
        if model is None or (version is None and record.version is not None):
            rejected.append(_unknown(targets, place, record.model, record.version))
        elif not EARLIEST <= record.said_at <= latest:
            rejected.append(_out_of_time(place, record.said_at, latest))
        elif record.probability is not None and record.source is not Source.AUDIT:
            allowed = "only an audit draws predictions with a known probability"
            rejected.append(Rejection(place, "probability", record.probability, allowed))
        else:
            try:
                rows.append(_correction_row(model, version, record))
            except ValueError as error:
                rejected.append(Rejection(place, "value", _short(record.label), str(error)))
    return Resolved(rows, rejected)


def _correction_row(model: Model, version: Version | None, record: CorrectionRecord) -> CorrectionRow:
    label, value = canonical_label(model.task, record.label)
    if label is not None and len(label) > CLASS_LENGTH:
        raise ValueError(f"a class may have at most {CLASS_LENGTH} characters")
    version_id = None if version is None else version.id
    said = (model.id, version_id, record.prediction_id, record.said_at, record.source.value, label, value)
    digest = _digest((*said, record.author, record.shown, *_rarely_said(record)))
    return (*said, record.author, record.shown, record.withdraws, record.probability, digest)


def _rarely_said(record: CorrectionRecord) -> tuple[object, ...]:
    """What few corrections say, and the others are told apart without."""
    return tuple(part for part in (record.probability, record.withdraws) if part is not None)


def _digest(said: tuple[object, ...]) -> str:
    """The same for the same thing said again, in whatever zone its time was written."""
    canonical = [part.astimezone(UTC).isoformat() if isinstance(part, datetime) else repr(part) for part in said]
    return blake2b("\n".join(canonical).encode(), digest_size=16).hexdigest()


# --- Offline features ------------------------------------------------------------------------------------------------


def resolve_offline_features(
    targets: Targets,
    records: Sequence[OfflineFeaturesRecord],
    _now: datetime,
    indexes: Sequence[int] | None = None,
) -> Resolved[OfflineRow]:
    """The rows of the records; `indexes` are their places as the sender counts, for rejections."""
    rows: list[OfflineRow] = []
    rejected: list[Rejection] = []
    for place, record in zip(indexes or range(len(records)), records, strict=True):
        name = record.version if record.version is not None else targets.only_version.get(record.model)
        version = targets.versions.get((record.model, name or ""))
        if version is not None:
            rows.append((version.id, record.prediction_id, record.features))
        elif record.version is None and record.model in targets.models:
            known = targets.known_versions[record.model]
            rejected.append(
                Rejection(place, "version", None, f"is missing; the model has not one version but: {known}")
            )
        else:
            rejected.append(_unknown(targets, place, record.model, record.version))
    return Resolved(rows, rejected)


def store_offline_features(
    engine: Engine,
    records: Sequence[OfflineFeaturesRecord],
    now: datetime,
    *,
    also: Callable[[Connection], None] | None = None,
) -> Receipt:
    """Store records in one transaction, of which `also` may be a part."""
    resolved = resolve_offline_features(load_targets(engine), records, now)
    with write(engine) as connection:
        [inserted] = insert_rows(connection, [Rows(offline=resolved.rows)], now)
        if also is not None:
            also(connection)
    return Receipt(inserted.offline, len(resolved.rows) - inserted.offline, resolved.rejected)


# --- What is wrong with a record of any kind --------------------------------------------------------------------------


def _unknown(targets: Targets, place: int, model: str, version: str | None) -> Rejection:
    if model not in targets.models:
        return Rejection(place, "model", _short(model), f"there is no such model; known are: {targets.known_models}")
    known = targets.known_versions[model]
    return Rejection(place, "version", _short(version), f"model {model!r} has no such version; known are: {known}")


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return (", ".join(ordered[:10]) + (" ..." if len(ordered) > 10 else "")) or "none yet"


def _out_of_time(place: int, time: datetime, latest: datetime) -> Rejection:
    allowed = "1970-01-02" if time < EARLIEST else f"at most {int(CLOCK_TOLERANCE.total_seconds() // 60)} minutes ahead"
    side = "too early" if time < EARLIEST else f"in the future: the collector's clock says {latest - CLOCK_TOLERANCE}"
    return Rejection(place, "timestamp", time.isoformat(), f"is {side}; allowed is {allowed}")


def _short(value: Scalar) -> Scalar:
    return value[:CLASS_LENGTH] if isinstance(value, str) else value
