"""Conditions on one value of a JSON object in a text column, on both databases, with the name bound as a value.

Names may hold anything: neither database is given a path to parse. A text that is not JSON cannot have been stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Numeric,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql

from app.core.records import NON_FINITE

Condition: TypeAlias = ColumnElement[bool]
_LARGEST, _SMALLEST = 1.79e308, 1e-307


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is there: what it is, and as a text and a number; these mean something of what they are alone."""

    is_text: Condition
    is_number: Condition
    is_true: Condition
    is_false: Condition
    text: ColumnElement[str]
    number: ColumnElement[float]

    def equals(self, text: str) -> Condition:
        """A string that reads so."""
        return case((self.is_text, self.text == text), else_=False)

    def equals_number(self, number: float) -> Condition:
        return case((self.is_number, self.number == cast(literal(number), Double)), else_=False)

    def less(self, high: float) -> Condition:
        """A number below, or minus infinity."""
        below = (self.is_number, self.number < cast(literal(high), Double))
        return case(below, (self.is_text, self.text == _named(-math.inf)), else_=False)

    def more(self, low: float) -> Condition:
        """A number above, or infinity."""
        above = (self.is_number, self.number > cast(literal(low), Double))
        return case(above, (self.is_text, self.text == _named(math.inf)), else_=False)

    def between(self, low: float, high: float) -> Condition:
        within = and_(self.number >= cast(literal(low), Double), self.number <= cast(literal(high), Double))
        return case((self.is_number, within), else_=False)

    @property
    def is_scalar(self) -> Condition:
        """No list."""
        return or_(self.is_text, self.is_number, self.is_true, self.is_false)


def _named(number: float) -> str:
    return next(name for name, value in NON_FINITE.items() if value == number)


def holds(
    connection: Connection, column: ColumnElement[Any], name: str, condition: Callable[[Value], Condition]
) -> Condition:
    """Whether the object has a value of that name, not null, for which the condition holds."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(column).table_valued("key", "value", "type", name=None).alias()
        found = Value(
            each.c.type == "text",
            each.c.type.in_(["integer", "real"]),
            each.c.type == "true",
            each.c.type == "false",
            cast(each.c.value, Text),
            cast(each.c.value, Double),
        )
        mine = and_(each.c.key == name, each.c.type != "null", condition(found))
        return exists(select(literal(1)).select_from(each).where(mine).correlate_except(each))
    value = _postgres_value(column, name)
    kind = func.json_typeof(value)
    text = value.op("#>>", return_type=Text())(cast(literal("{}"), postgresql.ARRAY(Text)))
    found = Value(
        kind == "string",
        kind == "number",
        and_(kind == "boolean", text == "true"),
        and_(kind == "boolean", text == "false"),
        text,
        _postgres_number(text),
    )
    return case((or_(kind.is_(None), kind == "null"), false()), else_=condition(found))


def has(connection: Connection, column: ColumnElement[Any], name: str) -> Condition:
    """Whether the object has a value of that name that is not null."""
    return holds(connection, column, name, lambda _value: true())


def lacks(connection: Connection, column: ColumnElement[Any], name: str) -> Condition:
    """The opposite of `has`."""
    return not_(has(connection, column, name))


def _postgres_value(column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    # PostgreSQL has no character zero in any text, and would refuse the whole search for the sake of one.
    readable = func.replace(column, literal("\\u0000"), literal("\\ufffd"))
    as_json = cast(readable, postgresql.JSON)
    return as_json.op("->", return_type=postgresql.JSON())(cast(literal(name.replace("\0", "\ufffd")), Text))


def _postgres_number(text: ColumnElement[str]) -> ColumnElement[float]:
    """The nearest double: PostgreSQL refuses what is beyond the largest, and what is nearer to 0 than the smallest."""
    exact = cast(text, Numeric)
    return case(
        (exact > cast(literal(str(_LARGEST)), Numeric), cast(literal("Infinity"), Double)),
        (exact < cast(literal(str(-_LARGEST)), Numeric), cast(literal("-Infinity"), Double)),
        (func.abs(exact) < cast(literal(str(_SMALLEST)), Numeric), cast(literal("0"), Double)),
        else_=cast(text, Double),
    )
