"""A fitted model of the demo, with the carriers, airports and destinations that it has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.demo.flights import CATEGORIES, FEATURES

_NUMBERS = [name for name in FEATURES if name not in CATEGORIES]


@dataclass(frozen=True, slots=True, eq=False)
class FlightModel:
    """Answers rows with FEATURES as its estimator does. A category that it has not seen is missing to it.

    scikit-learn can encode the categories as well, and then takes five times as long for a call of fifty flights.
    """

    estimator: Any
    categories: Mapping[str, pd.Index[str]]

    @classmethod
    def fitted(
        cls, estimator: Any, rows: pd.DataFrame, target: pd.Series[Any], weight: pd.Series[float]
    ) -> FlightModel:
        """`estimator` fitted to the rows; its first inputs are CATEGORIES."""
        categories = {name: pd.Index(sorted(rows[name].dropna().unique())) for name in CATEGORIES}
        estimator.fit(_encoded(rows, categories), target.to_numpy(), sample_weight=weight.to_numpy(float))
        return cls(estimator, categories)

    @property
    def classes_(self) -> Any:
        return self.estimator.classes_

    def predict(self, rows: pd.DataFrame) -> Any:
        """As the estimator's."""
        return self.estimator.predict(_encoded(rows, self.categories))

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        """As the estimator's."""
        return self.estimator.predict_proba(_encoded(rows, self.categories))


def _encoded(rows: pd.DataFrame, categories: Mapping[str, pd.Index[str]]) -> NDArray[np.float64]:
    codes = np.column_stack([known.get_indexer(pd.Index(rows[name])) for name, known in categories.items()]).astype(
        float
    )
    codes[codes < 0] = np.nan
    return np.hstack([codes, rows[_NUMBERS].to_numpy(float)])
