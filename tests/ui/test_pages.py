"""What each page says, on a fleet in every state and on databases that cannot be used yet."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import pytest
from sqlalchemy import URL, text
from streamlit.testing.v1 import AppTest

from app.core.delivery import Failed
from app.core.model import Stage, Version
from app.services.catalogue import register_version
from app.services.deployments import make_live
from app.services.reports import request_report
from app.services.retraining_runs import list_runs, settled
from app.storage import migrate, outbox, reports
from app.storage.engine import engine_for, write
from app.storage.outbox import SendState
from tests.ui.fleet import HOSTILE, HOSTILE_FEATURE

MAIN = Path(__file__).parents[2] / "app" / "ui" / "main.py"

Use = Callable[[Path | None], None]


def opened(page: str = "fleet", **query: str) -> AppTest:
    """A page as a link leads to it, without any other before it."""
    app = AppTest.from_file(str(MAIN), default_timeout=30)
    for name, value in query.items():
        app.query_params[name] = value
    if page != "fleet":  # the page without a name
        app.switch_page(f"views/{page}.py")
    app.run()
    assert not app.exception, app.exception
    return app


def html(app: AppTest) -> str:
    """All markup of the page, its style left out."""
    bodies = [element.proto.body for element in app.get("html")]
    return "\n".join(body for body in bodies if not body.startswith("<style>"))


def code(app: AppTest) -> str:
    return "\n".join(element.value for element in app.code)


class TestOverview:
    def test_every_model_is_there_the_worst_first(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        shown = html(opened())

        assert "1 of 4 models needs a look. Nothing can be told yet about 2 of them." in shown
        words = ["Breach", "Cannot tell yet", "No data", "Within limits"]
        assert sorted(words, key=shown.index) == words

    def test_the_state_is_a_word_and_a_shape(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        shown = html(opened())

        for shape, word in (("◆", "Breach"), ("◌", "Cannot tell yet"), ("●", "Within limits")):
            assert f'aria-hidden="true">{shape}</span>{word}' in shown

    def test_an_empty_database_says_how_to_begin(self, use_database: Use, sqlite_template: Path) -> None:
        use_database(sqlite_template)

        app = opened()

        assert "Nothing to watch yet" in html(app)
        assert "watchkeeper model add" in code(app)
        assert "watchkeeper demo" in code(app)

    @pytest.mark.parametrize("page", ["alerts", "limits", "model", "reports", "review", "scorecard", "timeline"])
    def test_a_page_about_models_says_so_too_and_nothing_else(
        self, page: str, use_database: Use, sqlite_template: Path
    ) -> None:
        use_database(sqlite_template)

        app = opened(page)

        assert html(app).count("<h1") == html(app).count("Nothing to watch yet") == 1
        assert len(app.button_group) == 0


class TestDatabase:
    def test_an_empty_one_names_the_command_that_mends_it(self, use_database: Use) -> None:
        use_database(None)

        app = opened()

        assert "The database is empty" in html(app)
        assert "watchkeeper db upgrade" in code(app)

    def test_so_does_an_old_one(self, use_database: Use, sqlite_template: Path, tmp_path: Path) -> None:
        use_database(sqlite_template)
        engine = engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        engine.dispose()

        app = opened()

        assert f"is at schema 0000, and this program needs {migrate.head()}" in html(app)

    def test_one_that_cannot_be_reached_shows_no_password(
        self, use_database: Use, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use_database(None)
        monkeypatch.setenv("WATCHKEEPER_DATABASE_URL", "postgresql://watch:hunter2@127.0.0.1:9/none")

        app = opened()

        assert "cannot be reached" in html(app)
        assert "hunter2" not in html(app) + code(app)

    def test_wrong_settings_are_named(self, use_database: Use, monkeypatch: pytest.MonkeyPatch) -> None:
        use_database(None)
        monkeypatch.setenv("WATCHKEEPER_PORT", "http")

        assert "WATCHKEEPER_PORT: must be a whole number" in html(opened())


class TestScorecard:
    def test_each_test_has_its_points_and_its_evidence(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        shown = html(opened("scorecard", model="arrival-delay"))

        assert "ML Test Score: 6 of 7" in shown
        assert "3. Training and serving features compute the same values" in shown
        assert "training_serving_skew: 75 windows judged since" in shown
        assert "● automated, ◆ breach" in shown
        assert "no check for it is there yet (dependency_change)" in shown

    def test_what_was_never_judged_scores_nothing(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        shown = html(opened("scorecard", model=HOSTILE))

        assert "ML Test Score: 0 of 7" in shown
        assert HOSTILE not in shown

    def test_an_empty_database_says_how_to_begin(self, use_database: Use, sqlite_template: Path) -> None:
        use_database(sqlite_template)

        assert "watchkeeper model add" in code(opened("scorecard"))


def add_report(folder: Path, html: str | None) -> int:
    """A report in the database of the page; without a page it failed."""
    engine = engine_for(URL.create("sqlite", database=str(folder / "watchkeeper.sqlite3")))
    now = datetime.now(UTC)
    asked = request_report(engine, now, "arrival-delay", since=now - timedelta(days=7), until=now)["id"]
    with write(engine) as connection:
        if html is None:
            reports.fail(connection, asked, now, "<b>no</b> rows")
        else:
            reports.finish(
                connection, asked, now, html=html, json="{}", sampling="20 of 30 rows", reference_rows=5, current_rows=5
            )
    engine.dispose()
    assert isinstance(asked, int)
    return asked


class TestVersions:
    def test_an_earlier_version_is_made_live_again_by_one_button(self, use_database: Use, two_versions: Path) -> None:
        use_database(two_versions)
        app = opened("versions", model="arrival-delay")
        assert "Live now: version 3." in html(app)
        assert "dependency numpy: 2.4.6 → none" in html(app)

        app.button[0].click().run()
        assert "Nothing is changed: give your name, and say that you are sure.</p>" in html(app)
        assert '<p class="wk-failed" role="alert">' in html(app)

        app.text_input[0].set_value("ann <b>")
        app.text_input[1].set_value("worse")
        app.checkbox[0].check()
        app.button[0].click().run()
        shown = html(app)
        assert "Version 2 is live." in shown
        assert "Live now: version 2." in shown
        assert "ann &lt;b&gt;" in shown
        assert "rollback" in shown

    def test_who_comes_second_is_told(self, use_database: Use, two_versions: Path, tmp_path: Path) -> None:
        use_database(two_versions)
        app = opened("versions", model="arrival-delay")
        engine = engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))
        make_live(engine, "arrival-delay", "2", datetime.now(UTC), author="bob")
        app.text_input[0].set_value("ann")
        app.checkbox[0].check()
        app.button[0].click().run()
        assert "Nothing is changed: model" in html(app)
        assert "what is live changed meanwhile" in html(app)


@pytest.fixture
def two_versions(fleet_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fleet, with a second version of `arrival-delay` live."""
    path = tmp_path_factory.mktemp("versions") / "watchkeeper.sqlite3"
    shutil.copy(fleet_template, path)
    engine = engine_for(URL.create("sqlite", database=str(path)))
    new = Version(0, "3", Stage.LIVE, framework="scikit-learn", dependencies={"numpy": "2.4.6"})
    register_version(engine, "arrival-delay", new, datetime.now(UTC))
    engine.dispose()
    return path


