"""From stored rows to saved profiles: what the fold and the rebuild have in common.

Everything is read, counted and packed first; the transaction that saves it is short, and fails as a whole when what it
rests on has changed meanwhile.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.codec import encode_counts
from app.core.columns import Column, parse_numbers
from app.core.feature_json import ServedFeatures, served_features
from app.core.fold import WHOLE, Cell, Rows, fold_segments, fold_truth
from app.core.model import WindowLength
from app.core.parity import fold_parity
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.segments import AttributeValues, Grouping, assign, served_values, without_early
from app.core.truth import NOTHING_SAID, Correction, RowTruth, row_truth, truth_columns
from app.storage.catalogue import version_names
from app.storage.engine import read, write
from app.storage.lease import FOLD, Lease
from app.storage.profiles import PackedProfile, load_profile, save_profile
from app.storage.recipes import Recipe, Stamp, unchanged
from app.storage.segments import save_values
from app.storage.stored_rows import StoredPredictions, save_truths

Said = Mapping[int, Sequence[Correction]]


class LostRaceError(Exception):
    """Somebody changed what was counted on: nothing was saved, and the same rows are to be counted again."""


@dataclass(slots=True)
class Tally:
    """What a slice of rows adds to the profiles, by version, segment and window, the truths that it counted, and what
    is known afterwards of the attributes that segments are made by.
    """

    features: dict[tuple[int, Cell], FeatureCounts] = field(default_factory=dict)
    outcomes: dict[tuple[int, Cell], OutcomeCounts] = field(default_factory=dict)
    values: dict[tuple[int, str], AttributeValues] = field(default_factory=dict)
    truths: dict[int, RowTruth] = field(default_factory=dict)
    stamps: dict[int, Stamp] = field(default_factory=dict)

    def add_profiles(self, recipe: Recipe, profiles: Mapping[Cell, Profile]) -> None:
        """Add whole profiles by their segment and window."""
        for cell, profile in profiles.items():
            key = recipe.version_id, _kept_in(recipe, cell)
            self.features[key] = self.features[key] + profile.features if key in self.features else profile.features
            self._add_outcomes(key, profile.outcomes)

    def add_outcomes(self, recipe: Recipe, outcomes: Mapping[Cell, OutcomeCounts]) -> None:
        """Add outcome counts by their segment and window."""
        for cell, counts in outcomes.items():
            key = recipe.version_id, _kept_in(recipe, cell)
            self._add_outcomes(key, counts)
            if recipe.stamp.is_daily(*cell):  # its day may have no profile yet, while its hours wait to be rolled up
                self.features.setdefault(key, FeatureCounts.empty(recipe.layout))

    def _add_outcomes(self, key: tuple[int, Cell], counts: OutcomeCounts) -> None:
        self.outcomes[key] = self.outcomes[key] + counts if key in self.outcomes else counts

    def group(
        self,
        recipe: Recipe,
        rows: StoredPredictions,
        parsed: Mapping[str, Column],
    ) -> list[Grouping]:
        """The segments of the rows by each attribute of the version; what is new of an attribute is remembered."""
        if not recipe.attributes:
            return []
        names = [known.attribute for known in recipe.attributes]
        columns = served_values(names, rows.attributes, rows.features, parsed)
        groupings = []
        for first in recipe.attributes:
            key = recipe.version_id, first.attribute
            grouping, known = assign(self.values.get(key, first), columns[first.attribute])
            if known is not first:
                self.values[key] = known
            groupings.append(without_early(grouping, rows.times, first.since))
        return groupings


def _kept_in(recipe: Recipe, cell: Cell) -> Cell:
    """The cell whose profile counts those of `cell`: that of its day where the day's hours are rolled up."""
    segment, start = cell
    return (segment, WindowLength.DAY.start_of(start)) if recipe.stamp.is_daily(segment, start) else cell


@dataclass(frozen=True, slots=True)
class Packed:
    """A tally merged with the stored profiles, ready to be saved."""

    profiles: Sequence[PackedProfile]
    truths: Mapping[int, RowTruth]
    stamps: Mapping[int, Stamp]
    values: Mapping[tuple[int, str], AttributeValues]

    @classmethod
    def joined(cls, parts: Sequence[Packed]) -> Packed:
        """Those of several versions as one."""
        return cls(
            [profile for part in parts for profile in part.profiles],
            {id_: truth for part in parts for id_, truth in part.truths.items()},
            {id_: stamp for part in parts for id_, stamp in part.stamps.items()},
            {key: values for part in parts for key, values in part.values.items()},
        )

    @property
    def windows(self) -> int:
        """How many profiles of a whole window there are."""
        return sum(profile.segment == WHOLE for profile in self.profiles)


def count_predictions(tally: Tally, recipe: Recipe, rows: StoredPredictions, said: Said) -> None:
    """Count predictions that no profile holds, with everything said about them so far."""
    tally.stamps[recipe.version_id] = recipe.stamp
    if not rows.ids:
        return
    truths = _truths(recipe, rows, said)
    features = served_features(recipe.layout, rows.features)
    groupings = tally.group(recipe, rows, features.columns)
    columns = _columns(rows, truths, features)
    tally.add_profiles(recipe, fold_segments(recipe.layout, columns, recipe.window, groupings))
    # What an earlier count kept beside a row must not outlive the corrections it came from.
    stored = {position: truth for position, truth in enumerate(rows.truths) if truth != NOTHING_SAID}
    for position in stored.keys() | truths.keys():
        truth = truths.get(position, NOTHING_SAID)
        if truth != stored.get(position, NOTHING_SAID):
            tally.truths[rows.ids[position]] = truth


