"""Reports that are asked for, watched and called off from the page, and the review of a project."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from app.core.reports import ReportState
from app.services.reports import find_report, list_reports
from app.storage.engine import engine_for
from app.ui.components.history import span
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]


@pytest.fixture
def database(use_database: Use, fleet_template: Path, tmp_path: Path) -> Engine:
    use_database(fleet_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


def press(app: object, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()  # type: ignore[attr-defined]


def test_a_report_is_asked_for_watched_and_called_off(database: Engine) -> None:
    app = opened("reports", model="arrival-delay")
    press(app, "Ask for it")
    assert "Nothing is asked for: give your name." in html(app)
    assert list_reports(database) == []

    app.text_input[0].input("ann")
    press(app, "Ask for it")

    [asked] = list_reports(database)
    assert (asked["model"], asked["version"], asked["reason"]) == ("arrival-delay", "2", "ann")
    assert (asked["until"] - asked["since"]).days == 7
    shown = html(app)
    assert f"Report {asked['id']} is asked for." in shown
    assert "Waits for the worker" in shown

    press(app, "Call it off")

    assert find_report(database, asked["id"])["state"] == ReportState.FAILED
    shown = html(app)
    assert "is called off." in shown
    assert "◆ failed: called off by ann" in shown


def test_a_span_that_is_empty_is_refused_with_the_reason(database: Engine) -> None:
    app = opened("reports", model="arrival-delay")
    app.text_input[0].input("ann")
    app.date_input[0].set_value(date(2030, 1, 1))
    press(app, "Ask for it")

    assert "Nothing is asked for: until" in html(app)
    assert list_reports(database) == []


def test_the_review_is_shown_without_rights_and_can_be_taken_along(database: Engine) -> None:
    app = opened("reports", part="review", of="arrival-delay")

    [frame] = [element.proto.srcdoc for element in app.get("iframe")]
    assert '<iframe sandbox="allow-scripts"' in frame
    assert escape("<h1>Review of arrival-delay</h1>") in frame
    assert len(app.get("download_button")) == 1


def test_the_review_of_all_models_is_one_document(database: Engine) -> None:
    [frame] = [element.proto.srcdoc for element in opened("reports", part="review", of="*").get("iframe")]

    assert "Review of 4 models" in frame


@pytest.mark.parametrize(
    ("hours", "reaches_now"),
    [(3, True), (20 * 24, True), (40 * 24, False)],
)
def test_the_review_covers_the_time_since_the_last_window_unless_that_is_long_ago(
    hours: int, reaches_now: bool
) -> None:
    end = datetime(2026, 3, 1, tzinfo=UTC)
    now = end + timedelta(hours=hours)

    reached = span.reach(end, timedelta(days=90), now)

    assert reached == (now + timedelta(minutes=5) if reaches_now else end)
