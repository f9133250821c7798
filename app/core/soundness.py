"""What holds for every layout and profile that was made of rows, and is asked of one that comes from elsewhere.

Numbers from elsewhere are added to our own, and a negative count or a NaN could not be told from a finding afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite

import numpy as np

from app.core.derived import FEWEST_DIMENSIONS
from app.core.errors import InvalidError
from app.core.layout import BINS, MOST_CATEGORIES, MOST_CLASSES, MOST_FEATURES, TAIL_BUCKETS, Layout
from app.core.losses import CODES, LEAVES, MOST_INPUTS, MOST_TREES, NODES, STEPS, BoostedTrees, Losses, LossInput
from app.core.model import Source, Task
from app.core.multivariate import LARGEST_SQUARE, MOST_COLUMNS, MOST_COMPONENTS
from app.core.multivariate import NAME as RECONSTRUCTION_ERROR
from app.core.profile import (
    ABSOLUTE,
    COMPARED,
    DIFFERENT,
    SQUARED,
    FeatureCounts,
    FloatArray,
    IntArray,
    OutcomeCounts,
    Profile,
)
from app.core.replays import HIGHEST, KEY, LOWEST, TIMES, no_replays
from app.core.stats.projections import MOST_DIMENSIONS

NAME_LENGTH = 200
MOST_ROWS = 2**40
"""Of one window: so many that sums over years still fit into 64 bits."""
_LARGEST_OFFSET, _LARGEST_OFFSETS = 2**40, 2**60
_MOST_SCORE_EDGES = BINS + 3  # a probability's decision and confident thresholds have edges of their own
_JUDGED = [tuple(Source).index(source) for source in Source if source is not Source.USER]


def check_layout(layout: Layout) -> None:
    """Raise InvalidError, naming the field, unless the layout could have been learnt from rows."""
    for names in (layout.column_names, layout.feature_names):
        _require(len(names) <= MOST_FEATURES, "features", len(names), f"at most {MOST_FEATURES}")
        _require(_are_names(names), "features", names[:5], f"different names of 1 to {NAME_LENGTH} characters each")
    for numeric in (*layout.numeric, *layout.latent):
        finite = map(isfinite, (numeric.mean, numeric.sd, numeric.low, numeric.high))
        _require(all(finite) and numeric.sd >= 0, numeric.name, numeric.sd, "finite figures, and no negative sd")
        _require(numeric.low <= numeric.high, numeric.name, numeric.low, f"low is at most high, {numeric.high}")
        _require(_ascend(numeric.edges, BINS - 1), numeric.name, "edges", f"1 to {BINS - 1} ascending numbers")
    derived = [name for feature in layout.derived for name in feature.columns]
    last = [one.name for one in layout.numeric[len(layout.numbers) :]]
    _require(last == derived, "derived", last[:5], "the last numeric columns are those of the derived features")
    for embedding in layout.embeddings:
        fit = FEWEST_DIMENSIONS <= embedding.dimension <= MOST_DIMENSIONS and abs(embedding.exponent) <= 1000
        _require(fit, embedding.name, embedding.dimension, f"{FEWEST_DIMENSIONS} to {MOST_DIMENSIONS} dimensions")
    latent = [name for embedding in layout.embeddings for name in embedding.columns]
    last = [one.name for one in layout.latent]
    latent += [RECONSTRUCTION_ERROR] if layout.multivariate else []
    _require(last == latent, "latent", last[:5], "the projections of the embeddings, and the reconstruction error")
    _check_multivariate(layout)
    for categorical in layout.categorical:
        known = len(categorical.categories)
        fit = known <= MOST_CATEGORIES and len(set(categorical.categories)) == known
        fit &= categorical.tail in (0, TAIL_BUCKETS)
        _require(fit, categorical.name, "categories", f"at most {MOST_CATEGORIES}, all different")
    _require(_ascend(layout.score_edges, _MOST_SCORE_EDGES), "score_edges", "edges", "a few ascending numbers")
    most = {Task.BINARY: 2, Task.REGRESSION: 1, Task.MULTICLASS: MOST_CLASSES + 1}[layout.task]
    least = 1 if layout.task is Task.MULTICLASS else most
    fit = least <= len(layout.classes) <= most and _are_names(layout.classes)
    _require(fit, "classes", layout.classes[:5], f"{least} to {most} different names for {layout.task}")
    _require(isfinite(layout.threshold), "threshold", layout.threshold, "a finite number")
    _require(isfinite(layout.confident), "confident", layout.confident, "a finite number")
    if layout.losses is not None:
        _require(layout.task is Task.REGRESSION, "losses", layout.task, "of regression models only")
        _check_losses(layout, layout.losses)


def _check_losses(layout: Layout, losses: Losses) -> None:
    places = [one.feature for one in losses.inputs]
    fit = 0 < len(places) <= MOST_INPUTS and len(set(places)) == len(places)
    _require(fit, "losses.inputs", len(places), f"1 to {MOST_INPUTS}, all different")
    for one in losses.inputs:
        known = one.feature is None or 0 <= one.feature < len(layout.column_names)
        _require(known, "losses.inputs", one.feature, f"one of {len(layout.column_names)} columns, or null")
        fit = len(one.ranks) == _ranked(layout, one) and all(0 <= rank < CODES for rank in one.ranks)
        _require(fit, "losses.ranks", len(one.ranks), f"{_ranked(layout, one)} of 0 to {CODES - 1}")
    _check_trees("losses.absolute", losses.absolute, len(places))
    _check_trees("losses.squared", losses.squared, len(places))


def _ranked(layout: Layout, one: LossInput) -> int:
    """How many ranks the input needs: none for numbers; for a category also those of missing and unknown ones."""
    if one.feature is None or one.feature < len(layout.numeric):
        return 0
    return layout.categorical[one.feature - len(layout.numeric)].places + 2


def _check_trees(field: str, boosted: BoostedTrees, inputs: int) -> None:
    _require(len(boosted.trees) <= MOST_TREES, field, len(boosted.trees), f"at most {MOST_TREES} trees")
    for tree in boosted.trees:
        fit = len(tree.inputs) == len(tree.thresholds) == NODES and len(tree.leaves) == LEAVES
        _require(fit, field, len(tree.inputs), f"trees of {NODES} nodes and {LEAVES} leaves")
        for name, values, count in (("inputs", tree.inputs, inputs), ("thresholds", tree.thresholds, CODES)):
            wrong = next((value for value in values if not 0 <= value < count), None)
            _require(wrong is None, f"{field}.{name}", wrong, f"0 to {count - 1}")
    _require(_is_finite(boosted), field, "leaves", "finite numbers, with a finite sum")


def _is_finite(boosted: BoostedTrees) -> bool:
    values = [boosted.base, *(leaf for tree in boosted.trees for leaf in tree.leaves)]
    # Divided, since the sum of large numbers may be none although each of them is one.
    return all(map(isfinite, values)) and sum(abs(value) / 2 for value in values) < 2.0**1000


def _check_multivariate(layout: Layout) -> None:
    """Raise InvalidError unless all sums stay below 2^53, and so exact."""
    found = layout.multivariate
    if found is None:
        return
    size = len(found.columns)
    fit = 2 <= size <= MOST_COLUMNS and len(set(found.columns)) == size
    fit = fit and all(0 <= place < len(layout.numeric) for place in found.columns)
    _require(fit, "multivariate.columns", found.columns[:5], f"2 to {MOST_COLUMNS} different places of numeric columns")
    sound = (isfinite(s.mean) and isfinite(s.sd) and s.low <= s.high and s.varies for s in found.standards)
    _require(len(found.standards) == size and all(sound), "multivariate.standards", size, "a finite one per column")
    fit = 1 <= len(found.components) <= MOST_COMPONENTS and all(len(one) == size for one in found.components)
    fit = fit and all(abs(step) <= 2**12 for one in found.components for step in one)
    _require(fit, "multivariate.components", len(found.components), "unit vectors in steps of 1/4096")
    fit = len(found.weights) == size and all(0 <= weight <= 2**11 for weight in found.weights)
    _require(fit, "multivariate.weights", len(found.weights), "0 to 2048 per column")


def check_profile(profile: Profile) -> None:
    """Raise InvalidError, naming the array, unless the counts could have been made of rows."""
    rows = profile.rows
    _require(0 <= rows <= MOST_ROWS, "profile.rows", rows, f"0 to {MOST_ROWS}")
    laws = (*_feature_laws(profile.features, rows), *_outcome_laws(profile.outcomes, rows))
    for array, holds, law in laws:
        _require(holds, f"profile.{array}", f"{rows} rows", law)


def _feature_laws(counts: FeatureCounts, rows: int) -> Iterator[tuple[str, bool, str]]:
    """(array, whether the law holds, the law)."""
    for name in ("numeric", "states", "categories", "absent", "latent", "latent_states"):
        yield name, _within(getattr(counts, name), rows), "every count is from 0 to the number of rows"
    values = counts.numeric.sum(axis=-1)
    for name, states in (("numeric", counts.states), ("latent", counts.latent_states)):
        whole = getattr(counts, name).sum(axis=-1) + states.sum(axis=-1)
        yield name, bool((whole == rows).all()), "every row has one value of each number, or the state that it lacks"
    whole = counts.categories.sum(axis=-1) + counts.absent
    yield "categories", bool((whole == rows).all()), "every row has one value of each category, or lacks it"
    for name, binned in (("offsets", counts.numeric), ("latent_offsets", counts.latent)):
        reach = np.minimum(binned * float(_LARGEST_OFFSET), _LARGEST_OFFSETS)
        within = bool((np.abs(getattr(counts, name).astype(float)) <= reach).all())
        yield name, within, "a sum over the values of its bin"
    residuals = counts.residuals.astype(float)
    told = counts.latent[-1].sum() if residuals.size and len(counts.latent) else 0
    within = bool(((residuals >= 0) & (residuals <= told * float(LARGEST_SQUARE))).all())
    yield "residuals", within, "sums of squares over the rows that have a reconstruction error"
    known = np.isfinite(counts.lowest) & np.isfinite(counts.highest) & (counts.lowest <= counts.highest)
    unknown = (counts.lowest == np.inf) & (counts.highest == -np.inf)
    yield "lowest", bool(np.where(values > 0, known, unknown).all()), "the range of the values, where there are any"


def _outcome_laws(counts: OutcomeCounts, rows: int) -> Iterator[tuple[str, bool, str]]:
    served, judged_later = ("predicted", "score_states", "score_marks", "latency"), ("outcomes", "audits", "confusion")
    for name in (*served, *judged_later, "label_delays", "labels", "review"):
        yield name, _within(getattr(counts, name), rows), "every count is from 0 to the number of rows"
    for name in ("predicted", "score_states", "labels", "latency"):
        yield name, bool(getattr(counts, name).sum() <= rows), "it counts each row once at most"
    judged = bool((counts.outcomes.sum(axis=1) <= counts.predicted).all())
    yield "outcomes", judged, "only what was predicted can turn out right or wrong"
    yield "audits", bool((counts.audits <= counts.outcomes).all()), "they are among the outcomes"
    labelled = counts.outcomes.sum()
    yield "confusion", bool(counts.confusion.sum() == labelled), "it counts the outcomes by class"
    yield "labels", bool(counts.labels[_JUDGED].sum() == labelled), "each outcome has a label from truth or audit"
    yield "label_delays", bool(counts.label_delays.sum() <= labelled), "at most one for each outcome"
    errors = counts.errors
    fit = bool(np.isfinite(errors).all()) and errors[ABSOLUTE] >= 0 and errors[SQUARED] >= 0
    yield "errors", bool(fit), "finite sums, of which the absolute and the squared are not negative"
    hoped = bool((counts.expected_errors >= 0).all() and (counts.expected_errors <= rows * STEPS).all())
    yield "expected_errors", hoped, f"at most {STEPS} steps per row"
    low, high = float(counts.lowest_score), float(counts.highest_score)
    ranged = (isfinite(low) and isfinite(high) and low <= high) or (low, high) == (np.inf, -np.inf)
    yield "lowest_score", ranged, "the range of the scores, where there are any"
    yield "unknown", 0 <= int(counts.unknown) <= rows * MOST_FEATURES, f"at most {MOST_FEATURES} features per row"
    yield "parity", _within(counts.parity, rows), "every count is from 0 to the number of rows"
    fewer = bool((counts.parity[..., DIFFERENT] <= counts.parity[..., COMPARED]).all())
    yield "parity", fewer, "what differs was compared"
    gaps = bool((np.isfinite(counts.parity_gaps) & (counts.parity_gaps >= 0)).all())
    yield "parity_gaps", gaps, "finite differences, none of them negative"
    yield "replays", _are_replays(counts.replays, rows), "inputs by ascending key, each with its times and its scores"


def _are_replays(sketch: FloatArray, rows: int) -> bool:
    """What `app.core.replays` makes: the inputs first, by key, and then nothing."""
    kept = int(np.isfinite(sketch[:, KEY]).sum())
    inputs, rest = sketch[:kept], sketch[kept:]
    keys = inputs[:, KEY]
    fit = bool((np.diff(keys) > 0).all() and ((keys >= 0) & (keys < 2**53)).all() and np.isfinite(inputs).all())
    times = inputs[:, TIMES]
    counted = bool(((times >= 1) & (times == np.floor(times))).all()) and times.sum() <= rows
    ordered = bool((inputs[:, LOWEST] <= inputs[:, HIGHEST]).all())
    return fit and counted and ordered and np.array_equal(rest, no_replays()[kept:])


def _within(counts: IntArray, rows: int) -> bool:
    return bool(((counts >= 0) & (counts <= rows)).all())


def _ascend(edges: Sequence[float], most: int) -> bool:
    finite = all(map(isfinite, edges))
    return finite and 1 <= len(edges) <= most and all(low < high for low, high in pairwise(edges))


def _are_names(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names) and all(0 < len(name) <= NAME_LENGTH and "\0" not in name for name in names)


def _require(holds: bool, field: str, value: object, law: str) -> None:
    if not holds:
        raise InvalidError(field, value, f"allowed: {law}")
