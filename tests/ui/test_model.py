"""What the page of a model says, part by part, on a fleet in every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path

import numpy as np
import pytest

from app.core.model import Outcome
from app.services.checks import all_checks
from app.services.read_models.labels import LabelWindow
from app.services.read_models.series import HeatMap, Series
from app.services.read_models.standings import CheckStanding, stand
from app.ui.components import figures, headline, heat_map
from app.ui.components.gaps import with_gaps
from app.ui.components.model import done
from app.ui.components.model.tabs import table
from app.ui.theme import LIGHT
from tests.ui.conftest import NOW
from tests.ui.fleet import HOSTILE, HOSTILE_FEATURE
from tests.ui.test_pages import Use, code, html, opened


class TestModel:
    def test_the_headline_says_what_happened_since_when_and_what_to_do(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="arrival-delay"))

        assert "Accuracy fell from 0.7" in shown
        assert "4 features have looked different from training since" in shown
        assert shown.count("What to do: ") == 8
        assert "Labels of the last 30 windows are 95 % complete" in shown
        assert "beyond the limit in 3 of the last 3 windows" in shown

    def test_the_likely_causes_are_those_that_the_model_depends_on(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        """Of the four features that moved, wind and hour alone make the score; and the truth moved too."""
        use_database(fleet_template)

        shown = html(opened("model", model="arrival-delay"))

        assert 'Likely causes</h2><p class="wk-facts">For quality, window of' in shown
        causes = shown.partition("Likely causes")[2].partition("</ol>")[0]
        assert causes.count("<li>") == 3
        assert f"{escape(HOSTILE_FEATURE)}: " in causes
        assert "hour: " in causes
        assert "the truth no longer follows the score" in causes
        assert "carrier" not in causes

    def test_a_healthy_model_has_no_causes(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        assert "Likely causes" not in html(opened("model", model="churn"))

    def test_the_measured_label_delay_stands_beside_the_declared_one(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="churn", tab="staleness"))

        assert "Declared: none; fits what was measured." in shown
        assert "Labels that came: 50 % within 1 h, 90 % within 1 h, 95 % within 1 h, 99 % within 1 h" in shown
        assert "Label delay" not in html(
            opened("model", model="house-price", tab="staleness")
        )  # when its labels came is not known

    def test_a_message_that_did_not_arrive_is_told_with_its_error(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="arrival-delay"))

        assert "Not delivered to on-call after 1 attempt: smtp://127.0.0.1:9" in shown
        assert "Retraining</h2>" in shown
        assert "cannot connect" in shown

    def test_a_link_chooses_version_check_feature_and_range(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        app = opened("model", model="arrival-delay", version="2", check="missing_values", feature="hour", days="30")

        assert app.selectbox(key="model").value == "arrival-delay"
        assert app.button_group(key="check of training_serving_skew").value == "missing_values"
        assert [box.value for box in app.selectbox] == ["arrival-delay", "2"]
        assert "Missing values: 1 of 9 features out of range" in html(app)

    def test_the_address_follows_the_choices(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)
        app = opened("model", model="arrival-delay")

        app.selectbox(key="model").select("churn").run()

        assert app.query_params["model"] == "churn"
        assert app.query_params["version"] == "2026.10"
        assert "Nothing is out of its normal range." in html(app)

    def test_what_cannot_be_told_is_not_called_healthy(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        app = opened("model", model="house-price", tab="drift")

        assert "Cannot tell yet" in html(app)
        assert "Within limits" not in html(app)
        assert "watchkeeper import reference" in code(app)

    def test_a_model_without_data_says_how_to_send_it(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        app = opened("model", model=HOSTILE)

        assert "No predictions have been counted yet." in html(app)
        assert "client.log(" in code(app)

    def test_an_unknown_model_is_named_and_the_known_ones_offered(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        use_database(fleet_template)

        app = opened("model", model="<b>gone</b>")

        assert "There is no model “&lt;b&gt;gone&lt;/b&gt;”" in html(app)
        assert app.selectbox(key="model").value == "arrival-delay"

    @pytest.mark.parametrize(
        "query", [{"days": "x"}, {"version": "9"}, {"check": "x"}, {"feature": "x"}, {"days": "-1"}]
    )
    def test_nonsense_in_a_link_falls_back(
        self, use_database: Use, fleet_template: Path, query: dict[str, str]
    ) -> None:
        use_database(fleet_template)

        assert "Accuracy fell" in html(opened("model", model="arrival-delay", **query))


class TestTabs:
    def test_every_check_that_is_installed_belongs_to_one_part(self) -> None:
        shown = [check for tab in table.TABS for check in tab.checks]

        assert sorted(shown) == sorted(all_checks())

    def test_a_check_that_no_part_knows_is_shown_among_the_others(self) -> None:
        checks = [_standing("fairness", Outcome.BREACH), _standing("latency", Outcome.OK)]

        found = table.tabs_of(checks)

        assert found["other"].checks == ("fairness",)
        assert table.tab_of("fairness", found) == "other"
        assert table.label(found["other"], checks) == "◆ Other"
        assert table.label(found["speed"], checks) == "● Speed"

    def test_without_such_a_check_there_are_no_others(self) -> None:
        assert "other" not in table.tabs_of([_standing("latency", Outcome.OK)])

    def test_what_was_never_measured_is_not_called_healthy(self) -> None:
        found = table.tabs_of([])

        assert table.label(found["speed"], []) == "▫ Speed"
        assert table.label(found["speed"], [_standing("latency", Outcome.NOT_EVALUATED)]) == "◌ Speed"

    @pytest.mark.parametrize("tab", [tab.name for tab in table.TABS])
    def test_every_part_is_shown_by_its_link(self, use_database: Use, fleet_template: Path, tab: str) -> None:
        use_database(fleet_template)

        app = opened("model", model="arrival-delay", tab=tab)

        assert app.button_group(key="tab").value == tab
        assert app.query_params["tab"] == tab

    def test_a_link_to_a_check_opens_its_part(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        app = opened("model", model="arrival-delay", check="latency")

        assert app.button_group(key="tab").value == "speed"
        assert "Latency: within limits" in html(app)


def _standing(check: str, outcome: Outcome) -> CheckStanding:
    return stand(check, {NOW: {outcome: 1}})


class TestAnswers:
    def test_what_was_done_and_what_to_do_stand_below_the_headline(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="arrival-delay", tab="speed"))

        lines = shown.partition("What was done")[2].partition("</ul>")[0]
        assert 'href="alerts?of=arrival-delay"' in lines
        assert 'href="alert?id=' in lines
        assert 'href="retraining?model=arrival-delay"' in lines
        assert 'href="runbook?check=performance&amp;model=arrival-delay"' in shown

    def test_of_a_healthy_model_it_says_that_there_is_nothing_to_do(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="churn"))

        assert done.NOTHING in shown
        assert "Nothing: what could be judged is within its limits." in shown

    def test_of_a_model_that_nothing_can_be_told_of_it_does_not(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="house-price"))

        assert "within its limits" not in shown
        assert "Nothing can be judged yet" in shown


class TestLabels:
    @pytest.mark.parametrize(
        ("windows", "said"),
        [
            ([], ""),
            ([(0, 0, True)], ""),
            ([(10, 0, True)] * 2, "No label of the last 2 windows has come."),
            ([(1000, 999, True)], "Labels of the only window are 99 % complete."),
            (
                [(100, 100, True), (100, 84, False)],
                "Labels of the last 2 windows are 92 % complete, and 1 of them may still get more.",
            ),
        ],
    )
    def test_how_complete_they_are(self, windows: list[tuple[int, int, bool]], said: str) -> None:
        found = [LabelWindow(NOW, predictions, labelled, final) for predictions, labelled, final in windows]

        assert headline.labels(found) == said


class TestViews:
    def test_the_newest_answers_stand_beside_the_references(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        app = opened("model", model="arrival-delay", tab="traffic", view="answers")

        assert "Scores of 2,800 predictions against the reference" in html(app)
        assert "Predicted classes: " in html(app)
        assert len(app.get("plotly_chart")) == 2

    def test_versions_are_compared_by_their_speed(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="arrival-delay", tab="speed", view="versions"))

        assert "Version 2 answers half of all requests within 12." in shown
        assert "nobody said" in shown

    def test_at_most_four_charts_are_drawn_at_once(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        app = opened("model", model="arrival-delay", tab="stability")

        assert 0 < len(app.get("plotly_chart")) <= 4


class TestFeatures:
    def test_what_stands_for_all_new_features_leads_to_no_page(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="arrival-delay", tab="drift", check="schema"))

        assert "<td>(new features)</td>" in shown
        assert "feature=carrier&amp;check=schema" in shown

    def test_each_is_a_link_with_its_state_value_and_how_near_its_limit_it_is(
        self, use_database: Use, fleet_template: Path
    ) -> None:
        use_database(fleet_template)

        shown = html(opened("model", model="arrival-delay", tab="drift", check="missing_values", days="30"))

        row = shown.partition("feature=visibility&amp;check=missing_values&amp;days=30")[2].partition("</tr>")[0]
        assert "◆ breach" in row
        assert " %</td>" in row
        assert escape(HOSTILE_FEATURE) in shown
        assert HOSTILE_FEATURE not in shown

    def test_a_model_without_a_reference_says_how_to_get_one(self, use_database: Use, fleet_template: Path) -> None:
        use_database(fleet_template)

        assert "watchkeeper import reference" in code(opened("model", model="house-price", tab="drift"))


class TestFigures:
    def test_one_value_alone_stands_above_zero(self) -> None:
        """Plotly by itself would draw from one less to one more: there are no -1 failed drills."""
        assert figures.time_series(_series([0.0, 0.0]), LIGHT).layout.yaxis.range == (0.0, 1.0)
        assert figures.time_series(_series([4.0, 4.0]), LIGHT).layout.yaxis.range == (0.0, 5.0)
        assert figures.time_series(_series([0.0, 1.0]), LIGHT).layout.yaxis.range is None

    def test_many_breaches_are_small_marks(self) -> None:
        sizes = [figures.time_series(_series([2.0] * n), LIGHT).data[-1].marker.size for n in (3, 100)]

        assert sizes[0] > sizes[1]

    def test_a_missing_day_and_a_single_window_are_drawn(self) -> None:
        assert len(figures.time_series(_series([1.0, float("nan"), 2.0]), LIGHT).data) == 3
        assert len(figures.time_series(_series([1.0]), LIGHT).data) == 3

    def test_days_in_which_nothing_was_measured_are_not_bridged(self) -> None:
        days = [0, 1, 2, 9, 10, 11]
        found = replace(_series([1.0] * len(days)), starts=tuple(NOW + timedelta(days=day) for day in days))

        filled = with_gaps(found)

        assert np.isnan(filled.values).tolist() == [False] * 3 + [True] + [False] * 3
        assert filled.starts[2] < filled.starts[3] < filled.starts[4]
        assert len(filled.outcomes) == len(filled.reasons) == len(filled.lower) == 7

    def test_hours_that_were_rolled_up_to_days_are_no_gaps(self) -> None:
        hours = [0, 24, 48, 72, 73, 74, 75]
        found = replace(_series([1.0] * len(hours)), starts=tuple(NOW + timedelta(hours=hour) for hour in hours))

        assert with_gaps(found) is found

    def test_each_row_of_the_heat_map_can_be_clicked_however_many_cells_it_has(self) -> None:
        n, windows = 25, 400
        found = HeatMap(
            tuple(f"f{i}" for i in range(n)),
            tuple(NOW + timedelta(days=day) for day in range(windows)),
            np.ones((n, windows)),
            np.ones((n, windows)),
            np.full((n, windows), "ok"),
            0,
        )

        points = heat_map.figure_of(found, LIGHT).data[-1]

        assert len(points.x) <= heat_map.MOST_POINTS
        assert {row for row, _ in points.customdata} == set(range(n))


def _series(values: list[float]) -> Series:
    unknown = np.full(len(values), np.nan)
    starts = tuple(NOW + timedelta(days=day) for day in range(len(values)))
    outcomes = (Outcome.BREACH,) * len(values)
    return Series(
        check="rollback_ready",
        subject="failed_drills",
        statistic="drills",
        starts=starts,
        values=np.array(values),
        limits=unknown,
        low=unknown,
        high=unknown,
        lower=unknown,
        upper=unknown,
        outcomes=outcomes,
        reasons=("",) * len(values),
        expected_rate=None,
    )
