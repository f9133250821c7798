"""Roll-up: the hours of days long past become one profile a day, so that history costs a fraction.

Two steps, each safe to break off. First the version is marked: hours before a day are counted by day from now on, late
rows and labels too. Then the hours that still stand there are added to their days and deleted, a day and segment at a
time. So at any moment every row is in exactly one profile, by the hour or by the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from app.core.case import EARLY_WINDOWS, LOOKBACK_TIME
from app.core.codec import encode_counts
from app.core.fold import WHOLE
from app.core.model import Model, Stage, Version, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.services.counting import LostRaceError, fold_turn, saving
from app.services.evaluate import MOST_OLDEST_WINDOWS, production_start
from app.storage import evaluations, rollups
from app.storage.catalogue import list_models, list_versions
from app.storage.engine import read, snapshot
from app.storage.lease import Lease
from app.storage.profiles import PackedProfile, load_profile, save_profile
from app.storage.recipes import Stamp, decode_times, encode_times, load_recipes, unchanged

DAY = timedelta(days=1)
KEEP_HOURS = timedelta(days=30)
"""For so long an hour keeps a profile of its own, at the least."""
MOST_DAYS = 100
"""Rolled up in one run, each segment's counting as one: seconds of work, while new rows wait to be counted."""


@dataclass(frozen=True, slots=True)
class RollUpSummary:
    """What was rolled up: hours into days, each segment's counting by itself.

    `busy`: another process had the turn to fold; what is left is for the next run.
    """

    hours: int = 0
    days: int = 0
    busy: bool = False

    def __add__(self, other: RollUpSummary) -> RollUpSummary:
        return RollUpSummary(self.hours + other.hours, self.days + other.days, self.busy or other.busy)


def roll_up(engine: Engine, now: datetime) -> RollUpSummary:
    """Roll up the old hours of every hourly model; what cannot be now, because somebody else is at it, waits.

    Raises ExceptionGroup, once all others are done, with the error of every version that could not be: each carries the
    names of its model and version as a note.
    """
    with read(engine) as connection:
        hourly = [one for one in list_models(connection) if one.window is WindowLength.HOUR]
        pairs = [(model, version) for model in hourly for version in list_versions(connection, model.id)]
    summary, failures = RollUpSummary(), list[Exception]()
    for model, version in pairs:
        try:
            summary += _roll_up_version(engine, model, version, now)
        except LostRaceError:
            summary += RollUpSummary(busy=True)
        except Exception as error:  # noqa: BLE001  what is damaged in one version must not keep the others from it
            error.add_note(f"model {model.name!r} version {version.name!r}")
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"{len(failures)} versions could not be rolled up", failures)
    return summary


def kept_by_hour(model: Model) -> timedelta:
    """How long hours keep profiles of their own: until their labels are due, and with what is looked back at then."""
    return max(KEEP_HOURS, model.label_delay + LOOKBACK_TIME + DAY)


def _roll_up_version(engine: Engine, model: Model, version: Version, now: datetime) -> RollUpSummary:
    with snapshot(engine) as connection:
        stamp = _stamp(connection, version.id)
        days = _due(connection, model, version, stamp, now)
        if days is None and not _next(connection, version.id, stamp):
            return RollUpSummary()
    with fold_turn(engine) as lease:
        if lease is None:
            return RollUpSummary(busy=True)
        if days is not None:
            with saving(engine, lease) as connection:
                if not rollups.move_on(connection, version.id, stamp.daily_until, days):
                    raise LostRaceError("the version was rebuilt or rolled up by another process")
        return _roll_up_days(engine, lease, version.id, now)


def _due(connection: Connection, model: Model, version: Version, stamp: Stamp, now: datetime) -> rollups.Days | None:
    """The days that are to be counted by day from now on; None where there are no new ones.

    Days that normal is learnt from stay, however old: as single days they would show another variation than hours do.
    So do days that were not judged as they are now, and those after the newest row, which may be the silence before a
    second beginning.
    """
    limit = WindowLength.DAY.start_of(now - kept_by_hour(model))
    newest = rollups.newest_hour(connection, version.id, limit)
    if newest is None or stamp.rebuild_position is not None:
        return None
    since = stamp.daily_since or _after_learning(connection, version.id, WHOLE, now)
    if since is None:
        return None
    begun = stamp.daily_until or since
    until = min(limit, WindowLength.DAY.start_of(newest) + DAY)
    if version.stage is not Stage.RETIRED:
        unjudged = rollups.oldest_unjudged(connection, version.id, begun)
        until = until if unjudged is None else min(until, WindowLength.DAY.start_of(unjudged))
    if until <= begun:
        return None
    return rollups.Days(since, until, _segments(connection, version.id, stamp, since, now))


