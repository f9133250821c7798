"""A random sample of rows, kept as columns: what reports look at, and what importance is learnt from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from app.core.columns import FINITE, Column, Numbers, categories_of, parse_numbers
from app.core.layout import Layout

Values: TypeAlias = list[float | str | None]

MOST_ROWS = 10_000
"""Rows of a sample. A share of 1 % is then known to about 0.1 of a percentage point."""
SEED = 0


class Sample(msgspec.Struct, frozen=True):
    """N of `total` rows, each as likely as any other. All columns are [N]; None is missing or no finite number.

    `features` are numbers, or names of categories; `predicted` and `label` are classes, for regression numbers.
    """

    total: int
    features: dict[str, Values]
    predicted: Values
    score: Values
    label: Values

    @property
    def rows(self) -> int:
        return len(self.predicted)

    @property
    def labelled(self) -> int:
        """Rows whose truth is known."""
        return sum(label is not None for label in self.label)


def counted_columns(layout: Layout, features: Mapping[str, Column]) -> dict[str, Column]:
    """The layout's columns by name, from features as they are served: derived ones are left out for their columns."""
    whole = [name for name in layout.feature_names if name not in {one.name for one in layout.derived}]
    columns = {name: features[name] for name in whole if name in features}
    for derived in layout.derived:
        if derived.name in features:
            found = derived.derive(features[derived.name])
            columns |= {name: finite_or_none(one) for name, one in zip(derived.columns, found, strict=True)}
    return columns


def feature_values(layout: Layout, columns: Mapping[str, Column]) -> dict[str, Values]:
    """The counted columns as a sample keeps them, in the layout's order."""
    found = {f.name: finite_numbers(columns[f.name]) for f in layout.numeric if f.name in columns}
    for feature in layout.categorical:
        if feature.name in columns:
            found[feature.name] = [*categories_of(columns[feature.name])]
    return found


def finite_numbers(column: Column) -> Values:
    """The column's finite numbers; None for everything else."""
    return [*finite_or_none(parse_numbers(column))]


def finite_or_none(numbers: Numbers) -> list[float | None]:
    """Finite numbers as they are; None for everything else."""
    states = [FINITE] * numbers.values.size if numbers.states is None else numbers.states.tolist()
    return [value if state == FINITE else None for value, state in zip(numbers.values.tolist(), states, strict=True)]


def pack_sample(sample: Sample) -> bytes:
    """The sample as compressed JSON."""
    return zlib.compress(msgspec.json.encode(sample), 1)  # 6 takes five times as long for 6 % less


def unpack_sample(packed: bytes) -> Sample:
    """The sample that `pack_sample` packed."""
    return msgspec.json.decode(zlib.decompress(packed), type=Sample)
