"""A rebuild counts everything anew, goes on where it broke off, and leaves the rows' truths as the corrections say."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import Engine, func, select, update

from app.core.errors import NotFoundError
from app.core.model import Source, Task
from app.services.counting import fold_turn
from app.services.fold import FoldSummary, fold
from app.services.rebuild import RebuildSummary, rebuild, rebuild_version, recount, request_rebuild
from app.storage import tables
from app.storage.engine import read, write
from app.storage.rebuilds import rebuilding
from tests.services.served import (
    NOW,
    START,
    Served,
    assert_counted,
    assert_same,
    correction,
    prediction,
    serve,
    store,
    stored_profiles,
)


@pytest.fixture
def served(engine: Engine) -> Served:
    """Two versions with twelve folded predictions each, half of them labelled."""
    served = serve(engine, Task.BINARY)
    for version_id in served.version_ids:
        store(engine, [prediction(version_id, f"p{i}", minutes=15.0 * i) for i in range(12)])
    store(engine, [correction(served.model, f"p{i}", "no", Source.USER, shown=True) for i in range(0, 12, 2)])
    fold(engine, NOW)
    return served


def spoil(engine: Engine) -> None:
    """Profiles and truths as a bug might have left them."""
    with write(engine) as connection:
        connection.execute(update(tables.profile).values(outcomes=b"", features=b"", rows=7))
        connection.execute(update(tables.prediction).values(label_class="yes", label_source="audit", audited=True))


def positions(engine: Engine) -> list[int | None]:
    with read(engine) as connection:
        return list(connection.scalars(select(tables.version.c.rebuild_position).order_by(tables.version.c.id)))


def test_it_mends_profiles_and_the_truths_beside_the_rows(engine: Engine, served: Served) -> None:
    spoil(engine)
    assert rebuild(engine, now=NOW) == RebuildSummary(versions=2, predictions=24, windows=6)
    assert_counted(engine, served)
    # A correction that comes afterwards subtracts what stands beside the row: it must be what was counted.
    store(engine, [correction(served.model, f"p{i}", "yes") for i in range(12)])
    fold(engine, NOW)
    assert_counted(engine, served)


def test_only_what_was_asked_for_is_counted_anew(engine: Engine, served: Served) -> None:
    one, other = (stored_profiles(engine, version_id) for version_id in served.version_ids)
    with write(engine) as connection:
        connection.execute(update(tables.profile).values(revision=9))
    rebuild(engine, now=NOW, model=served.model.name, version="2")
    p = tables.profile.c
    with read(engine) as connection:
        newest = dict(connection.execute(select(p.version_id, func.max(p.revision)).group_by(p.version_id)).all())
    assert newest == {served.version_ids[0]: 9, served.version_ids[1]: 1}
    assert_same(stored_profiles(engine, served.version_ids[0]), one)
    assert_same(stored_profiles(engine, served.version_ids[1]), other)
    with pytest.raises(NotFoundError, match="no version '3'; known are: 1, 2"):
        rebuild(engine, now=NOW, model=served.model.name, version="3")


def test_what_waits_for_the_fold_is_left_to_it(engine: Engine, served: Served) -> None:
    store(engine, [prediction(served.version_ids[0], "late")])
    assert rebuild_version(engine, served.version_ids[0], NOW).predictions == 12
    assert fold(engine, NOW).predictions == 1
    assert_counted(engine, served)


def test_a_request_throws_measurements_away_and_the_next_fold_counts(engine: Engine, served: Served) -> None:
    version_id = served.version_ids[0]
    with write(engine) as connection:
        connection.execute(
            tables.measurement.insert().values(
                version_id=version_id,
                check="volume",
                subject="",
                window_start=START,
                window_end=NOW,
                outcome="ok",
                statistic="rows",
                evaluated_at=NOW,
            )
        )
        request_rebuild(connection, version_id)
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(tables.measurement)) == 0
        assert rebuilding(connection) == [version_id]
    assert stored_profiles(engine, version_id) == {}
    assert fold(engine, NOW) == FoldSummary(recounted=12)
    assert positions(engine) == [None, None]
    assert_counted(engine, served)


def test_it_goes_on_where_it_broke_off(engine: Engine, served: Served) -> None:
    version_id = served.version_ids[1]
    with write(engine) as connection:
        request_rebuild(connection, version_id)
    told: list[tuple[int, int]] = []

    def break_off(done: int, total: int) -> None:
        told.append((done, total))
        if done == 10:
            raise KeyboardInterrupt

    with fold_turn(engine) as lease:
        assert lease is not None
        with pytest.raises(KeyboardInterrupt):
            recount(engine, lease, version_id, NOW, slice_rows=5, progress=break_off)
    assert told == [(5, 12), (10, 12)]
    assert positions(engine)[1] not in (None, 0)
    assert fold(engine, NOW) == FoldSummary(recounted=2)
    assert_counted(engine, served)


def test_it_waits_for_its_turn(engine: Engine, served: Served) -> None:
    spoil(engine)
    with fold_turn(engine) as lease:
        assert lease is not None
        asker = threading.Thread(target=rebuild, args=(engine,), kwargs={"now": NOW})
        asker.start()
        deadline = time.monotonic() + 10
        while positions(engine) != [0, 0] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert asker.is_alive()
    asker.join(timeout=20)
    assert not asker.is_alive()
    assert_counted(engine, served)


def test_slices_of_any_size_give_the_same(engine: Engine, served: Served) -> None:
    for slice_rows in (1, 6, 12, 13):
        with write(engine) as connection:
            request_rebuild(connection, served.version_ids[0])
        assert fold(engine, NOW, slice_rows=slice_rows).recounted == 12
        assert_counted(engine, served)
