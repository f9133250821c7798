"""The text of statistics.md on raw rows, with scikit-learn and scipy in place of our own statistics."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from app.core.layout import Layout

Floats = NDArray[np.float64]


def bins_of(layout: Layout, frame: pd.DataFrame) -> NDArray[np.intp]:
    """[rows] the score bin of each row."""
    return np.searchsorted(layout.score_edges, frame["score"].to_numpy(), side="right")


def positive(layout: Layout, reference: pd.DataFrame, frame: pd.DataFrame) -> Floats:
    """[rows] P(y = 1 | score bin), isotonic on the reference's rows."""
    model = IsotonicRegression(out_of_bounds="clip").fit(bins_of(layout, reference), reference["label"] == "1")
    return np.asarray(model.predict(bins_of(layout, frame)))


def wrong(layout: Layout, reference: pd.DataFrame, frame: pd.DataFrame) -> Floats:
    """[rows] P(the prediction is wrong)."""
    chance = positive(layout, reference, frame)
    return np.where(frame["predicted"] == "1", 1 - chance, chance)
