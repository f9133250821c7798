"""An upgrade that ended before its end, wherever that was, can be done again; and of two at once one waits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from multiprocessing.context import ForkServerContext
from pathlib import Path
from signal import SIGKILL
from time import sleep

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, text

from app.storage import migrate
from app.storage.engine import engine_for, write
from tests.conftest import postgres_copy
from tests.migrations.interrupted import (
    EndedEarlyError,
    building,
    contents,
    dump,
    fill,
    interrupted,
    upgrade,
    upgrade_until_killed,
)

SCRIPTS = list(ScriptDirectory.from_config(migrate._config()).walk_revisions())[::-1]
ONLINE = [one.revision for one in SCRIPTS if hasattr(one.module, "create_index")]
"""On PostgreSQL, these are not one transaction."""
PATIENCE = 60  # seconds


def sqlite(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


@pytest.fixture(params=["sqlite", "postgresql"])
def empties(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[URL, URL]]:
    """Two databases of a kind without any table."""
    if request.param == "sqlite":
        yield sqlite(tmp_path / "first.sqlite3"), sqlite(tmp_path / "second.sqlite3")
        return
    admin = request.getfixturevalue("postgres_admin")
    with postgres_copy(admin, "template1") as first, postgres_copy(admin, "template1") as second:
        yield first, second


def test_an_upgrade_that_ends_at_any_statement_can_be_done_again(empties: tuple[URL, URL]) -> None:
    """It comes to the same schema and the same rows as one that is let alone, and SQLite is as if it had never been."""
    disturbed, alone = map(engine_for, empties)
    ends = 0
    for revision in [one.revision for one in SCRIPTS]:
        if alone.dialect.name == "sqlite":
            ends += upgrade_again_and_again(disturbed, revision, unchanged=True)
        elif revision in ONLINE:
            ends += upgrade_again_and_again(disturbed, revision)
        for engine in (disturbed, alone):
            migrate.upgrade(engine, revision)
            fill(engine)
    assert ends > len(ONLINE)
    assert contents(disturbed) == contents(alone)
    migrate.check(disturbed)


def upgrade_again_and_again(engine: Engine, revision: str, *, unchanged: bool = False) -> int:
    """Upgrade, once with an end behind each of the statements; how many there are. `unchanged`: by those that end."""
    before = dump(engine) if unchanged else []
    for at in count():
        try:
            with interrupted(at):
                migrate.upgrade(engine, revision)
        except EndedEarlyError:
            if unchanged:
                assert dump(engine) == before, f"{revision}, behind statement {at}"
        else:
            return at
    raise AssertionError("no end")


def test_an_upgrade_of_sqlite_that_is_killed_has_never_been(tmp_path: Path, forks: ForkServerContext) -> None:
    """At any statement of the migration that rebuilds most tables."""
    path, (before, revision) = tmp_path / "before.sqlite3", ("0014", "0015")
    engine = engine_for(sqlite(path))
    migrate.upgrade(engine, before)
    fill(engine)
    stood = dump(engine)
    engine.dispose()
    for at in count():
        copy = sqlite(Path(shutil.copy(path, tmp_path / f"{at}.sqlite3")))
        killed = forks.Process(target=upgrade_until_killed, args=(str(copy), revision, at))
        killed.start()
        killed.join(PATIENCE)
        if killed.exitcode == 0:
            break
        assert killed.exitcode == -SIGKILL
        assert dump(engine_for(copy)) == stood, f"behind statement {at}"
    assert at > 10
    assert migrate.current(engine_for(copy)) == revision


def test_of_several_upgrades_at_once_one_works_and_the_others_find_nothing_to_do(
    empties: tuple[URL, URL], forks: ForkServerContext
) -> None:
    upgrades = [forks.Process(target=upgrade, args=(address(empties[0]),)) for _ in range(3)]
    for one in upgrades:
        one.start()
    for one in upgrades:
        one.join(PATIENCE)
    assert [one.exitcode for one in upgrades] == [0] * 3
    migrate.check(engine_for(empties[0]))


def test_an_upgrade_of_sqlite_waits_for_another_writer_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_for(f"sqlite:///{tmp_path}/watch.db")
    migrate.upgrade(engine, "0034")
    with ThreadPoolExecutor(1) as pool:
        with write(engine):
            upgrading = pool.submit(migrate.upgrade, engine)
            while "waiting until it is done" not in caplog.text:
                sleep(0.05)
            assert not upgrading.done()
        upgrading.result(PATIENCE)
    assert migrate.is_current(engine)
    assert caplog.text.count("waiting until it is done") == 1


def address(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize("end", ["the process that upgrades", "its session"])
def test_an_index_whose_build_is_killed_is_whole_after_the_next_upgrade(
    postgres_url: URL, forks: ForkServerContext, end: str
) -> None:
    engine = engine_for(postgres_url)
    migrate.downgrade(engine, "0034")
    upgrading = forks.Process(target=upgrade, args=(address(postgres_url),))
    with engine.connect() as earlier:  # the build waits for the end of it
        earlier.execute(text("LOCK TABLE measurement IN ROW EXCLUSIVE MODE"))
        upgrading.start()
        session = building(engine)
        if end == "its session":
            with write(engine) as connection:
                connection.execute(text("SELECT pg_terminate_backend(:session)"), {"session": session})
        else:
            upgrading.kill()
        upgrading.join(PATIENCE)
        assert upgrading.exitcode

    migrate.upgrade(engine)

    migrate.check(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT bool_and(indisvalid) FROM pg_index"))
