"""What holds for a record however it arrived: names, times, and what the model's task makes of a prediction."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, func, select

from app.core.model import Model, Source, Task, Version
from app.core.records import CorrectionRecord, PredictionRecord
from app.services.catalogue import register_model, register_version
from app.services.ingest import Targets, knows, resolve_corrections, resolve_predictions, store
from app.storage import tables
from app.storage.engine import read

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MODELS = {task: Model(task.value, task, id=number) for number, task in enumerate(Task, start=1)}
TARGETS = Targets(
    {model.name: model for model in MODELS.values()},
    {(m.name, "1"): Version(m.id, "1", decision_threshold=0.4, id=10 + m.id) for m in MODELS.values()},
)


def prediction(task: Task = Task.BINARY, **values: Any) -> PredictionRecord:
    return PredictionRecord(task.value, "1", "p", NOW, "{}", **values)


def decided(task: Task, **values: Any) -> tuple[str | None, float | None, float | None]:
    """(class, value, score) of the stored row."""
    [row] = resolve_predictions(TARGETS, [prediction(task, **values)], NOW).rows
    return row[4:7]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"predicted_class": "0", "score": 0.9}, "0", id="a class stands, whatever the score"),
        pytest.param({"score": 0.4}, "1", id="a score at the threshold is positive"),
        pytest.param({"score": 0.39}, "0", id="a score below the threshold is negative"),
        pytest.param({"score": math.inf}, "1", id="an infinite score still decides"),
        pytest.param({"score": math.nan}, None, id="a score of NaN decides nothing"),
        pytest.param({"class_scores": '{"0": 0.7, "1": 0.3}'}, "0", id="the positive class's score decides"),
    ],
)
def test_the_class_of_a_binary_prediction(values: dict[str, Any], expected: str | None) -> None:
    assert decided(Task.BINARY, **values)[0] == expected


def test_the_positive_class_has_its_own_name() -> None:
    model = replace(MODELS[Task.BINARY], positive_label="fraud")
    targets = Targets({model.name: model}, TARGETS.versions)

    rows = resolve_predictions(targets, [prediction(score=0.9), prediction(score=0.1)], NOW).rows

    assert [row[4] for row in rows] == ["fraud", "0"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"class_scores": '{"a": 0.2, "b": 0.7}'}, ("b", None, 0.7), id="the highest score decides"),
        pytest.param({"class_scores": '{"a": 0.2, "True": 0.7}'}, ("1", None, 0.7), id="in the canonical spelling"),
        pytest.param({"class_scores": '{"a": 0.2, "b": "NaN"}'}, ("a", None, 0.2), id="NaN is never the highest"),
        pytest.param({"predicted_class": "a", "class_scores": '{"b": 0.7}'}, ("a", None, 0.7), id="a class stands"),
        pytest.param({"predicted_class": "a"}, ("a", None, None), id="a class alone"),
        pytest.param({"predicted_class": "a", "score": 0.5}, ("a", None, 0.5), id="a class and its probability"),
    ],
)
def test_a_multiclass_prediction(values: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert decided(Task.MULTICLASS, **values) == expected


def test_class_scores_of_nothing_but_nan_decide_nothing() -> None:
    label, _, score = decided(Task.MULTICLASS, class_scores='{"a": "NaN"}')

    assert label is None
    assert score is not None
    assert math.isnan(score)


def test_a_regression_keeps_the_number_and_no_class() -> None:
    assert decided(Task.REGRESSION, predicted_class="12", predicted_value=12.0) == (None, 12.0, None)


@pytest.mark.parametrize(
    ("task", "values", "field"),
    [
        pytest.param(Task.BINARY, {}, "prediction", id="neither class nor score"),
        pytest.param(Task.MULTICLASS, {"score": 0.5}, "prediction", id="multiclass: a score alone names no class"),
        pytest.param(Task.REGRESSION, {"predicted_class": "high"}, "prediction", id="regression: a word"),
        pytest.param(Task.REGRESSION, {"score": 0.5}, "prediction", id="regression: no number"),
        pytest.param(Task.BINARY, {"predicted_class": "x" * 201}, "prediction", id="a class of 201 characters"),
        pytest.param(Task.BINARY, {"score": 0.5, "event_time": NOW + timedelta(minutes=6)}, "timestamp", id="future"),
        pytest.param(Task.BINARY, {"score": 0.5, "event_time": datetime(1970, 1, 1, tzinfo=UTC)}, "timestamp", id="0"),
        pytest.param(Task.BINARY, {"score": 0.5, "version": "2"}, "version", id="an unknown version"),
        pytest.param(Task.BINARY, {"score": 0.5, "model": "nobody"}, "model", id="an unknown model"),
    ],
)
def test_what_a_model_cannot_take_is_rejected(task: Task, values: dict[str, Any], field: str) -> None:
    good = prediction(score=0.5)
    bad = msgspec.structs.replace(prediction(task), **values)

    resolved = resolve_predictions(TARGETS, [good, bad, good], NOW, [3, 5, 8])

    assert [(r.index, r.field) for r in resolved.rejected] == [(5, field)]
    assert len(resolved.rows) == 2


def test_a_clock_that_is_five_minutes_ahead_is_forgiven() -> None:
    ahead = msgspec.structs.replace(prediction(score=0.5), event_time=NOW + timedelta(minutes=5))

    assert resolve_predictions(TARGETS, [ahead], NOW).rejected == []


def test_the_known_names_are_said() -> None:
    [rejection] = resolve_predictions(
        TARGETS, [msgspec.structs.replace(prediction(score=1.0), version="9")], NOW
    ).rejected

    assert rejection.error == "model 'binary' has no such version; known are: 1"


def correction(**values: Any) -> CorrectionRecord:
    return msgspec.structs.replace(CorrectionRecord("binary", "p", NOW, Source.USER, 1), **values)


@pytest.mark.parametrize(
    ("values", "label_class", "label_value"),
    [
        ({"label": True}, "1", None),
        ({"label": None}, None, None),
        ({"model": "regression", "label": 2}, None, 2.0),
    ],
)
def test_a_correction_is_canonical(values: dict[str, Any], label_class: str | None, label_value: float | None) -> None:
    [row] = resolve_corrections(TARGETS, [correction(**values)], NOW).rows

    assert row[5:7] == (label_class, label_value)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"model": "nobody"}, "model"),
        ({"version": "9"}, "version"),
        ({"said_at": NOW + timedelta(hours=1)}, "timestamp"),
        ({"model": "regression", "label": "high"}, "value"),
        ({"model": "regression", "label": True}, "value"),
        ({"label": "x" * 201}, "value"),
        ({"source": Source.USER, "probability": 0.5}, "probability"),
    ],
)
def test_a_correction_that_the_model_cannot_take_is_rejected(values: dict[str, Any], field: str) -> None:
    resolved = resolve_corrections(TARGETS, [correction(**values), correction()], NOW)

    assert [(r.index, r.field) for r in resolved.rejected] == [(0, field)]
    assert len(resolved.rows) == 1


def test_the_same_thing_said_again_has_the_same_digest_and_anything_else_another() -> None:
    berlin = datetime.fromisoformat("2026-11-20T11:00:00+01:00")
    different: list[dict[str, Any]] = [
        {"label": 0},
        {"label": None},
        {"author": "ann"},
        {"shown": True},
        {"version": "1"},
        {"source": Source.AUDIT},
        {"source": Source.AUDIT, "probability": 0.5},
        {"withdraws": 7},
        {"prediction_id": "q"},
        {"said_at": NOW - timedelta(microseconds=1)},
    ]

    same = resolve_corrections(TARGETS, [correction(), correction(said_at=berlin), correction(label=True)], NOW).rows
    others = resolve_corrections(TARGETS, [correction(**values) for values in different], NOW).rows

    assert len({row[-1] for row in same}) == 1
    assert len({row[-1] for row in [same[0], *others]}) == 1 + len(different)
    assert all(len(row[-1]) == 32 for row in others)


def test_known_names_are_recognised() -> None:
    assert knows(TARGETS, [prediction(), correction(), correction(version="1")])
    assert not knows(TARGETS, [prediction(), correction(version="2")])
    assert not knows(TARGETS, [correction(model="nobody")])


def test_records_and_what_goes_with_them_are_stored_in_one_transaction(engine: Engine) -> None:
    register_model(engine, Model("binary", Task.BINARY), NOW)
    register_version(engine, "binary", Version(0, "1"), NOW)
    records = [prediction(score=0.5), prediction(score=0.6), msgspec.structs.replace(prediction(), prediction_id="q")]

    def fail(_connection: Connection) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        store(engine, records, [correction()], NOW, also=fail)
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(tables.prediction)) == 0

    predictions, corrections = store(engine, records, [correction()], NOW)

    assert (predictions.accepted, predictions.duplicates, len(predictions.rejected)) == (1, 1, 1)
    assert (corrections.accepted, corrections.duplicates, corrections.rejected) == (1, 0, [])