def _segments(connection: Connection, version_id: int, stamp: Stamp, since: datetime, now: datetime) -> str:
    """From when on the hours of segments are counted by day, where that is later than for the whole: normal is learnt
    from the first windows of each. What was rolled up already stays so.
    """
    times = dict(decode_times(stamp.daily_segments))
    for segment in rollups.segments(connection, version_id):
        begun = stamp.daily_until is not None and times.get(segment, since) < stamp.daily_until
        if segment != WHOLE and not begun:
            later = _after_learning(connection, version_id, segment, now)
            times[segment] = since if later is None else max(since, later)
    return encode_times({segment: time for segment, time in times.items() if time > since})


def _after_learning(connection: Connection, version_id: int, segment: str, now: datetime) -> datetime | None:
    """The first whole day after the windows that normal is learnt from."""
    oldest = evaluations.oldest_windows(connection, version_id, now, MOST_OLDEST_WINDOWS, segment)
    first = production_start(oldest, WindowLength.HOUR.delta)
    if first is None:
        return None
    learnt = first + EARLY_WINDOWS * WindowLength.HOUR.delta
    return WindowLength.DAY.start_of(learnt + DAY - timedelta(microseconds=1))


def _stamp(connection: Connection, version_id: int) -> Stamp:
    recipe = load_recipes(connection, [version_id]).get(version_id)
    if recipe is None:
        raise LostRaceError("the version is gone")
    return recipe.stamp


def _next(connection: Connection, version_id: int, stamp: Stamp) -> list[rollups.StoredHour]:
    """The hours of a day and segment that still stand where only days should."""
    if stamp.daily_until is None:
        return []
    for segment in rollups.segments(connection, version_id):
        since = stamp.daily_from(segment)
        assert since is not None
        hours = rollups.next_hours(connection, version_id, segment, since, stamp.daily_until)
        if hours:
            return hours
    return []


def _roll_up_days(engine: Engine, lease: Lease, version_id: int, now: datetime) -> RollUpSummary:
    summary = RollUpSummary()
    while summary.days < MOST_DAYS and (hours := _roll_up_day(engine, lease, version_id, now)):
        summary += RollUpSummary(hours, 1)
    return summary


def _roll_up_day(engine: Engine, lease: Lease, version_id: int, now: datetime) -> int:
    """Add the hours of the next day and segment to its profile; how many they were."""
    with snapshot(engine) as connection:
        stamp = _stamp(connection, version_id)
        hours = _next(connection, version_id, stamp)
        if not hours:
            return 0
        packed = _day(connection, version_id, hours)
    with saving(engine, lease) as connection:
        if not unchanged(connection, {version_id: stamp}):
            raise LostRaceError("a version or its reference changed")
        if not (rollups.delete_hours(connection, version_id, hours) and save_profile(connection, packed, now)):
            raise LostRaceError(f"a profile of {packed.window_start:%Y-%m-%d} changed")
    return len(hours)


def _day(connection: Connection, version_id: int, hours: list[rollups.StoredHour]) -> PackedProfile:
    """The hours of one day and segment, added to what its profile holds already."""
    segment, day = hours[0].segment, WindowLength.DAY.start_of(hours[0].window_start)
    stored = load_profile(connection, version_id, segment, day, features=True, daily=True)
    parts = [hour.profile for hour in hours]
    if stored is not None and stored.features is not None:
        parts.append(Profile(stored.features, stored.outcomes))
    outcomes = OutcomeCounts.stack([part.outcomes for part in parts]).sum()
    features = FeatureCounts.stack([part.features for part in parts]).sum()
    return PackedProfile(
        version_id,
        segment,
        day,
        stored.revision if stored else 0,
        int(outcomes.rows),
        encode_counts(outcomes),
        encode_counts(features),
        daily=True,
    )
