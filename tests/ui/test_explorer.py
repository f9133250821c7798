"""The explorer: what the address asks for is found, a row is opened, corrected, and the correction taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from sqlalchemy import URL, Engine, select
from streamlit.testing.v1 import AppTest

from app.core.errors import InvalidError
from app.core.model import Task
from app.services import explorer as services_explorer
from app.services.explorer import Page, Search
from app.services.prediction_detail import correct
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import engine_for, read, write
from app.storage.ingest import PredictionRow, Rows, insert_rows
from app.storage.tables import correction
from app.ui import data
from app.ui.components import link
from app.ui.components.explorer import page, table
from tests.services.served import serve
from tests.ui.fleet import HOSTILE_FEATURE
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]
ROWS = 130
NOW = datetime.now(UTC)


@pytest.fixture
def served(use_database: Use, fleet_template: Path, tmp_path: Path) -> Engine:
    """The fleet with single predictions of `arrival-delay`, one a minute, the newest a minute old."""
    use_database(fleet_template)
    engine = engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))
    with write(engine) as connection:
        version = list_versions(connection, find_model(connection, "arrival-delay").id)[0].id
        insert_rows(connection, [Rows([_row(version, i) for i in range(ROWS)])], NOW)
    return engine


def _row(version: int, i: int) -> PredictionRow:
    features = {"temperature": 12.0, HOSTILE_FEATURE: 500.0 if i == 7 else 9.0, "carrier": "UA" if i % 2 else "XX"}
    at = NOW - timedelta(minutes=i + 1)
    answer = ("1" if i % 3 else "0", None, (i % 10) / 10, None, 12.5)
    return (version, f"flight-{i}", at, json.dumps(features), *answer, f"request {i // 2}", None, None)


def shown(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["Id"]) if app.dataframe else []


def explorer(**query: str) -> AppTest:
    return opened("explorer", model="arrival-delay", days="7", **query)


def press(app: AppTest, label: str) -> AppTest:
    next(one for one in app.button if one.label == label).click()
    app.run()
    assert not app.exception, app.exception
    return app


def test_predictions_are_paged_in_both_directions(served: Engine) -> None:
    app = explorer(size="50")
    assert f"{ROWS} predictions" in html(app)
    assert shown(app) == [f"flight-{i}" for i in range(50)]
    press(app, "Older")
    assert shown(app) == [f"flight-{i}" for i in range(50, 100)]
    press(app, "Older")
    assert shown(app) == [f"flight-{i}" for i in range(100, ROWS)]
    press(app, "Newer")
    assert shown(app) == [f"flight-{i}" for i in range(50, 100)]


def test_a_page_is_as_long_as_was_just_asked_for(served: Engine) -> None:
    app = explorer()
    app.selectbox(key="size").set_value("25")
    app.run()
    assert len(shown(app)) == 25
    app.selectbox(key="size").set_value("100")
    app.run()
    assert len(shown(app)) == 100


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"find": "flight-12"}, ["flight-12"]),
        ({"find": "flight-12*"}, ["flight-12", *(f"flight-{i}" for i in range(120, 130))]),
        ({"request": "request 4"}, ["flight-8", "flight-9"]),
        ({"low": "0.9", "features": "carrier = UA\ntemperature is missing"}, []),
        ({"features": f'"{HOSTILE_FEATURE}" > 100'}, ["flight-7"]),
        ({"predicted": "0", "high": "0", "find": "flight-*"}, [f"flight-{i}" for i in range(0, ROWS, 30)]),
    ],
)
def test_a_link_restores_a_search(served: Engine, query: dict[str, str], expected: list[str]) -> None:
    assert shown(explorer(**query)) == expected


def predicted(engine: Engine, version_ids: list[int]) -> None:
    """A prediction `p` of each version, five minutes ago."""
    at = NOW - timedelta(minutes=5)
    rows: list[PredictionRow] = [
        (one, "p", at, "{}", "yes", None, 0.7, None, None, None, None, None) for one in version_ids
    ]
    with write(engine) as connection:
        insert_rows(connection, [Rows(rows)], NOW)


def test_what_is_taken_back_is_about_the_version_that_is_shown(served: Engine) -> None:
    model = serve(served, Task.BINARY)
    predicted(served, model.version_ids)
    for minutes, version in enumerate(("1", "2")):
        at = NOW + timedelta(minutes=minutes - 3)
        correct(served, at, model.model.name, "p", version=version, label="no", author="ann")
    app = opened("explorer", model=model.model.name, version="1", id="p", of="1")
    next(one for one in app.text_input if one.label == "Your name").set_value("ann")

    press(app, "Take back my last one")

    said = select(correction.c.id, correction.c.version_id, correction.c.withdraws).order_by(correction.c.id)
    with read(served) as connection:
        first, _, last = connection.execute(said).all()
    assert (first.version_id, last.withdraws) == (model.version_ids[0], first.id)


def test_another_model_is_shown_in_its_own_newest_version_without_the_row_of_the_model_before(served: Engine) -> None:
    first, second = serve(served, Task.BINARY), serve(served, Task.BINARY)  # both have the versions 1 and 2
    predicted(served, [*first.version_ids, *second.version_ids])
    app = opened("explorer", model=first.model.name, version="1", id="p", of="1")
    assert "Close" in [one.label for one in app.button]

    next(one for one in app.selectbox if one.label == "Model").set_value(second.model.name).run()

    assert not app.exception, app.exception
    assert "Close" not in [one.label for one in app.button]
    assert {"id", "of"}.isdisjoint(app.query_params)
    assert app.query_params["version"] in ("2", ["2"])


def test_a_stopped_search_shows_what_was_found_and_goes_on_from_there(
    served: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressed at the first portion's end, as a run that is cut off there would be."""
    monkeypatch.setattr(services_explorer, "_FIRST_PORTION", 26)
    find, searched = data.explorer.find, []

    def cut_off(search: Search, limit: int, before: str, after: str, report: services_explorer.Report) -> Page:
        def press_stop(so_far: Page) -> None:
            report(so_far)
            page._stop((search, limit, before, after), so_far)
            st.rerun()

        searched.append(before)
        return find(search, limit, before, after, press_stop if not before else report)

    monkeypatch.setattr(data.explorer, "find", cut_off)
    app = explorer(features="carrier = XX", size="25")
    assert shown(app) == [f"flight-{i}" for i in range(0, 26, 2)]
    assert "Stopped. Looked through 26 predictions" in html(app)
    app.run()
    assert searched == [""]
    press(app, "Look further back")
    assert shown(app) == [f"flight-{i}" for i in range(26, 76, 2)]


