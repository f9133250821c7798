"""Old hours become days: every row is counted once, by the hour or by the day, whatever comes late or breaks off."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Engine, func, select, update

from app.core.case import EARLY_WINDOWS
from app.core.model import Model, Outcome, Source, Stage, Task, Version, WindowLength
from app.core.profile import Profile
from app.services import rollup as service
from app.services.counting import fold_turn
from app.services.evaluate import evaluate, replay
from app.services.fold import fold
from app.services.project_review import project_review
from app.services.read_models import histogram
from app.services.read_models.version_records import version_records
from app.services.rebuild import rebuild
from app.services.rollup import KEEP_HOURS, RollUpSummary, kept_by_hour, roll_up
from app.services.uploads import store_upload
from app.storage import migrate, tables
from app.storage.catalogue import list_versions
from app.storage.engine import read, write
from app.storage.rebuilds import request_rebuild
from tests.services.served import (
    START,
    Served,
    assert_same,
    correction,
    expected_profiles,
    offline,
    prediction,
    serve,
    store,
    stored_profiles,
)
from tests.services.test_uploads import added, made, packed

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 4, 12, 9, 30, tzinfo=UTC)
SINCE = datetime(2026, 3, 6, tzinfo=UTC)  # the first midnight after the 90 hours from 1 March, 22:00
UNTIL = datetime(2026, 3, 13, tzinfo=UTC)  # the midnight before 30 days ago
EVERY = 4  # hours
LATE = (SINCE - START) / timedelta(minutes=1) + 100  # minutes from the start to a time that is rolled up

FIRST = math.ceil((SINCE - START) / (EVERY * HOUR))  # the number of the first row that is rolled up


def serve_hours(engine: Engine, task: Task = Task.BINARY, segment_by: tuple[str, ...] = ()) -> Served:
    """A version with a row every four hours for 41 days, all counted and judged."""
    served = serve(engine, task, versions=1, segment_by=segment_by)
    number = 0.25 if task is Task.REGRESSION else "yes"
    rows = [
        prediction(
            served.version_ids[0],
            f"p{at}",
            number,
            minutes=60.0 * EVERY * at,
            features={"x": (at % 7) - 3.0, "kind": "ab"[at % 2]},
            attributes={"country": ("FI", "SE")[at % 2]},
        )
        for at in range(41 * 24 // EVERY)
    ]
    store(engine, rows)
    fold(engine, NOW)
    judged(engine)
    return served


def judged(engine: Engine) -> None:
    """As evaluation leaves profiles behind, in no time."""
    with write(engine) as connection:
        connection.execute(update(tables.profile).values(evaluated_revision=tables.profile.c.revision))


@pytest.fixture
def served(engine: Engine) -> Served:
    return serve_hours(engine)


def days_of(engine: Engine, served: Served, segment: str = "") -> dict[datetime, Profile]:
    return stored_profiles(engine, served.version_ids[0], segment, tables.daily_profile)


def hours_of(engine: Engine, served: Served, segment: str = "") -> dict[datetime, Profile]:
    return stored_profiles(engine, served.version_ids[0], segment)


def assert_kept(engine: Engine, served: Served) -> None:
    """Days in [SINCE, UNTIL), hours elsewhere, each exactly what its rows say."""
    by_day = replace(served, model=replace(served.model, window=WindowLength.DAY))
    id_ = served.version_ids[0]
    expected = {start: one for start, one in expected_profiles(engine, by_day, id_).items() if SINCE <= start < UNTIL}
    assert_same(days_of(engine, served), expected)
    hours = expected_profiles(engine, served, id_)
    assert_same(hours_of(engine, served), {start: one for start, one in hours.items() if not SINCE <= start < UNTIL})


@pytest.mark.parametrize("task", list(Task))
def test_days_hold_what_their_hours_held_and_the_first_and_the_newest_hours_stay(engine: Engine, task: Task) -> None:
    served = serve_hours(engine, task)
    days = (UNTIL - SINCE) // DAY
    assert roll_up(engine, NOW) == RollUpSummary(hours=days * 24 // EVERY, days=days)
    assert_kept(engine, served)
    assert len(days_of(engine, served)) == days
    assert min(hours_of(engine, served)) == START
    assert SINCE >= START + EARLY_WINDOWS * HOUR
    assert roll_up(engine, NOW) == RollUpSummary()


def test_the_next_day_follows_a_day_later(engine: Engine, served: Served) -> None:
    roll_up(engine, NOW)
    assert roll_up(engine, NOW + 14 * HOUR) == RollUpSummary()
    assert roll_up(engine, NOW + DAY) == RollUpSummary(hours=24 // EVERY, days=1)
    assert max(days_of(engine, served)) == UNTIL


def test_late_rows_and_labels_go_into_the_day_and_never_make_an_hour_again(engine: Engine, served: Served) -> None:
    roll_up(engine, NOW)
    at = FIRST
    id_ = served.version_ids[0]
    store(engine, [prediction(id_, "late", "no", minutes=LATE), prediction(id_, "later", "no", minutes=LATE + 600)])
    store(engine, [correction(served.model, f"p{at}", "no"), correction(served.model, "late", "yes")])
    fold(engine, NOW)
    assert_kept(engine, served)
    store(engine, [correction(served.model, f"p{at}", "yes", at=5), correction(served.model, "p3", "no", Source.AUDIT)])
    fold(engine, NOW)
    assert_kept(engine, served)
    assert roll_up(engine, NOW) == RollUpSummary()


def test_an_uploaded_profile_of_rolled_up_hours_goes_into_their_day_once(engine: Engine, served: Served) -> None:
    roll_up(engine, NOW)
    first = (SINCE - START) // HOUR
    profiles = made(served.layout, 1, hours=(first, first + 5, first + 24), n=30)
    expected = days_of(engine, served)
    for start, profile in profiles.items():
        day = WindowLength.DAY.start_of(start)
        expected[day] = expected[day] + profile
    for _ in range(2):
        store_upload(engine, served.model.name, "1", packed(served.layout, profiles, "a"), NOW)
        fold(engine, NOW)
        assert_same(days_of(engine, served), expected)
    assert not [start for start in hours_of(engine, served) if SINCE <= start < UNTIL]
    rebuild(engine, now=NOW)
    counted = expected_profiles(engine, served, served.version_ids[0])
    assert_same(hours_of(engine, served), added(counted, profiles))
    judged(engine)
    roll_up(engine, NOW)
    assert_same(days_of(engine, served), expected)


def test_late_offline_values_of_rolled_up_hours_go_into_their_day_once(engine: Engine, served: Served) -> None:
    roll_up(engine, NOW)
    at, id_ = FIRST, served.version_ids[0]
    computed = [offline(id_, f"p{at + later}", {"x": 9.0, "kind": "a"}) for later in (0, 1, 6)]
    for _ in range(2):
        store(engine, computed)
        fold(engine, NOW)
        assert_kept(engine, served)
    before = days_of(engine, served)
    assert [before[SINCE + day * DAY].outcomes.parity[0, 0] for day in range(3)] == [2, 1, 0]
    rebuild(engine, now=NOW)
    assert_same(hours_of(engine, served), expected_profiles(engine, served, id_))
    judged(engine)
    roll_up(engine, NOW)
    assert_same(days_of(engine, served), before)


def test_a_day_without_any_row_gets_its_profile_from_a_late_one(engine: Engine, served: Served) -> None:
    gap = (served.version_ids[0], SINCE + DAY)
    with write(engine) as connection:
        p = tables.prediction.c
        there = (p.version_id == gap[0], p.event_time >= gap[1], p.event_time < gap[1] + DAY)
        connection.execute(tables.prediction.delete().where(*there))
    rebuild(engine, now=NOW)
    judged(engine)
    roll_up(engine, NOW)
    assert gap[1] not in days_of(engine, served)
    store(engine, [prediction(gap[0], "late", minutes=LATE + 24 * 60)])
    fold(engine, NOW)
    assert days_of(engine, served)[gap[1]].rows == 1
    assert_kept(engine, served)


def test_a_rebuild_counts_by_the_hour_and_rolled_up_again_gives_the_same(engine: Engine, served: Served) -> None:
    roll_up(engine, NOW)
    store(engine, [prediction(served.version_ids[0], "late", minutes=LATE), correction(served.model, "late", "no")])
    fold(engine, NOW)
    before = days_of(engine, served)
    rebuild(engine, now=NOW)
    assert days_of(engine, served) == {}
    assert_same(hours_of(engine, served), expected_profiles(engine, served, served.version_ids[0]))
    assert roll_up(engine, NOW) == RollUpSummary()  # not before they are judged
    judged(engine)
    roll_up(engine, NOW)
    assert_same(days_of(engine, served), before)
    assert_kept(engine, served)


def test_broken_off_anywhere_nothing_is_lost_or_counted_twice(engine: Engine, served: Served) -> None:
    """It breaks off before each of its days in turn, and rows and labels come in between."""
    real, id_ = service._roll_up_day, served.version_ids[0]
    for survived in range((UNTIL - SINCE) // DAY):
        killed = patch.object(service, "_roll_up_day", autospec=True, side_effect=breaking(real, min(survived, 1)))
        with killed, pytest.raises(ExceptionGroup):
            roll_up(engine, NOW)
        late = f"late{survived}"
        store(engine, [prediction(id_, late, minutes=LATE + 1440 * survived), correction(served.model, late, "no")])
        store(engine, [correction(served.model, f"p{int(LATE // 240) + 6 * survived}", "no")])
        fold(engine, NOW)
        everywhere = sum(one.rows for one in hours_of(engine, served).values())
        everywhere += sum(one.rows for one in days_of(engine, served).values())
        assert everywhere == rows(engine), survived
    roll_up(engine, NOW)
    assert_kept(engine, served)


def breaking(real: Callable[..., int], survived: int) -> Callable[..., int]:
    """Calls that work so many times, and then fail as a killed process would."""
    left = [survived]

    def call(*arguments: Any) -> int:
        if not left[0]:
            raise RuntimeError("killed")
        left[0] -= 1
        return real(*arguments)

    return call


def rows(engine: Engine) -> int:
    with read(engine) as connection:
        return connection.scalar(select(func.count()).select_from(tables.prediction)) or 0


def test_what_was_not_judged_waits_unless_nobody_ever_will(engine: Engine, served: Served) -> None:
    unjudged = SINCE + 2 * DAY + 6 * HOUR
    with write(engine) as connection:
        p = tables.profile.c
        connection.execute(update(tables.profile).where(p.window_start == unjudged).values(evaluated_revision=0))
    assert roll_up(engine, NOW) == RollUpSummary(hours=2 * 24 // EVERY, days=2)
    assert roll_up(engine, NOW) == RollUpSummary()
    with write(engine) as connection:
        connection.execute(update(tables.version).values(stage=Stage.RETIRED))
    roll_up(engine, NOW)
    assert_kept(engine, served)


def test_labels_that_are_due_later_keep_the_hours_longer() -> None:
    model = Model("m", Task.BINARY, WindowLength.HOUR)
    assert kept_by_hour(model) == KEEP_HOURS == timedelta(days=30)
    assert kept_by_hour(replace(model, label_delay=timedelta(days=20))) == timedelta(days=20 + 16 + 1)


def test_daily_models_and_silent_versions_are_left_alone(engine: Engine) -> None:
    serve(engine, Task.BINARY, versions=1)
    daily = serve(engine, Task.BINARY, versions=1, window=WindowLength.DAY)
    store(engine, [prediction(daily.version_ids[0], f"p{day}", minutes=1440.0 * day) for day in range(35)])
    fold(engine, NOW)
    judged(engine)
    assert roll_up(engine, NOW) == RollUpSummary()


def test_it_stops_at_the_newest_row_so_that_a_second_beginning_is_found(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1)
    id_ = served.version_ids[0]
    store(engine, [prediction(id_, f"p{at}", minutes=60.0 * at) for at in range(24 * 6)])
    fold(engine, NOW)
    judged(engine)
    roll_up(engine, NOW + 60 * DAY)
    with read(engine) as connection:
        until = connection.scalar(select(tables.version.c.daily_until))
    assert until == SINCE + 2 * DAY


def test_segments_are_rolled_up_beside_the_whole(engine: Engine) -> None:
    served = serve_hours(engine, segment_by=("country",))
    before = {name: hours_of(engine, served, name) for name in ("country=FI", "country=SE")}
    assert all(before.values())
    roll_up(engine, NOW)
    for name, hours in before.items():
        days = days_of(engine, served, name)
        assert days
        for day, profile in days.items():
            assert profile.rows == sum(one.rows for start, one in hours.items() if day <= start < day + DAY)
        assert not [start for start in hours_of(engine, served, name) if SINCE <= start < UNTIL]
    store(engine, [prediction(served.version_ids[0], "late", minutes=LATE, attributes={"country": "SE"})])
    fold(engine, NOW)
    assert days_of(engine, served, "country=SE")[SINCE].rows == 24 // EVERY // 2 + 1


def test_the_hours_that_a_later_segment_learns_from_stay_too(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1, segment_by=("country",))
    new = SINCE + DAY + 6 * HOUR  # Norway joins
    rows = [
        prediction(served.version_ids[0], f"{name}{at}", minutes=60.0 * at, attributes={"country": name})
        for name, first in (("FI", 0), ("NO", (new - START) // HOUR))
        for at in range(first, 24 * 20)
    ]
    store(engine, rows)
    fold(engine, NOW)
    judged(engine)
    roll_up(engine, NOW)
    begun = SINCE + 5 * DAY  # the midnight that is 90 hours after it joined
    assert set(days_of(engine, served, "country=NO")) == {begun, begun + DAY}
    stay = {start for start in hours_of(engine, served, "country=NO") if start < UNTIL}
    assert stay == {new + at * HOUR for at in range((begun - new) // HOUR)}
    late = (new - START) / timedelta(minutes=1) + 30
    store(engine, [prediction(served.version_ids[0], "late", minutes=late, attributes={"country": "NO"})])
    fold(engine, NOW)
    assert hours_of(engine, served, "country=NO")[new].rows == 2
    assert days_of(engine, served)[SINCE + DAY].rows == 24 + 18 + 1
    roll_up(engine, NOW + 3 * DAY)
    assert begun + 2 * DAY in days_of(engine, served, "country=NO")
    assert stay <= set(hours_of(engine, served, "country=NO"))


def test_who_has_not_the_turn_to_fold_leaves_it(engine: Engine, served: Served) -> None:
    with fold_turn(engine) as lease:
        assert lease is not None
        assert roll_up(engine, NOW) == RollUpSummary(busy=True)
    assert days_of(engine, served) == {}


def test_a_rebuild_requested_meanwhile_wins(engine: Engine, served: Served) -> None:
    real = service._day

    def asked_meanwhile(*arguments: Any) -> Any:
        packed = real(*arguments)
        with write(engine) as connection:
            request_rebuild(connection, served.version_ids[0])
        return packed

    with patch.object(service, "_day", autospec=True, side_effect=asked_meanwhile):
        assert roll_up(engine, NOW) == RollUpSummary(busy=True)
    fold(engine, NOW)
    assert days_of(engine, served) == {}
    assert_same(hours_of(engine, served), expected_profiles(engine, served, served.version_ids[0]))


def test_rolled_up_hours_are_never_judged_again_and_the_others_as_before(engine: Engine) -> None:
    served = serve_hours(engine)
    with write(engine) as connection:
        connection.execute(update(tables.profile).values(evaluated_revision=0))
    evaluate(engine, NOW)
    before = findings(engine)
    roll_up(engine, NOW)
    id_ = served.version_ids[0]
    recent = (NOW - DAY - START) / timedelta(minutes=1)
    store(engine, [prediction(id_, "late", minutes=LATE), prediction(id_, "recent", minutes=recent)])
    store(engine, [correction(served.model, "p0", "no")])  # an hour that normal is learnt from, before all days
    fold(engine, NOW)
    summary = evaluate(engine, NOW + timedelta(minutes=10))
    again = (NOW.replace(minute=0) - (NOW - DAY).replace(minute=0)) // HOUR
    assert summary.windows == again
    after = findings(engine)
    old = {key: found for key, found in before.items() if key[0] < NOW - DAY - HOUR}
    assert {key: after[key] for key in old} == old
    replayed = replay(engine, served.model, version_of(engine, served), NOW)
    assert next(window for _, windows, _ in replayed for window in windows).start == UNTIL
    assert Outcome.BREACH not in {found[0] for key, found in after.items() if key[1] == "volume" and key[0] > UNTIL}


def version_of(engine: Engine, served: Served) -> Version:
    with read(engine) as connection:
        return list_versions(connection, served.model.id)[0]


def findings(engine: Engine) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    m = tables.measurement.c
    with read(engine) as connection:
        return {
            (row.window_start, row.check, row.subject): (row.outcome, row.value, row.limit, row.reason)
            for row in connection.execute(
                select(m.window_start, m.check, m.subject, m.outcome, m.value, m.limit, m.reason)
            )
        }


def test_the_histogram_counts_the_days_that_a_span_touches(engine: Engine, served: Served) -> None:
    id_ = served.version_ids[0]
    before = histogram.compare(engine, id_, "x", since=SINCE, until=UNTIL + DAY)
    roll_up(engine, NOW)
    after = histogram.compare(engine, id_, "x", since=SINCE, until=UNTIL + DAY)
    assert after.now.values == before.now.values == 8 * 24 // EVERY
    assert after.now.shares.tolist() == before.now.shares.tolist()


def test_what_a_version_did_counts_the_days_that_a_span_touches(engine: Engine, served: Served) -> None:
    per_day = 24 // EVERY
    labels = [correction(served.model, f"p{at}", "yes") for at in range(FIRST, FIRST + 40)]
    store(engine, labels)
    fold(engine, NOW)
    judged(engine)
    name = served.model.name
    (before,) = version_records(engine, name, SINCE, UNTIL + DAY)
    roll_up(engine, NOW)

    (after,) = version_records(engine, name, SINCE, UNTIL + DAY)

    assert days_of(engine, served)
    assert (after.predictions, after.labelled, after.quality) == (8 * per_day, 40, 1.0)
    assert (after.predictions, after.labelled, after.quality) == (before.predictions, before.labelled, before.quality)
    assert (after.first, after.last) == (SINCE, before.last)
    (amid,) = version_records(engine, name, SINCE + 30 * HOUR, SINCE + 50 * HOUR)
    assert (amid.predictions, amid.first, amid.last) == (2 * per_day, SINCE + DAY, SINCE + 2 * DAY)
    review = project_review(engine, NOW, since=SINCE, until=UNTIL + DAY, models=[name])
    assert [one.predictions for one in review.models[0].versions] == [8 * per_day]


def test_the_way_down_counts_rolled_up_versions_anew(engine: Engine, served: Served) -> None:
    roll_up(engine, NOW)
    migrate.downgrade(engine, "0008")
    migrate.upgrade(engine)
    fold(engine, NOW)
    assert_same(hours_of(engine, served), expected_profiles(engine, served, served.version_ids[0]))
