"""A handful of predictions to look at: those where a feature is most out of the ordinary, or any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, Engine

from app.core.errors import InvalidError
from app.core.feature_json import served_features
from app.core.fold import WHOLE
from app.core.layout import Layout
from app.core.profile import FeatureCounts
from app.core.rarity import rarity
from app.core.sample import counted_columns
from app.core.segments import attribute_of, segment_name, segment_value, served_values
from app.services.read_models.known import known_column
from app.storage.engine import snapshot
from app.storage.spread import Spread, SpreadPrediction, spread_predictions

MOST = 10
UNUSUAL, ANY = "unusual", "random"
KINDS = (UNUSUAL, ANY)


@dataclass(frozen=True, slots=True)
class Example:
    """One prediction: the feature's value as text and how usual it is, what was predicted, and the truth if known."""

    prediction_id: str
    at: datetime
    value: str
    words: str
    predicted: str
    score: float | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples, of `looked_at` predictions; `turns` times others can be looked at."""

    rows: tuple[Example, ...]
    looked_at: int
    turns: int


def examples(
    engine: Engine,
    version_id: int,
    feature: str,
    *,
    since: datetime,
    until: datetime,
    kind: str = UNUSUAL,
    turn: int = 0,
    segment: str = WHOLE,
    most: int = MOST,
) -> Examples:
    """Of a bounded number of predictions of [since, until): the rarest values of the feature, or any `most` of them.

    Raises NotFoundError when the version's reference has no such feature, InvalidError for another kind.
    """
    if kind not in KINDS:
        raise InvalidError("kind", kind, f"allowed are {', '.join(KINDS)}")
    with snapshot(engine) as connection:
        known = known_column(connection, version_id, feature)
        layout, reference = known.layout, known.reference()
        found = spread_predictions(connection, version_id, since, until, turn)
        rows = _in_segment(found.rows, segment)
    return Examples(tuple(_chosen(layout, feature, reference, rows, kind, turn, most)), len(rows), found.turns)


def _in_segment(rows: list[SpreadPrediction], segment: str) -> list[SpreadPrediction]:
    """The rows of the segment; of OTHER there are none, since which values it collects is not known here."""
    if segment == WHOLE or not rows:
        return rows
    attribute = attribute_of(segment)
    values = served_values([attribute], [row.attributes for row in rows], [row.features for row in rows], {})[attribute]
    return [row for row, v in zip(rows, values, strict=True) if segment_name(attribute, segment_value(v)) == segment]


def _chosen(
    layout: Layout,
    feature: str,
    reference: FeatureCounts,
    rows: Sequence[SpreadPrediction],
    kind: str,
    turn: int,
    most: int,
) -> list[Example]:
    if not rows:
        return []
    columns = counted_columns(layout, served_features(layout, [row.features for row in rows]).columns)
    column = columns.get(feature, [None] * len(rows))
    found = rarity(layout, feature, reference, column)
    order = found.order if kind == UNUSUAL else np.random.default_rng(turn).permutation(len(rows))
    return [_example(rows[at], column[at], str(found.words[at])) for at in order[:most].tolist()]


def _example(row: SpreadPrediction, value: object, words: str) -> Example:
    predicted = row.predicted_class if row.predicted_class is not None else _text(row.predicted_value)
    label = row.label_class if row.label_class is not None else row.label_value
    said = None if label is None else label if isinstance(label, str) else _text(label)
    return Example(row.prediction_id, row.event_time, _text(value), words, predicted or "", row.score, said)


def _text(value: object) -> str:
    if value is None:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float | int) and not isinstance(value, bool) else str(value)


def labelled_spread(connection: Connection, version_id: int, since: datetime, until: datetime) -> Spread:
    """Labelled predictions of [since, until), a bounded number of them."""
    return spread_predictions(connection, version_id, since, until, labelled=True)
