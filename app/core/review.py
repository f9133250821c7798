"""What is worth the time of a reviewer: a random share that keeps estimates honest, and rows that teach the most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

import msgspec
import numpy as np

from app.core.columns import FINITE, Column, categories_of, parse_numbers
from app.core.feature_json import served_features
from app.core.layout import Layout
from app.core.model import Source, Task
from app.core.records import number

MOST_WAITING = 500
"""Rows that wait for a reviewer, of a model and kind."""
CLAIM = timedelta(minutes=15)
"""For so long nobody else gets a row that somebody asked for."""
KEPT = timedelta(days=30)
"""After so long a row that nobody looked at is no longer asked for."""
PER_DAY = 50
"""Audits of a model, unless somebody says otherwise: in a month enough to tell an error rate of 10 % to 1.5 points."""
MOST_PER_DAY = 10_000
_SHOWN = 3


class Kind(StrEnum):
    """Why a row is in the queue."""

    AUDIT = "audit"
    UNCERTAIN = "uncertain"
    NOVEL = "novel"

    @property
    def source(self) -> Source:
        """Of a label that is given to such a row: only what was drawn by chance is an audit."""
        return Source.AUDIT if self is Kind.AUDIT else Source.USER


class State(StrEnum):
    """How a row in the queue stands. `expired`: nobody looked at it in time."""

    WAITING = "waiting"
    ANSWERED = "answered"
    SKIPPED = "skipped"
    EXPIRED = "expired"


class Verdict(StrEnum):
    """What a reviewer says about a row."""

    CONFIRM = "confirm"
    CORRECT = "correct"
    SKIP = "skip"


def lot(model: str, request: str) -> float:
    """The number in [0, 1) that a request draws: the same whenever it is asked for, and blind to what the model said.

    All versions that answered a request draw the same, so that the request as a whole is audited with the probability
    that is written down.
    """
    digest = blake2b(request.encode("utf-8", "surrogatepass"), key=model.encode()[:64], digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


@dataclass(frozen=True, slots=True)
class Pace:
    """With which probability rows are drawn, since when, and how many rows came since then.

    It only ever depends on how many rows there were, never on what is in them, so a draw is as good as it says.
    """

    probability: float
    since: datetime
    rows: int

    def next(self, per_day: int, now: datetime) -> Pace:
        """The pace from now on: a day's traffic decides that of the next; a rush, which draws too many, at once.

        `now`: when the newest of the rows came that are about to be drawn from.
        """
        days = max((now - self.since) / timedelta(days=1), 1 / 1440)
        if self.rows == 0 or (days < 1 and self.probability * self.rows < 2 * per_day):
            return self
        return Pace(min(1.0, per_day * days / self.rows), now, 0)

    def step(self, per_day: int, rows: int) -> tuple[float, Pace]:
        """The probability for so many rows at once, which together draw no more than a day's audits; and the pace."""
        chance = min(self.probability, per_day / max(rows, 1), 1.0)
        return chance, replace(self, rows=self.rows + rows)


_class_scores = msgspec.json.Decoder(dict[str, float | str])


def margin(task: Task, threshold: float, score: float | None, class_scores: str | None) -> float | None:
    """How far the model was from deciding otherwise, in probability; None where that is not known.

    Binary: the distance of the score from the threshold. Multiclass: that of the two most likely classes.
    """
    if task is Task.REGRESSION:
        return None
    if task is Task.MULTICLASS and class_scores is not None:
        scores = map(number, _class_scores.decode(class_scores).values())
        found = sorted(one for one in scores if one is not None and math.isfinite(one))
        return None if not found else found[-1] - (found[-2] if len(found) > 1 else 0.0)
    if score is None or not math.isfinite(score):
        return None
    return abs(score - threshold) if task is Task.BINARY else max(2 * score - 1, 0.0)


@dataclass(frozen=True, slots=True)
class Novelty:
    """How many features of a row the reference has nothing like, and which."""

    features: int
    reason: str


def novelties(layout: Layout, texts: Sequence[str]) -> list[Novelty]:
    """What is new in N rows of features (JSON): numbers more than a standard deviation beyond nearly all of the
    reference's, and categories that it does not have (where it has too many to be known, none is new).
    """
    if not texts:
        return []
    columns = served_features(layout, texts).columns
    found: list[list[str]] = [[] for _ in texts]
    for feature in layout.numbers:
        values = parse_numbers(columns[feature.name])
        low, high = feature.low - feature.scale, feature.high + feature.scale
        beyond = (values.values < low) | (values.values > high)
        if values.states is not None:
            beyond &= values.states == FINITE
        for row in np.flatnonzero(beyond).tolist():
            found[row].append(f"{feature.name}={values.values[row]:.6g} is outside {low:.4g} to {high:.4g}")
    for category in layout.categorical:
        if not category.tail:
            _add_unknown(found, category.name, frozenset(category.categories), columns[category.name])
    return [Novelty(len(one), "; ".join(one[:_SHOWN])) for one in found]


def _add_unknown(found: list[list[str]], name: str, known: frozenset[str], column: Column) -> None:
    for row, value in enumerate(categories_of(list(column))):
        if value is not None and value not in known:
            found[row].append(f"{name}={value[:50]!r} is new")
