"""The fleet's page: which models it shows, in which order and form, and what is new since the last visit."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from app.services.catalogue import change_model
from app.services.read_models.news import News, WentLive
from app.services.read_models.standings import CheckStanding
from app.storage.engine import engine_for
from app.ui import visits
from app.ui.components.fleet import breaches, news
from tests.ui.fleet import HOSTILE
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def tagged(use_database: Use, fleet_template: Path, tmp_path: Path) -> None:
    """The fleet, with tags on two of its models."""
    use_database(fleet_template)
    engine = engine_for(f"sqlite:///{tmp_path / 'watchkeeper.sqlite3'}")
    change_model(engine, "churn", tags=("europe", "batch"))
    change_model(engine, "house-price", tags=("europe",))
    engine.dispose()


def names(app: AppTest) -> list[str]:
    """The models in sight, from top to bottom."""
    return [link.proto.label.strip("*").replace("\\", "") for link in app.get("page_link")]


def test_few_models_have_a_card_each_the_worst_first(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    app = opened()

    assert names(app)[:2] == ["arrival-delay", "house-price"]
    assert names(app)[-1] == "churn"
    assert "wk-tiles" in html(app)
    assert "Latency that 5 % exceed" in html(app)
    assert "In breach: </b>Quality, " in html(app)


def test_rows_say_the_same_and_escape_what_models_are_called(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    app = opened(layout="rows")

    assert len(names(app)) == 4
    assert html(app).count('class="wk-row wk-row-') == 5  # the head too
    assert "4 of 9" in html(app)
    assert re.search(r"Quality \+\d", html(app))
    assert HOSTILE not in html(app)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"q": "CHURN"}, ["churn"]),
        ({"owner": "flights"}, ["arrival-delay"]),
        ({"tag": "europe"}, ["house-price", "churn"]),
        ({"tag": "europe", "state": "ok"}, ["churn"]),
        ({"state": "breach"}, ["arrival-delay"]),
        ({"owner": "nobody"}, 4),  # what there is not lets all through
    ],
)
@pytest.mark.usefixtures("tagged")
def test_a_link_restores_what_one_looked_for(query: dict[str, str], shown: list[str] | int) -> None:
    found = names(opened(**query))

    assert found == shown if isinstance(shown, list) else len(found) == shown


@pytest.mark.usefixtures("tagged")
def test_what_one_chooses_stands_in_the_address_and_states_are_counted() -> None:
    app = opened()
    app.selectbox(key="fleet tag").select("europe").run()

    assert app.query_params["tag"] == "europe"
    assert names(app) == ["house-price", "churn"]
    [states] = [one for one in app.get("button_group") if "fleet state" in one.proto.id]
    counts = [option.content.split()[-1] for option in states.proto.options]
    assert counts == ["2", "0", "1", "0", "1"]  # all, breach, cannot tell, no data, within limits


def test_filters_that_nothing_fits_say_so(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    app = opened(q="no such model")

    assert names(app) == []
    assert "No model fits these filters" in app.text[0].value


def test_who_was_here_before_is_told_what_is_new(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
    cookie = str(visits.Visit(yesterday, datetime.now(UTC)))

    with patch.object(ContextProxy, "cookies", {visits.COOKIE: cookie}):
        returning = html(opened())
    st.cache_data.clear()

    assert "Since your last visit 1 day ago: " in returning
    assert "alerts began to fire for arrival-delay" in returning
    assert "Since your last visit" not in html(opened())


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (News((), (), ()), "no alert began or ended, and no other version went live."),
        (News(("a",), (), ()), "alerts began to fire for a."),
        (
            News(("a", "b"), ("c",), (WentLive("d", "3", back=False),)),
            "alerts began to fire for 2 models (a, b); c recovered: all alerts are over; d runs version 3.",
        ),
        (News((), ("a", "b", "c", "d"), ()), "4 models (a, b, c and 1 more) recovered: all alerts are over."),
        (News((), (), (WentLive("d", "2", back=True),)), "d went back to version 2."),
    ],
)
def test_news_is_a_sentence(found: News, said: str) -> None:
    assert said in news.line(found, NOW - timedelta(hours=3), NOW)
    assert "3 hours ago" in news.line(found, NOW - timedelta(hours=3), NOW)


@pytest.mark.parametrize(
    ("wrong", "said", "short"),
    [
        ({}, "", ""),
        ({"latency": 1, "schema": 8}, "Schema, Latency", "Schema +1"),
        (
            {"latency": 1, "volume": 1, "performance": 2, "staleness": 1},
            "Quality, Latency, Volume and 1 more check",
            "Quality +3",
        ),
    ],
)
def test_what_is_in_breach_is_named_what_matters_most_first(wrong: dict[str, int], said: str, short: str) -> None:
    checks = {name: CheckStanding(name, n, 15, 0, NOW, NOW, ()) for name, n in {**wrong, "calibration": 0}.items()}

    assert breaches.text(checks) == said
    assert breaches.short_text(breaches.names(checks)) == short
