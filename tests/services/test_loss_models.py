"""The expected error of a regression model: scikit-learn's own trees are the oracle, simulated errors the truth."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import ensemble

from app.core.codec import encode_layout
from app.core.fold import Rows, Truth, fold_whole, loss_codes
from app.core.layout import Layout, build_layout
from app.core.losses import LEAST_ROWS, MOST_INPUTS, Codes, Losses
from app.core.model import Task
from app.core.reservoir import Reservoir
from app.core.soundness import check_layout
from app.services.loss_models import FIT_ROWS, fit_losses

Columns = dict[str, list[Any]]
Floats = NDArray[np.float64]
N = 4_000


def simulated(rng: np.random.Generator, n: int = N, hard: float = 0.5) -> tuple[Columns, Floats, Floats]:
    """Features, predicted and true values. The error grows with x1 and where kind is b; `hard` is the share of b."""
    x = rng.normal(size=(n, 3))
    kind = rng.choice(["a", "b", "c"], n, p=[0.9 - hard, hard, 0.1])
    sd = np.exp(0.5 * x[:, 1]) * np.where(kind == "b", 3.0, 1.0)
    predicted = 3 * x[:, 0]
    columns: Columns = {f"x{i}": x[:, i].tolist() for i in range(3)} | {"kind": kind.tolist()}
    columns["x1"] = [None if hole else value for value, hole in zip(columns["x1"], rng.random(n) < 0.1, strict=True)]
    columns["kind"] = [None if hole else value for value, hole in zip(kind.tolist(), rng.random(n) < 0.1, strict=True)]
    return columns, predicted, predicted + sd * rng.normal(size=n)


def layout_for(columns: Columns, predicted: Floats) -> Layout:
    return build_layout(Task.REGRESSION, columns, scores=predicted, classes=[], threshold=0.5, confident=0.9)


def fitted(layout: Layout, columns: Columns, predicted: Floats, label: Floats) -> Losses | None:
    features = Reservoir(list(columns), len(predicted))
    features.add(columns, len(predicted))
    return fit_losses(layout, features.columns(), predicted, label)


def rows_of(columns: Columns, predicted: Any) -> Rows:
    n = len(predicted)
    return Rows(np.zeros(n, np.int64), [None] * n, predicted, [None] * n, np.full(n, np.nan), Truth.unknown(n), columns)


def codes_of(layout: Layout, losses: Losses, rows: Rows) -> list[Codes]:
    codes = loss_codes(layout, rows)
    return [codes[-1 if one.feature is None else one.feature] for one in losses.inputs]


def test_the_trees_say_what_scikit_learn_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, Floats]] = []

    class Watched(ensemble.GradientBoostingRegressor):  # type: ignore[misc]
        def fit(self, x: Any, y: Floats) -> Any:
            seen.append((self, y))
            return super().fit(x, y)

    monkeypatch.setattr(ensemble, "GradientBoostingRegressor", Watched)
    columns, predicted, label = simulated(np.random.default_rng(1))
    layout = layout_for(columns, predicted)
    losses = fitted(layout, columns, predicted, label)
    assert losses is not None
    codes = codes_of(layout, losses, rows_of(columns, predicted))
    ours = losses.expected(codes)
    x = np.column_stack([one.rank_by_code()[code] for one, code in zip(losses.inputs, codes, strict=True)])
    error = np.abs(predicted - label)
    for column, target, (model, y) in zip(ours.T, (error, error**2), seen, strict=True):
        assert np.sort(y) == pytest.approx(np.sort((target - target.mean()) / target.max()))
        theirs = target.mean() + target.max() * model.predict(x)
        assert column == pytest.approx(theirs, rel=1e-9, abs=1e-9 * target.max())
        assert np.ptp(theirs) > target.mean()


def test_a_fold_counts_the_expected_errors_of_its_rows() -> None:
    columns, predicted, label = simulated(np.random.default_rng(2))
    layout = layout_for(columns, predicted)
    losses = fitted(layout, columns, predicted, label)
    assert losses is not None
    layout = msgspec.structs.replace(layout, losses=losses)
    rows = rows_of(columns, [None, float("nan"), float("inf"), *predicted[3:].tolist()])
    expected = np.maximum(losses.expected(codes_of(layout, losses, rows)), 0)[3:]
    counted = fold_whole(layout, rows).outcomes.expected_errors * losses.quanta
    assert counted == pytest.approx(expected.sum(axis=0), rel=1e-4)
    parts = [rows_of({k: v[i::7] for k, v in columns.items()}, rows.predicted_value[i::7]) for i in range(7)]
    whole = sum((fold_whole(layout, part) for part in parts[1:]), fold_whole(layout, parts[0]))
    assert np.array_equal(whole.outcomes.expected_errors, fold_whole(layout, rows).outcomes.expected_errors)


def test_missing_and_unknown_values_have_codes_of_their_own() -> None:
    columns, predicted, _ = simulated(np.random.default_rng(3))
    layout = layout_for(columns, predicted)
    odd: Columns = {
        "x0": [0.0, None, "NaN", "Infinity", "-Infinity", "text", 1e300],
        "kind": ["a", "b", "c", None, "z"],
    }
    odd["x0"], odd["kind"] = odd["x0"] + [0.0], odd["kind"] + [None, "y", "a"]
    x0, *_, kind, said = loss_codes(layout, rows_of(odd, [0.0, None, float("nan"), 1.0, 2.0, 3.0, 4.0, 5.0]))
    assert len(set(x0[:7].tolist())) == 7
    assert x0[0] == x0[7]
    assert sorted(set(kind[[0, 1, 2]].tolist())) == [0, 1, 2]
    assert kind[3] == kind[5] == 3
    assert kind[4] == kind[6] == 4
    assert said[1] == said[2] == layout.score_bins


def test_harder_inputs_raise_the_estimate_to_the_hidden_truth_where_the_score_tells_nothing() -> None:
    rng = np.random.default_rng(4)
    columns, predicted, label = simulated(rng, FIT_ROWS, hard=0.2)
    layout = layout_for(columns, predicted)
    losses = fitted(layout, columns, predicted, label)
    assert losses is not None
    usual = np.abs(predicted - label).mean()
    columns, predicted, label = simulated(rng, 20_000, hard=0.6)
    estimate = losses.expected(codes_of(layout, losses, rows_of(columns, predicted)))
    error = np.abs(predicted - label)
    assert error.mean() > 1.4 * usual
    # A little too low: a row whose kind is missing is more often hard than it was, and nothing says so.
    assert estimate[:, 0].mean() == pytest.approx(error.mean(), rel=0.05)
    assert np.sqrt(estimate[:, 1].mean()) == pytest.approx(np.sqrt((error**2).mean()), rel=0.06)


def test_of_many_features_those_that_tell_of_the_error_are_looked_at() -> None:
    rng = np.random.default_rng(5)
    columns, predicted, label = simulated(rng)
    noise = {f"n{i}": rng.normal(size=N).tolist() for i in range(40)}
    layout = layout_for(noise | columns, predicted)
    losses = fitted(layout, noise | columns, predicted, label)
    assert losses is not None
    names = [layout.column_names[one.feature] for one in losses.inputs if one.feature is not None]
    assert len(losses.inputs) == MOST_INPUTS
    assert {"x1", "kind"} <= set(names)


def test_they_are_small_and_sound_and_the_same_every_time() -> None:
    columns, predicted, label = simulated(np.random.default_rng(6))
    layout = layout_for(columns, predicted)
    first, second = (fitted(layout, columns, predicted, label) for _ in range(2))
    assert first == second
    with_losses = msgspec.structs.replace(layout, losses=first)
    check_layout(with_losses)
    assert len(encode_layout(with_losses)) - len(encode_layout(layout)) < 60_000


def test_with_few_labelled_rows_there_are_none() -> None:
    columns, predicted, label = simulated(np.random.default_rng(7))
    layout = layout_for(columns, predicted)
    label[LEAST_ROWS - 1 :] = np.nan
    assert fitted(layout, columns, predicted, label) is None
    label[LEAST_ROWS] = 0.0
    assert fitted(layout, columns, predicted, label) is not None


@pytest.mark.parametrize("offset", [0.0, 2.5])
def test_errors_that_are_all_alike_need_no_tree(offset: float) -> None:
    columns, predicted, _ = simulated(np.random.default_rng(8), LEAST_ROWS)
    layout = layout_for(columns, np.round(predicted))
    losses = fitted(layout, columns, np.round(predicted), np.round(predicted) - offset)
    assert losses is not None
    found = losses.expected(codes_of(layout, losses, rows_of(columns, predicted)))
    assert found[:, 0].tolist() == pytest.approx([offset] * LEAST_ROWS)
    assert found[:, 1].tolist() == pytest.approx([offset**2] * LEAST_ROWS)


def test_the_largest_numbers_break_nothing() -> None:
    columns, predicted, label = simulated(np.random.default_rng(9), LEAST_ROWS)
    predicted[:3], label[:3] = (1.7e308, -1.7e308, 1.0), (-1.7e308, 1.7e308, 1.7e308)
    layout = layout_for(columns, predicted[3:])
    losses = fitted(layout, columns, predicted, label)
    assert losses is not None
    layout = msgspec.structs.replace(layout, losses=losses)
    check_layout(layout)
    counted = fold_whole(layout, rows_of(columns, predicted)).outcomes.expected_errors
    assert (counted >= 0).all()
