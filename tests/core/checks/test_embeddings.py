"""Embeddings: sliced Wasserstein by brute force, and real images that change while their neighbours do not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance
from sklearn.datasets import load_digits

from app.core.checks.data_drift import DataDrift
from app.core.checks.missing_values import MissingValues
from app.core.checks.schema import Schema
from app.core.checks.training_serving_skew import TrainingServingSkew
from app.core.columns import FINITE
from app.core.derived import Embedding
from app.core.distances import KINDS
from app.core.fold import fold_whole
from app.core.layout import Layout, build_layout
from app.core.model import Outcome, Task
from app.core.profile import FeatureCounts
from app.core.stats.projections import directions
from tests.core.checks.cases import LIVE, Given, days, measured, rows_of

SLICED = next(kind for kind in KINDS if kind.statistic == "sliced_wasserstein")
VECTOR = Embedding("v", 10, 12)
Vectors = NDArray[np.float64]


def laid_out(vectors: Vectors) -> Layout:
    derived = [(VECTOR, VECTOR.derive(vectors.tolist()))]
    scores = np.linspace(0, 1, len(vectors))
    return build_layout(
        Task.BINARY, {}, scores=scores, classes=["0", "1"], threshold=0.5, confident=0.9, derived=derived
    )


def counted(layout: Layout, vectors: Vectors) -> FeatureCounts:
    frame = days(1, len(vectors)).assign(v=vectors.tolist(), score=0.5, predicted="1")
    return fold_whole(layout, rows_of(frame, Task.BINARY)).features


def by_brute_force(one: Vectors, other: Vectors, reference: Vectors) -> float:
    """The mean over the directions of scipy's distance of the raw projections, in winsorised sds of the reference."""
    toward = directions("v", 10) / 2**12
    apart = []
    for a, b, r in zip((one @ toward).T, (other @ toward).T, (reference @ toward).T, strict=True):
        scale = np.clip(r, *np.quantile(r, (0.001, 0.999))).std()
        apart.append(wasserstein_distance(a, b) / scale)
    return float(np.mean(apart))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 2), st.sampled_from(["normal", "cauchy", "ties", "constant"]))
def test_sliced_wasserstein_is_the_mean_of_scipys_over_the_projections(seed: int, shift: float, shape: str) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(2000, 10))
    served = {
        "normal": rng.normal(shift, 1 + shift, (700, 10)),
        "cauchy": rng.standard_t(2, (700, 10)) + shift,
        "ties": np.round(rng.normal(size=(700, 10))) + shift,
        "constant": np.full((700, 10), shift),
    }[shape]
    layout = laid_out(reference)
    training, window = counted(layout, reference), counted(layout, served)
    found = SLICED.between(layout, FeatureCounts.stack([window]), training)
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(by_brute_force(served, reference, reference), abs=0.01, rel=0.01)
    assert SLICED.between(layout, FeatureCounts.stack([training]), training)[0, 0] == 0


def test_a_window_is_compared_with_the_others_and_pooled_without_the_odd_ones() -> None:
    rng = np.random.default_rng(5)
    parts = [rng.normal(size=(300, 10)) + shift for shift in (0.0, 0.0, 0.6)]
    layout = laid_out(parts[0])
    stacked = FeatureCounts.stack([counted(layout, part) for part in parts])
    apart = SLICED.leave_one_out(layout, stacked)[:, 0]
    others = [np.concatenate([part for k, part in enumerate(parts) if k != i]) for i in range(3)]
    expected = [by_brute_force(part, rest, parts[0]) for part, rest in zip(parts, others, strict=True)]
    assert apart == pytest.approx(expected, rel=0.02)
    pooled = SLICED.pool(stacked, np.array([[True], [True], [False]]))
    np.testing.assert_array_equal(pooled.latent, stacked.latent[:2].sum(axis=0))
    np.testing.assert_array_equal(pooled.latent_offsets, stacked.latent_offsets[:2].sum(axis=0))
    outlines = SLICED.outlines(layout, stacked)
    roughly = SLICED.roughly(outlines[2:], outlines[:1])
    assert roughly[0, 0] == pytest.approx(by_brute_force(parts[2], parts[0], parts[0]), rel=0.1)


@cache
def digits() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Images of digits by two cameras: 34 days of reference and 5 days served, 200 images a day.

    There are 1,797 real images; each day draws from them with replacement, the served days from others than the
    reference's.
    """
    rng = np.random.default_rng(3)
    images = rng.permutation(load_digits().images.reshape(-1, 64))

    def drawn(frame: pd.DataFrame, some: Vectors) -> pd.DataFrame:
        left, right = (some[rng.integers(len(some), size=len(frame))].tolist() for _ in range(2))
        score = np.linspace(0.01, 0.99, len(frame))
        return frame.assign(left=left, right=right, score=score, predicted="1", label="1")

    return drawn(days(34, 200), images[:1200]), drawn(days(5, 200, LIVE), images[1200:])


def mirrored(image: list[float]) -> list[float]:
    turned: list[float] = np.array(image).reshape(8, 8)[:, ::-1].ravel().tolist()
    return turned


def noisy(image: list[float]) -> list[float]:
    rng = np.random.default_rng(int(sum(image)))
    found: list[float] = (np.array(image) + rng.normal(0, 6, 64)).tolist()
    return found


@pytest.mark.parametrize("change", [mirrored, noisy])
def test_real_images_that_changed_are_found_and_those_that_did_not_are_not(change: object) -> None:
    """The left camera is turned or fails; the right one goes on as before."""
    assert callable(change)
    reference, served = digits()
    case = Given(reference, served.assign(left=served["left"].map(change)), count=5).case()
    assert [one.dimension for one in case.layout.embeddings] == [64, 64]
    found = measured(TrainingServingSkew(), case)
    assert set(found.statistic) == {"sliced_wasserstein"}
    judged = found[found.day >= 1]
    assert set(judged[judged.subject == "left"].outcome) == {Outcome.BREACH}
    assert set(judged[judged.subject == "right"].outcome) == {Outcome.OK}


def test_unchanged_images_are_no_alarm_and_invalid_ones_are_no_vectors() -> None:
    reference, served = digits()
    spoilt = served.assign(left=[image[:-1] if n % 3 else image for n, image in enumerate(served["left"])])
    spoilt["right"] = served["right"].where(np.arange(len(served)) % 3 == 0, None)
    case = Given(reference, spoilt, count=5).case()
    outcomes = {
        check.name: measured(check, case).set_index(["day", "subject"]).outcome
        for check in (Schema(), MissingValues(), TrainingServingSkew(), DataDrift())
    }
    assert outcomes["schema"][3, "left"] == Outcome.BREACH
    assert outcomes["missing_values"][3, "right"] == Outcome.BREACH
    assert outcomes["schema"][3, "right"] == outcomes["missing_values"][3, "left"] == Outcome.OK
    for name in ("training_serving_skew", "data_drift"):
        assert Outcome.BREACH not in set(outcomes[name])


def test_any_state_of_a_vector_is_told_by_each_projection() -> None:
    for numbers in VECTOR.derive([[0.0] * 10, [1.7e308] * 10]):
        assert numbers.states is None or (numbers.states == FINITE).all()
