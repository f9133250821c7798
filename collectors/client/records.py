"""What goes over the wire: a prediction, correction or set of offline features, checked and encoded as a line of JSON.

Encoding happens in the caller's thread, at the call: a wrong argument raises where it was written, a feature that the
service changes afterwards is not changed here, and the size of every waiting record is known to the byte.
"""

import math
import reprlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, NoReturn, get_args

import msgspec

Scalar = str | int | float | bool | None
Source = Literal["ground_truth", "audit", "user"]

ID_LENGTH = 200
SOURCES: tuple[str, ...] = get_args(Source)

MOST_NUMBERS = 4096
"""Of one list."""

_FEATURE = "a number, string, boolean, date, list of numbers or None"
_LABEL = "a class (string, integer, boolean) or a number"
_NUMBER = "a number"


def prediction(
    model: str,
    version: str,
    prediction_id: str,
    timestamp: datetime,
    features: Mapping[str, object],
    *,
    value: object = None,
    score: object = None,
    scores: Mapping[Any, object] | None = None,
    latency_ms: object = None,
    request_id: str | None = None,
    unit_id: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> bytes:
    """Encode one prediction as a JSON object.

    Raises TypeError or ValueError naming the field, what it was and what is allowed.
    """
    if value is None and score is None and scores is None:
        raise ValueError("prediction: None without a score; give a prediction, a score or scores")
    record: dict[str, object] = {
        "model": _name("model", model),
        "version": _name("version", version),
        "prediction_id": _identifier("prediction_id", prediction_id),
        "timestamp": _timestamp(timestamp),
        "features": _features(features),
    }
    _add(record, "prediction", value, _label)
    _add(record, "score", score, _number)
    _add(record, "scores", scores, _scores)
    _add(record, "latency_ms", latency_ms, _duration)
    _add(record, "request_id", request_id, _name)
    _add(record, "unit_id", unit_id, _name)
    _add(record, "attributes", attributes, _attributes)
    return _encode(record)


def correction(
    model: str,
    prediction_id: str,
    timestamp: datetime,
    value: object,
    source: str,
    *,
    version: str | None = None,
    author: str | None = None,
    shown: bool = False,
    probability: float | None = None,
) -> bytes:
    """Encode one correction as a JSON object; a value of None says that the prediction was shown and got no verdict.

    Raises TypeError or ValueError naming the field, what it was and what is allowed.
    """
    if source not in SOURCES:
        raise ValueError(f"source: {_show(source)}; allowed is one of {', '.join(SOURCES)}")
    if not isinstance(shown, bool):
        _wrong_type("shown", shown, "True or False")
    if probability is not None and (source != "audit" or not 1e-9 <= probability <= 1):
        raise ValueError(f"probability: {_show(probability)}; allowed is a number from 1e-9 to 1, of an audit")
    record: dict[str, object] = {
        "model": _name("model", model),
        "prediction_id": _identifier("prediction_id", prediction_id),
        "timestamp": _timestamp(timestamp),
        "value": None if value is None else _label("value", value),
        "source": source,
        "shown": shown,
    }
    _add(record, "version", version, _name)
    _add(record, "author", author, _name)
    _add(record, "probability", probability, lambda _, value: float(value))
    return _encode(record)


def offline_features(
    model: str, prediction_id: str, features: Mapping[str, object], *, version: str | None = None
) -> bytes:
    """Encode what an offline pipeline computes for one prediction as a JSON object.

    Raises TypeError or ValueError naming the field, what it was and what is allowed.
    """
    record: dict[str, object] = {
        "model": _name("model", model),
        "prediction_id": _identifier("prediction_id", prediction_id),
        "features": _features(features),
    }
    _add(record, "version", version, _name)
    return _encode(record)


def _add(record: dict[str, object], field: str, value: Any, check: Callable[[str, Any], object]) -> None:
    """An absent optional field is left out, not sent as null."""
    if value is not None:
        record[field] = check(field, value)


def _name(field: str, value: object) -> str:
    if not isinstance(value, str):
        _wrong_type(field, value, "a string")
    if not value:
        raise ValueError(f"{field}: ''; allowed is a string that is not empty")
    return value


def _identifier(field: str, value: object) -> str:
    text = _name(field, value)
    if len(text) > ID_LENGTH:
        raise ValueError(f"{field}: {_show(text)} has {len(text)} characters; allowed are 1 to {ID_LENGTH}")
    return text


def _timestamp(value: object) -> str:
    if not isinstance(value, datetime):
        _wrong_type("timestamp", value, "a datetime with a time zone")
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError(f"timestamp: {value} has no time zone; allowed is a datetime with one, like datetime.now(UTC)")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _features(features: object) -> dict[str, Scalar | list[Scalar]]:
    if not isinstance(features, Mapping):
        _wrong_type("features", features, "a mapping of names to values")
    return {_feature_name(name): _feature(name, value) for name, value in features.items()}


def _feature_name(name: object) -> str:
    if not isinstance(name, str):
        _wrong_type("features", name, "a string as the name of each feature")
    return name


def _feature(name: str, value: object) -> Scalar | list[Scalar]:
    # An array of numpy, PyTorch and others; with a single number in it, it is taken for that number.
    if getattr(value, "ndim", 0) == 1 and len(value) != 1:  # type: ignore[arg-type]
        value = value.tolist()  # type: ignore[attr-defined]
    if not isinstance(value, list | tuple):
        return _scalar("features", name, value)
    field = f"features[{name!r}]"
    if len(value) > MOST_NUMBERS:
        raise ValueError(f"{field}: a list of {len(value)}; allowed are at most {MOST_NUMBERS} numbers")
    return [_number(field, one) for one in value]


def _scalar(field: str, name: str, value: object) -> Scalar:
    kind = type(value)
    if kind is float:
        return _spelled(value)  # type: ignore[arg-type]
    if kind is int or kind is str or kind is bool or value is None:
        return value  # type: ignore[return-value]
    return _converted(f"{field}[{name!r}]", value, _FEATURE)


def _label(field: str, value: object) -> Scalar:
    if isinstance(value, date) or (label := _converted(field, value, _LABEL)) is None:
        _wrong_type(field, value, _LABEL)
    return label


def _number(field: str, value: object) -> Scalar:
    if isinstance(value, date | str):
        _wrong_type(field, value, _NUMBER)
    number = _converted(field, value, _NUMBER)
    if number is None or isinstance(number, bool):
        _wrong_type(field, value, _NUMBER)
    return number


def _duration(field: str, value: object) -> Scalar:
    duration = _number(field, value)
    if isinstance(duration, str) or duration < 0:  # type: ignore[operator]  # a number as a string is not finite
        raise ValueError(f"{field}: {_show(value)}; allowed is a finite number of milliseconds, 0 or more")
    return duration


def _scores(field: str, value: object) -> dict[str, Scalar]:
    if not isinstance(value, Mapping):
        _wrong_type(field, value, "a mapping of classes to probabilities")
    return {_class_name(field, name): _number(f"{field}[{name!r}]", score) for name, score in value.items()}


def _class_name(field: str, name: object) -> str:
    """A JSON object has string keys only, so the integer class 3 is written as "3"."""
    plain = _converted(field, name, "a string or integer as the name of each class")
    if isinstance(plain, bool | float) or plain is None:
        _wrong_type(field, name, "a string or integer as the name of each class")
    return str(plain)


def _attributes(field: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        _wrong_type(field, value, "a mapping of strings to strings")
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            _wrong_type(f"{field}[{name!r}]", text, "a string under a name that is a string")
    return dict(value)


def _converted(field: str, value: object, allowed: str) -> Scalar:
    """The plain value behind a subclass, a Decimal, a date or a scalar of an array library."""
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)  # the text itself, where str() of an enumeration would give its name
        case int():
            return int(value)
        case float():
            return _spelled(float(value))
        case Decimal():
            return "NaN" if value.is_nan() else _spelled(float(value))
        case date():
            return None if _is_missing(value) else value.isoformat()
    return None if _is_missing(value) else _item(field, value, allowed)


def _item(field: str, value: object, allowed: str) -> Scalar:
    """What numpy, PyTorch and others hold in a scalar; asked for by its shape, so that none of them is imported."""
    try:
        plain: object = value.item()  # type: ignore[attr-defined]
    except (
        AttributeError,
        TypeError,
        ValueError,
        RuntimeError,
    ):  # an array of several values; each library has its own
        _wrong_type(field, value, allowed)
    # numpy's datetime64[ns] gives an integer here, which would pass for a number.
    if not isinstance(plain, bool | int | float | str) or getattr(getattr(value, "dtype", None), "kind", "") in "mM":
        _wrong_type(field, value, allowed)
    return _spelled(plain) if isinstance(plain, float) else plain


def _is_missing(value: object) -> bool:
    """Whether it is null in the words of pandas, whose NaT even claims to be a datetime."""
    return type(value).__name__ in ("NaTType", "NAType")


def _spelled(number: float) -> float | str:
    """JSON has no word for the non-finite numbers, so they travel as the strings of the wire format."""
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _encode(record: dict[str, object]) -> bytes:
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.json.encode(_well_formed(record))


def _well_formed(value: object) -> object:
    """Half a surrogate pair is a fault of the data, not of the program: it becomes "?" and the record is kept."""
    if isinstance(value, dict):
        return {_well_formed(name): _well_formed(item) for name, item in value.items()}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _wrong_type(field: str, value: object, allowed: str) -> NoReturn:
    raise TypeError(f"{field}: {_show(value)} is of type {type(value).__name__}; allowed is {allowed}")


def _show(value: object) -> str:
    return reprlib.repr(value)
