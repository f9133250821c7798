"""A `PredictionFilter` as a condition of SQL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, literal, not_, or_

from app.core.feature_condition import FeatureCondition, Operator
from app.core.model import Model, Source, Task
from app.core.prediction_filter import BEGINNING, Labelled, PredictionFilter, Verdict
from app.core.records import class_name
from app.core.segments import LONGEST_VALUE, MISSING, OTHER, segment_value
from app.storage.json_values import Condition, Value, has, holds, lacks
from app.storage.tables import prediction
from app.storage.types import Number

_p = prediction.c
_HASH_LENGTH = 9  # of a long value's name: "~" and the digest

KnownValues = Mapping[int, Sequence[str]]
"""By version: the values of an attribute that have a segment of their own."""


def conditions(connection: Connection, model: Model, wanted: PredictionFilter, known: KnownValues) -> Condition | None:
    """All that the filter asks for but the prediction id; None where that is nothing."""
    parts = [*_columns(model, wanted), *_truth(model, wanted)]
    if wanted.segment:
        attribute, _, value = wanted.segment.partition("=")
        parts.append(_in_segment(connection, attribute, value, known))
    parts += [_feature(connection, condition) for condition in wanted.features]
    return and_(*parts) if parts else None


def named(wanted: PredictionFilter) -> Condition:
    """The prediction id. SQLite's order of texts is that of bytes, so a beginning is a range there."""
    if not wanted.prediction_id.endswith(BEGINNING):
        return _p.prediction_id == wanted.prediction_id
    beginning = wanted.prediction_id.removesuffix(BEGINNING)
    return and_(_p.prediction_id >= beginning, _p.prediction_id < beginning + "\U0010ffff")


def begins(wanted: PredictionFilter) -> Condition:
    """The same for a database that has another order of texts."""
    beginning = wanted.prediction_id.removesuffix(BEGINNING)
    return func.substr(_p.prediction_id, 1, len(beginning)) == beginning


def _columns(model: Model, wanted: PredictionFilter) -> list[Condition]:
    parts: list[Condition] = []
    if wanted.request_id:
        parts.append(_p.request_id == wanted.request_id)
    if wanted.predicted:
        parts.append(_p.predicted_class == class_name(wanted.predicted))
    score = _p.predicted_value if model.task is Task.REGRESSION else _p.score
    if wanted.score_from is not None or wanted.score_to is not None:
        parts.append(score != literal(math.nan, Number))  # both databases order it after all numbers
    if wanted.score_from is not None:
        parts.append(score >= wanted.score_from)
    if wanted.score_to is not None:
        parts.append(score <= wanted.score_to)
    return parts


def _truth(model: Model, wanted: PredictionFilter) -> list[Condition]:
    parts: list[Condition] = []
    if wanted.labelled is Labelled.NONE:
        parts.append(_p.label_source.is_(None))
    elif wanted.labelled is Labelled.ANY:
        parts.append(_p.label_source.is_not(None))
    elif wanted.labelled is not None:
        parts.append(_p.label_source == Source(wanted.labelled.value).value)
    if wanted.corrected is not None:
        parts.append(_p.corrected if wanted.corrected else not_(_p.corrected))
    if wanted.verdict is not None:
        parts.append(_judged(model, wanted.verdict))
    return parts


def _judged(model: Model, verdict: Verdict) -> Condition:
    """As `Decision.differs` compares: a prediction that decided nothing is neither right nor wrong."""
    known = and_(_p.predicted_class.is_not(None), _p.label_class.is_not(None))
    if model.task is Task.BINARY:
        same: Condition = (_p.predicted_class == model.positive_label) == (_p.label_class == model.positive_label)
    else:
        same = _p.predicted_class == _p.label_class
    return and_(known, same if verdict is Verdict.CORRECT else not_(same))


def _feature(connection: Connection, wanted: FeatureCondition) -> Condition:
    match wanted.operator:
        case Operator.MISSING:
            return lacks(connection, _p.features, wanted.name)
        case Operator.LESS:
            return holds(connection, _p.features, wanted.name, lambda value: value.less(wanted.high))
        case Operator.MORE:
            return holds(connection, _p.features, wanted.name, lambda value: value.more(wanted.low))
        case Operator.BETWEEN:
            return holds(connection, _p.features, wanted.name, lambda value: value.between(wanted.low, wanted.high))
    return holds(connection, _p.features, wanted.name, lambda value: _equal(value, wanted))


def _equal(value: Value, wanted: FeatureCondition) -> Condition:
    parts = [value.equals(wanted.text)]
    if wanted.number is not None:
        parts.append(value.equals_number(wanted.number))
    if wanted.boolean is not None:
        parts.append(value.is_true if wanted.boolean else value.is_false)
    return or_(*parts)


# --- Segments --------------------------------------------------------------------------------------------------------


def _in_segment(connection: Connection, attribute: str, value: str, known: KnownValues) -> Condition:
    """As segments are counted: by the prediction's attribute, else by its feature of that name."""
    if value == MISSING:
        return _attribute(connection, attribute, None)
    if value != OTHER:
        return _attribute(connection, attribute, [value])
    has_value = not_(_attribute(connection, attribute, None))
    others = [
        and_(_p.version_id == version_id, not_(_attribute(connection, attribute, values)))
        if values
        else _p.version_id == version_id
        for version_id, values in known.items()
    ]
    return and_(has_value, or_(false(), *others))


def _attribute(connection: Connection, name: str, values: Sequence[str] | None) -> Condition:
    """Whether the attribute has one of the values; None: whether it has none that is text, number or boolean."""

    def one_of(value: Value) -> Condition:
        if values is None:
            return value.is_scalar
        return or_(false(), *(_canonical(value, text) for text in values))

    own = has(connection, _p.attributes, name)
    found = or_(
        and_(own, holds(connection, _p.attributes, name, one_of)),
        and_(not_(own), holds(connection, _p.features, name, one_of)),
    )
    return not_(found) if values is None else found


def _canonical(value: Value, text: str) -> Condition:
    """Whether `segment_value` gives the text. Of a value that was cut, its beginning decides and that it is longer."""
    beginning = text[: LONGEST_VALUE - _HASH_LENGTH]
    if len(text) == LONGEST_VALUE and text[LONGEST_VALUE - _HASH_LENGTH] == "~":
        size = LONGEST_VALUE - _HASH_LENGTH
        long = and_(func.length(value.text) > LONGEST_VALUE, func.substr(value.text, 1, size) == beginning)
        return and_(value.is_text, long)
    parts: list[ColumnElement[Any]] = [value.equals(one) for one in _written(text)]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number) and segment_value(number) == text:
        parts.append(value.equals_number(number))
    if text in ("true", "false"):
        parts.append(value.is_true if text == "true" else value.is_false)
    return or_(*parts)


def _written(text: str) -> list[str]:
    """The strings whose canonical text this is: itself, or what it escapes."""
    try:
        unescaped = text.encode("latin-1", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError:
        return [text]
    return [text] if unescaped == text or segment_value(unescaped) != text else [text, unescaped]
