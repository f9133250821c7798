"""Chunks of a file as the records that ingestion stores."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from zoneinfo import ZoneInfo

import msgspec

from app.core.model import Model, Source, Task, Version
from app.core.records import (
    CorrectionRecord,
    FeatureValue,
    OfflineFeaturesRecord,
    PredictionRecord,
    Scalar,
    canonical_label,
)
from app.core.segments import segment_value
from collectors.tabular.mapping import ColumnMapping, CorrectionMapping
from collectors.tabular.roles import Faults, Served, cells_of, identifier, optional_identifier, parse_served, parse_time
from collectors.tabular.table import Chunk, RowError

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Records:
    """What a chunk holds for ingestion, each with its line, and the rows of it that could not be taken."""

    predictions: Sequence[PredictionRecord] = ()
    prediction_lines: Sequence[int] = ()
    corrections: Sequence[CorrectionRecord] = ()
    correction_lines: Sequence[int] = ()
    offline: Sequence[OfflineFeaturesRecord] = ()
    offline_lines: Sequence[int] = ()
    errors: Sequence[RowError] = ()


@dataclass(frozen=True, slots=True)
class PredictionReader:
    """Turns chunks into predictions of one version, and into ground truth where the file has labels.

    `columns` are those of the whole file. Without an id column an id is derived from the row's line and content.
    """

    model: Model
    version: Version
    mapping: ColumnMapping
    columns: Collection[str]
    zone: ZoneInfo | None = None

    def read(self, chunk: Chunk) -> Records:
        served = parse_served(chunk, self.mapping, self.model.task, self.zone)
        self._fault_silent(served)
        features = _features(chunk, self.mapping, self.columns, served.faults)
        attributes = self._attributes(chunk)
        rows = [row for row in range(len(chunk.lines)) if row not in served.faults.rows]
        predictions = [self._prediction(served, row, features[row], attributes[row]) for row in rows]
        labels = served.label_values if self.model.task is Task.REGRESSION else served.label_classes
        labelled = [(row, made) for row, made in zip(rows, predictions, strict=True) if labels[row] is not None]
        return Records(
            predictions,
            [chunk.lines[row] for row in rows],
            [_truth(prediction, labels[row]) for row, prediction in labelled],
            [chunk.lines[row] for row, _ in labelled],
            errors=_in_order(chunk, served.faults),
        )

    def _fault_silent(self, served: Served) -> None:
        """Fault the rows that predict nothing; a binary answer may be left to the score."""
        allowed = "a class, or a score that decides it" if self.model.task is Task.BINARY else "an answer of the model"
        for row, (class_, value, score) in enumerate(zip(served.classes, served.values, served.scores, strict=True)):
            if class_ is None and value is None and (score is None or self.model.task is not Task.BINARY):
                served.faults.add(
                    row, self.mapping.prediction or "prediction", None, f"it is missing; allowed is {allowed}"
                )

    def _attributes(self, chunk: Chunk) -> list[str | None]:
        """[N] JSON objects of texts, None where no attribute has a value."""
        names = self.mapping.attributes
        columns = [cells_of(chunk, name) for name in names]
        if not columns:
            return [None] * len(chunk.lines)
        rows = (zip(names, cells, strict=True) for cells in zip(*columns, strict=True))
        given = ({name: segment_value(cell) for name, cell in row if cell is not None} for row in rows)
        return [_encode(one).decode() if one else None for one in given]

    def _prediction(self, served: Served, row: int, features: str, attributes: str | None) -> PredictionRecord:
        time, class_, value, score = served.times[row], served.classes[row], served.values[row], served.scores[row]
        assert time is not None
        id_ = served.ids[row] or _derived_id(
            served.faults.chunk.lines[row], time.isoformat(), features, class_, value, score
        )
        return PredictionRecord(
            model=self.model.name,
            version=self.version.name,
            prediction_id=id_,
            event_time=time,
            features=features,
            predicted_class=class_,
            predicted_value=value,
            score=score,
            latency_ms=served.latencies[row],
            request_id=served.request_ids[row],
            attributes=attributes,
        )


@dataclass(frozen=True, slots=True)
class CorrectionReader:
    """Turns chunks into corrections. `version` None: they hold for every version that has the prediction.

    `said_at` is the time of rows in a file without a timestamp column.
    """

    model: Model
    version: str | None
    mapping: CorrectionMapping
    said_at: datetime
    zone: ZoneInfo | None = None

    def read(self, chunk: Chunk) -> Records:
        faults, mapping = Faults(chunk), self.mapping
        ids = faults.parse(mapping.id, identifier)
        labels = faults.parse(mapping.label, _label_parser(self.model.task))
        times = faults.parse(mapping.timestamp, lambda cell: parse_time(cell, self.zone))
        sources = faults.parse(mapping.source, _source)
        authors = faults.parse(mapping.author, optional_identifier)
        rows = [row for row in range(len(chunk.lines)) if row not in faults.rows]
        corrections = [
            CorrectionRecord(
                model=self.model.name,
                prediction_id=ids[row] or "",
                said_at=times[row] or self.said_at,
                source=sources[row] or mapping.default_source,
                label=labels[row],
                version=self.version,
                author=authors[row],
            )
            for row in rows
        ]
        lines = [chunk.lines[row] for row in rows]
        return Records(corrections=corrections, correction_lines=lines, errors=_in_order(chunk, faults))


@dataclass(frozen=True, slots=True)
class OfflineFeaturesReader:
    """Turns chunks into the offline features of one version's predictions; `columns` are those of the whole file."""

    model: Model
    version: Version
    mapping: ColumnMapping
    columns: Collection[str]

    def read(self, chunk: Chunk) -> Records:
        faults = Faults(chunk)
        ids = faults.parse(self.mapping.id, identifier)
        features = _features(chunk, self.mapping, self.columns, faults)
        rows = [row for row in range(len(chunk.lines)) if row not in faults.rows]
        made = [
            OfflineFeaturesRecord(self.model.name, ids[row] or "", features[row], self.version.name) for row in rows
        ]
        return Records(offline=made, offline_lines=[chunk.lines[row] for row in rows], errors=_in_order(chunk, faults))


