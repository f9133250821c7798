"""Records as collectors hand them to ingestion: validated, canonical, and without a database id."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TypeAlias

import msgspec

from app.core.model import Source, Task

Scalar: TypeAlias = bool | int | float | str | None

FeatureValue: TypeAlias = Scalar | list[Scalar]
"""What a feature may hold: lists are of numbers, or of the strings in NON_FINITE."""
MOST_NUMBERS = 4096
"""Of one list."""

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How numbers that JSON cannot carry are written on the wire and in stored JSON."""


class PredictionRecord(msgspec.Struct, frozen=True, gc=False):
    """One prediction. `features`, `class_scores` and `attributes` are JSON text, stored as received."""

    model: str
    version: str
    prediction_id: str
    event_time: datetime
    features: str
    predicted_class: str | None = None
    predicted_value: float | None = None
    score: float | None = None
    class_scores: str | None = None
    latency_ms: float | None = None
    request_id: str | None = None
    unit_id: str | None = None
    attributes: str | None = None


class CorrectionRecord(msgspec.Struct, frozen=True, gc=False):
    """A value said later for a prediction. `label` is the class name or the number; None = shown, no verdict.

    `probability`: with which an audit drew the prediction. `withdraws`: the id of a correction that this takes back.
    """

    model: str
    prediction_id: str
    said_at: datetime
    source: Source
    label: Scalar = None
    version: str | None = None
    author: str | None = None
    shown: bool = False
    probability: float | None = None
    withdraws: int | None = None


class OfflineFeaturesRecord(msgspec.Struct, frozen=True, gc=False):
    """The features of a prediction as an offline pipeline computes them: JSON text, stored as received.

    `version` None: the model's only one.
    """

    model: str
    prediction_id: str
    features: str
    version: str | None = None


class Rejection(msgspec.Struct, frozen=True):
    """Why one record of a batch was not stored: which field, what it held, what is allowed."""

    index: int
    field: str
    value: object
    error: str


class Receipt(msgspec.Struct, frozen=True):
    """The answer to a batch, given only after the commit."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]


def class_name(value: Scalar) -> str | None:
    """The canonical name of a class: True, 1, 1.0 and "true" are all "1", so that JSON, CSV and numpy agree."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    lowered = text.lower()
    return {"true": "1", "false": "0"}.get(lowered, text.removesuffix(".0") if _is_decimal(text) else text)


def _is_decimal(text: str) -> bool:
    return text.endswith(".0") and text[:-2].lstrip("-").isdigit()


def number(value: Scalar) -> float | None:
    """`value` as a float, with the strings of NON_FINITE understood; None stays None.

    Raises ValueError for anything else, naming the value.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if value in NON_FINITE:
            return NON_FINITE[value]
        raise ValueError(f"{value!r} is not a number; allowed are numbers, NaN, Infinity and -Infinity")
    return float(value)


def carried(value: object) -> object:
    """The value for JSON, which has no NaN and no infinity: they are the strings of NON_FINITE."""
    if isinstance(value, dict):
        return {name: carried(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [carried(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value


def canonical_label(task: Task, value: Scalar) -> tuple[str | None, float | None]:
    """A truth as (class name, number): exactly one is set for the task; both are None when nothing was said.

    Raises ValueError when the value does not fit the task.
    """
    if value is None:
        return None, None
    if task is not Task.REGRESSION:
        return class_name(value), None
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a number; a regression model needs one")
    return None, number(value)
