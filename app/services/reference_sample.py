"""A bounded sample of a reference's rows, taken while they pass by."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.columns import Column, categories_of
from app.core.layout import Layout
from app.core.model import Task
from app.core.reservoir import Reservoir, with_gaps
from app.core.sample import MOST_ROWS, SEED, Sample, Values, counted_columns, feature_values, finite_numbers
from collectors.tabular.references import ReferenceRows

_SAID = ("predicted", "score", "label")


class ReferenceSampler:
    """Takes the rows of a reference, chunk by chunk, and keeps at most `most` of them, all equally likely."""

    def __init__(self, layout: Layout, most: int = MOST_ROWS) -> None:
        self._layout, self._total = layout, 0
        # Two reservoirs of one seed keep the same rows; so no feature can hide a column of ours by its name.
        self._features = Reservoir(layout.column_names, most, SEED)
        self._said = Reservoir(_SAID, most, SEED)

    def add(self, rows: ReferenceRows, decided: Sequence[str | None]) -> None:
        """Offer the rows of a chunk; `decided` are their predicted classes."""
        regression = self._layout.task is Task.REGRESSION
        predicted = rows.values if regression else decided
        label = rows.label_values if regression else rows.label_classes
        # Derived columns are kept in place of what they come from: a text may be thousands of times their size.
        self._features.add(counted_columns(self._layout, rows.features), len(rows))
        self._said.add(dict(zip(_SAID, (predicted, rows.scores, label), strict=True)), len(rows))
        self._total += len(rows)

    def sample(self) -> Sample:
        """The rows that were kept."""
        features = {name: with_gaps(part) for name, part in self._features.columns().items()}
        predicted, score, label = (with_gaps(part) for part in self._said.columns().values())
        return Sample(
            self._total,
            feature_values(self._layout, features),
            _answers(self._layout, predicted),
            finite_numbers(score),
            _answers(self._layout, label),
        )


def _answers(layout: Layout, column: Column) -> Values:
    return finite_numbers(column) if layout.task is Task.REGRESSION else [*categories_of(column)]
