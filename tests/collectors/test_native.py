"""The native wire format: what is taken, what is rejected with which words, and that a bad record costs only itself."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model import Source
from collectors.native import (
    CORRECTION,
    MOST_ENTRIES,
    PREDICTION,
    UndecodableError,
    WireCorrection,
    WirePrediction,
    decode_corrections,
    decode_offline_features,
    decode_predictions,
)

GOOD: dict[str, Any] = {
    "model": "fraud",
    "version": "3",
    "prediction_id": "p-1",
    "timestamp": "2026-11-20T10:00:00Z",
    "features": {"age": 31, "country": "DE", "new": True, "income": None},
    "prediction": 1,
    "score": 0.93,
}
SAID: dict[str, Any] = {
    "model": "fraud",
    "prediction_id": "p-1",
    "timestamp": "2026-11-20T10:00:00Z",
    "value": 1,
    "source": "user",
}


def body(*records: Any) -> bytes:
    return json.dumps(list(records)).encode()


def prediction(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


def test_a_prediction_is_read_with_all_its_fields() -> None:
    everything = prediction(
        scores={"0": 0.07, "1": 0.93}, latency_ms=4.5, request_id="r", unit_id="u", attributes={"country": "DE"}
    )

    [record] = decode_predictions(body(everything), lines=False).records

    assert (record.model, record.version, record.prediction_id) == ("fraud", "3", "p-1")
    assert record.event_time == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert json.loads(record.features) == GOOD["features"]
    assert (record.predicted_class, record.predicted_value, record.score) == ("1", 1.0, 0.93)
    assert record.class_scores == '{"0": 0.07, "1": 0.93}'
    assert (record.latency_ms, record.request_id, record.unit_id) == (4.5, "r", "u")
    assert record.attributes == '{"country": "DE"}'


def test_a_correction_is_read_with_all_its_fields() -> None:
    [record] = decode_corrections(body({**SAID, "version": "3", "author": "ann", "shown": True}), lines=False).records

    assert (record.model, record.version, record.prediction_id) == ("fraud", "3", "p-1")
    assert record.said_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert (record.source, record.label, record.author, record.shown) == (Source.USER, 1, "ann", True)


def test_offline_features_are_read_with_all_their_fields() -> None:
    sent = {"model": "fraud", "prediction_id": "p-1", "features": {"age": 31, "iban": None}, "version": "3"}
    [record] = decode_offline_features(body(sent), lines=False).records

    assert (record.model, record.version, record.prediction_id) == ("fraud", "3", "p-1")
    assert json.loads(record.features) == sent["features"]
    decoded = decode_offline_features(body({**sent, "features": {"age": {}}}), lines=False)
    assert decoded.rejected[0].field == "features.age"


def test_an_audit_may_say_how_likely_it_was() -> None:
    [record] = decode_corrections(body({**SAID, "source": "audit", "probability": 0.25}), lines=False).records
    assert record.probability == 0.25


def test_a_correction_without_a_verdict_says_only_that_it_was_shown() -> None:
    [record] = decode_corrections(body({**SAID, "value": None, "shown": True}), lines=False).records

    assert record.label is None
    assert record.shown


def test_features_are_kept_as_they_were_received() -> None:
    text = b'{ "b" : 1.50,"a":1e2 , "big": 123456789012345678901234567890, "u": "\\u00e9" }'

    [record] = decode_predictions(
        json.dumps(GOOD).encode().replace(json.dumps(GOOD["features"]).encode(), text), lines=False
    ).records

    assert record.features == text.decode()


@pytest.mark.parametrize(
    ("sent", "label", "value"),
    [
        pytest.param(True, "1", None, id="a boolean is a class, and no number"),
        pytest.param(1, "1", 1.0, id="an integer may be either"),
        pytest.param(1.0, "1", 1.0, id="a whole float is the class of its integer"),
        pytest.param(2**53 + 1, str(2**53 + 1), float(2**53), id="a class keeps every digit"),
        pytest.param("fraud", "fraud", None, id="a name is a class"),
        pytest.param("2.5", "2.5", None, id="a number in quotes is a name"),
        pytest.param(-0.25, "-0.25", -0.25, id="a fraction"),
    ],
)
def test_a_label_is_a_class_and_a_number_where_it_can_be(sent: object, label: str, value: float | None) -> None:
    [record] = decode_predictions(body(prediction(prediction=sent)), lines=False).records

    assert (record.predicted_class, record.predicted_value) == (label, value)


NAN_FORMS = [
    b'{"x": NaN, "y": -Infinity, "s": "NaN, Infinity"}',
    b'{"x": "NaN", "y": "-Infinity", "s": "NaN, Infinity"}',
]


@pytest.mark.parametrize("features", NAN_FORMS, ids=["bare, as Python writes them", "as strings"])
@pytest.mark.parametrize("lines", [False, True])
def test_non_finite_numbers_are_data(features: bytes, lines: bool) -> None:
    record = json.dumps(prediction(score=math.nan, prediction=math.inf)).encode()
    sent = record.replace(json.dumps(GOOD["features"]).encode(), features)

    [stored] = decode_predictions(sent, lines=lines).records

    assert json.loads(stored.features) == {"x": "NaN", "y": "-Infinity", "s": "NaN, Infinity"}
    assert stored.score is not None
    assert math.isnan(stored.score)
    assert stored.predicted_value == math.inf


def test_a_bare_nan_costs_its_neighbours_nothing() -> None:
    decoded = decode_predictions(body(GOOD, prediction(score=math.nan), GOOD, prediction(latency_ms=-1)), lines=False)

    assert decoded.indexes == [0, 1, 2]
    assert [rejection.index for rejection in decoded.rejected] == [3]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"model": 5}, "model", id="a model that is no string"),
        pytest.param({"model": ""}, "model", id="an empty model"),
        pytest.param({"prediction_id": "x" * 201}, "prediction_id", id="an id of 201 characters"),
        pytest.param({"prediction_id": "a\0b"}, "prediction_id", id="NUL, which PostgreSQL cannot hold"),
        pytest.param({"request_id": "a\ud800"}, "request_id", id="half a surrogate pair, which is no text"),
        pytest.param({"timestamp": "2026-11-20T10:00:00"}, "timestamp", id="a time without a zone"),
        pytest.param({"timestamp": "20.11.2026"}, "timestamp", id="a time that is not RFC 3339"),
        pytest.param({"timestamp": 1763632800}, "timestamp", id="a time as a number"),
        pytest.param({"features": [1, 2]}, "features", id="features that are no object"),
        pytest.param({"features": None}, "features", id="no features"),
        pytest.param({"features": {"age": {"years": 31}}}, "features.age", id="a nested feature is named"),
        pytest.param({"features": {"ok": 1, "tags": ["a"]}}, "features.tags", id="a list as a feature is named"),
        pytest.param({"features": {"x": 10**400}}, "features.x", id="an integer beyond a double"),
        pytest.param({"features": {"x" * 201: 1}}, "features." + "x" * 200, id="a feature's name of 201 characters"),
        pytest.param({"features": {"x": "a\0"}}, "features.x", id="NUL in a feature"),
        pytest.param({"features": {"x": "\udfff"}}, "features.x", id="half a surrogate pair in a feature"),
        pytest.param({"features": {str(i): i for i in range(MOST_ENTRIES + 1)}}, "features", id="too many features"),
        pytest.param({"prediction": {"class": 1}}, "prediction", id="an object as a prediction"),
        pytest.param({"prediction": 2**63}, "prediction", id="a class beyond 64 bits"),
        pytest.param({"score": True}, "score", id="a boolean as a score"),
        pytest.param({"score": "0.5"}, "score", id="a score in quotes"),
        pytest.param({"scores": {}}, "scores", id="no class scores"),
        pytest.param({"scores": {"a": "high"}}, "scores.a", id="a class score in words"),
        pytest.param({"latency_ms": -0.1}, "latency_ms", id="a latency below zero"),
        pytest.param({"latency_ms": "NaN"}, "latency_ms", id="a latency that is not a number"),
        pytest.param({"attributes": {"region": 5}}, "attributes.region", id="an attribute that is no string"),
    ],
)
def test_a_wrong_field_is_named_and_the_neighbours_are_kept(changes: dict[str, Any], field: str) -> None:
    decoded = decode_predictions(body(GOOD, prediction(**changes), GOOD), lines=False)

    [rejection] = decoded.rejected
    assert (rejection.index, rejection.field) == (1, field)
    assert "allowed is" in rejection.error
    assert decoded.indexes == [0, 2]


@pytest.mark.parametrize("field", [name for name, field in PREDICTION.items() if field.required])
def test_a_missing_field_is_named(field: str) -> None:
    decoded = decode_predictions(body({name: value for name, value in GOOD.items() if name != field}), lines=False)

    assert decoded.rejected[0].field == field
    assert decoded.rejected[0].error.startswith("is missing")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": [1]}, "value"),
        ({"source": "rumour"}, "source"),
        ({"shown": "yes"}, "shown"),
        ({"source": "audit", "probability": 0}, "probability"),
        ({"source": "audit", "probability": 5e-324}, "probability"),  # its inverse is no number
        ({"source": "audit", "probability": 1.5}, "probability"),
        ({"author": ""}, "author"),
        ({"timestamp": None}, "timestamp"),
    ],
)
def test_a_wrong_field_of_a_correction_is_named(changes: dict[str, Any], field: str) -> None:
    decoded = decode_corrections(body({**SAID, **changes}, SAID), lines=False)

    assert [(r.index, r.field) for r in decoded.rejected] == [(0, field)]
    assert decoded.indexes == [1]


def test_number_beyond_a_double_is_no_infinity() -> None:
    huge = json.dumps(prediction(features={"x": 1.5})).replace("1.5", "1e400").encode()

    decoded = decode_predictions(b"[" + huge + b"," + json.dumps(GOOD).encode() + b"]", lines=False)

    assert [(r.index, r.field) for r in decoded.rejected] == [(0, "features.x")]
    assert decoded.indexes == [1]


def test_bytes_outside_utf8_cost_one_record() -> None:
    broken = json.dumps(GOOD).encode().replace(b'"DE"', b'"\xff"')

    decoded = decode_predictions(b"[" + broken + b"," + json.dumps(GOOD).encode() + b"]", lines=False)

    assert [(r.index, r.field) for r in decoded.rejected] == [(0, "features.country")]
    assert decoded.indexes == [1]


def test_escaped_backslash_before_u0000_is_no_nul() -> None:
    decoded = decode_predictions(body(prediction(features={"path": "\\u0000"})), lines=False)

    assert decoded.rejected == []


def test_the_last_of_equal_names_counts() -> None:
    twice = json.dumps(GOOD).encode().replace(b'"score": 0.93', b'"score": 0.1, "score": 0.93')

    [record] = decode_predictions(twice, lines=False).records

    assert record.score == 0.93


def test_unknown_fields_are_ignored() -> None:
    assert len(decode_predictions(body(prediction(color="red", more={"a": [1]})), lines=False).records) == 1


def test_long_wrong_values_are_not_sent_back_in_full() -> None:
    [rejection] = decode_predictions(body(prediction(score="x" * 100_000)), lines=False).rejected

    assert isinstance(rejection.value, str)
    assert len(rejection.value) == 200


def test_one_object_is_a_body_of_one() -> None:
    assert decode_predictions(b" \n" + json.dumps(GOOD).encode(), lines=False).indexes == [0]


def test_lines_are_records_of_their_own() -> None:
    good = json.dumps(GOOD).encode()
    deep = b'{"features": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    decoded = decode_predictions(b"\n".join([good, b"", b'{"model": ', good, b"[]", deep, good, b""]), lines=True)

    assert decoded.indexes == [0, 2, 5]
    assert [rejection.index for rejection in decoded.rejected] == [1, 3, 4]
    assert all("JSON" in rejection.error for rejection in decoded.rejected)


@pytest.mark.parametrize(("sent", "lines"), [(b"[]", False), (b"", True), (b"\n \n", True)])
def test_no_records_are_no_error(sent: bytes, lines: bool) -> None:
    decoded = decode_predictions(sent, lines=lines)

    assert (decoded.records, decoded.rejected) == ([], [])


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"  ",
        b"hello",
        b"5",
        b'"text"',
        b"[",
        b'{"model": "fraud"',
        b"[{}",
        b"[{}]]",
        b"{}{}",
        b"[nope]",
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_not_json_is_undecodable(sent: bytes) -> None:
    with pytest.raises(UndecodableError, match="the body"):
        decode_predictions(sent, lines=False)


@pytest.mark.parametrize("sent", [b"[" * 200_000, b'[{"features": ' + b"[" * 200_000 + b"]" * 200_000 + b"}]"])
def test_a_body_nested_too_deeply_is_undecodable(sent: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode_predictions(sent, lines=False)


def test_the_wire_types_and_their_description_name_the_same_fields() -> None:
    assert list(WirePrediction.__struct_fields__) == [
        *[name for name, field in PREDICTION.items() if field.required],
        *[name for name, field in PREDICTION.items() if not field.required],
    ]
    assert sorted(WireCorrection.__struct_fields__) == sorted(CORRECTION)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SPOILED = st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, JSON_VALUES))


@given(
    st.lists(st.just(GOOD) | SPOILED.map(lambda changes: {**GOOD, **changes}) | JSON_VALUES, max_size=8), st.booleans()
)
def test_every_record_is_either_read_or_rejected(records: list[Any], lines: bool) -> None:
    texts = [json.dumps(record) for record in records]
    sent = ("\n".join(texts) if lines else f"[{','.join(texts)}]").encode()

    decoded = decode_predictions(sent, lines=lines)

    places = decoded.indexes + [rejection.index for rejection in decoded.rejected]
    assert sorted(places) == list(range(len(records)))
    assert {i for i, record in enumerate(records) if record == GOOD} <= set(decoded.indexes)
    for record in decoded.records:
        assert "\0" not in record.prediction_id
        assert json.loads(record.features, parse_constant=pytest.fail) is not None


@given(JSON_VALUES)
def test_bare_constants_mean_the_same_as_quoted_ones(value: Any) -> None:
    from collectors.native import _quote_constants

    text = json.dumps(value)

    assert json.loads(_quote_constants(text.encode()), parse_constant=pytest.fail) == json.loads(
        text, parse_constant=str
    )