def count_corrections(tally: Tally, recipe: Recipe, rows: StoredPredictions, said: Said) -> None:
    """Count what became of predictions that the profiles hold already: the new truth comes in, the old one goes."""
    tally.stamps[recipe.version_id] = recipe.stamp
    truths = _truths(recipe, rows, said)
    changed = [position for position, truth in truths.items() if truth != rows.truths[position]]
    if not changed:
        return
    part = rows.take(changed)
    new = {at: truths[position] for at, position in enumerate(changed)}
    groupings = tally.group(recipe, part, {})
    old = dict(enumerate(part.truths))
    learnt = fold_truth(recipe.layout, _columns(part, new), recipe.window, groupings)
    replaced = fold_truth(recipe.layout, _columns(part, old), recipe.window, groupings)
    tally.add_outcomes(recipe, learnt)
    tally.add_outcomes(recipe, {cell: counts.negated() for cell, counts in replaced.items()})
    tally.truths |= {part.ids[at]: truth for at, truth in new.items()}


def count_offline(tally: Tally, recipe: Recipe, rows: StoredPredictions, offline: Mapping[int, str]) -> None:
    """Count how the features of predictions compare with those computed offline (JSON by the prediction's id)."""
    tally.stamps[recipe.version_id] = recipe.stamp
    positions = [position for position, id_ in enumerate(rows.ids) if id_ in offline]
    if not positions:
        return
    part = rows.take(positions)
    groupings = tally.group(recipe, part, {})
    computed = [offline[id_] for id_ in part.ids]
    found = fold_parity(recipe.layout, part.times, part.features, computed, recipe.window, groupings)
    tally.add_outcomes(recipe, found)


def _columns(rows: StoredPredictions, truths: Mapping[int, RowTruth], features: ServedFeatures | None = None) -> Rows:
    return Rows(
        rows.times,
        rows.predicted_class,
        rows.predicted_value,
        rows.score,
        parse_numbers(rows.latency_ms).values,
        truth_columns(len(rows.ids), truths),
        features.columns if features else {},
        rows.features if features else (),
        features.unknown if features else None,
    )


def _truths(recipe: Recipe, rows: StoredPredictions, said: Said) -> dict[int, RowTruth]:
    """The truth of each row about which something was said, by its position."""
    if not said:
        return {}
    return {
        position: row_truth(recipe.decision, rows.predicted_class[position], rows.predicted_value[position], about)
        for position, id_ in enumerate(rows.ids)
        if (about := said.get(id_)) is not None
    }


def pack(connection: Connection, tally: Tally) -> Packed:
    """Merge the tally with the profiles as they are stored now."""
    packed = (_pack_one(connection, key, tally) for key in tally.outcomes)
    return Packed([profile for profile in packed if profile is not None], tally.truths, tally.stamps, tally.values)


def _pack_one(connection: Connection, key: tuple[int, Cell], tally: Tally) -> PackedProfile | None:
    version_id, (segment, start) = key
    outcomes, features = tally.outcomes[key], tally.features.get(key)
    # Labels alone leave the features as they are: most of a profile's bytes are then neither read nor written.
    daily = tally.stamps[version_id].is_daily(segment, start)
    stored = load_profile(connection, version_id, segment, start, features=features is not None, daily=daily)
    if stored is None and features is None:
        return None  # a label for a window that is no longer kept
    if stored is not None:
        outcomes = outcomes + stored.outcomes
        if features is not None and stored.features is not None:
            features = features + stored.features
    return PackedProfile(
        version_id,
        segment,
        start,
        stored.revision if stored else 0,
        int(outcomes.rows),
        encode_counts(outcomes),
        None if features is None else encode_counts(features),
        daily,
    )


def save(connection: Connection, packed: Packed, now: datetime) -> None:
    """Save profiles and truths in the caller's transaction.

    Raises LostRaceError when a version, its reference or a profile is no longer as it was read; the transaction must
    then be rolled back.
    """
    if not unchanged(connection, packed.stamps):
        raise LostRaceError("a version or its reference changed")
    for profile in packed.profiles:
        if not save_profile(connection, profile, now):
            raise LostRaceError(f"the profile of {profile.window_start:%Y-%m-%d %H:%M} changed")
    if not save_values(connection, packed.values):
        raise LostRaceError("the values of an attribute changed")
    save_truths(connection, packed.truths)


@contextmanager
def apart(failures: dict[int, Exception], version_id: int) -> Iterator[None]:
    """Notes what fails of one version, so that the others go on. A lost race and a database that fails concern all."""
    try:
        yield
    except (LostRaceError, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001  what is damaged in one version must not keep the others from being counted
        failures[version_id] = error


def raise_failures(engine: Engine, failures: Mapping[int, Exception]) -> None:
    """Raise ExceptionGroup where there are any: each carries the names of its model and version as a note."""
    if not failures:
        return
    with read(engine) as connection:
        names = version_names(connection, failures)
    for version_id, (model_name, name) in names.items():
        failures[version_id].add_note(f"model {model_name!r} version {name!r}")
    if names:  # a version that is gone meanwhile is no failure
        raise ExceptionGroup(f"{len(names)} versions could not be counted", [failures[id_] for id_ in names])


@contextmanager
def fold_turn(engine: Engine) -> Iterator[Lease | None]:
    """The right to change profiles, which one process has at a time; None while another one has it."""
    lease = Lease(engine, FOLD)
    try:
        yield lease if lease.acquire() else None
    finally:
        lease.release()


@contextmanager
def saving(engine: Engine, lease: Lease) -> Iterator[Connection]:
    """A transaction for `save`, begun only while it is still our turn. Raises LostRaceError when it no longer is."""
    with write(engine) as connection:
        if not lease.acquire():
            raise LostRaceError("the turn to fold was lost with the database session")
        yield connection


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Put off the search for cycles: thousands of rows hold none, and looking takes an eighth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
