"""Training sets: labelled predictions with weights, minus what is contested or excluded, and a manifest of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version as release
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.core.errors import InvalidError, WatchkeeperError
from app.core.layout import Layout
from app.core.model import Model, Task, Version
from app.core.training_set import (
    AsOf,
    Column,
    Exclusion,
    LeftOut,
    Manifest,
    TrainingLabel,
    columns_of,
    training_label,
)
from app.core.truth import Decision
from app.services.training_files import Format, TrainingFile, feature_columns, file_sha256, replacing
from app.storage import exclusions, tables, training_sets
from app.storage.catalogue import find_model, find_version, list_versions
from app.storage.engine import read, write
from app.storage.references import find_reference
from app.storage.same_requests import SameRequests
from app.storage.settled import newest_settled
from app.storage.training_rows import LabelledRow, Span, labelled_rows


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: labelled predictions of events in [since, until).

    `version` None: of all versions. `as_of`: as a manifest says, to get the very same set again; None: as of now.
    """

    model: str
    since: datetime
    until: datetime
    version: str | None = None
    as_of: AsOf | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """A training set in a file."""

    manifest: Manifest
    format: Format
    file_sha256: str
    bytes: int


def export_training_set(engine: Engine, now: datetime, query: Query, path: Path, format_: Format) -> Exported:
    """Write the set to `path`, which has it as a whole or not at all, and keep its manifest.

    Raises NotFoundError for the model or version, InvalidError for an empty span or an `as_of` that is not yet known,
    WatchkeeperError where no row is left.
    """
    if query.until <= query.since:
        raise InvalidError("until", query.until.isoformat(), f"it must be after since, {query.since.isoformat()}")
    source = _source(engine, query)
    with replacing(path) as partial:
        manifest = _write(engine, now, source, partial, format_)
        exported = Exported(manifest, format_, file_sha256(partial), partial.stat().st_size)
    with write(engine) as connection:
        training_sets.keep_manifest(connection, source.model.id, manifest, now)
    return exported


def find_manifest(engine: Engine, content: str) -> Manifest:
    """The manifest of the set with that content hash. Raises NotFoundError."""
    with read(engine) as connection:
        return training_sets.find_manifest(connection, content)


def list_manifests(engine: Engine, model: str) -> list[Manifest]:
    """The manifests of the model's sets, the newest first. Raises NotFoundError for the model."""
    with read(engine) as connection:
        return training_sets.list_manifests(connection, find_model(connection, model).id)


@dataclass(frozen=True, slots=True)
class _Source:
    """What a set is made of."""

    query: Query
    model: Model
    versions: Sequence[Version]
    layout: Layout | None
    as_of: AsOf
    exclusions: Sequence[Exclusion]

    @property
    def decision(self) -> Decision:
        return Decision(self.model.task, self.model.positive_label)

    @property
    def span(self) -> Span:
        ids = [version.id for version in self.versions]
        return Span(self.model.id, ids, self.query.since, self.query.until, self.as_of.batch)

    @property
    def columns(self) -> list[Column]:
        return columns_of(self.layout, regression=self.model.task is Task.REGRESSION)


def _source(engine: Engine, query: Query) -> _Source:
    with read(engine) as connection:
        model = find_model(connection, query.model)
        if query.version is None:
            versions = list_versions(connection, model.id)
        else:
            versions = [find_version(connection, model.id, query.version)]
        references = (find_reference(connection, version.id) for version in reversed(versions))
        layout = next((found.layout for found in references if found is not None), None)
    as_of = _as_of(engine, query.as_of)
    with read(engine) as connection:
        known = exclusions.list_exclusions(connection, model.id, as_of.exclusion)
    return _Source(query, model, versions, layout, as_of, [one for one in known if one.ended_at is None])


def _as_of(engine: Engine, asked: AsOf | None) -> AsOf:
    newest = AsOf(newest_settled(engine, tables.batch), newest_settled(engine, tables.exclusion))
    if asked is None:
        return newest
    if asked.batch > newest.batch or asked.exclusion > newest.exclusion:
        raise InvalidError("as_of", str(asked), f"allowed is what is known by now, up to {newest}")
    return asked


@dataclass(slots=True)
class _Tally:
    """What is counted of the rows on the way."""

    rows: int = 0
    weight: float = 0.0
    sources: Counter[str] = field(default_factory=Counter)
    selections: Counter[str] = field(default_factory=Counter)
    versions: set[int] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    oldest: datetime | None = None
    newest: datetime | None = None

    def add(self, row: LabelledRow, found: TrainingLabel) -> None:
        self.rows += 1
        self.weight += found.weight
        self.sources[found.label.source] += 1
        self.selections[found.selection] += 1
        self.versions.add(row.version_id)
        self.oldest = min(self.oldest or row.event_time, row.event_time)
        self.newest = max(self.newest or row.event_time, row.event_time)


