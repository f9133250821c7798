"""The native wire format: JSON or NDJSON bodies of predictions and corrections, decoded into records.

Every record stands for itself: a bad one is rejected with its index, its field, what it held and what is allowed, and
its neighbours go on. msgspec decodes and checks a record in one step; only one that fails is looked at in Python, first
for the bare NaN and Infinity that Python's `json` writes, then for what to say about it.

Of a name that an object holds twice, the last one counts. Unknown fields are ignored.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from app.core.model import Source
from app.core.records import (
    MOST_NUMBERS,
    NON_FINITE,
    CorrectionRecord,
    OfflineFeaturesRecord,
    PredictionRecord,
    Rejection,
    Scalar,
    class_name,
    number,
)

NAME_LENGTH = 200
MOST_ENTRIES = 2_000
MOST_CHARACTERS = 65_536
MOST_RECORDS = 100_000
"""Of one body. What is wrong with a record takes more room than the two bytes that may hold it."""
_SHOWN = 200  # characters of a wrong value that an answer repeats

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)]
Number: TypeAlias = float | Literal["NaN", "Infinity", "-Infinity"]
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
Integer: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Label: TypeAlias = bool | Integer | float | Text | None
FreeText: TypeAlias = Annotated[str, Meta(max_length=MOST_CHARACTERS)]
Numbers: TypeAlias = Annotated[list[Number], Meta(max_length=MOST_NUMBERS)]
Features: TypeAlias = Annotated[dict[Text, float | FreeText | bool | Numbers | None], Meta(max_length=MOST_ENTRIES)]
ClassScores: TypeAlias = Annotated[dict[Text, Number], Meta(min_length=1, max_length=MOST_ENTRIES)]
Attributes: TypeAlias = Annotated[dict[Text, Text], Meta(max_length=MOST_ENTRIES)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0)]
# Its inverse is a weight, which has to stay a number.
Probability: TypeAlias = Annotated[float, Meta(ge=1e-9, le=1)]

Buffer: TypeAlias = bytes | msgspec.Raw
Record = TypeVar("Record", PredictionRecord, CorrectionRecord, OfflineFeaturesRecord)


class UndecodableError(ValueError):
    """The body as a whole cannot be read, so that not even its records can be told apart."""


class TooManyError(UndecodableError):
    """The body holds more than MOST_RECORDS records."""


class Decoded(msgspec.Struct, Generic[Record], frozen=True):
    """What a body held: `records[i]` stood at place `indexes[i]` of it."""

    records: list[Record]
    indexes: list[int]
    rejected: list[Rejection]


def decode_predictions(body: bytes, *, lines: bool) -> Decoded[PredictionRecord]:
    """The predictions of a body: one JSON object or an array of them; with `lines`, NDJSON.

    A record's `predicted_class` and `predicted_value` both say what was sent; the model's task decides which of them
    counts. Raises UndecodableError where the records cannot be told apart or are too many.
    """
    return _decode(body, lines, _to_prediction, PREDICTION)


def decode_corrections(body: bytes, *, lines: bool) -> Decoded[CorrectionRecord]:
    """The corrections of a body; see decode_predictions."""
    return _decode(body, lines, _to_correction, CORRECTION)


def decode_offline_features(body: bytes, *, lines: bool) -> Decoded[OfflineFeaturesRecord]:
    """The offline features of a body; see decode_predictions."""
    return _decode(body, lines, _to_offline_features, OFFLINE_FEATURES)


def _decode(
    body: bytes, lines: bool, convert: Callable[[Buffer], Record], fields: Mapping[str, Field]
) -> Decoded[Record]:
    decoded: Decoded[Record] = Decoded([], [], [])
    # PostgreSQL holds no NUL. A body that writes none, and that is nearly every body, needs no second look.
    check: Callable[[Buffer], Record] = _without_nul(convert, fields) if b"\\u0000" in body else convert
    parts = _lines(body) if lines else _elements(body)
    if len(parts) > MOST_RECORDS:
        raise TooManyError(f"the body holds {len(parts)} records; allowed are {MOST_RECORDS}: send them in parts")
    for index, part in enumerate(parts):
        try:
            record = _mending(check, part)
        except _WRONG as error:
            decoded.rejected.append(_explain(index, bytes(part), fields, error))
        else:
            decoded.records.append(record)
            decoded.indexes.append(index)
    return decoded


def _mending(convert: Callable[[Buffer], Record], part: Buffer) -> Record:
    try:
        return convert(part)
    except _WRONG:
        mended = _quote_constants(bytes(part))
        if mended == bytes(part):
            raise
        return convert(mended)


# --- Splitting a body into its records --------------------------------------------------------------------------------


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.split(b"\n") if line.strip()]


def _elements(body: bytes) -> Sequence[Buffer]:
    start = body.lstrip(b" \t\r\n")[:1]
    if start not in (b"[", b"{"):
        raise UndecodableError(
            "the body must be a JSON object or an array of objects (NDJSON needs its own content type)"
        )
    for split in (_split, lambda text: _split(_quote_constants(text)), _split_tolerantly):
        try:
            return split(body)
        except _WRONG as error:
            reason = error
    raise UndecodableError(f"the body is not valid JSON: {reason}")


_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(msgspec.Raw).decode


def _split(body: bytes) -> Sequence[Buffer]:
    return _array(body) if body.lstrip().startswith(b"[") else [_object(body)]


def _split_tolerantly(body: bytes) -> Sequence[Buffer]:
    """The same for a body with half a surrogate pair in it, which costs only the record that holds it."""
    document = _read(body)
    records = document if isinstance(document, list) else [document]
    return [json.dumps(record, default=_beyond_double).encode() for record in records]


def _beyond_double(_number: object) -> int:
    return 10**400  # as little a double as what stood there


_ORDINARY = re.compile(rb'(?:[^"NI-]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"|-(?!I))*+', re.DOTALL)
_CONSTANT = re.compile(rb"-?Infinity|NaN")


def _quote_constants(text: bytes) -> bytes:
    """Bare NaN, Infinity and -Infinity as the strings of the wire format; all else stays as it was received."""
    pieces = []
    position = 0
    while (ordinary := _ORDINARY.match(text, position)) and (constant := _CONSTANT.match(text, ordinary.end())):
        pieces += [ordinary[0], b'"', constant[0], b'"']
        position = constant.end()
    return b"".join([*pieces, text[position:]])


# --- One record -------------------------------------------------------------------------------------------------------


_NULL = msgspec.Raw(b"null")


class WirePrediction(msgspec.Struct, gc=False):
    """A prediction as it is sent; its raw parts are checked on their own and kept as text."""

    model: Text
    version: Text
    prediction_id: Text
    timestamp: Time
    features: msgspec.Raw
    prediction: Label = None
    score: Number | None = None
    scores: msgspec.Raw = _NULL
    latency_ms: Milliseconds | None = None
    request_id: Text | None = None
    unit_id: Text | None = None
    attributes: msgspec.Raw = _NULL


class WireCorrection(msgspec.Struct, gc=False):
    """A correction as it is sent."""

    model: Text
    prediction_id: Text
    timestamp: Time
    value: Label
    source: Source
    version: Text | None = None
    author: Text | None = None
    shown: bool = False
    probability: Probability | None = None


class WireOfflineFeatures(msgspec.Struct, gc=False):
    """Offline features as they are sent; the features are checked on their own and kept as text."""

    model: Text
    prediction_id: Text
    features: msgspec.Raw
    version: Text | None = None


_prediction = msgspec.json.Decoder(WirePrediction).decode
_offline_features = msgspec.json.Decoder(WireOfflineFeatures).decode
_correction = msgspec.json.Decoder(WireCorrection).decode
_features = msgspec.json.Decoder(Features).decode
_class_scores = msgspec.json.Decoder(ClassScores | None).decode
_attributes = msgspec.json.Decoder(Attributes | None).decode

# What the decoders raise for wrong input; a UnicodeDecodeError is a ValueError.
_WRONG = (msgspec.DecodeError, ValueError, RecursionError)


def _to_prediction(part: Buffer) -> PredictionRecord:
    wire = _prediction(part)
    _features(wire.features)
    label, score = wire.prediction, wire.score
    return PredictionRecord(
        wire.model,
        wire.version,
        wire.prediction_id,
        wire.timestamp,
        str(wire.features, "utf-8"),
        class_name(label),
        _value(label),
        score if type(score) is float else number(score),
        None if wire.scores is _NULL else _checked(wire.scores, _class_scores),
        wire.latency_ms,
        wire.request_id,
        wire.unit_id,
        None if wire.attributes is _NULL else _checked(wire.attributes, _attributes),
    )


def _to_correction(part: Buffer) -> CorrectionRecord:
    wire = _correction(part)
    return CorrectionRecord(
        wire.model,
        wire.prediction_id,
        wire.timestamp,
        wire.source,
        wire.value,
        wire.version,
        wire.author,
        wire.shown,
        wire.probability,
    )


def _to_offline_features(part: Buffer) -> OfflineFeaturesRecord:
    wire = _offline_features(part)
    _features(wire.features)
    return OfflineFeaturesRecord(wire.model, wire.prediction_id, str(wire.features, "utf-8"), wire.version)


def _checked(raw: msgspec.Raw, check: Callable[[Buffer], object]) -> str | None:
    """The text as received, once it is known to hold what it may; None for null."""
    return None if check(raw) is None else str(raw, "utf-8")


def _value(label: Scalar) -> float | None:
    """The label as a number, where it is one."""
    if isinstance(label, str):
        return NON_FINITE.get(label)
    return None if label is None or isinstance(label, bool) else float(label)


# --- What is wrong with a record --------------------------------------------------------------------------------------


class Field(NamedTuple):
    """What a field may hold: as a type to check it by, and in words for answers and documentation."""

    type: object
    allowed: str
    required: bool = False


_TEXT = f"a string of 1 to {NAME_LENGTH} characters without NUL"
_TIME = "an RFC 3339 time with a zone, like 2026-01-31T12:00:00Z"
_LABEL = f"a class (a string of 1 to {NAME_LENGTH} characters, an integer of 64 bits, a boolean) or a number"
_NUMBER = 'a number, "NaN", "Infinity" or "-Infinity"'
_ENTRIES = f"an object of at most {MOST_ENTRIES} names of 1 to {NAME_LENGTH} characters"

PREDICTION: Mapping[str, Field] = {
    "model": Field(Text, _TEXT, required=True),
    "version": Field(Text, _TEXT, required=True),
    "prediction_id": Field(Text, _TEXT, required=True),
    "timestamp": Field(Time, _TIME, required=True),
    "features": Field(
        Features,
        f"{_ENTRIES} with a number, a string of at most {MOST_CHARACTERS} characters without NUL, a boolean, null, or "
        f"a list of at most {MOST_NUMBERS} numbers each",
        required=True,
    ),
    "prediction": Field(Label, _LABEL),
    "score": Field(Number | None, _NUMBER),
    "scores": Field(ClassScores | None, f"{_ENTRIES} with {_NUMBER} each, and not empty"),
    "latency_ms": Field(Milliseconds | None, "a number of milliseconds, 0 or more"),
    "request_id": Field(Text | None, _TEXT),
    "unit_id": Field(Text | None, _TEXT),
    "attributes": Field(Attributes | None, f"{_ENTRIES} with {_TEXT} each"),
}
CORRECTION: Mapping[str, Field] = {
    "model": Field(Text, _TEXT, required=True),
    "prediction_id": Field(Text, _TEXT, required=True),
    "timestamp": Field(Time, _TIME, required=True),
    "value": Field(Label, f"{_LABEL}; or null: shown, and nothing said", required=True),
    "source": Field(Source, ", ".join(Source), required=True),
    "version": Field(Text | None, _TEXT),
    "author": Field(Text | None, _TEXT),
    "shown": Field(bool, "true or false"),
    "probability": Field(
        Probability | None, "a number from 1e-9 to 1, with source audit: how likely the prediction was to be audited"
    ),
}

OFFLINE_FEATURES: Mapping[str, Field] = {
    "model": Field(Text, _TEXT, required=True),
    "prediction_id": Field(Text, _TEXT, required=True),
    "features": PREDICTION["features"],
    "version": Field(Text | None, f"{_TEXT}; may be left out where the model has one version"),
}


def _without_nul(convert: Callable[[Buffer], Record], fields: Mapping[str, Field]) -> Callable[[Buffer], Record]:
    def check(part: Buffer) -> Record:
        record = convert(part)
        if b"\\u0000" in bytes(part) and any(_faults(_read(bytes(part)), fields)):
            raise ValueError("a text holds NUL")
        return record

    return check


def _explain(index: int, part: bytes, fields: Mapping[str, Field], error: Exception) -> Rejection:
    try:
        record = _read(part)
    except (ValueError, RecursionError):
        return Rejection(index, "", _show(part.decode(errors="replace")), "not valid JSON, or nested too deeply")
    if not isinstance(record, dict):
        return Rejection(index, "", _show(record), "a record must be a JSON object")
    for field, value, allowed in _faults(record, fields):
        return Rejection(index, field, _show(value), allowed)
    return Rejection(index, "", None, f"the record cannot be read: {error}")


def _read(part: bytes) -> Any:
    """The JSON with what is wrong still in it: bytes outside UTF-8, half surrogate pairs, numbers out of range."""
    return json.loads(part.decode("utf-8", "surrogateescape"), parse_constant=str, parse_float=_finite)


def _finite(text: str) -> float | Decimal:
    value = float(text)
    return value if math.isfinite(value) else Decimal(text)


def _faults(record: Mapping[str, object], fields: Mapping[str, Field]) -> Iterator[tuple[str, object, str]]:
    """(field, what it holds, what is allowed) for each wrong field; of a field with entries, its first wrong one."""
    for name, field in fields.items():
        if name not in record:
            if field.required:
                yield name, None, f"is missing; allowed is {field.allowed}"
        elif not _holds(record[name], field.type):
            yield *_culprit(name, record[name], field.type), f"allowed is {field.allowed}"


_OBJECTS = {"features", "scores", "attributes"}


def _culprit(name: str, value: object, type_: object) -> tuple[str, object]:
    """The wrong entry of an object, or the value as a whole."""
    if name in _OBJECTS and isinstance(value, dict):
        for key, entry in value.items():
            if not _holds({key: entry}, type_):
                return f"{name}.{_show(key)}", entry
        return name, f"{len(value)} entries"
    return name, value


def _holds(value: object, type_: object) -> bool:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return _storable(value)


def _storable(value: object) -> bool:
    match value:
        case str():
            return "\0" not in value and not _SURROGATE.search(value)
        case list():
            return all(map(_storable, value))
        case dict():
            return all(_storable(part) for entry in value.items() for part in entry)
    return not isinstance(value, Decimal)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _show(value: object) -> Scalar:
    """A wrong value as an answer can repeat it: short, and fit for JSON."""
    if value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 2**63):
        return value
    text = value if isinstance(value, str) else str(value)
    return text[:_SHOWN].encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")