def test_what_cannot_be_searched_is_said_and_can_be_cleared(served: Engine) -> None:
    app = explorer(low="much")
    assert "low: &#x27;much&#x27; is not allowed; a score is a number" in html(app)
    press(app, "Clear the filters")
    assert len(shown(app)) == 50


def test_a_filter_that_nothing_fits_says_what_to_do(served: Engine) -> None:
    app = explorer(find="nobody")
    assert "No prediction fits; widen the range or take a filter away." in html(app)
    assert "Filtered by: id nobody" in html(app)


def test_a_condition_on_a_feature_is_added_and_taken_away(served: Engine) -> None:
    app = explorer()
    next(one for one in app.selectbox if one.label == "Feature").set_value("carrier")
    next(one for one in app.text_input if one.label == "Value").set_value("XX")
    press(app, "Add the filter")
    assert app.query_params["features"] in ("carrier = XX", ["carrier = XX"])
    assert shown(app)[:3] == ["flight-0", "flight-2", "flight-4"]
    press(app, "carrier \\= XX")
    assert shown(app)[:3] == ["flight-0", "flight-1", "flight-2"]


def test_a_row_is_opened_beside_the_reference(served: Engine) -> None:
    app = explorer(id="flight-7")
    body = html(app)
    assert "Prediction flight-7" in body
    assert "Outside anything in the reference: &lt;b&gt;wind&lt;/b&gt;. Missing, as never in the reference: " in body
    assert "above all of the reference" in body
    assert "All answers to the same request" in body
    assert "flight-6" in body
    assert "Nothing yet: it counts neither as right nor as wrong." in body
    assert "no prediction &#x27;nobody&#x27;" in html(explorer(id="nobody"))


