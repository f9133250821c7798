"""The traffic of one model of the large fleet: a reference and served windows of many features, folded as real rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from app.core.columns import Column
from app.core.fold import Rows, Truth, fold
from app.core.layout import build_layout
from app.core.model import Source, Task, WindowLength
from app.core.profile import Profile
from app.core.sample import Sample, feature_values, finite_numbers
from app.storage.references import Reference, ReferenceProfile

REFERENCE_WINDOWS = 60
ROWS = {WindowLength.DAY: 1_000, WindowLength.HOUR: 300}
AT_ONCE = 30  # windows whose rows are in memory together
CATEGORICAL_SHARE, DRIFTING_SHARE, DRIFT_SHARE = 0.2, 0.12, 0.06


class Traffic:
    """Rows of a binary classifier: its first eight features make the score, a fifth of all are categories."""

    def __init__(self, length: WindowLength, features: int, seed: int) -> None:
        self.length, self.rows = length, ROWS[length]
        self.rng = np.random.default_rng(seed)
        categorical = int(features * CATEGORICAL_SHARE)
        self.numeric = [f"feature_{i:03d}" for i in range(features - categorical)]
        self.categorical = [f"category_{i:02d}" for i in range(categorical)]
        self.drifting = max(1, int(len(self.numeric) * DRIFTING_SHARE))
        # The same reference for every model, so that days of one can stand for rolled-up hours of another.
        self.trained = self._columns(np.random.default_rng(1), REFERENCE_WINDOWS * ROWS[length], np.zeros(1))
        rng, columns = np.random.default_rng(0), 20_000
        features_, score, _ = self._columns(rng, columns, np.zeros(columns))
        self.layout = build_layout(
            Task.BINARY, features_, scores=score, classes=["0", "1"], threshold=0.5, confident=0.9
        )

    def reference(self, served: datetime) -> Reference:
        """What stands for the training data of before `served`."""
        return Reference(self.layout, REFERENCE_WINDOWS * self.rows, True, True, "0" * 64, served)

    def reference_windows(self, served: datetime) -> list[ReferenceProfile]:
        """The windows of the reference, which end at `served`."""
        start = served - REFERENCE_WINDOWS * self.length.delta
        found = fold(self.layout, self._rows(self.trained, start, REFERENCE_WINDOWS), self.length)
        return [ReferenceProfile(at, profile) for at, profile in found.items()]

    def sample(self) -> Sample:
        """2,000 rows of the reference."""
        features, score, labels = self.trained
        features = {name: values[:2_000] for name, values in features.items()}
        predicted: list[float | str | None] = ["1" if one >= 0.5 else "0" for one in score[:2_000]]
        known = feature_values(self.layout, features)
        return Sample(2_000, known, predicted, finite_numbers(score[:2_000]), labels[:2_000].tolist())

    def served(self, start: datetime, windows: int, *, drifting: bool) -> Iterator[dict[datetime, Profile]]:
        """Profiles of the windows from `start` on, some at a time; a drift begins before the last sixteenth of them."""
        begins = windows * (1 - DRIFT_SHARE) if drifting else windows
        for first in range(0, windows, AT_ONCE):
            count = min(AT_ONCE, windows - first)
            shift = np.repeat(np.clip((np.arange(first, first + count) - begins) / 4, 0, 1), self.rows)
            columns = self._columns(self.rng, shift.size, shift)
            yield fold(self.layout, self._rows(columns, start + first * self.length.delta, count), self.length)

    def _columns(
        self, rng: np.random.Generator, n: int, shift: np.ndarray
    ) -> tuple[dict[str, Column], np.ndarray, np.ndarray]:
        """Features, scores and labels of n rows; `shift` [n] from 0 to 1 is how far the first features have moved."""
        numbers = [
            rng.normal(10 + i, 1 + i / 20, n) if i % 2 else rng.gamma(3, 1 + i / 20, n)
            for i in range(len(self.numeric))
        ]
        for i in range(self.drifting):
            numbers[i] = numbers[i] + 0.8 * shift * (1 + i / 20)
        logit = sum((numbers[i] - (10 + i)) / (1 + i / 20) for i in range(1, min(16, len(numbers)), 2)) * 0.6
        score = 1 / (1 + np.exp(-logit))
        truth = 1 / (1 + np.exp(-logit * (1 - 0.6 * shift)))
        labels = np.where(rng.random(n) < truth, "1", "0").astype(object)
        names = np.array([f"value {i}" for i in range(12)], dtype=object)
        kinds = {name: names[np.minimum(rng.geometric(0.25, n) - 1, 11)].tolist() for name in self.categorical}
        return {**dict(zip(self.numeric, numbers, strict=True)), **kinds}, score, labels

    def _rows(self, columns: tuple[dict[str, Column], np.ndarray, np.ndarray], start: datetime, windows: int) -> Rows:
        features, score, labels = columns
        n, length = score.size, int(self.length.delta.total_seconds() * 1_000_000)
        times = int(start.timestamp()) * 1_000_000 + np.repeat(np.arange(windows) * length, n // windows)
        predicted = np.where(score >= 0.5, "1", "0").astype(object)
        source = np.full(n, list(Source).index(Source.GROUND_TRUTH), np.int8)
        shown = self.rng.random(n) < 0.2
        corrected = shown & (predicted != labels) & (self.rng.random(n) < 0.6)
        none = np.full(n, np.nan)
        truth = Truth(labels, none, source, shown, corrected, np.zeros(n, np.bool_), times + 3_600_000_000)
        return Rows(times, predicted.tolist(), [None] * n, score, self.rng.lognormal(2.5, 0.3, n), truth, features)
