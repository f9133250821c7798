"""What charts are counted from is kept, and never longer than it is true."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, event, update

from app.core.errors import NotFoundError
from app.core.fold import Rows, Truth, fold_whole
from app.core.layout import Layout
from app.core.model import Task
from app.services.fold import fold
from app.services.read_models.known import LruCache, known_column, known_of
from app.storage import references, tables
from app.storage.engine import snapshot, write
from tests.services.measured import add_version
from tests.services.served import NOW, START, Served, layout_of, prediction, serve, store

DAY = timedelta(days=1)


@pytest.fixture
def served(engine: Engine) -> Served:
    """Ten predictions of one hour, and a reference of 40 rows."""
    found = serve(engine, Task.BINARY, versions=1)
    refer(engine, found, rows=40, at=START)
    add(engine, found, range(10))
    return found


def refer(engine: Engine, served: Served, *, rows: int, at: datetime, layout: Layout | None = None) -> None:
    layout = layout or served.layout
    features = {"x": np.linspace(-1, 1, rows).tolist(), "kind": ["a"] * rows}
    none = [None] * rows
    all_rows = Rows(np.zeros(rows, np.int64), none, none, none, np.full(rows, np.nan), Truth.unknown(rows), features)
    new = references.Reference(layout, rows, False, True, "f" * 64, at)
    profile = references.ReferenceProfile(None, fold_whole(layout, all_rows))
    with write(engine) as connection:
        references.replace(connection, served.version_ids[0], new, [profile])
        connection.execute(update(tables.version).values(rebuild_position=None))


def add(engine: Engine, served: Served, minutes: range) -> None:
    store(engine, [prediction(served.version_ids[0], f"p{m}", minutes=m, features={"x": 0.5}) for m in minutes])
    fold(engine, NOW)


def counted(engine: Engine, version_id: int, since: datetime = START) -> tuple[int, int, int]:
    """Values of the first feature that were served, the windows they came in, and values of the reference."""
    with snapshot(engine) as connection:
        known = known_column(connection, version_id, "x")
        (now, windows), reference = known.served(since, since + DAY), known.reference()
    return int(now.numeric[0].sum()), windows, int(reference.numeric[0].sum())


def test_what_comes_later_is_counted_at_once(engine: Engine, served: Served) -> None:
    id_ = served.version_ids[0]
    assert counted(engine, id_) == (10, 1, 40)
    add(engine, served, range(10, 13))
    assert counted(engine, id_) == (13, 1, 40)
    add(engine, served, range(60, 62))
    assert counted(engine, id_) == (15, 2, 40)
    assert counted(engine, id_, START + DAY) == (0, 0, 40)


def test_windows_that_were_made_at_the_same_moment_are_told_apart(engine: Engine, served: Served) -> None:
    """Those of the first and the third hour are looked at before the second one, which came with them, is there."""
    id_, hour = served.version_ids[0], timedelta(hours=1)
    add(engine, served, range(120, 122))
    with snapshot(engine) as connection:
        assert known_column(connection, id_, "x").served(START, START + 3 * hour)[1] == 2
    add(engine, served, range(60, 67))
    with write(engine) as connection:
        connection.execute(update(tables.profile).values(updated_at=NOW))
    with snapshot(engine) as connection:
        now, windows = known_column(connection, id_, "x").served(START, START + 2 * hour)
    assert (int(now.numeric[0].sum()), windows) == (17, 2)


def test_another_reference_is_counted_though_it_has_the_same_digest(engine: Engine, served: Served) -> None:
    assert counted(engine, served.version_ids[0])[2] == 40
    refer(engine, served, rows=50, at=START + timedelta(hours=1))
    assert counted(engine, served.version_ids[0])[2] == 50


def test_whoever_began_to_look_before_another_reference_came_sees_all_of_the_one_before(
    engine: Engine, served: Served
) -> None:
    id_ = served.version_ids[0]
    with snapshot(engine) as connection:
        known = known_of(connection, id_)
        assert known is not None
        refer(engine, served, rows=50, at=START + timedelta(hours=1), layout=layout_of(Task.BINARY, shift=3.0))
        assert known.layout == served.layout
        assert known.reference().numeric[0].sum() == 40
    assert counted(engine, id_)[2] == 50


def test_no_profile_is_read_a_second_time(engine: Engine, served: Served) -> None:
    counted(engine, served.version_ids[0])
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    counted(engine, served.version_ids[0])
    assert len(asked) >= 3  # whether all of it is still the same
    assert not [text for text in asked if "features" in text]


def test_a_version_without_a_reference_is_not_known(engine: Engine) -> None:
    version_id = add_version(engine)
    with snapshot(engine) as connection:
        assert known_of(connection, version_id) is None
        with pytest.raises(NotFoundError, match="x"):
            known_column(connection, version_id, "x")


def test_those_asked_for_last_are_kept() -> None:
    kept: LruCache[str] = LruCache(2)
    made: list[str] = []

    def answer(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key.upper()

        return kept.get(key, make)

    assert [answer(key) for key in "abaca"] == ["A", "B", "A", "C", "A"]
    assert made == ["a", "b", "c"]  # a was asked for again before c came, so b went
    answer("b")
    assert made == ["a", "b", "c", "b"]