class TestReports:
    PAGE = "<html><body><script>alert('in')</script></body></html>"

    def test_the_newest_is_shown_in_a_frame_without_rights(
        self, use_database: Use, fleet_template: Path, tmp_path: Path
    ) -> None:
        use_database(fleet_template)
        newest = [add_report(tmp_path, page) for page in ("<html>old</html>", self.PAGE)][-1]

        app = opened("reports")

        [frame] = [element.proto.srcdoc for element in app.get("iframe")]
        assert '<iframe sandbox="allow-scripts"' in frame
        assert self.PAGE not in frame
        assert escape(self.PAGE) in frame
        assert app.query_params["id"] == str(newest)
        assert "20 of 30 rows" in html(app)
        assert len(app.get("download_button")) == 2

    def test_a_link_chooses_one_and_a_failure_is_told(
        self, use_database: Use, fleet_template: Path, tmp_path: Path
    ) -> None:
        use_database(fleet_template)
        older, failed = add_report(tmp_path, "<html>old</html>"), add_report(tmp_path, None)

        chosen, waiting = opened("reports", id=str(older)), opened("reports", id=str(failed))

        assert escape("<html>old</html>") in chosen.get("iframe")[0].proto.srcdoc
        assert "◆ failed: &lt;b&gt;no&lt;/b&gt; rows" in html(chosen)
        assert f"Report {failed} is not finished" in html(waiting)
        assert not waiting.get("iframe")
        assert waiting.query_params["id"] == str(failed)
        assert "There is no report “9”" in html(opened("reports", id="9"))

    def test_without_any_it_says_how_to_have_one(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        assert "watchkeeper report create" in code(opened("reports"))


def test_names_are_text_and_never_markup(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    shown = html(opened("model", model=HOSTILE)) + html(opened("model", model="arrival-delay"))

    assert HOSTILE not in shown
    assert escape(HOSTILE) in shown
    assert HOSTILE_FEATURE not in shown
    assert escape(HOSTILE_FEATURE) in shown


class TestRetraining:
    def test_an_empty_database_says_how_to_begin(self, use_database: Use, sqlite_template: Path) -> None:
        use_database(sqlite_template)

        assert "watchkeeper policy set" in code(opened("retraining"))

    def test_what_waits_is_decided_on_in_somebodys_name(
        self, use_database: Use, fleet_template: Path, tmp_path: Path
    ) -> None:
        use_database(fleet_template)
        engine = engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))
        (run,) = list_runs(engine)
        with write(engine) as connection:
            outbox.give_up(connection, run.webhook_id, "HTTP 410 <b>gone</b>")
            settled(connection, run, SendState.DEAD, Failed("HTTP 410 <b>gone</b>"), run.created_at, "")

        app = opened("retraining")
        assert "HTTP 410 &lt;b&gt;gone&lt;/b&gt;" in html(app)
        assert "◆ failed" in html(app)
        (button,) = app.button
        assert (button.label, button.disabled) == ("Send again", True)
        app.text_input[0].set_value("ann").run()
        app.button[0].click().run()

        assert not app.exception
        assert "arrival-delay 2: sent again by ann." in html(app)
        assert not app.button
        assert list_runs(engine)[0].state == "requested"
        engine.dispose()
