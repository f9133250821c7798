"""Migrations run up, down and step by step, on data, on both databases, and agree with the tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, select, text

from app.storage import migrate
from app.storage.engine import write
from app.storage.tables import metadata, model, notification

REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()][::-1]


def test_tables_and_migrations_agree(engine: Engine) -> None:
    migrate.check(engine)
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    assert migrate.is_current(engine)


def test_down_to_nothing_and_up_again_twice(engine: Engine) -> None:
    for _ in range(2):
        migrate.downgrade(engine, "base")
        assert set(inspect(engine).get_table_names()) == {"alembic_version"}
        assert not migrate.is_current(engine)
        migrate.upgrade(engine)
    migrate.check(engine)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_step_goes_up_down_and_up(engine: Engine, revision: str) -> None:
    migrate.downgrade(engine, "base")
    migrate.upgrade(engine, revision)
    migrate.downgrade(engine, "-1")
    migrate.upgrade(engine, revision)
    assert migrate.current(engine) == revision


def test_messages_that_were_stored_before_threads_had_a_column_know_theirs(engine: Engine) -> None:
    migrate.downgrade(engine, "0009")
    now = datetime.now(UTC)
    with write(engine) as connection:
        connection.execute(
            insert(model).values(name="m", task="binary", window="day", confident_threshold=1, created_at=now)
        )
        connection.execute(
            text(
                "INSERT INTO version (model_id, name, stage, decision_threshold, dependencies, created_at) "
                "SELECT id, '1', 'live', 0.5, '{}', created_at FROM model"
            )
        )
        connection.execute(
            text(
                'INSERT INTO notification (version_id, "check", kind, message, created_at) '
                "SELECT id, 'volume', 'firing', '{\"thread\": \"feed\"}', created_at FROM version"
            )
        )
    migrate.upgrade(engine)
    with write(engine) as connection:
        assert connection.execute(select(notification.c.thread, notification.c.kind)).all() == [("feed", "firing")]


def test_upgrading_what_is_current_keeps_the_data(engine: Engine) -> None:
    row = {"name": "m", "task": "binary", "window": "day", "confident_threshold": 0.9, "created_at": datetime.now(UTC)}
    with write(engine) as connection:
        connection.execute(insert(model).values(row))
    migrate.upgrade(engine)
    with write(engine) as connection:
        assert connection.scalar(select(model.c.name)) == "m"
