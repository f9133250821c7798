"""What is made of rows is sound, and what no rows could have made is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from app.core.derived import DerivedFeature, DerivedKind
from app.core.errors import InvalidError
from app.core.fold import Rows, Truth, fold_whole
from app.core.layout import Layout, build_layout, default_layout
from app.core.losses import LEAVES, NODES, BoostedTrees, Losses, LossInput, LossTree
from app.core.model import Source, Task
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.soundness import MOST_ROWS, check_layout, check_profile
from tests.core.test_profile import LAYOUT, rows


@settings(max_examples=60, deadline=None)
@given(rows())
def test_whatever_is_counted_is_sound(whole: Rows) -> None:
    check_profile(fold_whole(LAYOUT, whole))


@pytest.mark.parametrize("task", Task)
def test_profiles_and_layouts_of_every_task_are_sound(task: Task) -> None:
    layout, profile = counted(task)
    check_layout(layout)
    check_layout(default_layout(task, positive_label="1", threshold=0.5, confident=0.9))
    check_profile(profile)
    check_profile(profile + profile)
    check_profile(Profile.empty(layout))


def counted(task: Task, n: int = 400) -> tuple[Layout, Profile]:
    """Labelled rows of all sources, some audited, shown and corrected, with far outliers."""
    rng = np.random.default_rng(4)
    names = ["0", "1"] if task is Task.BINARY else ["a", "b", "c"]
    x, score = rng.standard_cauchy(n) ** 5, rng.uniform(size=n)
    features = {"x": x, "kind": rng.choice(["a", "b"], n).tolist(), "none": [None, *[1.0] * (n - 1)]}
    layout = build_layout(task, features, scores=score, classes=names, threshold=0.5, confident=0.9)
    shown, corrected, audited = (rng.random(n) < 0.3 for _ in range(3))
    truth = Truth(
        rng.choice(np.array([*names, "new"], object), n),
        rng.normal(size=n),
        rng.integers(-1, len(Source), n).astype(np.int8),
        *(shown, corrected, audited),
        rng.integers(-(10**9), 10**12, n),
    )
    predicted = rng.choice([*names, "newer"], n).tolist()
    latency = rng.exponential(10, n)
    return layout, fold_whole(layout, Rows(np.zeros(n, np.int64), predicted, score, score, latency, truth, features))


LAYOUT_, PROFILE = counted(Task.BINARY)


def altered(part: FeatureCounts | OutcomeCounts, array: str, value: Any) -> Profile:
    """The profile with another value in the first cell of the array that is not 0 (any, where all are)."""
    values = getattr(part, array).copy()
    flat = values.reshape(-1)
    flat[next(iter(np.flatnonzero(flat)), 0)] = value
    new = replace(part, **{array: values})
    return Profile(new, PROFILE.outcomes) if isinstance(new, FeatureCounts) else Profile(PROFILE.features, new)


FEATURES, OUTCOMES = PROFILE.features, PROFILE.outcomes


@pytest.mark.parametrize(
    ("part", "array", "value"),
    [
        *((FEATURES, array, -1) for array in ("numeric", "states", "categories", "absent")),
        *((FEATURES, array, 401) for array in ("numeric", "states", "categories", "absent")),
        (FEATURES, "numeric", 0),
        (FEATURES, "categories", 0),
        (FEATURES, "offsets", 2**62),
        (FEATURES, "lowest", np.nan),
        (FEATURES, "lowest", np.inf),
        (FEATURES, "highest", -1e300),
        (OUTCOMES, "rows", 399),
        (OUTCOMES, "rows", -1),
        (OUTCOMES, "rows", MOST_ROWS + 1),
        *((OUTCOMES, array, -1) for array in ("predicted", "outcomes", "audits", "confusion", "labels", "review")),
        *((OUTCOMES, array, 400) for array in ("predicted", "outcomes", "audits", "labels", "latency")),
        (OUTCOMES, "score_states", 401),
        (OUTCOMES, "review", 401),
        (OUTCOMES, "confusion", 0),
        (OUTCOMES, "labels", 0),
        (OUTCOMES, "errors", np.nan),
        (OUTCOMES, "errors", -np.inf),
        (OUTCOMES, "errors", -1.0),
    ],
)
def test_counts_that_no_rows_give_are_refused(part: FeatureCounts | OutcomeCounts, array: str, value: Any) -> None:
    unsound = altered(part, array, value)
    if array == "labels" and value == 0:  # labels of users stand for no outcome
        unsound = altered(part, array, 0)
        unsound.outcomes.labels[:] = 0

    with pytest.raises(InvalidError, match="profile\\."):
        check_profile(unsound)


X = LAYOUT.numeric[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"numeric": [X, X]}, "different names"),
        ({"numeric": [msgspec.structs.replace(X, name="")]}, "different names"),
        ({"numeric": [msgspec.structs.replace(X, name="n\0")]}, "different names"),
        ({"numeric": [msgspec.structs.replace(X, name=str(i)) for i in range(2001)]}, "at most 2000"),
        ({"numeric": [X]}, "the last numeric columns"),
        ({"derived": [DerivedFeature("other", DerivedKind.TEXT)]}, "the last numeric columns"),
        ({"numeric": [msgspec.structs.replace(X, edges=[])]}, "ascending"),
        ({"numeric": [msgspec.structs.replace(X, edges=[1.0, 1.0])]}, "ascending"),
        ({"numeric": [msgspec.structs.replace(X, edges=[float(i) for i in range(128)])]}, "1 to 127"),
        ({"numeric": [msgspec.structs.replace(X, sd=-1.0)]}, "no negative sd"),
        ({"numeric": [msgspec.structs.replace(X, low=2.0, high=1.0)]}, "x: 2.0 .* low is at most high, 1.0"),
        ({"categorical": [msgspec.structs.replace(LAYOUT.categorical[0], categories=["a", "a"])]}, "all different"),
        (
            {"categorical": [msgspec.structs.replace(LAYOUT.categorical[0], categories=list(map(str, range(101))))]},
            "100",
        ),
        ({"classes": ["1"]}, "2 to 2"),
        ({"classes": ["1", "1"]}, "different names"),
        ({"task": Task.MULTICLASS, "classes": list(map(str, range(102)))}, "1 to 101"),
        ({"task": Task.REGRESSION}, "1 to 1"),
        ({"score_edges": []}, "ascending"),
        ({"score_edges": [i / 200 for i in range(132)]}, "ascending"),
    ],
)
def test_layouts_that_no_rows_give_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        check_layout(msgspec.structs.replace(LAYOUT, **change))


TREE = LossTree([0, 1, 2, *[0] * (NODES - 3)], [3] * NODES, [1.0] * LEAVES)
TREES = BoostedTrees(1.0, [TREE])
"""What looks at the number x, the category `kind` and the predicted value."""
LOSSES = Losses([LossInput(0, []), LossInput(2, [2, 0, 1, 3]), LossInput(None, [])], TREES, TREES)


def test_trees_of_the_error_are_sound() -> None:
    layout, _ = counted(Task.REGRESSION)
    check_layout(msgspec.structs.replace(layout, losses=LOSSES))


def with_tree(**parts: Any) -> Losses:
    return msgspec.structs.replace(LOSSES, squared=BoostedTrees(1.0, [msgspec.structs.replace(TREE, **parts)]))


@pytest.mark.parametrize(
    "losses",
    [
        Losses([], BoostedTrees(1.0, []), BoostedTrees(1.0, [])),
        Losses([LossInput(3, [])], BoostedTrees(1.0, []), TREES),
        Losses([LossInput(-1, [])], BoostedTrees(1.0, []), BoostedTrees(1.0, [])),
        msgspec.structs.replace(LOSSES, inputs=[LossInput(0, []), LossInput(0, []), LossInput(None, [])]),
        msgspec.structs.replace(LOSSES, inputs=[LossInput(0, [1]), *LOSSES.inputs[1:]]),
        msgspec.structs.replace(LOSSES, inputs=[LOSSES.inputs[0], LossInput(2, [0, 1, 2]), LossInput(None, [])]),
        msgspec.structs.replace(LOSSES, inputs=[LOSSES.inputs[0], LossInput(2, [0, 1, 2, 256]), LossInput(None, [])]),
        msgspec.structs.replace(LOSSES, absolute=BoostedTrees(math.inf, [])),
        msgspec.structs.replace(LOSSES, absolute=BoostedTrees(1.0, [TREE] * 101)),
        with_tree(inputs=[3] * NODES),
        with_tree(inputs=[-1] * NODES),
        with_tree(inputs=[0] * (NODES + 1)),
        with_tree(thresholds=[256] * NODES),
        with_tree(thresholds=[-1] * NODES),
        with_tree(leaves=[1.0] * (LEAVES - 1)),
        with_tree(leaves=[math.nan] * LEAVES),
        with_tree(leaves=[1.7e308] * LEAVES),
    ],
)
def test_trees_that_would_read_what_is_not_there_are_refused(losses: Losses) -> None:
    layout, _ = counted(Task.REGRESSION)
    with pytest.raises(InvalidError, match="losses"):
        check_layout(msgspec.structs.replace(layout, losses=losses))


def test_a_tree_is_refused_with_the_value_that_is_wrong() -> None:
    layout, _ = counted(Task.REGRESSION)
    for parts, words in (
        ({"inputs": [0, -1, *[2] * (NODES - 2)]}, r"losses.squared.inputs: -1 .* 0 to 2"),
        ({"inputs": [0, 7, *[2] * (NODES - 2)]}, r"losses.squared.inputs: 7 .* 0 to 2"),
        ({"thresholds": [0, -1, *[9] * (NODES - 2)]}, r"losses.squared.thresholds: -1 .* 0 to 255"),
    ):
        with pytest.raises(InvalidError, match=words):
            check_layout(msgspec.structs.replace(layout, losses=with_tree(**parts)))


def test_components_of_a_column_twice_or_of_none_are_refused() -> None:
    multivariate = LAYOUT.multivariate
    assert multivariate is not None
    check_layout(LAYOUT)
    for columns in ([0] * len(multivariate.columns), [*multivariate.columns[:-1], len(LAYOUT.numeric)]):
        wrong = msgspec.structs.replace(multivariate, columns=columns)
        with pytest.raises(InvalidError, match=r"multivariate\.columns: \[.* different places"):
            check_layout(msgspec.structs.replace(LAYOUT, multivariate=wrong))


def test_a_classifier_has_no_trees_of_the_error() -> None:
    with pytest.raises(InvalidError, match="losses"):
        check_layout(msgspec.structs.replace(LAYOUT_, losses=LOSSES))
