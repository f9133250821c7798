"""However often those who count are killed, at any moment and all at once, every row is counted exactly once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import TypeAlias

from sqlalchemy import Connection, Engine, event, func, select, update

from app.core.model import Task, WindowLength
from app.core.profile import Profile
from app.services.fold import FoldSummary, fold
from app.services.rebuild import rebuild
from app.services.rollup import RollUpSummary, roll_up
from app.storage import tables
from app.storage.catalogue import list_versions
from app.storage.engine import engine_for, read, write
from tests.services.served import Served, assert_same, correction, expected_profiles, prediction, serve, store
from tests.services.served import stored_profiles as stored

Rows: TypeAlias = dict[datetime, Profile]

NOW = datetime(2026, 4, 12, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HOURS = [*range(0, 12 * 24, 6), *range(40 * 24, 41 * 24, 6)]
"""Of rows, after the first: those of the first days are rolled up, all but the 90 that normal is learnt from."""
ROWS = 5  # of a batch
REBUILDS_UNTIL, LEAST_KILLS = 5, 10  # kills: what is counted wrongly after the last rebuild, none mends
LIFE = 4  # moments before or after a commit, on average, until a process is killed
PATIENCE = 60  # seconds
JOBS = ("fold", "roll_up", "rebuild")


def count_until_killed(url: str, job: str) -> None:
    """One job again and again, in small steps, by a process that is killed just before or just after some commit."""
    engine, chance, committed = engine_for(url), random.Random(), False

    def before_commit(_: Connection) -> None:
        nonlocal committed
        perhaps_the_end(chance)
        committed = True

    def before_statement(*_: object) -> None:
        nonlocal committed
        if committed:
            perhaps_the_end(chance)
        committed = False

    event.listen(engine, "commit", before_commit)
    event.listen(engine, "before_cursor_execute", before_statement)
    while True:
        if job == "fold":
            fold(engine, NOW, slice_rows=10)
        elif job == "roll_up":
            roll_up(engine, NOW)
        else:
            rebuild(engine, now=NOW)
        time.sleep(0.005)  # those who have nothing to do leave the processor to the others


def perhaps_the_end(chance: random.Random) -> None:
    if chance.random() < 1 / LIFE:
        os.kill(os.getpid(), signal.SIGKILL)


def judged(engine: Engine) -> None:
    """As evaluation leaves profiles behind, in no time: hours that nobody has judged are not rolled up."""
    with write(engine) as connection:
        # Evaluation takes the version too: without, a fold that saves the same profiles may wait for us, and we for it.
        connection.execute(select(tables.version.c.id).with_for_update(key_share=True))
        connection.execute(update(tables.profile).values(evaluated_revision=tables.profile.c.revision))


def begin(forks: ForkServerContext, engine: Engine, job: str) -> ForkServerProcess:
    url = engine.url.render_as_string(hide_password=False)
    process = forks.Process(target=count_until_killed, args=(url, job), name=job, daemon=True)
    process.start()
    return process


def feed(engine: Engine, served: Served, chance: random.Random, batch: int) -> None:
    """A batch of rows of any time, and labels for some that came, and for some that did not yet."""
    (version_id,) = served.version_ids
    rows = [
        prediction(version_id, f"p{n}", chance.choice(["yes", "no"]), minutes=60 * chance.choice(HOURS) + n % 60)
        for n in range(ROWS * batch, ROWS * (batch + 1))
    ]
    about = chance.sample(range(ROWS * (batch + 2)), 2)
    store(engine, [*rows, *(correction(served.model, f"p{n}", "yes", at=batch) for n in about)])


def killed_again_and_again(engine: Engine, served: Served, forks: ForkServerContext) -> int:
    """Feed rows while processes count them, are killed and begin again; the number of rows."""
    chance, batches, kills, patience = random.Random(), 0, 0, time.monotonic() + PATIENCE
    running = [begin(forks, engine, job) for job in JOBS]
    try:
        while kills < LEAST_KILLS:
            assert time.monotonic() < patience, f"only {kills} kills"
            feed(engine, served, chance, batches)
            judged(engine)
            batches += 1
            wait([one.sentinel for one in running], timeout=0.02)
            for dead in [one for one in running if one.exitcode is not None]:
                assert dead.exitcode == -signal.SIGKILL, f"{dead.name} ended by itself"
                kills += 1
                running.remove(dead)
                if dead.name != "rebuild" or kills < REBUILDS_UNTIL:
                    running.append(begin(forks, engine, dead.name))
    finally:
        for one in running:
            one.kill()
            one.join()
    return ROWS * batches


def profiles(engine: Engine, served: Served) -> tuple[Rows, Rows]:
    """The stored hours and days."""
    (version_id,) = served.version_ids
    return stored(engine, version_id), stored(engine, version_id, table=tables.daily_profile)


def assert_each_row_is_somewhere(engine: Engine, served: Served, rows: int) -> None:
    """Hours and days hold every row once, also while hours of a day wait to be rolled up."""
    assert sum(one.rows for part in profiles(engine, served) for one in part.values()) == rows


def assert_counted_once(engine: Engine, served: Served, rows: int) -> None:
    """Each hour and each rolled-up day is what its rows say."""
    assert_each_row_is_somewhere(engine, served, rows)
    (version_id,) = served.version_ids
    hours, days = profiles(engine, served)
    with read(engine) as connection:
        (version,) = list_versions(connection, served.model.id)
        span = connection.execute(select(tables.version.c.daily_since, tables.version.c.daily_until)).one()
        assert connection.scalar(select(func.count()).select_from(tables.prediction)) == rows
    assert version.id == version_id

    def rolled_up(start: datetime) -> bool:
        return span.daily_since is not None and span.daily_since <= start < span.daily_until

    by_hour = expected_profiles(engine, served, version_id)
    by_day = expected_profiles(
        engine, replace(served, model=replace(served.model, window=WindowLength.DAY)), version_id
    )
    assert_same(hours, {start: one for start, one in by_hour.items() if not rolled_up(start)})
    assert_same(days, {start: one for start, one in by_day.items() if rolled_up(start)})


def when_free(job: Callable[[Engine, datetime], FoldSummary | RollUpSummary], engine: Engine) -> None:
    """Do a job once nobody has the turn: PostgreSQL takes a moment to notice that those killed are gone."""
    while job(engine, NOW).busy:
        time.sleep(0.02)


def test_every_row_is_counted_once_whoever_is_killed_when(engine: Engine, forks: ForkServerContext) -> None:
    served = serve(engine, Task.BINARY, versions=1)
    rows = killed_again_and_again(engine, served, forks)
    when_free(fold, engine)  # first finishes any rebuild that was broken off
    assert_each_row_is_somewhere(engine, served, rows)
    judged(engine)
    when_free(roll_up, engine)  # first finishes the days that were broken off
    assert profiles(engine, served)[1], "nothing was rolled up"
    assert_counted_once(engine, served, rows)
    rebuild(engine, now=NOW)
    assert_counted_once(engine, served, rows)
    assert not profiles(engine, served)[1], "a rebuild counts by the hour"
