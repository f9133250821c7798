"""Settings and health: what doctor says, the jobs, what waits, keys that are made and revoked, and no secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import URL, Engine, update

from app.core.self_watch import Diagnosis, Level
from app.services.keys import create_key, digest, list_keys, revoke_key
from app.services.schedule import Job
from app.settings import PREFIX, Settings, sources
from app.storage import tables
from app.storage.engine import engine_for, write
from app.storage.jobs import RunState, finish_run, start_run
from app.ui import origins
from app.ui.components.health import findings, page, store, work
from app.ui.components.html import code_text
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]


@pytest.fixture
def database(use_database: Use, sqlite_template: Path, tmp_path: Path) -> Engine:
    """An empty database that the pages read."""
    use_database(sqlite_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


def test_what_doctor_says_stands_with_its_remedy(database: Engine) -> None:
    shown = html(opened("health"))

    assert "no worker runs, and no job has run" in shown
    assert "What to do: " in shown
    assert '<code class="wk-code">watchkeeper work</code>' in shown


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ([Level.OK], "Nothing is wrong."),
        ([Level.OK, Level.NOTE], "Nothing is wrong. 1 thing to know."),
        ([Level.BAD, Level.BAD, Level.NOTE], "2 things are wrong. 1 thing to know."),
    ],
)
def test_the_headline_counts_what_is_wrong(levels: list[Level], said: str) -> None:
    assert findings.headline([Diagnosis("worker", level, "x") for level in levels]) == said


def test_what_is_found_is_escaped_and_what_is_wrong_stands_first() -> None:
    shown = findings.section([Diagnosis("jobs", Level.OK, "<b>"), Diagnosis("keys", Level.BAD, "`<i>`")])

    assert "<b>:" not in shown.replace("<b>Jobs</b>", "")
    assert shown.index("Wrong") < shown.index("1 look found all well")
    assert "&lt;i&gt;" in shown


def test_an_odd_tick_is_no_code() -> None:
    assert code_text("it`s <x>") == "it`s &lt;x&gt;"


@pytest.mark.parametrize(
    ("detail", "said"),
    [("batches=3 late_rows=2", "batches 3, late rows 2"), ("a=1 failed", "a=1 failed"), ("", "")],
)
def test_what_a_run_counted_is_said_in_words(detail: str, said: str) -> None:
    assert work.counts_text(detail) == said


def test_every_job_is_there_with_what_it_does_and_a_failure_with_its_message(database: Engine) -> None:
    assert set(work.DOES) == set(Job)
    now = datetime.now(UTC)
    with database.begin() as connection:
        start_run(connection, "deliver", now, "here:1", now)
        finish_run(connection, "deliver", now, RunState.FAILED, "OSError: <no room>", now)

    shown = html(opened("health", part="jobs"))

    assert "OSError: &lt;no room&gt;" in shown
    assert "◆ failed" in shown
    assert "1 job not well: deliver" in shown


@pytest.mark.parametrize("part", list(page.PARTS))
def test_each_part_stands_on_an_empty_database(database: Engine, part: str) -> None:
    assert "Settings and health" in html(opened("health", part=part))


def test_a_key_is_made_shown_once_and_revoked(database: Engine) -> None:
    app = opened("health", part="keys")
    app.text_input[0].input("payments")
    app.button[0].click().run()

    secret = app.code[0].value
    [key] = list_keys(database)
    assert (key.name, key.scope) == ("payments", "ingest")
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT digest FROM api_key").scalar() == digest(secret)

    app.run()
    assert not app.code

    def revoke() -> None:
        next(button for button in app.button if button.label == "Revoke it").click().run()

    revoke()
    assert "choose a key" in app.error[0].value
    app.selectbox(key="key_to_revoke").select(key.id).run()
    revoke()
    assert "say that you are sure" in app.error[0].value
    assert list_keys(database)[0].revoked_at is None

    app.checkbox[0].check()
    revoke()
    assert list_keys(database)[0].revoked_at is not None
    assert "is revoked" in html(app)
    assert "○ revoked" in html(app)


def test_the_last_use_of_each_key_is_shown(database: Engine) -> None:
    now = datetime.now(UTC)
    for name in ("first", "second"):
        create_key(database, name, "ingest", now)
    used = now - timedelta(days=3, hours=1)
    with write(database) as connection:
        connection.execute(update(tables.api_key).where(tables.api_key.c.name == "first").values(last_used_at=used))

    shown = html(opened("health", part="keys"))

    assert f"3 days ago ({used:%Y-%m-%d %H:%M} UTC)" in shown
    assert "never used" in shown


def test_no_other_key_is_revoked_when_the_chosen_one_is_gone_before_the_press(database: Engine) -> None:
    now = datetime.now(UTC)
    for name in ("first", "second"):
        create_key(database, name, "ingest", now)
    first, second = list_keys(database)
    app = opened("health", part="keys")
    app.selectbox(key="key_to_revoke").select(second.id).run()
    app.checkbox[0].check()
    assert "second" in app.checkbox[0].label

    revoke_key(database, second.id, now)
    st.cache_data.clear()
    next(button for button in app.button if button.label == "Revoke it").click().run()

    assert "choose a key" in app.error[0].value
    assert [key.revoked_at for key in list_keys(database) if key.id == first.id] == [None]


def test_another_choice_takes_the_tick_away(database: Engine) -> None:
    for name in ("first", "second"):
        create_key(database, name, "ingest", datetime.now(UTC))
    first, second = list_keys(database)
    app = opened("health", part="keys")
    app.selectbox(key="key_to_revoke").select(first.id).run()
    app.checkbox[0].check().run()
    app.selectbox(key="key_to_revoke").select(second.id).run()

    assert not app.checkbox[0].value


def test_a_key_without_a_name_is_refused_with_the_reason(database: Engine) -> None:
    app = opened("health", part="keys")
    app.button[0].click().run()

    assert "name" in app.error[0].value
    assert list_keys(database) == []


def test_settings_are_shown_with_their_source_and_secrets_never(
    database: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    create_key(database, "x", "admin", datetime.now(UTC))
    secret = tmp_path / "heartbeat"
    secret.write_text("https://hc.example.org/very-secret")
    monkeypatch.setenv("WATCHKEEPER_HEARTBEAT_URL_FILE", str(secret))
    monkeypatch.setenv("WATCHKEEPER_PUBLIC_URL", "https://watch.example.org")

    shown = html(opened("health", part="settings"))

    assert "very-secret" not in shown
    assert "<b>set</b>" in shown
    assert f"file {secret}" in shown
    assert "https://watch.example.org" in shown


def test_the_source_of_a_setting_is_where_it_was_said() -> None:
    said = sources({PREFIX + "PORT": "1", PREFIX + "HEARTBEAT_URL_FILE": "/run/secret"})

    assert (said["port"], said["heartbeat_url"], said["host"]) == ("environment", "file /run/secret", "default")


def test_an_option_of_the_command_is_named_as_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "_sources", {})
    origins.remember(Settings(dashboard_port=8700), {})

    assert origins.sources()["dashboard_port"] == "option of the command"
    assert origins.sources()["port"] == "default"


@pytest.mark.parametrize(("number", "said"), [(512, "512 bytes"), (174_063_616, "166 MiB"), (5 << 30, "5 GiB")])
def test_sizes_are_said_in_their_largest_unit(number: int, said: str) -> None:
    assert store.size(number) == said
