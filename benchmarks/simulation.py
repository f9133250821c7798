"""Simulated models in production: rows whose days differ by chance, with or without a change at a known day.

Features follow from latent normals with a common factor, so that they are correlated, and each has an effect of its own
for every day: an autoregressive series of lag 1. So has the label rate, the volume, the latency, the share of missing
values and how many predictions people see. Scores are calibrated up to the day's effect on the label rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.core.columns import Column
from app.core.fold import NEVER, UNKNOWN, Rows, Truth
from app.core.model import Source, Task

Floats = NDArray[np.float64]

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BLOCK = 20
"""Days that are made at a time: memory stays the same however long a model is watched."""
CLASSES = ["ant", "bee", "cow"]
COMMON = 0.3
"""Part of every feature's variance that the common factor has."""
PREDICTIVE = 5
"""Features that the target depends on."""
WEIGHTS = (0.6, 0.8, 0.5, 0.7, 0.6)
CUTS = (-0.25, 0.5, 1.0, 1.6)
"""Where a categorical feature's latent normal goes over to the next category: shares of .40 to .05."""
CATEGORIES = np.array(["red", "green", "blue", "white", "black"], dtype=object)


@dataclass(frozen=True, slots=True)
class World:
    """A model and how its days vary. `effect`: sd of the day effects, in row-level sds; `lag`: autocorrelation."""

    task: Task = Task.BINARY
    features: int = 20
    rows: int = 800
    reference_days: int = 60
    served_days: int = 122
    effect: float = 0.15
    lag: float = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """What happens from day `start` of production on.

    `shift`: sds by which the first `shifted` features move. `flip`: share of labels that are the opposite of what they
    were. `shrink`: how far the truth moves towards a coin toss (regression: the target's noise grows by this part).
    `unlinked`: whether features lose their common factor, each keeping its own distribution.
    """

    shift: float = 0.0
    shifted: int = 1
    flip: float = 0.0
    shrink: float = 0.0
    unlinked: bool = False
    start: int = 0


NONE = Change()


def kind_of(feature: int) -> str:
    """What a feature is: five kinds take turns."""
    return ("normal", "lognormal", "student", "categorical", "count")[feature % 5]


def name_of(feature: int) -> str:
    """A feature's name, which tells its kind."""
    return f"{kind_of(feature)}_{feature:03d}"


def has_gaps(feature: int) -> bool:
    """Whether values of the feature are missing now and then: one in four."""
    return feature % 4 == 1


def blocks(world: World, change: Change, seed: int) -> Iterator[tuple[bool, Rows]]:
    """The rows of some days at a time, first the reference's; True where they are the reference's."""
    rng = np.random.default_rng(seed)
    days = world.reference_days + world.served_days
    effects = _Effects(world, days, rng)
    for first, last in ((0, world.reference_days), (world.reference_days, days)):
        for begin in range(first, last, BLOCK):
            yield first == 0, _rows(world, change, effects, range(begin, min(begin + BLOCK, last)), rng)


class _Effects:
    """Each day's effects, in row-level sds: [days, F] for features and for their gaps, [days] for all else."""

    def __init__(self, world: World, days: int, rng: np.random.Generator) -> None:
        series = world.effect * _autoregressive(days, 2 * world.features + 4, world.lag, rng)
        self.features, self.gaps = series[:, : world.features], series[:, world.features : -4]
        self.labels, self.volume, self.latency, self.shown = series[:, -4:].T


def _autoregressive(days: int, count: int, lag: float, rng: np.random.Generator) -> Floats:
    """[days, count] stationary series of unit variance."""
    series = rng.normal(size=(days, count))
    for day in range(1, days):
        series[day] = lag * series[day - 1] + np.sqrt(1 - lag**2) * series[day]
    return series


def _rows(world: World, change: Change, effects: _Effects, days: range, rng: np.random.Generator) -> Rows:
    counts = rng.poisson(world.rows * np.exp(effects.volume[days.start : days.stop]))
    day = np.repeat(np.arange(days.start, days.stop), counts)
    changed = day >= world.reference_days + change.start
    latent = _latent(change, effects.features[day], changed, rng)
    answers = _TASKS[world.task](latent, effects.labels[day], change, changed, rng)
    within = np.concatenate([np.arange(count) / max(count, 1) for count in counts])
    size = day.size
    return Rows(
        times=((day + within) * 86_400e6).astype(np.int64) + int(START.timestamp()) * 1_000_000,
        predicted_class=answers.classes if answers.classes is not None else [None] * size,
        predicted_value=answers.values,
        score=answers.scores,
        latency_ms=20 * np.exp(0.4 * (rng.normal(size=size) + effects.latency[day])),
        truth=_truth(answers, effects.shown[day], rng),
        features={name_of(f): _column(f, latent[:, f], effects.gaps[day, f], rng) for f in range(world.features)},
    )


