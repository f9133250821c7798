"""Drawing at random is random, reproducible and blind; and what is estimated from the draw is unbiased."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.core.model import Source, Task
from app.core.review import Novelty, Pace, lot, margin, novelties
from app.core.stats.performance import error_rate_with_audit
from app.core.training_set import training_label
from app.core.truth import Correction, Decision
from tests.services.served import layout_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_lots_are_the_same_again_and_spread_evenly() -> None:
    lots = np.array([lot("fraud", f"order-{i}") for i in range(20_000)])
    assert lot("fraud", "order-7") == lots[7] != lot("other", "order-7")
    assert 0 <= lots.min() < lots.max() < 1
    counts = np.histogram(lots, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-square of 19 degrees of freedom: 1 in 1000 is beyond


PACES: list[tuple[str, Pace, int, timedelta, float]] = [
    ("a day's traffic decides that of the next", Pace(0.5, NOW, 1000), 50, DAY, 0.05),
    ("of two days, by the day", Pace(0.5, NOW, 1000), 50, 2 * DAY, 0.1),
    ("before the day is over nothing changes", Pace(0.1, NOW, 900), 50, DAY / 2, 0.1),
    ("but in a rush", Pace(0.1, NOW, 1000), 50, DAY / 2, 0.025),
    ("without traffic nothing is learnt", Pace(0.1, NOW, 0), 50, 3 * DAY, 0.1),
    ("few rows are all drawn", Pace(0.1, NOW, 20), 50, DAY, 1.0),
]


@pytest.mark.parametrize(("pace", "per_day", "after", "expected"), [c[1:] for c in PACES], ids=[c[0] for c in PACES])
def test_the_pace(pace: Pace, per_day: int, after: timedelta, expected: float) -> None:
    assert pace.next(per_day, NOW + after).probability == pytest.approx(expected)


def test_a_flood_of_rows_draws_no_more_than_a_day_s_audits() -> None:
    chance, pace = Pace(1.0, NOW, 0).step(50, 10_000)
    assert (chance, pace.rows) == (0.005, 10_000)
    assert Pace(0.01, NOW, 0).step(50, 10)[0] == 0.01
    assert Pace(0.01, NOW, 0).step(0, 10)[0] == 0.0


MARGINS: list[tuple[str, Task, float | None, str | None, float | None]] = [
    ("binary: from the threshold", Task.BINARY, 0.7, None, 0.3),
    ("binary: without a score it is not known", Task.BINARY, None, None, None),
    ("binary: nor with NaN", Task.BINARY, math.nan, None, None),
    ("multiclass: of the two most likely", Task.MULTICLASS, 0.5, '{"a": 0.5, "b": 0.375, "c": 0.125}', 0.125),
    ("multiclass: NaN is passed over", Task.MULTICLASS, 0.5, '{"a": 0.5, "b": "NaN", "c": 0.25}', 0.25),
    ("multiclass: by the score alone, at the least", Task.MULTICLASS, 0.75, None, 0.5),
    ("regression: never", Task.REGRESSION, 0.7, None, None),
]


@pytest.mark.parametrize(("task", "score", "scores", "expected"), [c[1:] for c in MARGINS], ids=[c[0] for c in MARGINS])
def test_the_margin(task: Task, score: float | None, scores: str | None, expected: float | None) -> None:
    found = margin(task, 0.4, score, scores)
    assert found == (None if expected is None else pytest.approx(expected))


def test_what_the_reference_has_nothing_like_is_new() -> None:
    rows = [{"x": 0.1, "kind": "a"}, {"x": 99, "kind": "zebra"}, {"x": "NaN", "kind": None}, {"kind": "b", "more": 1}]
    first, second, *others = novelties(layout_of(Task.BINARY), [json.dumps(row) for row in rows])
    assert first == Novelty(0, "")
    assert second.features == 2
    assert second.reason.startswith("x=99 is outside -")
    assert second.reason.endswith("kind='zebra' is new")
    assert [one.features for one in others] == [0, 0]


# --- Estimates from the draw -----------------------------------------------------------------------------------------

ROWS, SHARE, RUNS = 1_500, 0.1, 150
BINARY = Decision(Task.BINARY, "1")


class _Population:
    """Predictions of a model that errs more where x is large; users notice only its misses, and mostly where x is."""

    def __init__(self) -> None:
        random = np.random.default_rng(20261126)
        x = random.uniform(0, 1, ROWS)
        self.predicted = random.uniform(0, 1, ROWS) < 0.5
        self.wrong = random.uniform(0, 1, ROWS) < 0.05 + 0.25 * x
        self.truth = self.predicted ^ self.wrong
        self.by_user = self.wrong & self.predicted & (random.uniform(0, 1, ROWS) < x)
        self.score = np.where(self.predicted, 0.5 + x / 2, 0.5 - x / 2)

    def said(self, row: int, *, audited: bool) -> list[Correction]:
        label = str(int(self.truth[row]))
        user = [Correction(1, 1, Source.USER, label, author="ann")] if self.by_user[row] else []
        audit = [Correction(2, 2, Source.AUDIT, label, author="bob", probability=SHARE)] if audited else []
        return user + audit

    def weighted_share(self, drawn: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
        """The share of positives by the weights of a training set, with the whole population below it."""
        rows = np.flatnonzero(drawn | self.by_user).tolist()
        found = [training_label(BINARY, self.said(row, audited=bool(drawn[row]))) for row in rows]
        return sum(one.weight * (one.label.label_class == "1") for one in found if one is not None) / ROWS

    def estimated_error(self, drawn: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
        """As the check correction_rate estimates it, with a guess of the error that is far off."""
        bins = np.minimum((self.score * 10).astype(int), 9)
        everything, right, wrong = (
            np.bincount(bins[chosen], minlength=10)
            for chosen in (np.full(ROWS, True), drawn & ~self.wrong, drawn & self.wrong)
        )
        return error_rate_with_audit(everything, right, wrong, np.full(10, 0.5)).value


@pytest.fixture(scope="module")
def population() -> _Population:
    return _Population()


@pytest.mark.parametrize(
    ("estimate", "truth"),
    [
        (_Population.weighted_share, lambda one: one.truth.mean()),
        (_Population.estimated_error, lambda one: one.wrong.mean()),
        (lambda one, drawn: one.wrong[drawn].mean(), lambda one: one.wrong.mean()),
    ],
    ids=["weighted mean of a training set", "audited error with a prior", "error of the audits alone"],
)
def test_estimates_from_the_draw_are_unbiased_however_one_sided_users_are(
    population: _Population,
    estimate: Callable[..., float],
    truth: Callable[[_Population], float],
) -> None:
    estimates = []
    for run in range(RUNS):
        lots = np.array([lot(f"model {run}", str(row)) for row in range(ROWS)])
        estimates.append(estimate(population, lots < SHARE))
    standard_error = np.std(estimates, ddof=1) / math.sqrt(RUNS)
    assert abs(np.mean(estimates) - truth(population)) < 4 * standard_error


def test_users_alone_would_mislead(population: _Population) -> None:
    """What the test above would not notice if it could not fail: the same estimates without weights and audits."""
    assert population.truth[population.by_user].mean() == 0.0
    assert population.by_user.mean() < 0.6 * population.wrong.mean()
    lots = np.array([lot("model", str(row)) for row in range(ROWS)]) < SHARE
    labelled = lots | population.by_user
    spread = math.sqrt(0.25 / labelled.sum())
    assert population.truth.mean() - population.truth[labelled].mean() > 3 * spread
