"""The small parts: escaping, wording, sparklines and headlines."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app.core.judgement import BEYOND_ONCE
from app.core.model import Model, Outcome, Task, Version, WindowLength
from app.services.read_models.model_view import Judged, ModelView, Reference
from app.services.read_models.series import Series
from app.services.read_models.standings import CheckStanding, Standing
from app.ui.components import alerts, charts, headline, wording
from app.ui.components.figures import time_series
from app.ui.components.html import Html, element, join, markdown_text, table
from app.ui.components.sparkline import HEIGHT, WIDTH, sparkline
from app.ui.theme import DARK, LIGHT, Palette

DAY = datetime(2026, 7, 3, tzinfo=UTC)


def test_a_fact_has_no_limit() -> None:
    alert = {"check": "stability", "subject": "score_constant", "segment": "", "reason": "all 500 scores are equal"}
    said = alerts.reading({**alert, "value": 1.0, "limit": 0.0, "normal": None})
    assert said == "All scores or predicted values equal"


class TestDay:
    def test_whoever_looks_up_to_the_newest_follows_it(self) -> None:
        app = AppTest.from_function(_up_to)
        app.query_params["newest"] = "2026-07-03"
        app.run()
        assert app.date_input[0].value == date(2026, 7, 3)

        for newest in ("2026-07-04", "2026-07-01"):  # another window came; a rebuild took some back
            app.query_params["newest"] = newest
            app.run()
            assert not app.exception
            assert app.date_input[0].value == date.fromisoformat(newest)
            assert "until" not in app.query_params

    def test_whoever_chose_a_day_stays_there(self) -> None:
        app = AppTest.from_function(_up_to)
        app.query_params["newest"] = "2026-07-03"
        app.run()
        app.date_input[0].set_value(date(2026, 6, 30)).run()
        app.query_params["newest"] = "2026-07-04"
        app.run()
        assert (app.date_input[0].value, app.query_params["until"]) == (date(2026, 6, 30), "2026-06-30")


def _up_to() -> None:
    from datetime import date

    import streamlit as st

    from app.ui.components import choice

    choice.day("until", "Up to", date.fromisoformat(st.query_params["newest"]), key="until of 1")


class TestHtml:
    @given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])))
    def test_any_text_comes_back_as_it_was(self, text: str) -> None:
        found = ElementTree.fromstring(element("p", text, title=text))

        assert (found.text or "", found.get("title")) == (text, text)
        assert len(found) == 0

    def test_markup_of_our_own_stays_markup(self) -> None:
        assert element("p", element("b", "a<b"), None, " & ") == "<p><b>a&lt;b</b> &amp; </p>"
        assert isinstance(join("<i>"), Html)
        assert join("<i>") == "&lt;i&gt;"

    def test_a_table_escapes_its_cells_and_aligns_its_numbers(self) -> None:
        found = table(("What", "Value"), [("<b>", "1")], numbers={1})

        assert "<td>&lt;b&gt;</td>" in found
        assert '<td class="wk-number">1</td>' in found

    @pytest.mark.parametrize("text", ["**b**", "[a](http://x)", ":smile:", ":material/home:", "$x$", "<b>", "`c`"])
    def test_markdown_finds_nothing_to_interpret(self, text: str) -> None:
        shown = markdown_text(text)

        assert shown.replace("\\", "").replace("\u2060", "") == text
        assert all(before == "\\" for before, c in zip(" " + shown, shown, strict=False) if c in "*[]()<>`$_")
        assert ":smile:" not in shown
        assert ":material" not in shown


class TestWording:
    def test_a_figure_of_a_class_names_the_class(self) -> None:
        assert wording.subject_title("estimated_performance", "precision[very late]") == "Precision of very late"
        assert wording.subject_title("training_serving_skew", "x[0]") == "x[0]"
        found = sorted(["recall", "precision[a]", "accuracy", "precision"], key=wording.subject_order)
        assert found == ["accuracy", "precision", "recall", "precision[a]"]
        assert wording.subject_title("prediction_drift", "x[0]") == "X[0]"

    @pytest.mark.parametrize(
        ("check", "subject", "value", "text"),
        [
            ("performance", "precision[very late]", 0.25, "0.250"),
            ("performance", "accuracy", 0.8612, "0.861"),
            ("performance", "rmse", 34303.2, "34,303"),
            ("confident_share", "", 0.5, "50.0 %"),
            ("missing_values", "wind", 0.0049, "0.5 %"),
            ("staleness", "training_data", 7.04, "7.0 days"),
            ("staleness", "training_data", 90.2, "90 days"),
            ("volume", "", 12345.0, "12,345"),
            ("throughput", "", -0.0125, "-0.0125 per second, per day"),
            ("training_serving_skew", "wind", 0.1, "0.100"),
            ("prediction_drift", "class", 0.1, "0.100"),
            ("schema", "wind", 0.02, "2.0 %"),
            ("schema", "(new features)", 1.25, "1.25"),
            ("latency", "p95", 48.26, "48.26 ms"),
            ("latency", "leak", 0.5, "0.5 ms per day"),
            ("numerical_stability", "score_outside", 0.015, "1.5 %"),
            ("numerical_stability", "score_constant", 1.0, "yes"),
            ("performance", "accuracy", None, "\u2013"),
            ("performance", "accuracy", math.nan, "\u2013"),
            ("training_serving_skew", "wind", math.inf, "∞"),
        ],
    )
    def test_a_number_reads_as_its_check_does(self, check: str, subject: str, value: float | None, text: str) -> None:
        assert wording.number(check, subject, value) == text

    @pytest.mark.parametrize(
        ("span", "text"),
        [
            (timedelta(days=12, hours=5), "12 days"),
            (timedelta(days=1), "1 day"),
            (timedelta(hours=3), "3 hours"),
            (timedelta(seconds=59), "less than a minute"),
        ],
    )
    def test_a_span_of_time_has_its_largest_unit(self, span: timedelta, text: str) -> None:
        assert wording.duration(span) == text

    def test_a_number_next_to_zero_is_zero(self) -> None:
        assert wording.short(math.nextafter(0, 1)) == "0"
        assert wording.short(1e-300) == "1e-300"

    def test_times_say_their_zone_and_days_need_none(self) -> None:
        assert wording.start_of_window(DAY) == "3 Jul 2026"
        assert wording.start_of_window(DAY + timedelta(hours=5)) == "3 Jul 2026, 05:00 UTC"

    def test_every_state_has_its_own_shape_and_word(self) -> None:
        assert len({wording.state_mark(one) for one in Standing}) == len(Standing)
        assert len({wording.state_word(one) for one in Standing}) == len(Standing)


def of_two_windows(second: Outcome, first: Outcome = Outcome.OK) -> Series:
    """The confident share in two windows; the second has a reason."""
    few = np.array([0.9, 0.5])
    return Series(
        check="confident_share",
        subject="",
        statistic="share",
        starts=(DAY, DAY + timedelta(days=1)),
        values=few,
        limits=np.array([0.4, 0.4]),
        low=few,
        high=few,
        lower=few,
        upper=few,
        outcomes=(first, second),
        reasons=("", "too few rows"),
        expected_rate=None,
    )


class TestFigures:
    def test_the_title_says_where_a_series_stands_and_why_it_has_no_verdict_is_apart(self) -> None:
        untold, told = of_two_windows(Outcome.NOT_EVALUATED), of_two_windows(Outcome.OK)

        assert headline.series(untold) == "Confident share: 50.0 %, limit 40.0 %, ◌ no verdict"
        assert headline.remark(untold) == "Too few rows."
        assert headline.remark(told) == ""

    def test_what_is_so_or_not_has_no_limit_in_its_title(self) -> None:
        constant = replace(of_two_windows(Outcome.OK), check="numerical_stability", subject="score_constant")

        assert headline.series(constant) == "All scores or predicted values equal: yes, ● ok"

    def test_a_value_out_of_range_that_is_no_breach_is_explained(self) -> None:
        alone = replace(of_two_windows(Outcome.OK), reasons=("", BEYOND_ONCE))
        better = replace(of_two_windows(Outcome.OK), high=np.array([0.1, 0.1]), reasons=("", ""))

        assert headline.remark(alone).startswith("Beyond the limit in this window alone")
        assert headline.remark(better) == ""
        assert headline.remark(replace(alone, outcomes=(Outcome.OK, Outcome.BREACH))) == ""

    @pytest.mark.parametrize(
        ("first", "marked"),
        [(Outcome.OK, [1]), (Outcome.NOT_EVALUATED, [])],  # what holds for all windows need not stand at each
    )
    def test_windows_without_a_verdict_are_marked_among_those_that_have_one(
        self, first: Outcome, marked: list[int]
    ) -> None:
        drawn = time_series(of_two_windows(Outcome.NOT_EVALUATED, first), LIGHT).data

        circles = [trace for trace in drawn if trace.marker.symbol == "circle-open"]
        assert [len(trace.x) for trace in circles] == marked

    @pytest.mark.parametrize(("subject", "highest"), [("accuracy", 1.0), ("rmse", 1.9)])
    def test_the_normal_range_of_a_rate_ends_where_rates_end(self, subject: str, highest: float) -> None:
        few = np.array([0.9, 0.5])
        found = Series(
            check="performance",
            subject=subject,
            statistic=subject,
            starts=(DAY, DAY + timedelta(days=1)),
            values=few,
            limits=np.array([0.8, -0.1]),
            low=np.array([0.8, -0.1]),
            high=np.array([1.0, 1.9]),
            lower=few,
            upper=few,
            outcomes=(Outcome.OK, Outcome.NOT_EVALUATED),
            reasons=("", "provisional"),
            expected_rate=None,
        )
        band = time_series(found, LIGHT).data[0]

        assert (min(band.y), max(band.y)) == (0.0 if highest == 1.0 else -0.1, highest)


class TestSparkline:
    @staticmethod
    def lines(image: Html) -> list[list[tuple[float, float]]]:
        source = ElementTree.fromstring(f"{image[:-1]}/>").get("src")
        assert source is not None
        svg = ElementTree.fromstring(unquote(source.removeprefix("data:image/svg+xml,")))
        return [
            [(float(x), float(y)) for x, y in (p.split(",") for p in line.get("points", "").split())] for line in svg
        ]

    def test_high_values_are_up_and_time_runs_to_the_right(self) -> None:
        found = sparkline([1.0, 3.0, 2.0], LIGHT)

        assert found is not None
        ((first, second, third),) = self.lines(found)
        assert (first[0], third[0]) == (0, WIDTH)
        assert second[1] < third[1] < first[1]

    def test_a_window_without_a_value_breaks_the_line(self) -> None:
        found = sparkline([1.0, 2.0, None, 2.0, math.nan, 1.0, 2.0], LIGHT)

        assert found is not None
        assert [len(line) for line in self.lines(found)] == [2, 2, 2]

    def test_a_limit_far_away_does_not_flatten_the_line(self) -> None:
        near, far = sparkline([1.0, 2.0], LIGHT, limit=2.5), sparkline([1.0, 2.0], LIGHT, limit=100.0)

        assert near is not None
        assert far is not None
        assert (len(self.lines(near)), len(self.lines(far))) == (2, 1)

    @pytest.mark.parametrize("values", [[], [1.0], [None, None], [None, 1.0]])
    def test_one_value_is_no_trend(self, values: list[float | None]) -> None:
        assert sparkline(values, LIGHT) is None

    @given(st.lists(st.none() | st.floats(), max_size=40), st.none() | st.floats(allow_nan=False))
    @example([9.6e299, -sys.float_info.max], None)  # further from each other than the largest number
    def test_every_point_is_inside_the_picture(self, values: list[float | None], limit: float | None) -> None:
        found = sparkline(values, LIGHT, limit=limit)

        for line in self.lines(found) if found else []:
            assert all(-1 <= x <= WIDTH + 1 and 0 <= y <= HEIGHT for x, y in line)


def view(*breaches: Judged, standing: Standing = Standing.BREACH, untold: dict[str, str] | None = None) -> ModelView:
    model = Model("delay", Task.BINARY)
    checks = tuple(CheckStanding(check, 0, 0, 1, None, None, ()) for check in untold or {})
    return ModelView(model, Version(0, "1"), ("1",), None, DAY, DAY, standing, 0, checks, breaches, untold or {})


def judged(check: str, subject: str = "", value: float = 0.69, normal: float | None = 0.86) -> Judged:
    return Judged(check, subject, value, 0.8, normal, "", "", DAY, DAY)


class TestNormalWindows:
    """What is said of where a limit comes from."""

    @pytest.mark.parametrize(
        ("windows", "seasonal", "length", "said"),
        [
            (1, set(), WindowLength.DAY, "the model's first windows"),
            (60, set(), WindowLength.DAY, "the reference's 60 windows"),
            (200, {"performance"}, WindowLength.DAY, "the reference's 200 windows"),
            (
                200,
                {"volume"},
                WindowLength.DAY,
                "the reference's windows of weekdays, or of weekends, whichever a window belongs to",
            ),
            (
                4000,
                {"volume"},
                WindowLength.HOUR,
                "the reference's windows of the same hour of weekdays, or of weekends, whichever a window belongs to",
            ),
        ],
    )
    def test_seasons_are_said(self, windows: int, seasonal: set[str], length: WindowLength, said: str) -> None:
        reference = Reference(1000, windows, True, True, frozenset(seasonal))
        shown = replace(view(), reference=reference, model=Model("delay", Task.BINARY, length))
        assert charts.normal_windows(shown, "volume") == said


class TestHeadline:
    @pytest.mark.parametrize(
        ("shown", "text"),
        [
            (view(judged("performance", "accuracy")), "Accuracy fell from 0.860 to 0.690 since 3 Jul 2026."),
            (
                view(judged("performance", "auc"), judged("performance", "accuracy")),
                "Accuracy fell from 0.860 to 0.690 since 3 Jul 2026.",
            ),
            (view(judged("estimated_performance", "auc")), "Estimated AUC fell from 0.860 to 0.690 since 3 Jul 2026."),
            (
                view(judged("training_serving_skew", "wind")),
                "1 feature has looked different from training since 3 Jul 2026.",
            ),
            (
                view(judged("training_serving_skew", "wind"), judged("training_serving_skew", "rain")),
                "2 features have looked different from training since 3 Jul 2026.",
            ),
            (
                view(judged("feature_parity", "mean_wind"), judged("multivariate_drift", "(features together)")),
                (
                    "1 feature has differed from the offline pipeline since 3 Jul 2026. "
                    "The features have not gone together as they did since 3 Jul 2026."
                ),
            ),
            (
                view(judged("missing_values", "wind")),
                "1 feature has had more missing values than usual since 3 Jul 2026.",
            ),
            (
                view(judged("staleness", "training_data", 95.0, None)),
                "Age of the training data is 95 days, beyond the limit of 0.8 days since 3 Jul 2026.",
            ),
            (
                view(judged("prediction_drift", "class", 0.22, None)),
                "The drift of predicted classes is 0.220, beyond the limit of 0.800 since 3 Jul 2026.",
            ),
            (
                view(
                    *(judged(check, "x") for check in ("schema", "data_drift", "missing_values", "latency", "volume"))
                ),
                (
                    "1 feature has looked different from the recent windows since 3 Jul 2026. "
                    "1 feature has had more missing values than usual since 3 Jul 2026. "
                    "1 feature has broken the schema since 3 Jul 2026. "
                    "X fell from 0.86 ms to 0.69 ms since 3 Jul 2026. "
                    "1 more check is in breach."
                ),
            ),
            (view(standing=Standing.OK), "Nothing is out of its normal range."),
            (
                view(standing=Standing.OK, untold={"concept_drift": "no labels"}),
                "Nothing is out of its normal range. 1 check cannot tell yet.",
            ),
            (
                view(standing=Standing.CANNOT_TELL, untold={"staleness": "no limit", "volume": "learning"}),
                "Cannot tell yet: learning.",
            ),
            (view(standing=Standing.NO_DATA), "No predictions have been counted yet."),
        ],
    )
    def test_it_says_what_happened(self, shown: ModelView, text: str) -> None:
        assert headline.model(shown) == text


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["text", "muted", "accent", "breach", "ok", "unknown"])
def test_text_stands_out_from_every_background(palette: Palette, name: str) -> None:
    """WCAG 2.2 AA: a contrast of at least 4.5."""
    for background in (palette.background, palette.surface):
        light, dark = sorted((luminance(getattr(palette, name)), luminance(background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, background)