def _latent(change: Change, effects: Floats, changed: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """[N, F] of unit variance within a day."""
    own = rng.normal(size=effects.shape)
    own *= np.sqrt(1 - COMMON)
    common = rng.normal(size=(len(effects), 1))
    own += np.sqrt(COMMON) * common + effects
    if change.unlinked:
        own[changed] += np.sqrt(COMMON) * (rng.normal(size=own[changed].shape) - common[changed])
    own[:, : change.shifted] += change.shift * changed[:, None]
    return own


def _column(feature: int, latent: Floats, gap: Floats, rng: np.random.Generator) -> Column:
    """The values of a feature as they are served."""
    if kind_of(feature) == "categorical":
        values: Column = CATEGORIES[np.searchsorted(CUTS, latent)].tolist()
    else:
        values = _NUMERIC[kind_of(feature)](latent, rng)
    if not has_gaps(feature):
        return values
    absent = rng.uniform(size=latent.size) < 1 / (1 + np.exp(3.5 - gap))
    served = np.asarray(values, dtype=object)
    served[absent] = None
    return list(served.tolist())


_NUMERIC: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "normal": lambda latent, _rng: latent,
    "lognormal": lambda latent, _rng: np.exp(latent),
    "student": lambda latent, rng: latent / np.sqrt(rng.chisquare(3, latent.size) / 3),
    "count": lambda latent, _rng: np.floor(np.exp(latent)),
}


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the model said of N rows and what was true: classes and scores, or values."""

    classes: list[str] | None
    values: Column
    scores: Column
    label_classes: NDArray[np.object_]
    label_values: Floats
    wrong: NDArray[np.bool_]


_Answer = Callable[[Floats, Floats, Change, NDArray[np.bool_], np.random.Generator], _Answers]


def _signal(latent: Floats) -> Floats:
    """[N] what the features say of the target."""
    return np.asarray(latent[:, :PREDICTIVE] @ np.array(WEIGHTS)[: latent.shape[1]])


def _binary(
    latent: Floats, effect: Floats, change: Change, changed: NDArray[np.bool_], rng: np.random.Generator
) -> _Answers:
    signal = _signal(latent) - 0.5
    score, chance = _logistic(signal), _logistic(signal + effect)
    chance = np.where(changed, (1 - change.shrink) * chance + change.shrink / 2, chance)
    positive = rng.uniform(size=chance.size) < chance
    positive ^= changed & (rng.uniform(size=chance.size) < change.flip)
    names = np.array(["0", "1"], dtype=object)
    said = score >= 0.5
    return _classified(names[said.astype(int)], names[positive.astype(int)], score)


def _multiclass(
    latent: Floats, effect: Floats, change: Change, changed: NDArray[np.bool_], rng: np.random.Generator
) -> _Answers:
    logits = np.stack([_signal(latent), 1.5 * latent[:, 0], 1.5 * latent[:, 1]], axis=1)
    known, true = _softmax(logits), _softmax(logits + np.outer(effect, [1, 0, 0]))
    true = np.where(changed[:, None], (1 - change.shrink) * true + change.shrink / 3, true)
    label = (rng.uniform(size=(len(true), 1)) > true.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    other = (label + rng.integers(1, 3, label.size)) % 3
    label = np.where(changed & (rng.uniform(size=label.size) < change.flip), other, label)
    names = np.array(CLASSES, dtype=object)
    return _classified(names[known.argmax(axis=1)], names[label], known.max(axis=1))


def _classified(said: NDArray[np.object_], label: NDArray[np.object_], score: Floats) -> _Answers:
    nothing = np.full(score.size, np.nan)
    return _Answers(said.tolist(), [None] * score.size, score, label, nothing, np.asarray(said != label))


def _regression(
    latent: Floats, effect: Floats, change: Change, changed: NDArray[np.bool_], rng: np.random.Generator
) -> _Answers:
    """The noise grows with the first feature, so that there is something to estimate without labels."""
    predicted = 2 * _signal(latent)
    noise = np.exp(0.3 * latent[:, 0]) * (rng.normal(size=effect.size) + effect)
    noise *= np.where(changed, 1 + change.shrink, 1.0)
    nothing = np.full(effect.size, None, dtype=object)
    return _Answers(None, predicted, [None] * effect.size, nothing, predicted + noise, np.abs(noise) > 1)


_TASKS: dict[Task, _Answer] = {Task.BINARY: _binary, Task.MULTICLASS: _multiclass, Task.REGRESSION: _regression}


def _logistic(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)))


def _softmax(logits: Floats) -> Floats:
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _truth(answers: _Answers, shown_effect: Floats, rng: np.random.Generator) -> Truth:
    """Every row has a label; people see three in ten and correct 30 % of the wrong and 2 % of the right among these."""
    size = shown_effect.size
    shown = rng.uniform(size=size) < _logistic(shown_effect - 0.85)
    corrected = shown & (rng.uniform(size=size) < np.where(answers.wrong, 0.3, 0.02))
    source = np.full(size, Source.GROUND_TRUTH.strength, np.int8)
    assert UNKNOWN not in source
    audited = rng.uniform(size=size) < 0.02
    times = np.full(size, NEVER)
    return Truth(answers.label_classes, answers.label_values, source, shown, corrected, audited, times)
