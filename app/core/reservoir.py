"""A uniform sample of rows that pass by once, kept as columns in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.columns import Column
from app.core.records import FeatureValue, Scalar

Part: TypeAlias = NDArray[Any]
"""[n] float64 with NaN where missing, or objects where a column holds anything but numbers."""


class Reservoir:
    """At most `most` rows, each as likely as any other, and the same ones however the rows are chunked.

    Every row draws a number, and those with the smallest numbers stay.
    """

    def __init__(self, columns: Sequence[str], most: int, seed: int = 0) -> None:
        self._most = most
        self._random = np.random.default_rng(seed)
        self._draws: list[NDArray[np.float64]] = []
        self._columns: dict[str, list[Part]] = {name: [] for name in columns}
        self._held = 0
        self._limit = 1.0

    def add(self, columns: Mapping[str, Column], rows: int) -> None:
        """Offer `rows` more rows: [rows] values per column, where a float is always finite."""
        draws = self._random.random(rows)
        chosen = np.flatnonzero(draws < self._limit)
        self._draws.append(draws[chosen])
        for name, parts in self._columns.items():
            parts.append(_part(_chosen(columns[name], chosen)))
        self._held += chosen.size
        if self._held > 2 * self._most:
            self._prune()

    def drop(self, column: str) -> None:
        """Keep the column no longer."""
        del self._columns[column]

    def columns(self) -> dict[str, Part]:
        """[n] the sample of each column, in the order of the rows."""
        self._prune()
        return {name: _joined(parts) for name, parts in self._columns.items()}

    def _prune(self) -> None:
        draws = np.concatenate([np.empty(0), *self._draws])
        kept: NDArray[np.intp] = np.arange(draws.size)
        if draws.size > self._most:
            kept = np.sort(np.argpartition(draws, self._most)[: self._most])
            self._limit = float(draws[kept].max())
        self._draws, self._held = [draws[kept]], kept.size
        for name, parts in self._columns.items():
            self._columns[name] = [_joined(parts)[kept]]


def with_gaps(part: Part) -> list[Scalar]:
    """The values of a column, None where one is missing."""
    values: list[Scalar] = part.tolist()
    return values if part.dtype == object else [None if value != value else value for value in values]


def _plain(value: FeatureValue) -> Scalar:
    """The value; a stray list among other values as its text, which is the name of a category."""
    return str(value) if isinstance(value, list) else value


def _chosen(column: Column, chosen: NDArray[np.intp]) -> Column:
    if isinstance(column, np.ndarray) or chosen.size == len(column):
        return column[chosen] if isinstance(column, np.ndarray) else column
    return [column[row] for row in chosen.tolist()]


def _part(column: Column) -> Part:
    if isinstance(column, np.ndarray):
        return column
    if set(map(type, column)) <= {int, float, type(None)}:
        return np.array(column, dtype=np.float64)
    part = np.empty(len(column), dtype=object)
    # Categories repeat: one object per different text, not one per row.
    part[:] = [sys.intern(value) if isinstance(value, str) else _plain(value) for value in column]
    return part


def _joined(parts: Sequence[Part]) -> Part:
    if all(part.dtype != object for part in parts):
        return np.concatenate([np.empty(0), *parts])
    return np.concatenate([_as_objects(part) for part in parts])


def _as_objects(part: Part) -> Part:
    if part.dtype == object:
        return part
    objects = part.astype(object)
    objects[np.isnan(part)] = None
    return objects
