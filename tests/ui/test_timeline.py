"""The time line's page: what it claims, what its lanes hold, and where its list leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import URL, Engine, insert, literal, select

from app.core.model import Model, Stage, Task, Version
from app.core.timeline import Event, EventKind
from app.services.catalogue import register_version
from app.services.deployments import go_to, standing
from app.services.read_models.model_view import ModelView
from app.services.read_models.spans import AlertSpan, DriftSpan
from app.storage import tables
from app.storage.engine import engine_for, write
from app.ui.components.history import answer, lanes, listing, span
from app.ui.components.scope import Scope
from app.ui.theme import LIGHT
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def live(day: int, version: str) -> Event:
    return Event(START + day * DAY, EventKind.DEPLOYMENT, f"version {version} went live", version)


def drift(feature: str, first: int, end: int) -> DriftSpan:
    return DriftSpan(feature, "schema", "2", START + first * DAY, START + end * DAY, end - first)


def fired(number: int, first: int | None, end: int | None, check: str = "performance", subject: str = "") -> AlertSpan:
    start, over = (None if day is None else START + day * DAY for day in (first, end))
    return AlertSpan(number, "2", check, subject, "", start, over)


@pytest.mark.parametrize(
    ("events", "drifts", "alerts", "said"),
    [
        ([], [], [], "Nothing is written down in this time, and no feature was found beyond its limit."),
        ([live(1, "2")], [], [], "No feature was found beyond its limit, and no alert was open; 1 event."),
        (
            [live(1, "1"), live(5, "2")],
            [drift("a", 6, 9), drift("b", 7, 9)],
            [],
            "2 features left their normal range after version 2 went live, the first in the window of 7 Mar 2026.",
        ),
        (  # one that had drifted before did not leave its range after
            [live(5, "2")],
            [drift("a", 3, 4), drift("a", 6, 9), drift("b", 7, 9)],
            [],
            (
                "1 feature left its normal range after version 2 went live, the first in the window of 8 Mar 2026; "
                "1 had left it before."
            ),
        ),
        (
            [live(5, "2")],
            [drift("a", 3, 4)],
            [],
            "1 feature was beyond its limit, the first window of them 4 Mar 2026.",
        ),
        ([], [], [fired(1, 1, 2), fired(1, 3, None), fired(2, 1, 2)], "2 alerts were open, 1 to the end."),
    ],
)
def test_the_title_claims_no_more_than_is_there(
    events: list[Event], drifts: list[DriftSpan], alerts: list[AlertSpan], said: str
) -> None:
    assert answer.sentence(events, drifts, alerts) == said


def test_alerts_of_a_check_that_overlap_are_one_bar() -> None:
    alerts = [
        fired(1, 1, 4, subject="a"),
        fired(2, 3, 6, subject="b"),
        fired(3, 8, None, subject="<i>"),
        fired(4, None, 2, "volume"),
    ]

    figure = lanes.figure([], [], alerts, (START, START + 10 * DAY), LIGHT)

    assert figure is not None
    quality, volume = figure.data
    assert (quality.y[0], quality.base, quality.x) == (
        "◆ Quality",
        ("2026-03-02 00:00:00", "2026-03-09 00:00:00"),
        (5 * 86_400_000, 2 * 86_400_000),
    )
    assert quality.customdata[0] == "2 alerts: a, b<br>from 2 Mar 2026, 00:00 UTC, until 7 Mar 2026, 00:00 UTC"
    assert quality.customdata[1].endswith("&lt;i&gt;<br>from 9 Mar 2026, 00:00 UTC, open to the end of this time")
    assert volume.customdata == ("1 alert<br>open before this time, until 3 Mar 2026, 00:00 UTC",)


def test_the_features_that_were_out_longest_have_lanes() -> None:
    spans = [drift(f"f{n:02}", n, n + 1 + n) for n in range(11)]

    figure = lanes.figure([live(0, "2")], spans, [], (START, START + 30 * DAY), LIGHT)

    assert figure is not None
    assert [trace.y[0] for trace in figure.data] == ["Deployments", *(f"f{n:02}" for n in range(3, 11))]
    assert lanes.hidden(spans) == 3


def test_each_event_leads_to_what_it_is_about() -> None:
    over = Event(START + 3 * DAY, EventKind.ALERT, "volume resolved for x", "2", "", "", 8)
    events = [live(1, "2"), Event(START + 2 * DAY, EventKind.ALERT, "volume <fired>", "2", "", "too few", 7), over]

    shown = listing.listing("a&b", events)

    assert shown.count("wk-event-over") == shown.count("wk-event-alert") == 1

    assert shown.index('href="alert?id=7"') < shown.index('href="versions?model=a%26b"')
    assert "Volume &lt;fired&gt;" in shown


@pytest.mark.parametrize(
    ("newest", "until", "now", "end"),
    [
        (9, 10, 10.5, 10.5),  # what happened today belongs to it, though today's window is still open
        (9, 8, 10.5, 8),  # an earlier day was chosen
        (9, 10, 14, 10),  # the data ended long ago, measured by the range
        (9, 10, 9.9, 10),  # the newest window is still open
        (None, 10, 10.5, 10.5),
    ],
)
def test_a_time_line_goes_on_to_now(newest: int | None, until: int, now: float, end: float) -> None:
    view = Mock(ModelView, newest_window=None if newest is None else START + newest * DAY)
    view.model = Model("m", Task.BINARY)
    chosen = Scope(view, START, START + until * DAY)

    since, found = span.of(chosen, START + now * DAY)

    assert since == START
    assert timedelta(0) <= found - (START + end * DAY) <= timedelta(minutes=5)


def test_a_page_shows_lanes_and_the_list_of_one_kind(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    app = opened("timeline", model="arrival-delay", kind="deployment")

    assert "5 features left their normal range after version 2 went live" in html(app)
    assert len(app.get("plotly_chart")) == 1
    assert html(app).count("<li>") == 1
    assert "version 2 went live" in html(app)


def test_after_a_rollback_the_time_line_still_ends_with_the_newest_window(
    use_database: Use, fleet_template: Path, tmp_path: Path
) -> None:
    use_database(fleet_template)
    engine = engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))
    now = datetime.now(UTC)
    _answered_long_ago(
        engine, register_version(engine, "arrival-delay", Version(0, "1", Stage.REGISTERED), now), now - 60 * DAY
    )
    go_to(engine, "arrival-delay", "1", now, author="ann", reason="", seen=standing(engine, "arrival-delay").change)

    app = opened("timeline", model="arrival-delay")

    ends = (now + timedelta(minutes=5), now)  # of the span, which ends at whole five minutes
    assert any(f" to {end:%-d %b %Y}, " in html(app) for end in ends)
    assert "version 1 went live" in html(app)


def _answered_long_ago(engine: Engine, version: Version, at: datetime) -> None:
    """Give the version one of the model's windows."""
    columns = [column for column in tables.profile.c if column.name not in ("version_id", "window_start")]
    some = (
        select(literal(version.id), literal(at, tables.profile.c.window_start.type), *columns)
        .where(tables.profile.c.segment == "")
        .limit(1)
    )
    with write(engine) as connection:
        names = ["version_id", "window_start", *(column.name for column in columns)]
        connection.execute(insert(tables.profile).from_select(names, some))


def test_a_model_to_which_nothing_happened_says_what_to_do(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    app = opened("timeline", model="house-price", days="7", until="2026-01-02")

    assert "Nothing is written down in this time" in html(app)
    assert not app.get("plotly_chart")