def test_a_click_is_of_the_rows_that_were_drawn(served: Engine) -> None:
    """Of rows that were found anew since, none is taken for selected."""
    app = explorer()
    drawn = app.dataframe[0].key
    with write(served) as connection:
        version = list_versions(connection, find_model(connection, "arrival-delay").id)[0].id
        newer = (version, "newer", NOW, "{}", "0", None, 0.5, None, 1.0, None, None, None)
        insert_rows(connection, [Rows([newer])], NOW)
    del app.session_state["explorer found"]
    app.run()
    assert shown(app)[:2] == ["newer", "flight-0"]
    assert app.dataframe[0].key != drawn


def test_a_click_opens_the_prediction_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    opened_now: dict[str, str] = {}
    clicked = SimpleNamespace(selection=SimpleNamespace(rows=[1]))
    monkeypatch.setattr(st, "session_state", {"rows": clicked})
    monkeypatch.setattr(link, "remember", lambda **values: opened_now.update(values))
    table._open("rows", [("a", "1"), ("b", "2")])
    assert opened_now == {"id": "b", "of": "2"}
    clicked.selection.rows = [2]
    table._open("rows", [("c", "1")])
    assert opened_now == {"id": "b", "of": "2"}


def test_a_correction_is_saved_and_taken_back(served: Engine) -> None:
    app = explorer(id="flight-7")
    next(one for one in app.selectbox if one.label == "True class").set_value("0")
    next(one for one in app.text_input if one.label == "Your name").set_value("ann")
    press(app, "Save the correction")
    assert "Saved: 0, said by ann." in html(app)
    assert "the newest of the strongest source" in html(app)
    with read(served) as connection:
        rows = connection.execute(select(correction)).all()
    assert [(r.prediction_id, r.source, r.label_class, r.author, r.shown) for r in rows] == [
        ("flight-7", "user", "0", "ann", True)
    ]
    press(app, "Take back my last one")
    assert "taken back by ann" in html(app)
    with read(served) as connection:
        assert [row.withdraws for row in connection.execute(select(correction).order_by(correction.c.id))] == [
            None,
            rows[0].id,
        ]


def test_a_correction_without_a_label_or_a_name_changes_nothing(served: Engine) -> None:
    app = press(explorer(id="flight-7"), "Save the correction")
    assert "Nothing is changed: author" in html(app)
    with read(served) as connection:
        assert connection.execute(select(correction)).all() == []


@pytest.mark.parametrize("label", ["nan", "inf", "much"])
def test_the_truth_of_a_regression_is_a_number(label: str) -> None:
    found = SimpleNamespace(model=SimpleNamespace(task=Task.REGRESSION))
    assert data.explorer._label(found, "2.5") == 2.5  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="a regression model needs a number"):
        data.explorer._label(found, label)  # type: ignore[arg-type]


def test_a_file_holds_what_is_looked_for(served: Engine) -> None:
    app = press(explorer(features="carrier = XX"), "Write the file")
    assert "65 rows." in html(app)
    [button] = app.get("download_button")
    assert button.proto.label == "Save the file"
    app.text_input(key="find").set_value("flight-1")
    app.run()
    assert not app.get("download_button")
    assert "explorer file" not in app.session_state


def test_features_are_columns_where_they_are_chosen(served: Engine) -> None:
    app = explorer(show="carrier\ntemperature")
    assert list(app.dataframe[0].value.columns[-2:]) == ["carrier", "temperature"]
    assert list(app.dataframe[0].value["carrier"][:2]) == ["XX", "UA"]


def test_models_without_single_predictions_or_data_say_what_to_do(served: Engine) -> None:
    assert "No prediction fits" in html(opened("explorer", model="churn"))
    assert "No predictions have been counted yet" in "\n".join(
        one.value for one in opened("explorer", model="<img src=x onerror=alert(1)> **bold** :smile: $x^2$").text
    )


def test_values_of_several_kinds_become_texts() -> None:
    assert table._as_one_kind([1, 2.5, None]) == [1, 2.5, None]
    assert table._as_one_kind([1, "a", None, [1, 2], True]) == ["1", "a", None, "[1, 2]", "true"]
