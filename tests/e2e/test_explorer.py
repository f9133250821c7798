"""The explorer in a browser: filter, open a row, correct it, take it back, and save a file; the database shows it."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TooLongError
from sqlalchemy import Engine, select

from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read, write
from app.storage.ingest import Rows, insert_rows
from app.storage.tables import correction
from tests.e2e.browser import PATIENCE_MS, Watched, opened, settled

pytestmark = pytest.mark.browser


@pytest.fixture
def predictions(fleet_engine: Engine) -> None:
    """Some single predictions of `arrival-delay`; stored again they change nothing."""
    now = datetime.now(UTC)
    with write(fleet_engine) as connection:
        version = list_versions(connection, find_model(connection, "arrival-delay").id)[0].id
        rows = [
            (
                *(
                    version,
                    f"flight-{i}",
                    now - timedelta(minutes=i + 1),
                    json.dumps({"carrier": "XX" if i == 3 else "UA"}),
                ),
                *("1", None, 0.75, None, 12.5, None, None, None),
            )
            for i in range(10)
        ]
        insert_rows(connection, [Rows(rows)], now)


def corrections(engine: Engine) -> list[tuple[str, str | None, str | None]]:
    with read(engine) as connection:
        rows = connection.execute(select(correction).order_by(correction.c.id)).all()
    return [(row.prediction_id, row.label_class, row.author) for row in rows if row.prediction_id.startswith("flight-")]


def open_row(page: Page, row: int) -> None:
    """A click into a row of the table, which is drawn on a canvas."""
    settled(page)
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    for _ in range(10):  # it takes no clicks before it is drawn, of which no element tells
        page.mouse.click(box["x"] + 320, box["y"] + 38 + 35 * row + 17)
        try:
            page.wait_for_url("**id=*", timeout=1_000)
        except TooLongError:
            continue
        return


def say(page: Page, label: str) -> None:
    """Choose the true class. The list of classes closes again while the page scrolls to it."""
    chosen = page.get_by_label("True class")
    chosen.scroll_into_view_if_needed()
    option = page.get_by_role("option", name=label, exact=True)
    for _ in range(10):
        page.wait_for_timeout(500)
        chosen.click()
        page.wait_for_timeout(500)
        if option.count():
            break
    option.click()


def test_a_prediction_is_found_opened_corrected_and_taken_back(
    watched: Watched, predictions: None, fleet_engine: Engine
) -> None:
    page = watched.open("/explorer?model=arrival-delay&days=7&features=carrier+%3D+XX")
    expect(page.get_by_role("heading", name="1 prediction", level=1)).to_be_visible(timeout=PATIENCE_MS)

    open_row(page, 0)
    expect(page.get_by_role("heading", name="Prediction flight-3")).to_be_visible(timeout=PATIENCE_MS)
    assert "id=flight-3" in page.url
    settled(page)
    say(page, "0")
    page.get_by_label("Your name").fill("ann")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.get_by_text("Saved: 0, said by ann.")).to_be_visible(timeout=PATIENCE_MS)
    assert corrections(fleet_engine) == [("flight-3", "0", "ann")]

    page.get_by_role("button", name="Take back my last one").click()
    expect(page.get_by_text("taken back by ann")).to_be_visible(timeout=PATIENCE_MS)
    assert corrections(fleet_engine) == [("flight-3", "0", "ann"), ("flight-3", None, "ann")]


def test_what_is_found_is_saved_as_a_file(watched: Watched, predictions: None, tmp_path: Path) -> None:
    page = watched.open("/explorer?model=arrival-delay&days=7&find=flight-*")
    expect(page.get_by_role("heading", name="10 predictions", level=1)).to_be_visible(timeout=PATIENCE_MS)

    menu = page.get_by_test_id("stPopover").filter(has_text="Download").get_by_role("button")
    opened(menu, page.get_by_role("button", name="Write the file")).click()
    with page.expect_download(timeout=PATIENCE_MS) as download:
        opened(menu, page.get_by_role("button", name="Save the file")).click()

    assert download.value.suggested_filename.startswith("arrival-delay-2-")
    download.value.save_as(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert [row["prediction_id"] for row in csv.DictReader(file)] == [f"flight-{i}" for i in range(10)]
