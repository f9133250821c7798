"""Reviewing in the dashboard: what a click or a key leads to stands in the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import URL, Engine, select
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import NumberInput, Selectbox

from app.core.model import Task
from app.core.review import Kind, Verdict
from app.services.review_answers import Answer, answer
from app.services.review_fill import fill_queues
from app.services.reviews import next_rows, set_review
from app.storage import tables
from app.storage.engine import engine_for, read
from app.ui.components.review import card, frame
from tests.services.served import Served, prediction, serve, store

MAIN = Path(__file__).parents[2] / "app" / "ui" / "main.py"
NOW = datetime.now(UTC)
Use = Callable[[Path | None], None]


@pytest.fixture
def database(tmp_path: Path, use_database: Use, sqlite_template: Path) -> Engine:
    use_database(sqlite_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


def queued(engine: Engine, task: Task = Task.BINARY, rows: int = 4) -> Served:
    """A model with so many audits that wait; a regression's predictions are 2.5."""
    served = serve(engine, task)
    said = 2.5 if task is Task.REGRESSION else "yes"
    features = {"x": 99.0, "kind": "zebra"}
    store(engine, [prediction(served.version_ids[0], f"p{i}", said, minutes=i, features=features) for i in range(rows)])
    set_review(engine, NOW, served.model.name, author="ann", uncertain=False, novel=False)
    fill_queues(engine, NOW)
    return served


