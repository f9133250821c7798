"""What a reference's rows say about how to bin its version: a sample of them becomes the layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

import msgspec
import numpy as np

from app.core.columns import categories_of, parse_numbers
from app.core.derived import LONGEST_SUFFIX, Derivation, recognise
from app.core.errors import InvalidError
from app.core.layout import MOST_FEATURES, Layout, build_layout
from app.core.model import Model, Task, Version
from app.core.records import NON_FINITE, Scalar
from app.core.reservoir import Part, Reservoir
from app.core.sample import finite_or_none
from app.services.ingest import negative_label
from app.services.loss_models import fit_losses
from collectors.tabular.references import ReferenceRows

SAMPLE_ROWS = 200_000
"""The bins are learnt from at most so many rows: their quantiles are then exact to about 0.1 % of the rows."""
NAME_LENGTH = 200
NUMERIC_SHARE = 0.95
"""A feature is a number when at least this share of its values are numbers; the others count as invalid."""


class LayoutLearner:
    """Takes the rows of a reference, chunk by chunk, and gives the layout; `warnings` says what was odd about them.

    What a feature is shows the first chunk that has values of it; `texts` were declared to be texts.
    """

    def __init__(
        self,
        model: Model,
        version: Version,
        features: Sequence[str],
        *,
        texts: Collection[str] = (),
        sample_rows: int = SAMPLE_ROWS,
    ) -> None:
        self._model, self._version = model, version
        self._sample_rows, self._texts = sample_rows, texts
        self._names, self._undecided = frozenset(features), list(features)
        self._derived: dict[Derivation, Reservoir] = {}
        self._rows = 0
        self._features = Reservoir(features, sample_rows)
        # Reservoirs of one seed keep the same rows; so no feature can hide a column of ours by its name.
        self._scores = Reservoir(["score", "label"] if self._regression else ["score"], sample_rows)
        self._classes: Counter[str] = Counter()
        self.warnings: list[str] = []

    def add(self, rows: ReferenceRows) -> None:
        """Take a chunk into account."""
        self._recognise(rows)
        self._features.add(rows.features, len(rows))
        for feature, reservoir in self._derived.items():
            # Derived at once, so that what is kept does not grow with the length of texts.
            numbers = feature.derive(rows.features[feature.name])
            columns = {name: finite_or_none(one) for name, one in zip(feature.columns, numbers, strict=True)}
            reservoir.add(columns, len(rows))
        self._rows += len(rows)
        scores = rows.values if self._regression else rows.scores
        self._scores.add({"score": scores, "label": rows.label_values}, len(rows))
        self._classes.update(name for name in (*rows.classes, *rows.label_classes) if name is not None)

    def _recognise(self, rows: ReferenceRows) -> None:
        """Find out what the features are that have their first values in this chunk."""
        for name in self._undecided:
            if any(value is not None for value in rows.features[name]):
                feature = recognise(name, rows.features[name], text=name in self._texts)
                if feature is not None:
                    self._require_free(feature)
                    self._features.drop(name)
                    self._derived[feature] = self._reservoir(feature)
        self._undecided = [n for n in self._undecided if all(value is None for value in rows.features[n])]

    def _reservoir(self, feature: Derivation) -> Reservoir:
        """One that keeps the same rows as that of the other features, which a row's columns are compared with."""
        reservoir, missing = Reservoir(feature.columns, self._sample_rows), self._rows
        while missing:
            rows = min(missing, self._sample_rows)
            reservoir.add(dict.fromkeys(feature.columns, np.full(rows, np.nan)), rows)
            missing -= rows
        return reservoir

    def _require_free(self, feature: Derivation) -> None:
        """Raise InvalidError where the names of derived columns are taken, or would be too long."""
        if len(feature.name) + LONGEST_SUFFIX > NAME_LENGTH:
            most = NAME_LENGTH - LONGEST_SUFFIX
            raise InvalidError(
                "column", feature.name, f"a feature of texts or lists has a name of 1 to {most} characters"
            )
        if taken := set(feature.columns) & set(self._names):
            why = f"it is the name of what is counted of the feature {feature.name!r}; rename or exclude it"
            raise InvalidError("column", min(taken), why)

    def layout(self) -> Layout:
        """The layout of everything seen. Raises InvalidError for a binary model with more than two classes."""
        self.warnings.clear()
        said = self._scores.columns()
        scores = np.asarray(said["score"], dtype=np.float64)
        layout = build_layout(
            self._model.task,
            self._prepared(),
            scores=scores[np.isfinite(scores)],
            classes=self._class_names(),
            threshold=self._version.decision_threshold,
            confident=self._model.confident_threshold,
            derived=[
                (feature, [parse_numbers(column) for column in reservoir.columns().values()])
                for feature, reservoir in self._derived.items()
            ],
        )
        if (columns := len(layout.column_names) + len(layout.latent)) > MOST_FEATURES:
            allowed = f"features are counted as at most {MOST_FEATURES} columns; exclude some"
            raise InvalidError("columns", columns, allowed)
        self._warn_of_constants(layout)
        return self._with_losses(layout, scores, said["label"]) if self._regression else layout

    @property
    def _regression(self) -> bool:
        return self._model.task is Task.REGRESSION

    def _with_losses(self, layout: Layout, predicted: Part, label: Part) -> Layout:
        losses = fit_losses(layout, self._features.columns(), predicted, np.asarray(label, dtype=np.float64))
        return msgspec.structs.replace(layout, losses=losses)

    def _class_names(self) -> list[str]:
        by_frequency = [name for name, _ in self._classes.most_common()]
        if self._model.task is not Task.BINARY:
            return by_frequency
        positive = self._model.positive_label
        others = [name for name in by_frequency if name != positive]
        if len(others) > 1:
            allowed = f"a binary model has its positive label {positive!r} and one other class"
            raise InvalidError("prediction and label", ", ".join(sorted(self._classes)[:10]), allowed)
        if others and positive not in self._classes:
            self.warnings.append(f"no row has the positive label {positive!r}; all that was seen is {others[0]!r}")
        return [others[0] if others else negative_label(self._model), positive]

    def _prepared(self) -> Mapping[str, Sequence[Scalar]]:
        """The sample of each feature as what it is to be: floats, NaN where no number; or category names."""
        prepared: dict[str, Sequence[Scalar]] = {}
        for name, sample in self._features.columns().items():
            if sample.dtype != object and not np.isnan(sample).all():
                prepared[name] = _as_column(sample)
            elif sample.dtype == object and any(value is not None for value in sample):
                prepared[name] = self._sorted_out(name, sample)
            else:
                self.warnings.append(f"feature {name!r} has no value in any row; it is left out")
        return prepared

    def _sorted_out(self, name: str, sample: Part) -> Sequence[Scalar]:
        """A column that does not hold numbers alone."""
        present = [value for value in sample if value is not None]
        strays = [value for value in present if not _is_number(value)]
        if len(strays) > (1 - NUMERIC_SHARE) * len(present):
            return categories_of(sample)
        if strays:
            self.warnings.append(
                f"feature {name!r} holds {len(strays)} values among {len(present)} that are no numbers, such as "
                f"{strays[0]!r}; they count as invalid (leave missing cells empty)"
            )
        numbers = [value if isinstance(value, int | float) else np.nan for value in sample]
        return _as_column(np.array(numbers, dtype=np.float64))

    def _warn_of_constants(self, layout: Layout) -> None:
        constant = [feature.name for feature in layout.numeric if feature.sd == 0]
        constant += [feature.name for feature in layout.categorical if len(feature.categories) == 1]
        if constant:
            self.warnings.append(f"constant in the reference, so that any other value is a shift: {_listed(constant)}")


def _is_number(value: Scalar) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or value in NON_FINITE


def _as_column(numbers: Part) -> Sequence[Scalar]:
    return cast("Sequence[Scalar]", numbers)  # an array is no Sequence to the type checker; the layout takes both


def _listed(names: Iterable[str], most: int = 10) -> str:
    shown = list(names)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
