"""A record is checked and encoded at the call: every value that a model may meet, every mistake named."""

from __future__ import annotations

import enum
import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from collectors.client import records

NOW = datetime(2026, 11, 22, 9, 30, 0, 250_000, tzinfo=UTC)


class Colour(str, enum.Enum):  # noqa: UP042  # the kind whose str() is "Colour.RED"
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def predicted(features: Any = None, **changes: Any) -> dict[str, Any]:
    arguments = {"model": "fraud", "version": "3", "prediction_id": "p1", "timestamp": NOW, "value": 1, **changes}
    record: dict[str, Any] = json.loads(records.prediction(features={} if features is None else features, **arguments))
    return record


def corrected(**changes: Any) -> dict[str, Any]:
    arguments = {"model": "fraud", "prediction_id": "p1", "timestamp": NOW, "value": 0, "source": "user", **changes}
    record: dict[str, Any] = json.loads(records.correction(**arguments))
    return record


def test_a_prediction_has_the_fields_of_the_wire_format() -> None:
    record = predicted(
        {"age": 31},
        score=0.93,
        scores={"0": 0.07, "1": 0.93},
        latency_ms=4.1,
        request_id="r1",
        unit_id="u1",
        attributes={"country": "FI"},
    )
    assert record == {
        "model": "fraud",
        "version": "3",
        "prediction_id": "p1",
        "timestamp": "2026-11-22T09:30:00.250000+00:00",
        "features": {"age": 31},
        "prediction": 1,
        "score": 0.93,
        "scores": {"0": 0.07, "1": 0.93},
        "latency_ms": 4.1,
        "request_id": "r1",
        "unit_id": "u1",
        "attributes": {"country": "FI"},
    }


def test_what_was_not_given_is_not_sent() -> None:
    assert set(predicted()) == {"model", "version", "prediction_id", "timestamp", "features", "prediction"}
    assert "prediction" not in predicted(value=None, score=0.5)


def test_a_correction_has_the_fields_of_the_wire_format() -> None:
    assert corrected(version="3", author="ann", shown=True) == {
        "model": "fraud",
        "prediction_id": "p1",
        "timestamp": "2026-11-22T09:30:00.250000+00:00",
        "value": 0,
        "source": "user",
        "shown": True,
        "version": "3",
        "author": "ann",
    }


def test_offline_features_have_the_fields_of_the_wire_format() -> None:
    body = records.offline_features("fraud", "p1", {"age": 31, "x": float("nan")}, version="3")
    assert json.loads(body) == {
        "model": "fraud",
        "prediction_id": "p1",
        "features": {"age": 31, "x": "NaN"},
        "version": "3",
    }
    with pytest.raises(TypeError, match="features"):
        records.offline_features("fraud", "p1", [1])  # type: ignore[arg-type]


def test_shown_without_a_verdict_is_sent_as_null() -> None:
    assert corrected(value=None, shown=True)["value"] is None


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (31, 31),
        (0.5, 0.5),
        (True, True),
        (None, None),
        ("card", "card"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.float32(1.5), 1.5),
        (np.float64("nan"), "NaN"),
        (np.float32("-inf"), "-Infinity"),
        (np.bool_(True), True),
        (np.str_("card"), "card"),
        (np.array([2.5]), 2.5),
        (np.array([2.5, np.inf], dtype=np.float32), [2.5, "Infinity"]),
        ([1, 2.5, float("nan")], [1, 2.5, "NaN"]),
        ((np.int64(1), 2), [1, 2]),
        ([], []),
        (Decimal("12.50"), 12.5),
        (Decimal("sNaN"), "NaN"),
        (Decimal("-Infinity"), "-Infinity"),
        (date(2026, 11, 22), "2026-11-22"),
        (NOW, "2026-11-22T09:30:00.250000+00:00"),
        (pd.Timestamp("2026-11-22"), "2026-11-22T00:00:00"),
        (pd.NaT, None),
        (pd.NA, None),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (2**80, 2**80),
        ("half a pair \ud800", "half a pair ?"),
    ],
)
def test_a_feature_is_sent_as_what_it_means(value: object, sent: object) -> None:
    got = predicted({"x": value})["features"]["x"]
    assert got == sent
    assert type(got) is type(sent)


@pytest.mark.parametrize(
    "value",
    [
        ["a"],
        [[1]],
        [None],
        [True],
        {"a": 1},
        b"bytes",
        1j,
        object(),
        np.ones((2, 2)),
        np.datetime64("2026-11-22", "ns"),
        np.complex64(1),
    ],
)
def test_a_feature_of_another_kind_is_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match=r"features\['basket'\].*allowed is a number(, string, boolean, date|$)"):
        predicted({"basket": value})


