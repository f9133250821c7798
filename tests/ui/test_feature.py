"""The page of one feature, on a fleet in which some of them drift."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import escape
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.core.feature_error import FeatureError
from app.services.read_models.histogram import Comparison, Side
from app.ui.components.feature import errors, values
from app.ui.theme import LIGHT
from tests.ui.conftest import NOW
from tests.ui.fleet import HOSTILE, HOSTILE_FEATURE
from tests.ui.test_pages import code, html, opened

Use = Callable[[Path | None], None]


def shown(**query: str) -> AppTest:
    return opened("feature", **{"model": "arrival-delay", **query})


def test_the_worst_feature_is_shown_with_what_moved_and_since_when(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    said = html(shown())
    assert "Breach" in said
    assert "times as far from normal as allowed since" in said
    for part in ("Values", "Over time", "Does the model do worse where it changed?", "Examples"):
        assert part in said
    assert "reference: all of the reference" in said


def test_the_check_in_breach_is_shown_first(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    app = shown()
    pills = app.button_group(key="check of the feature")
    assert "◆ Skew against training" in pills.options
    assert pills.value == "training_serving_skew"


def test_a_link_names_the_feature_the_check_and_the_moment(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    app = shown(feature="temperature", check="data_drift", split="middle", days="30")
    assert '<h1 class="wk-title">temperature</h1>' in html(app)
    assert "explorer?model=arrival-delay&amp;version=" in html(app)
    assert "show=temperature" in html(app)
    assert app.selectbox(key=_feature_key(app)).value == "temperature"
    assert app.query_params["split"] == "middle"
    assert app.query_params["check"] == "data_drift"


def test_before_and_after_split_at_the_breach_by_default(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    app = shown(feature="temperature", days="90")
    assert app.query_params["split"] == "breach"
    said = html(app)
    since = said.partition("as allowed since ")[2].partition(".")[0]
    assert f"after: {since} to " in said
    assert f" to {since} </span>" in said


def test_one_day_of_one_s_own_may_be_the_moment(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    day = (NOW - timedelta(days=20)).date()
    app = shown(feature="temperature", split="day", at=day.isoformat())
    assert f"after: {day.day} {day:%b %Y}" in html(app)


def test_the_next_feature_is_a_button_away(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    app = shown()
    names = app.selectbox(key=_feature_key(app)).options
    assert "1 of 9" in html(app)
    app.button(key="Next feature").click().run()
    assert "2 of 9" in html(app)
    assert escape(names[1].split(" ", 1)[1]) in html(app)
    assert app.button(key="Previous feature").disabled is False


def test_categories_are_told_by_what_changed_most(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    said = html(shown(feature="carrier"))
    assert "changed most" in said


def test_the_error_along_the_feature_names_its_statistic_rows_and_interval(
    use_database: Use, fleet_template: Path
) -> None:
    use_database(fleet_template)
    said = html(shown(feature="humidity"))
    assert "Post-stratified error rate over 24,000 labelled rows" in said
    assert "95 % interval" in said
    assert "informational correlation" in said


def test_names_from_data_are_shown_as_they_are(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    said = html(shown(feature=HOSTILE_FEATURE))
    assert f'<h1 class="wk-title">{escape(HOSTILE_FEATURE)}</h1>' in said
    assert HOSTILE_FEATURE not in said


def test_a_feature_that_is_not_there_is_named_and_the_worst_one_shown(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    assert "has no feature “nothing” here" in html(shown(feature="nothing"))


def test_without_raw_rows_the_page_says_so(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    assert "None of the predictions that were looked at lies in this range" in html(shown())


def test_without_a_reference_the_page_says_how_to_import_one(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    app = opened("feature", model="house-price")
    assert "watchkeeper import reference" in code(app)
    opened("feature", model=HOSTILE)


def test_an_empty_database_says_how_to_begin(use_database: Use, sqlite_template: Path) -> None:
    use_database(sqlite_template)
    assert "Nothing to watch yet" in html(opened("feature"))


def _feature_key(app: AppTest) -> str:
    return next(box.key for box in app.selectbox if box.key and box.key.startswith("feature of "))


def test_each_range_is_drawn_at_a_place_of_its_own() -> None:
    n, none = np.full(3, 40.0), np.full(3, 0.2)
    found = FeatureError("error rate", ("a", "a", "<b>"), n, none, none, none, none, none, 0.2, None, 0.0)

    drawn = errors.figure(found, LIGHT)

    assert list(drawn.data[0].x) == [0, 1, 2]
    assert list(drawn.layout.xaxis.ticktext) == ["a", "a", "&lt;b&gt;"]


@pytest.mark.parametrize(
    ("edges", "after", "said"),
    [
        ([0.0, 1.0], None, "No value after: all are missing, NaN or infinite"),
        ([0.0, 1.0], 0.75, "Mean 0.5 before, 0.75 after"),
        (None, None, "No value after: all are missing, NaN or infinite"),  # it takes few values, which have labels
    ],
)
def test_a_feature_that_was_lost_after_the_moment_is_said_to_be(
    edges: list[float] | None, after: float | None, said: str
) -> None:
    def side(mean: float | None) -> Side:
        return Side(np.array([0.0 if mean is None else 1.0]), 900, float(mean is None), 0.0, 0.0, mean)

    labels = () if edges else ("1",)
    found = Comparison("dewp", np.array(edges) if edges else None, labels, side(0.5), side(after), 0.0, 2)

    assert values.headline(found, ("before", "after")) == said
