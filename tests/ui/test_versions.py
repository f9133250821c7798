"""The page of versions: what differs between two of them, their records, and a drill from beginning to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from app.core.drills import Drill, DrillState
from app.core.model import Stage, Task, Version
from app.services.deployments import make_live
from app.services.drills import drill, list_drills, start_drill
from app.services.read_models.versions import VersionRow
from app.storage.engine import engine_for
from app.ui.components.versions import drills
from app.ui.components.versions.compare import section
from tests.services import served
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def database(use_database: Use, sqlite_template: Path, tmp_path: Path) -> Engine:
    """Version 1 answered requests; then 2 took over."""
    use_database(sqlite_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


@pytest.fixture
def model(database: Engine) -> str:
    found = served.serve(database, Task.BINARY)
    served.store(database, [served.prediction(found.version_ids[0], f"p{n}") for n in range(30)])
    make_live(database, found.model.name, "1", served.NOW, author="ann")
    make_live(database, found.model.name, "2", served.NOW, author="ann")
    return found.model.name


def row(name: str, **record: object) -> VersionRow:
    found = Version(1, name, **record)  # type: ignore[arg-type]
    return VersionRow(name, Stage.LIVE, None, "", "", "", (), None, found, None)


def test_what_differs_is_in_sight_and_what_is_the_same_is_folded() -> None:
    old = row("1", runtime="python 3.11", framework="<b>", dependencies={"numpy": "2.3", "Scikit_Learn": "1.8"})
    new = row("2", runtime="python 3.12", framework="<b>", dependencies={"numpy": "2.4", "scikit-learn": "1.8"})

    shown = section(old, new)

    seen, folded = shown.split("<details")
    assert "2 things differ between 1 and 2." in seen
    assert "python 3.12" in seen
    assert "dependency numpy" in seen
    assert "dependency scikit-learn" in folded
    assert "&lt;b&gt;" in folded


def test_the_same_version_differs_in_nothing() -> None:
    assert "Nothing that is known differs between 1 and 1." in section(row("1"), row("1"))


def test_a_link_restores_the_two_that_are_compared(database: Engine, model: str) -> None:
    shown = html(opened("versions", model=model, part="compare", before="2", after="1"))

    assert "differs between 2 and 1." in shown or "differ between 2 and 1." in shown


def test_at_first_the_live_version_stands_beside_the_one_before(database: Engine, model: str) -> None:
    app = opened("versions", model=model, part="compare")

    assert [one.value for one in app.selectbox[1:]] == ["1", "2"]


def test_who_is_told_is_said_before_anything_is_done(database: Engine, model: str) -> None:
    assert "No target listens for changes. People are not told: no channel is on." in html(
        opened("versions", model=model)
    )


def test_a_drill_is_started_from_the_page_and_its_progress_is_shown(database: Engine, model: str) -> None:
    app = opened("versions", model=model, part="drills")
    app.button[0].click().run()
    assert "Nothing is started: give your name." in html(app)
    assert list_drills(database) == []

    app.text_input[0].input("ann")
    app.button[0].click().run()

    [started] = list_drills(database, model)
    assert (started.version, started.author, started.state) == ("1", "ann", DrillState.RUNNING)
    shown = html(app)
    assert "Version 1 is tried, with 20 requests to repeat." in shown
    assert 'Heard of it</b><span class="wk-step-word"> (now)' in shown

    late = started.deadline + timedelta(seconds=1)
    assert drill(database, started.id, late).state is DrillState.FAILED
    app.run()
    shown = html(app)
    assert "◆ failed" in shown
    assert "does the serving side listen for drills?" in shown


def test_a_drill_that_waits_is_called_off_from_the_page(database: Engine, model: str) -> None:
    start_drill(database, model, datetime.now(UTC), to="1", author="ann")
    app = opened("versions", model=model, part="drills")
    off = next(one for one in app.button if one.label == "Call the drill off")
    off.click().run()
    assert "Nothing is called off: author is empty" in html(app)
    assert list_drills(database)[0].state is DrillState.RUNNING

    app.text_input[0].input("bob")
    app.text_input[1].input("the serving side is deployed anew")
    next(one for one in app.button if one.label == "Call the drill off").click().run()

    [ended] = list_drills(database)
    assert (ended.state, ended.called_off_by) == (DrillState.CALLED_OFF, "bob")
    shown = html(app)
    assert "is over: bob called it off: the serving side is deployed anew." in shown
    assert "○ called off" in shown


def a_drill(state: DrillState, *, asked: float | None = None, answered: float | None = None) -> Drill:
    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    finished = None if state is DrillState.RUNNING else at(9)
    return Drill(1, "m", "1", state, "ann", NOW, NOW, at(asked), at(answered), finished, 20, "")


@pytest.mark.parametrize(
    ("one", "states"),
    [
        (a_drill(DrillState.RUNNING), ["done", "now", "ahead", "ahead"]),
        (a_drill(DrillState.RUNNING, asked=1), ["done", "done", "now", "ahead"]),
        (a_drill(DrillState.PASSED, asked=1, answered=2), ["done", "done", "done", "done"]),
        (a_drill(DrillState.FAILED, asked=1, answered=2), ["done", "done", "done", "failed"]),
        (a_drill(DrillState.FAILED, asked=1), ["done", "done", "failed", "ahead"]),
        (a_drill(DrillState.FAILED), ["done", "failed", "ahead", "ahead"]),
    ],
)
def test_the_life_of_a_drill_says_what_is_done_what_goes_on_and_what_failed(one: Drill, states: list[str]) -> None:
    assert [step.state for step in drills.life(one)] == states