@pytest.mark.parametrize(
    ("value", "sent"), [(np.int64(1), 1), (np.bool_(False), False), ("cat", "cat"), (math.nan, "NaN"), (7.25, 7.25)]
)
def test_a_prediction_and_a_correction_are_a_class_or_a_number(value: object, sent: object) -> None:
    assert predicted(value=value)["prediction"] == sent
    assert corrected(value=value)["value"] == sent


def test_scores_have_class_names_and_may_be_sick() -> None:
    scores = predicted(scores={"cat": 0.5, 2: np.float32(0.25), np.int64(3): math.nan})["scores"]
    assert scores == {"cat": 0.5, "2": 0.25, "3": "NaN"}


def test_a_time_is_sent_in_utc_whatever_its_zone() -> None:
    moment = datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert predicted(timestamp=moment)["timestamp"] == "2026-07-01T06:15:00.000000+00:00"


def test_the_longest_id_passes() -> None:
    assert predicted(prediction_id="x" * 200)["prediction_id"] == "x" * 200


MISTAKES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"timestamp": datetime(2026, 11, 22)}, ValueError, "timestamp: 2026-11-22 00:00:00 has no time zone"),  # noqa: DTZ001
    ({"timestamp": "2026-11-22"}, TypeError, "timestamp: '2026-11-22' is of type str; allowed is a datetime"),
    ({"timestamp": pd.NaT}, ValueError, "timestamp: NaT has no time zone"),
    ({"features": [1, 2]}, TypeError, "features: .* is of type list; allowed is a mapping"),
    ({"features": {1: 2}}, TypeError, "features: 1 is of type int; allowed is a string as the name"),
    ({"prediction_id": ""}, ValueError, "prediction_id: ''; allowed is a string that is not empty"),
    ({"prediction_id": "x" * 201}, ValueError, "prediction_id: .* has 201 characters; allowed are 1 to 200"),
    ({"prediction_id": 7}, TypeError, "prediction_id: 7 is of type int; allowed is a string"),
    ({"model": None}, TypeError, "model: None is of type NoneType; allowed is a string"),
    ({"version": 3}, TypeError, "version: 3 is of type int; allowed is a string"),
    ({"value": None}, ValueError, "prediction: None without a score"),
    ({"value": [1]}, TypeError, "prediction: .* is of type list; allowed is a class"),
    ({"value": NOW}, TypeError, "prediction: .* is of type datetime; allowed is a class"),
    ({"value": pd.NA}, TypeError, "prediction: <NA> is of type NAType; allowed is a class"),
    ({"score": "0.9"}, TypeError, "score: '0.9' is of type str; allowed is a number"),
    ({"score": True}, TypeError, "score: True is of type bool; allowed is a number"),
    ({"scores": [0.1, 0.9]}, TypeError, "scores: .* is of type list; allowed is a mapping of classes"),
    ({"scores": {"a": None}}, TypeError, r"scores\['a'\]: None is of type NoneType; allowed is a number"),
    ({"scores": {0.5: 0.1}}, TypeError, "scores: 0.5 is of type float; allowed is a string or integer"),
    ({"latency_ms": -1}, ValueError, "latency_ms: -1; allowed is a finite number of milliseconds, 0 or more"),
    ({"latency_ms": math.nan}, ValueError, "latency_ms: nan; allowed is a finite number"),
    ({"latency_ms": "4"}, TypeError, "latency_ms: '4' is of type str; allowed is a number"),
    ({"request_id": 5}, TypeError, "request_id: 5 is of type int; allowed is a string"),
    ({"unit_id": ""}, ValueError, "unit_id: ''; allowed is a string that is not empty"),
    ({"attributes": {"country": 1}}, TypeError, r"attributes\['country'\]: 1 is of type int; allowed is a string"),
    ({"attributes": "FI"}, TypeError, "attributes: 'FI' is of type str; allowed is a mapping"),
]


@pytest.mark.parametrize(("changes", "error", "message"), MISTAKES)
def test_a_mistake_in_a_prediction_is_named(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        predicted(**changes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"source": "guess"}, ValueError, "source: 'guess'; allowed is one of ground_truth, audit, user"),
        ({"shown": 1}, TypeError, "shown: 1 is of type int; allowed is True or False"),
        ({"probability": 0.5}, ValueError, "probability: 0.5; allowed is a number from 1e-9 to 1, of an audit"),
        ({"source": "audit", "probability": 0.0}, ValueError, "probability: 0.0; allowed is a number from 1e-9"),
        ({"value": [0]}, TypeError, "value: .* is of type list; allowed is a class"),
        ({"author": 7}, TypeError, "author: 7 is of type int; allowed is a string"),
        ({"version": ""}, ValueError, "version: ''; allowed is a string that is not empty"),
    ],
)
def test_a_mistake_in_a_correction_is_named(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        corrected(**changes)


def test_a_long_value_is_not_repeated_in_full() -> None:
    with pytest.raises(TypeError) as caught:
        predicted({"x": {"many": ["secret"] * 10_000}})
    assert len(str(caught.value)) < 300
