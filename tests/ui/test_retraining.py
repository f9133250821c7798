"""The page of retraining: runs as steps, asking by hand, policies and targets, training sets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from app.core.model import Model, Task, Version
from app.core.retraining import Policy
from app.core.retraining_run import RunState
from app.services.catalogue import register_model, register_version
from app.services.policies import set_policy
from app.services.read_models.retraining import Lived, lives, standings
from app.services.retraining import start
from app.services.retraining_runs import Report, list_runs, report
from app.services.training_files import Format
from app.services.training_sets import Query, export_training_set
from app.settings import Settings
from app.storage.engine import engine_for
from app.ui.components.retraining.life import life
from tests.services import served
from tests.ui.fleet import CLOSED_PORT, SECRET
from tests.ui.test_pages import code, html, opened

Use = Callable[[Path | None], None]
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def database(use_database: Use, sqlite_template: Path, tmp_path: Path) -> Engine:
    use_database(sqlite_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


def fraud(engine: Engine, *, budget: int | None = 3) -> None:
    """A model with a policy whose target answers to nobody."""
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    for name in ("1", "2"):
        register_version(engine, "fraud", Version(0, name), NOW)
    policy = Policy(("performance",), timedelta(days=7), 100, budget=budget)
    url = f"http://127.0.0.1:{CLOSED_PORT}/retrain"
    set_policy(engine, NOW, "fraud", policy, webhook_url=url, secret=SECRET)


def begin(engine: Engine, now: datetime = NOW) -> str:
    return start(engine, now, Settings(), "fraud", reason="drift", author="ann").webhook_id


class TestLife:
    def test_a_run_is_told_step_by_step_with_what_is_still_to_come(self, engine: Engine) -> None:
        fraud(engine)
        run = begin(engine)
        assert steps(engine) == [
            ("Requested", "now"),
            ("Accepted", "ahead"),
            ("Running", "ahead"),
            ("Succeeded", "ahead"),
        ]

        report(engine, NOW, run, Report("running"), by="trainer")
        assert steps(engine)[1] == ("Running", "now")

        report(engine, NOW, run, Report("succeeded"), by="trainer")
        assert steps(engine) == [("Requested", "done"), ("Running", "done"), ("Succeeded", "done")]

    def test_a_failure_ends_it(self, engine: Engine) -> None:
        fraud(engine)
        report(engine, NOW, begin(engine), Report("failed", message="no disk"), by="trainer")

        assert steps(engine) == [("Requested", "done"), ("Failed", "failed")]


def steps(engine: Engine) -> list[tuple[str, str]]:
    [lived] = lives(engine, 5)
    assert isinstance(lived, Lived)
    return [(step.name, step.state) for step in life(lived)]


def test_what_is_left_of_budget_and_cool_down_is_counted(engine: Engine) -> None:
    fraud(engine)
    [before] = standings(engine, NOW)
    assert (before.left, before.cooling_until, before.last, before.under_way) == (3, None, None, "")

    begin(engine)

    [after] = standings(engine, NOW + timedelta(hours=1))
    assert (after.left, after.cooling_until, after.under_way) == (2, NOW + timedelta(days=7), "requested")
    assert standings(engine, NOW + timedelta(days=31))[0].left == 3


def test_retraining_is_asked_for_by_hand_with_a_name_and_a_reason(database: Engine) -> None:
    fraud(database)
    app = opened("retraining", part="ask", model="fraud")
    app.button[0].click().run()
    assert "Nothing is asked for: " in html(app)
    assert list_runs(database) == []

    app.text_input[0].input("ann")
    app.text_input[1].input("drift <b>")
    app.button[0].click().run()

    [run] = list_runs(database)
    assert (run.model, run.asked_by, run.reason, run.state) == ("fraud", "ann", "drift <b>", RunState.REQUESTED)
    assert "is asked of fraud; the worker sends it." in html(app)
    shown = html(opened("retraining"))
    assert 'Requested</b><span class="wk-step-word"> (now)' in shown
    assert "drift &lt;b&gt;" in shown


def test_without_a_target_it_says_how_to_add_one(database: Engine) -> None:
    register_model(database, Model("fraud", Task.BINARY), NOW)

    assert "watchkeeper target add" in code(opened("retraining", part="ask"))


def test_policies_say_what_is_left_and_a_target_is_tried_out(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fraud(database, budget=None)
    monkeypatch.setenv("WATCHKEEPER_TEST_WEBHOOK_SECRET", "whsec_" + "c2VjcmV0" * 4)
    monkeypatch.setenv("WATCHKEEPER_ALLOW_PRIVATE_TARGETS", "1")
    app = opened("retraining", part="policies")
    shown = html(app)
    assert "no bound" in shown
    assert "warning, 100 new labels" in shown
    assert "named by fraud" in shown

    next(button for button in app.button if button.label == "Send a test").click().run()

    assert "◆ fraud did not take it: " in html(app)
    assert "whsec_" not in html(app)


def test_a_training_set_is_shown_with_its_manifest(database: Engine, tmp_path: Path) -> None:
    found = served.serve(database, Task.BINARY, versions=1)
    rows = [served.prediction(found.version_ids[0], f"p{n}") for n in range(5)]
    served.store(database, [*rows, *(served.correction(found.model, f"p{n}", "yes") for n in range(5))])
    query = Query(found.model.name, served.START - timedelta(days=1), served.START + timedelta(days=1))
    made = export_training_set(database, served.NOW, query, tmp_path / "rows.csv", Format.CSV).manifest

    app = opened("retraining", part="sets", model=found.model.name)

    assert made.content_sha256 in html(app)
    assert f"--as-of {made.as_of}" in code(app)
    assert len(app.get("download_button")) == 1
