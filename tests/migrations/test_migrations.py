"""Migrations run up, down and step by step, on data, on both databases, and agree with the tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from time import sleep
from unittest.mock import patch

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, bindparam, insert, inspect, select, text

from app.storage import migrate
from app.storage.engine import engine_for, write
from app.storage.tables import alert, metadata, model, notification
from app.storage.types import UtcDateTime
from tests.migrations.interrupted import building

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


def test_every_step_goes_up_down_and_up(engine: Engine) -> None:
    migrate.downgrade(engine, "base")
    before = None
    for revision in REVISIONS:
        migrate.upgrade(engine, revision)
        migrate.downgrade(engine, "-1")
        assert migrate.current(engine) == before
        migrate.upgrade(engine, revision)
        assert migrate.current(engine) == revision
        before = revision


INDEXES = {"0029": "ix_prediction_version_id_event_time_id", "0030": "uq_measurement_subject_window_building"}
"""What the next revision builds, by the one before."""


@pytest.mark.parametrize(("before", "table"), [("0029", "prediction"), ("0030", "measurement")])
def test_two_upgrades_at_once_that_build_an_index_keep_no_writer_out(
    postgres_url: URL, before: str, table: str
) -> None:
    engine = engine_for(postgres_url)
    migrate.downgrade(engine, before)
    writes = text(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE NOWAIT")  # the lock of any write
    one_waits = Event()

    def waits(_seconds: float) -> None:
        one_waits.set()
        sleep(0.05)

    with patch.object(migrate, "sleep", autospec=True, side_effect=waits), ThreadPoolExecutor(2) as pool:
        with engine.connect() as earlier:
            earlier.execute(writes)
            upgrades = [pool.submit(migrate.upgrade, engine) for _ in range(2)]
            assert one_waits.wait(60)
            building(engine)
            with engine.connect() as later:
                later.execute(writes)
        for upgrade in upgrades:
            upgrade.result(timeout=60)
    assert migrate.is_current(engine)
    migrate.check(engine)


@pytest.mark.parametrize("before", INDEXES)
def test_an_index_whose_build_was_interrupted_is_built_anew(postgres_url: URL, before: str) -> None:
    engine, name = engine_for(postgres_url), INDEXES[before]
    migrate.downgrade(engine, before)
    table = "prediction" if "prediction" in name else "measurement"
    with write(engine) as connection:
        connection.execute(text(f"CREATE INDEX {name} ON {table} (id)"))
        connection.execute(text(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"))

    migrate.upgrade(engine)

    migrate.check(engine)
    with write(engine) as connection:
        assert connection.scalar(text("SELECT bool_and(indisvalid) FROM pg_index"))


def test_an_index_that_was_built_before_the_upgrade_was_interrupted_stays(postgres_url: URL) -> None:
    engine, name = engine_for(postgres_url), INDEXES["0029"]
    migrate.downgrade(engine, "0029")
    number = text(f"SELECT '{name}'::regclass::oid")
    with write(engine) as connection:
        connection.execute(text(f"CREATE INDEX {name} ON prediction (version_id, event_time, id)"))
        before = connection.scalar(number)

    migrate.upgrade(engine)

    with write(engine) as connection:
        assert connection.scalar(number) == before


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


def test_the_webhooks_of_policies_become_targets_and_webhooks_again(engine: Engine) -> None:
    migrate.downgrade(engine, _before("targets"))
    at = "2026-01-01 00:00:00+00:00"
    add_model = """INSERT INTO model (id, project, name, task, "window", confident_threshold, created_at)
        VALUES (:id, :project, 'fraud', 'binary', 'day', 0.9, :at)"""
    add_policy = """INSERT INTO retraining_policy
        (model_id, checks, cooldown_seconds, minimum_new_labels, webhook_url, secret, created_at)
        VALUES (:id, '["volume"]', 60, 0, 'https://ci.example.org/' || :project, 'env:S' || :id, :at)"""
    rows = [{"id": number, "project": project, "at": at} for number, project in ((1, "default"), (2, "other"))]
    with write(engine) as connection:
        connection.execute(text(add_model), rows)
        connection.execute(text(add_policy), rows)
    migrate.upgrade(engine)

    query = text(
        "SELECT model_id, t.name, t.preset FROM retraining_policy JOIN target t ON t.id = target_id ORDER BY 1"
    )
    with write(engine) as connection:
        assert [tuple(row) for row in connection.execute(query)] == [
            (1, "fraud", "webhook"),
            (2, "fraud (2)", "webhook"),
        ]
    migrate.downgrade(engine, _before("targets"))
    query = text("SELECT webhook_url, secret FROM retraining_policy ORDER BY model_id")
    with write(engine) as connection:
        assert [tuple(row) for row in connection.execute(query)] == [
            ("https://ci.example.org/default", "env:S1"),
            ("https://ci.example.org/other", "env:S2"),
        ]
    migrate.upgrade(engine)
    migrate.check(engine)


def test_requests_of_the_past_become_runs(engine: Engine) -> None:
    migrate.downgrade(engine, _before("retraining_runs"))
    at = "2026-01-01 00:00:00+00:00"
    statements = [
        """INSERT INTO model (id, project, name, task, "window", confident_threshold, created_at)
        VALUES (1, 'default', 'fraud', 'binary', 'day', 0.9, :at)""",
        """INSERT INTO version (id, model_id, name, stage, decision_threshold, dependencies, created_at)
        VALUES (1, 1, '1', 'live', 0.5, '{}', :at)""",
    ]
    add_action = """INSERT INTO action
        (model_id, version_id, kind, webhook_id, payload, reason, state, next_attempt_at, created_at)
        VALUES (1, 1, :kind, 'msg_' || :state, '{}', 'why', :state, :at, :at)"""
    kinds = (("retraining", "pending"), ("retraining", "delivered"), ("retraining", "dead"), ("live", "gone"))
    with write(engine) as connection:
        for statement in statements:
            connection.execute(text(statement), {"at": at})
        for kind, state in kinds:
            connection.execute(text(add_action), {"kind": kind, "state": state, "at": at})
    migrate.upgrade(engine)

    query = text("SELECT webhook_id, state FROM retraining_run ORDER BY id")
    steps = text("SELECT new_state FROM retraining_transition ORDER BY id")
    with write(engine) as connection:
        runs = [tuple(row) for row in connection.execute(query)]
        assert runs == [("msg_pending", "requested"), ("msg_delivered", "timed_out"), ("msg_dead", "failed")]
        assert list(connection.scalars(steps)) == ["requested", "timed_out", "failed"]


def _before(name: str) -> str:
    """The revision before the one whose file is named so."""
    scripts = ScriptDirectory.from_config(migrate._config()).walk_revisions()
    return next(str(script.down_revision) for script in scripts if script.path.endswith(f"_{name}.py"))


def test_people_know_of_the_alerts_that_fired_before_that_was_written_down(engine: Engine) -> None:
    """Else everything that fires would be told anew after an upgrade."""
    migrate.downgrade(engine, "0016")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with write(engine) as connection:
        for identity, state in (("a", "firing"), ("b", "resolved")):
            connection.execute(
                text(
                    'INSERT INTO alert (fingerprint, "check", subject, state, changed_at, judged_window, reason) '
                    "VALUES (:identity, 'volume', '', :state, :at, :at, '')"
                ).bindparams(bindparam("at", type_=UtcDateTime)),
                {"identity": identity, "state": state, "at": at},
            )
    migrate.upgrade(engine)
    a = alert.c
    with write(engine) as connection:
        found = connection.execute(select(a.told_state, a.told_severity, a.heard_at, a.told_at).order_by(a.fingerprint))
        assert found.all() == [("firing", "warning", at, at), (None, None, None, None)]


def test_upgrading_what_is_current_keeps_the_data(engine: Engine) -> None:
    row = {"name": "m", "task": "binary", "window": "day", "confident_threshold": 0.9, "created_at": datetime.now(UTC)}
    with write(engine) as connection:
        connection.execute(insert(model).values(row))
    migrate.upgrade(engine)
    with write(engine) as connection:
        assert connection.scalar(select(model.c.name)) == "m"
