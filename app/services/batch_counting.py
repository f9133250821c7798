"""What batches add to the profiles, version by version: one that cannot be counted keeps no other back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from app.services.counting import (
    LostRaceError,
    Packed,
    Said,
    Tally,
    apart,
    count_corrections,
    count_offline,
    count_predictions,
    pack,
)
from app.storage.offline_features import any_offline, offline_of
from app.storage.recipes import Recipe, load_recipes
from app.storage.segments import any_segmented
from app.storage.stored_rows import (
    Portions,
    StoredPredictions,
    compared_predictions,
    corrections_of,
    corrections_of_batches,
    counted_predictions,
    fresh_predictions,
)
from app.storage.unfolded import Batches


@dataclass(frozen=True, slots=True)
class Counted:
    """What is to be saved of the batches: `predictions` are those that are in it.

    `failures`: of versions that have a part in the batches, and of which nothing is in it.
    """

    packed: Packed
    predictions: int
    failures: Mapping[int, Exception]


def count_batches(
    connection: Connection, batches: Batches, *, failed: Mapping[int, Exception], only: int | None = None
) -> Counted:
    """What the batches change: their own predictions, and earlier ones that their corrections are about.

    `failed`: versions that are not to be tried, and why. `only`: of that version alone.
    Raises LostRaceError when a rebuild of a version that is not among these was requested meanwhile.
    """
    counting = _Counting(connection, batches, failed, only, any_offline(connection))
    attributes = any_segmented(connection)
    counting.each(fresh_predictions(connection, batches.ids, attributes=attributes), counting.fresh)
    if batches.corrections:
        counting.each(counted_predictions(connection, batches.ids, attributes=attributes), counting.corrected)
    if batches.offline:
        counting.each(compared_predictions(connection, batches.ids, attributes=attributes), counting.compared)
    return counting.counted()


@dataclass(slots=True)
class _Counting:
    connection: Connection
    batches: Batches
    failed: Mapping[int, Exception]
    only: int | None
    offline: bool
    failures: dict[int, Exception] = field(default_factory=dict)
    _recipes: dict[int, Recipe] = field(default_factory=dict)
    _tallies: dict[int, Tally] = field(default_factory=dict)
    _said: dict[int, Said] = field(default_factory=dict)
    _predictions: Counter[int] = field(default_factory=Counter)

    def each(self, portions: Portions, count: Callable[[Tally, Recipe, StoredPredictions], None]) -> None:
        """Count the portions of those versions that can be counted so far."""
        for version_id, rows in portions:
            if self.only not in (None, version_id) or version_id in self.failures:
                continue
            if version_id in self.failed:
                self.failures[version_id] = self.failed[version_id]
                continue
            with apart(self.failures, version_id):
                count(self._tallies.setdefault(version_id, Tally()), self._recipe(version_id), rows)

    def fresh(self, tally: Tally, recipe: Recipe, rows: StoredPredictions) -> None:
        """Predictions of the batches, with the corrections and offline values that came before or with them."""
        # Corrections count with their prediction, whichever came first: so all of them are looked up here, not only
        # those of these batches, and those of these batches need nothing while their prediction waits.
        version_id, ids = recipe.version_id, self.batches.ids
        if version_id not in self._said:
            self._said[version_id] = corrections_of_batches(self.connection, recipe.model_id, version_id, ids)
        count_predictions(tally, recipe, rows, self._said[version_id])
        if self.offline:
            self.compared(tally, recipe, rows)
        self._predictions[version_id] += len(rows.ids)

    def corrected(self, tally: Tally, recipe: Recipe, rows: StoredPredictions) -> None:
        """Predictions counted before that corrections of the batches are about."""
        about = corrections_of(self.connection, recipe.model_id, recipe.version_id, rows.ids)
        count_corrections(tally, recipe, rows, about)

    def compared(self, tally: Tally, recipe: Recipe, rows: StoredPredictions) -> None:
        """Predictions with the offline values that are there for them."""
        for computed in offline_of(self.connection, recipe.version_id, rows.ids, self.batches.ids):
            count_offline(tally, recipe, rows, computed)

    def counted(self) -> Counted:
        """All of it, merged with the stored profiles."""
        packed = []
        for version_id, tally in self._tallies.items():
            if version_id not in self.failures:
                with apart(self.failures, version_id):
                    packed.append(pack(self.connection, tally))
        predictions = sum(rows for version_id, rows in self._predictions.items() if version_id not in self.failures)
        return Counted(Packed.joined(packed), predictions, self.failures)

    def _recipe(self, version_id: int) -> Recipe:
        if version_id not in self._recipes:
            self._recipes |= load_recipes(self.connection, [version_id])
        recipe = self._recipes[version_id]
        if recipe.stamp.rebuild_position is not None:
            raise LostRaceError("a rebuild was requested")
        return recipe
