"""Categories of many values: memory is bounded, and a tail that changed is seen."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from app.core.checks.schema import Schema
from app.core.checks.training_serving_skew import TrainingServingSkew
from app.core.fold import fold_whole
from app.core.layout import MOST_CATEGORIES, TAIL_BUCKETS
from app.core.model import Model, Outcome, Task, Version
from app.services.reference_layout import LayoutLearner
from collectors.tabular.references import ReferenceRows
from tests.core.checks.cases import LIVE, Given, days, measured, rows_of

Codes = NDArray[np.int64]


def shops(times: pd.DataFrame, rng: np.random.Generator, first: int = 0) -> pd.DataFrame:
    """Three rows of four from 100 large shops, the others from 60 small ones, which are numbered from `first` on."""
    large = rng.integers(0, 100, len(times))
    small = 1000 + first + rng.integers(0, 60, len(times))
    shop = np.where(rng.uniform(size=len(times)) < 0.75, large, small)
    score = np.linspace(0.01, 0.99, len(times))
    return times.assign(shop=[f"shop {n}" for n in shop], score=score, predicted="1", label="1")


@pytest.fixture(scope="module")
def given() -> Given:
    rng = np.random.default_rng(4)
    return Given(shops(days(31, 4000), rng), shops(days(4, 4000, LIVE), rng), count=4)


def binned(frame: pd.DataFrame, known: list[str]) -> list[int]:
    """The counts by their text: known values, then the buckets of the others."""
    index = {name: i for i, name in enumerate(known)}
    places = [index.get(name, len(known) + crc32(name.encode()) % TAIL_BUCKETS) for name in frame["shop"]]
    counts: list[int] = np.bincount(places, minlength=len(known) + TAIL_BUCKETS).tolist()
    return counts


def test_the_distance_is_scipys_over_known_values_and_buckets(given: Given) -> None:
    case = given.case()
    (feature,) = case.layout.categorical
    assert (len(feature.categories), feature.tail) == (MOST_CATEGORIES, TAIL_BUCKETS)
    assert given.reference is not None
    found = measured(TrainingServingSkew(), case).set_index("day").value
    first = given.served[given.served["time"] < pd.Timestamp(LIVE) + pd.Timedelta(days=1)]
    expected = jensenshannon(binned(first, feature.categories), binned(given.reference, feature.categories), base=2)
    assert found[0] == pytest.approx(expected)
    counts = fold_whole(case.layout, rows_of(first, Task.BINARY)).features.categories[0]
    assert counts.tolist() == [*binned(first, feature.categories), 0]


def test_a_tail_that_changed_is_skew_though_the_share_of_other_values_is_as_before(given: Given) -> None:
    rng = np.random.default_rng(5)
    moved = given.but(served=shops(days(4, 4000, LIVE), rng, first=500)).case()
    assert set(measured(TrainingServingSkew(), given.case()).outcome) == {Outcome.OK}
    assert set(measured(TrainingServingSkew(), moved).query("day > 0").outcome) == {Outcome.BREACH}
    shares = [measured(Schema(), case).query("subject == 'shop'").value.mean() for case in (given.case(), moved)]
    assert shares[0] == pytest.approx(shares[1], abs=0.03)


def test_values_encoded_anew_no_longer_fit(given: Given) -> None:
    anew = given.but(served=given.served.assign(shop=given.served["shop"].str.replace("shop ", "s"))).case()
    found = measured(Schema(), anew).query("subject == 'shop' and day > 0")
    assert set(found.outcome) == {Outcome.BREACH}
    assert set(found.value) == {1.0}


def test_learning_many_different_values_takes_no_more_memory_than_few() -> None:
    """200,000 different values, of which 2,000 are kept at a time."""

    def peak(values: int) -> int:
        learner = LayoutLearner(Model("m", Task.BINARY), Version(1, "v"), ["id"], sample_rows=2_000)
        tracemalloc.start()
        for start in range(0, 200_000, 5_000):
            learner.add(chunk([f"customer-{(start + n) % values}" for n in range(5_000)]))
        learner.layout()
        largest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return largest

    # What another thread of the tests takes meanwhile counts, too: the lesser of two tries.
    assert min(peak(200_000) for _ in range(2)) < 1.5 * peak(5_000)


def chunk(ids: list[str]) -> ReferenceRows:
    n = len(ids)
    none = [None] * n
    time = datetime(2026, 1, 1, tzinfo=UTC)
    return ReferenceRows([time] * n, ["1"] * n, none, [0.5] * n, ["1"] * n, none, none, {"id": ids}, [])