def opened(author: str = "ann", **query: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=30)
    app.session_state["author"] = author
    app.switch_page("views/review.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def html(app: AppTest) -> str:
    return "\n".join(one.proto.body for one in app.get("html") if not one.proto.body.startswith("<style>"))


def press(app: AppTest, label: str) -> AppTest:
    button = next(one for one in app.button if one.label == label)
    button.click().run()
    assert not app.exception, app.exception
    return app


def asked(app: AppTest, task: Task) -> NumberInput | Selectbox[str]:
    """Where the truth is typed."""
    if task is Task.REGRESSION:
        return app.number_input[0]
    return next(one for one in app.selectbox if one.label == "Another class")


def undo_key(app: AppTest) -> str | None:
    return next(one.key for one in app.button if one.label == "Undo the last answer")


def labels(engine: Engine) -> dict[str, object]:
    """What was said about each prediction, withdrawals left out."""
    _c = tables.correction.c
    with read(engine) as connection:
        rows = connection.execute(select(_c.id, _c.prediction_id, _c.label_class, _c.label_value, _c.withdraws)).all()
    gone = {row.withdraws for row in rows}
    said = [row for row in rows if row.id not in gone and row.withdraws is None]
    return {row.prediction_id: row.label_class if row.label_value is None else row.label_value for row in said}


class TestCard:
    def test_nobody_gets_a_row_without_a_name(self, database: Engine) -> None:
        queued(database)

        app = opened(author="")

        assert "Give your name above" in app.info[0].value
        assert not [one for one in app.button if one.label.startswith("It is")]
        with read(database) as connection:
            assert set(connection.scalars(select(tables.review_item.c.claimed_by))) == {""}

    def test_an_audit_is_answered_without_seeing_what_the_model_said(self, database: Engine) -> None:
        queued(database)

        app = opened()

        assert "The model says" not in html(app)
        app.toggle[0].set_value(True).run()
        assert "The model says <b>yes (score 0.700)</b>" in html(app)

    def test_each_answer_is_stored_and_the_next_row_stands_there(self, database: Engine) -> None:
        queued(database)
        app = opened()

        press(press(app, "It is no"), "It is yes")

        assert labels(database) == {"p0": "no", "p1": "yes"}
        assert ">p2</h2>" in html(app)
        assert "2 (you 2)" in html(app)
        assert "Saved: p1 is yes." in html(app)

    def test_undo_takes_the_last_answer_back_and_shows_its_row_again(self, database: Engine) -> None:
        queued(database)
        app = press(press(opened(), "It is no"), "It is no")

        press(app, "Undo the last answer")

        assert labels(database) == {"p0": "no"}
        assert ">p1</h2>" in html(app)

    def test_what_cannot_be_told_says_nothing(self, database: Engine) -> None:
        queued(database)

        app = press(opened(), "It cannot be told")

        assert labels(database) == {}
        assert ">p1</h2>" in html(app)

    def test_the_number_of_a_regression_is_typed(self, database: Engine) -> None:
        queued(database, Task.REGRESSION)
        app = opened()

        press(app, "Save")
        assert "Nothing was given" in html(app)
        app.number_input[0].set_value(3.25)
        press(app, "Save")

        assert labels(database) == {"p0": 3.25}

    @pytest.mark.parametrize("task", [Task.REGRESSION, Task.MULTICLASS])
    def test_what_was_typed_for_one_row_does_not_reach_the_next(self, database: Engine, task: Task) -> None:
        queued(database, task)
        app = opened()
        before = asked(app, task)
        before.set_value(3.25 if task is Task.REGRESSION else "no")  # type: ignore[arg-type]

        press(app, "It cannot be told")

        assert ">p1</h2>" in html(app)
        assert asked(app, task).value is None
        assert asked(app, task).key != before.key  # a browser keeps what was typed by the key

    def test_each_answer_has_an_undo_of_its_own(self, database: Engine) -> None:
        queued(database)
        app = press(press(opened(), "It is no"), "It is no")
        before = undo_key(app)

        press(app, "Undo the last answer")

        assert undo_key(app) != before

    def test_a_row_that_another_has_decided_meanwhile_is_refused_and_the_next_one_comes(self, database: Engine) -> None:
        served = queued(database)
        app = opened()
        later = datetime.now(UTC) + timedelta(minutes=16)
        [row, *_] = next_rows(database, later, served.model.name, Kind.AUDIT, author="bob", limit=1)
        answer(database, NOW, served.model.name, [Answer(row["item"], Verdict.CONFIRM)], author="bob")

        press(app, "It is no")

        assert "is answered already by bob" in html(app)
        assert labels(database) == {"p0": "yes"}
        assert ">p1</h2>" in html(app)

    def test_two_reviewers_have_different_rows_and_see_who_has_the_others(self, database: Engine) -> None:
        queued(database, rows=2)
        opened("ann")

        bob = opened("bob")

        assert ">p1</h2>" in html(bob)
        assert "ann 1 until" in html(bob)
        cleo = opened("cleo")
        assert "The last rows are with others: ann 1 until" in html(cleo)


class TestTable:
    def test_rows_are_taken_only_when_asked_for_and_can_be_given_back(self, database: Engine) -> None:
        queued(database)
        app = opened(view="table")
        assert not app.dataframe

        press(app, "Take rows")

        assert list(app.dataframe[0].value["Prediction"]) == ["p0", "p1", "p2", "p3"]
        assert "The model says" not in app.dataframe[0].value.columns
        press(app, "Give the rest back")
        assert "4 rows given back." in html(app)

    def test_the_rows_of_each_reviewer_have_a_table_of_their_own(self, database: Engine) -> None:
        queued(database, rows=12)
        app = opened(view="table")
        next(one for one in app.selectbox if one.label == "Rows").set_value(10)
        press(app, "Take rows")
        app.session_state["author"] = "bob"
        press(app.run(), "Take rows")
        app.session_state["author"] = "ann"
        app.run()
        [bobs] = [work for about, work in app.session_state["review-table"].items() if about[2] == "bob"]
        bobs.typed = {bobs.rows[0]["item"]: frame.Typed("no", skip=False)}
        app.session_state["author"] = "bob"
        app.run()

        assert list(app.dataframe[0].value["Prediction"]) == ["p10", "p11"]
        assert list(app.dataframe[0].value["Label"].fillna("")) == ["no", ""]

    def test_what_is_typed_is_saved_and_what_is_refused_stays(self, database: Engine) -> None:
        served = queued(database)
        app = press(opened(view="table"), "Take rows")
        work = next(iter(app.session_state["review-table"].values()))
        items = [row["item"] for row in work.rows]
        later = datetime.now(UTC) + timedelta(minutes=16)
        next_rows(database, later, served.model.name, Kind.AUDIT, author="bob", limit=1)
        answer(database, later, served.model.name, [Answer(items[0], Verdict.CONFIRM)], author="bob")
        work.typed = {
            items[0]: frame.Typed("no", skip=False),
            items[1]: frame.Typed("no", skip=False),
            items[2]: frame.Typed("no", skip=True),
        }
        work.generation += 1

        press(app.run(), "Save 3 rows")

        assert labels(database) == {"p0": "yes", "p1": "no"}
        assert "1 row saved. 2 rows refused: still in the table, with what you typed." in html(app)
        assert "is answered already by bob" in html(app)
        assert "has a label, and is said to be untellable" in html(app)
        shown = app.dataframe[0].value
        assert list(zip(shown["Prediction"], shown["Label"].fillna(""), shown["Cannot be told"], strict=True)) == [
            ("p0", "no", False),
            ("p2", "no", True),
            ("p3", "", False),
        ]

    def test_what_was_typed_is_read_by_the_order_of_the_rows(self) -> None:
        edited = pd.DataFrame({frame.LABEL: [None, "yes", float("nan"), ""], frame.SKIP: [True, False, False, False]})
        assert frame.typed(edited, [7, 8, 9, 10]) == {
            7: frame.Typed(None, skip=True),
            8: frame.Typed("yes", skip=False),
        }


class TestDecided:
    def test_only_one_s_own_decisions_can_be_taken_back_here(self, database: Engine) -> None:
        served = queued(database)
        for who, label in (("ann", "no"), ("bob", "yes")):
            [row] = next_rows(database, NOW, served.model.name, Kind.AUDIT, author=who, limit=1)
            answer(database, NOW, served.model.name, [Answer(row["item"], Verdict.CORRECT, label)], author=who)

        app = opened(view="decided")

        assert "the model said yes" in html(app)
        assert [one.label for one in app.button].count("Take back") == 1
        press(app, "Take back")
        assert labels(database) == {"p1": "yes"}

    def test_older_decisions_are_on_the_next_page(self, database: Engine) -> None:
        served = queued(database, rows=25)
        rows = next_rows(database, NOW, served.model.name, Kind.AUDIT, author="ann", limit=200)
        answers = [Answer(row["item"], Verdict.CONFIRM) for row in rows]
        answer(database, NOW, served.model.name, answers, author="ann")

        app = opened(view="decided", by="mine")

        assert html(app).count("as the model said") == 20
        assert html(press(app, "Older")).count("as the model said") == 5
        assert html(press(app, "Newer")).count("as the model said") == 20

    def test_it_goes_back_to_any_day(self, database: Engine) -> None:
        served = queued(database, rows=24)
        rows = next_rows(database, NOW, served.model.name, Kind.AUDIT, author="ann", limit=200)
        old, recent = [row["item"] for row in rows[:22]], [row["item"] for row in rows[22:]]
        past = NOW - timedelta(days=400)
        for at, items in ((past, old), (NOW, recent)):
            said = [Answer(item, Verdict.CONFIRM) for item in items]
            answer(database, at, served.model.name, said, author="ann")

        app = opened(view="decided")
        assert html(app).count("as the model said") == 20
        app.date_input[0].set_value(past.date()).run()
        assert html(app).count("as the model said") == 20
        assert f" {past:%b %Y}," in html(app)
        assert f" {NOW:%b %Y}," not in html(app)
        assert html(press(app, "Older")).count("as the model said") == 2
        app.date_input[0].set_value(past.date() - timedelta(days=1)).run()
        assert "Nothing was decided by then." in html(app)


class TestSettings:
    def test_a_model_without_a_queue_gets_one_on_the_page_and_rows_at_once(self, database: Engine) -> None:
        served = serve(database, Task.BINARY)
        store(database, [prediction(served.version_ids[0], f"p{i}", score=0.5) for i in range(3)])
        app = opened()
        assert "watchkeeper review settings --model" in app.code[0].value
        app.number_input[0].set_value(7)

        press(app, "Start reviewing")

        with read(database) as connection:
            [found] = connection.execute(select(tables.review_setting)).all()
        assert (found.audits_per_day, found.uncertain, found.author) == (7, True, "ann")
        assert "3 predictions looked at: 3 audits drawn" in html(app)
        assert "Random audit · 3" in str([one.options for one in app.button_group])

    def test_a_queue_can_be_turned_off(self, database: Engine) -> None:
        queued(database)
        app = opened(view="settings")
        app.number_input[0].set_value(0)

        press(app, "Save")

        assert "nothing is put before reviewers any more" in html(app)

    def test_nothing_can_be_set_without_a_name(self, database: Engine) -> None:
        serve(database, Task.BINARY)
        assert next(one for one in opened(author="").button if one.label == "Start reviewing").disabled


@pytest.mark.parametrize(
    ("classes", "keys"),
    [(["0", "1"], ["0", "1"]), (["no", "yes"], ["1", "2"]), (["1", "10"], ["1", "2"]), (["r", "c"], ["1", "2"])],
)
def test_a_class_that_is_a_digit_is_its_own_key(classes: list[str], keys: list[str]) -> None:
    assert card.shortcuts(classes) == keys
