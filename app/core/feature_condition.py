"""Conditions on one served feature, as people write them: `wind > 20`, `origin = JFK`, `visibility is missing`.

A name that holds spaces, quotes or operators is written as a JSON string: `"wind (kn)" between 10 and 20`. Numbers are
compared as 64-bit floats; the strings NaN, Infinity and -Infinity stand for what JSON has no numbers for.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from enum import StrEnum

from app.core.errors import InvalidError


class Operator(StrEnum):
    """How a feature is compared."""

    EQUAL = "="
    LESS = "<"
    MORE = ">"
    BETWEEN = "between"
    MISSING = "is missing"


@dataclass(frozen=True, slots=True)
class FeatureCondition:
    """What a feature has to hold. Of `low` and `high`, LESS uses `high`, MORE `low`, and BETWEEN both, with its ends.

    EQUAL compares with `text`: a string alike; and, unless `exact`, a number or boolean that is written so.
    MISSING: null, or not sent at all.
    """

    name: str
    operator: Operator
    text: str = ""
    low: float = -math.inf
    high: float = math.inf
    exact: bool = False

    @property
    def number(self) -> float | None:
        """The finite number that EQUAL compares with, too; None where there is none."""
        return None if self.exact else _finite(self.text)

    @property
    def boolean(self) -> bool | None:
        """The boolean that EQUAL compares with, too."""
        return None if self.exact else {"true": True, "false": False}.get(self.text.lower())

    def __str__(self) -> str:
        """What `parse` reads as the same condition."""
        name = self.name if _BARE.fullmatch(self.name) else json.dumps(self.name, ensure_ascii=False)
        match self.operator:
            case Operator.MISSING:
                return f"{name} is missing"
            case Operator.BETWEEN:
                return f"{name} between {_number_text(self.low)} and {_number_text(self.high)}"
            case Operator.LESS:
                return f"{name} < {_number_text(self.high)}"
            case Operator.MORE:
                return f"{name} > {_number_text(self.low)}"
        plain = not self.exact and self.text and self.text == self.text.strip() and not self.text.startswith('"')
        return f"{name} = {self.text if plain else json.dumps(self.text, ensure_ascii=False)}"


_BARE = re.compile(r'[^\s=<>"]+')
_FORMS = "allowed are NAME = VALUE, NAME > NUMBER, NAME < NUMBER, NAME between NUMBER and NUMBER, NAME is missing"


def parse(text: str) -> FeatureCondition:
    """The condition that a text says. Raises InvalidError, which says what is allowed."""
    name, rest = _name(text.strip(), text)
    if rest.lower() in ("missing", "is missing"):
        return FeatureCondition(name, Operator.MISSING)
    if match := re.fullmatch(r"between\s+(\S+)\s+and\s+(\S+)", rest, re.IGNORECASE):
        low, high = _number(match[1], text), _number(match[2], text)
        if low > high:
            raise InvalidError("feature", text, f"{match[1]} is more than {match[2]}")
        return FeatureCondition(name, Operator.BETWEEN, low=low, high=high)
    value = rest[1:].strip()
    match rest[:1]:
        case "<":
            return FeatureCondition(name, Operator.LESS, high=_number(value, text))
        case ">":
            return FeatureCondition(name, Operator.MORE, low=_number(value, text))
        case "=" if value:
            return _equal(name, value)
    raise InvalidError("feature", text, _FORMS)


def _name(stripped: str, text: str) -> tuple[str, str]:
    if stripped.startswith('"'):
        try:
            name, end = json.JSONDecoder().raw_decode(stripped)
        except ValueError:
            raise InvalidError("feature", text, 'a name in quotes is a JSON string, such as "wind (kn)"') from None
        return name, stripped[end:].strip()
    match = _BARE.match(stripped)
    if match is None:
        raise InvalidError("feature", text, _FORMS)
    return match[0], stripped[match.end() :].strip()


def _equal(name: str, value: str) -> FeatureCondition:
    if value.startswith('"'):
        try:
            return FeatureCondition(name, Operator.EQUAL, text=json.loads(value), exact=True)
        except ValueError:
            pass
    return FeatureCondition(name, Operator.EQUAL, text=value)


def _number(value: str, text: str) -> float:
    number = _finite(value)
    if number is None:
        raise InvalidError("feature", text, f"{value!r} is no finite number; {_FORMS}")
    return number


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