def _features(chunk: Chunk, mapping: ColumnMapping, columns: Collection[str], faults: Faults) -> list[str]:
    """[N] JSON objects. A missing value is null, except in a column that the file's first rows do not know."""
    taken = {*mapping.named(), *mapping.exclude}
    names = [name for name in chunk.columns if name not in taken]
    if not names:
        return ["{}"] * len(chunk.lines)
    rare = {name for name in names if name not in columns}
    texts = []
    for row, cells in enumerate(zip(*(chunk.columns[name] for name in names), strict=True)):
        features = dict(zip(names, cells, strict=True))
        if rare:
            features = {name: cell for name, cell in features.items() if cell is not None or name not in rare}
        text = _encode(features).decode()
        if "\\u0000" in text:
            _fault_nul(faults, row, features)
        texts.append(text)
    return texts


def _truth(prediction: PredictionRecord, label: Scalar) -> CorrectionRecord:
    # A file does not say when its labels became known. The row's own time is the one time that a second import of the
    # same rows gives again, so that it adds nothing.
    return CorrectionRecord(
        model=prediction.model,
        prediction_id=prediction.prediction_id,
        said_at=prediction.event_time,
        source=Source.GROUND_TRUTH,
        label=label,
        version=prediction.version,
    )


def _label_parser(task: Task) -> Callable[[Scalar], Scalar]:
    def parse(cell: Scalar) -> Scalar:
        name, value = canonical_label(task, cell)
        if not name and value is None:
            raise ValueError("it is missing; a correction says what is true")
        return name or value

    return parse


def _source(cell: Scalar) -> Source:
    if cell not in tuple(Source):
        raise ValueError(f"{cell!r} is no source; allowed are {', '.join(Source)}")
    return Source(cell)


def _fault_nul(faults: Faults, row: int, features: Mapping[str, FeatureValue]) -> None:
    for name, cell in features.items():
        if isinstance(cell, str) and "\0" in cell:
            faults.add(row, name, cell, "a text must not hold the NUL character")


def _derived_id(*parts: object) -> str:
    """Two equal rows stay two because their lines differ; a second run finds the same lines and adds nothing."""
    return blake2b("\n".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def _in_order(chunk: Chunk, faults: Faults) -> list[RowError]:
    return sorted([*chunk.broken, *faults.rows.values()], key=lambda error: error.line)