def _write(engine: Engine, now: datetime, source: _Source, path: Path, format_: Format) -> Manifest:
    tally = _Tally()
    names = {version.id: version.name for version in source.versions}
    file = TrainingFile(path, format_, source.model.name, source.columns)
    try:
        for kept in _kept(engine, source, tally):
            features = feature_columns(source.layout, [row.features for row, _ in kept], tally.unreadable)
            file.write({**_facts(source.model, names, kept), **features})
    finally:
        file.close()
    if tally.oldest is None or tally.newest is None:
        raise WatchkeeperError(_nothing(source.query, tally))
    return Manifest(
        model=source.model.name,
        version=source.query.version,
        versions=[name for id_, name in names.items() if id_ in tally.versions],
        since=source.query.since,
        until=source.query.until,
        as_of=str(source.as_of),
        rows=tally.rows,
        weight=tally.weight,
        rows_by_source=dict(sorted(tally.sources.items())),
        rows_by_selection=dict(sorted(tally.selections.items())),
        left_out={reason: tally.left_out[reason] for reason in LeftOut},
        unreadable=dict(sorted(tally.unreadable.items())),
        columns=source.columns,
        content_sha256=file.content_sha256,
        oldest_row=tally.oldest,
        newest_row=tally.newest,
        created_at=now,
        watchkeeper=release("watchkeeper"),
    )


def _nothing(query: Query, tally: _Tally) -> str:
    out = ", ".join(f"{count} {reason.value}" for reason in LeftOut if (count := tally.left_out[reason]))
    span = f"from {query.since:%Y-%m-%d %H:%M} to {query.until:%Y-%m-%d %H:%M} UTC"
    return f"model {query.model!r} has no labelled prediction {span}" + (
        f" that is not left out ({out})" if out else ""
    )


_Kept = list[tuple[LabelledRow, TrainingLabel]]


def _kept(engine: Engine, source: _Source, tally: _Tally) -> Iterator[_Kept]:
    """The rows of the set, some at once; what is left out is counted."""
    with ExitStack() as stack:
        same = stack.enter_context(SameRequests()) if len(source.versions) > 1 else None
        if same is not None:
            _find_same(engine, source, same)
        for rows in labelled_rows(engine, source.span, features=True):
            doubled = {} if same is None else same.left_out(rows[0].id, rows[-1].id)
            kept: _Kept = []
            for row, found, reason in _judged(source, rows):
                out = reason or doubled.get(row.id)
                if out is None:
                    kept.append((row, found))
                    tally.add(row, found)
                else:
                    tally.left_out[out] += 1
            if kept:
                yield kept


def _find_same(engine: Engine, source: _Source, same: SameRequests) -> None:
    for rows in labelled_rows(engine, source.span, features=False):
        same.add(
            (
                *(row.id, row.version_id, row.request_id or row.prediction_id, row.prediction_id),
                *(found.label.source.strength, repr(source.decision.verdict(found.label))),
            )
            for row, found, reason in _judged(source, rows)
            if reason is None
        )
    same.settle()


def _judged(
    source: _Source, rows: Sequence[LabelledRow]
) -> Iterator[tuple[LabelledRow, TrainingLabel, LeftOut | None]]:
    """The labelled ones of the rows, each with why it is left out, if it is by itself."""
    for row in rows:
        found = training_label(source.decision, row.said)
        if found is None:
            continue
        if any(one.holds(row.prediction_id, row.event_time) for one in source.exclusions):
            yield row, found, LeftOut.EXCLUDED
        else:
            yield row, found, LeftOut.CONTESTED if found.contested else None


def _facts(model: Model, names: dict[int, str], kept: _Kept) -> dict[str, list[Any]]:
    """The columns that are no features."""
    regression = model.task is Task.REGRESSION
    labels = [found.label for _, found in kept]
    return {
        "prediction_id": [row.prediction_id for row, _ in kept],
        "request_id": [row.request_id for row, _ in kept],
        "version": [names[row.version_id] for row, _ in kept],
        "event_time": [row.event_time for row, _ in kept],
        "label": [label.label_value if regression else label.label_class for label in labels],
        "label_source": [label.source.value for label in labels],
        "label_authors": [float(found.authors) for _, found in kept],
        "selection": [found.selection.value for _, found in kept],
        "probability": [found.probability for _, found in kept],
        "weight": [found.weight for _, found in kept],
        "prediction": [row.predicted_value if regression else row.predicted_class for row, _ in kept],
        "score": [row.score for row, _ in kept],
    }
