"""The review as a document: nothing of the data is markup, nothing is fetched, and cannot tell is said."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.incidents import Incident
from app.core.project_review import Chart, ModelReview, ProjectReview, ReviewedIncident, VersionSummary, figures_of
from app.core.project_review_page import render
from app.core.svg_charts import Line, Mark, line_chart
from app.core.timeline import Event, EventKind

SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>"
DAYS = [SINCE + timedelta(days=n) for n in range(4)]


def line(*values: float | None, breach: int = -1) -> Line:
    nothing = [None] * len(values)
    return Line(HOSTILE, DAYS[: len(values)], values, nothing, nothing, [n == breach for n in range(len(values))])


def review(*names: str) -> ProjectReview:
    incident = Incident(1, HOSTILE, "schema", (HOSTILE,), "critical", SINCE, None, HOSTILE, SINCE, (HOSTILE,), 1)
    event = Event(SINCE, EventKind.LIMIT, HOSTILE, author=HOSTILE, why=HOSTILE)
    models = [
        ModelReview(
            name=name,
            owner=HOSTILE,
            task="binary",
            goals=[(HOSTILE, HOSTILE)],
            figures=figures_of([incident] * 120, 310, SINCE, UNTIL),
            versions=[VersionSummary(HOSTILE, "live", "not said", HOSTILE, 5, "cannot tell: too few labels")],
            charts=[Chart(HOSTILE, [line(0.5, None, 0.7, 0.6, breach=2)])],
            incidents=[ReviewedIncident(incident, [HOSTILE])],
            decisions=[event],
            history=[event],
            takeovers=[Event(DAYS[1], EventKind.DEPLOYMENT, "version 2 went live", HOSTILE)],
            scorecard=None,
            left_out=HOSTILE,
        )
        for name in names
    ]
    return ProjectReview(UNTIL, SINCE, UNTIL, "0.1.0", models)


def test_no_text_of_the_data_is_markup_and_nothing_runs_or_is_fetched() -> None:
    page = render(review(HOSTILE))

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href|url)\s*[=(]", page)
    assert "default-src &#x27;none&#x27;" in page


def test_every_part_is_there_and_what_cannot_be_told_is_said() -> None:
    page = render(review("fraud"))

    for part in (
        "Goals",
        "Versions",
        "Quality over time",
        "Incidents",
        "Decisions",
        "How well it is watched",
        "History",
    ):
        assert f"<h3>{part}</h3>" in page
    assert "Cannot tell: there is no version." in page
    assert "and goes on: 31 days." in page
    assert "100 %" in page


def test_the_figures_count_what_is_not_listed_too() -> None:
    page = render(review("fraud"))

    assert "<b>120</b>incidents" in page
    assert "<b>310</b>decisions" in page


@pytest.mark.parametrize(
    ("days", "share"),
    [(10, 0.5), (5, 0.0), (0, None)],
)
def test_time_that_is_still_to_come_is_not_time_in_breach(days: int, share: float | None) -> None:
    began = SINCE + timedelta(days=5)
    incident = Incident(1, "1", "schema", (), "critical", began, None, "", began, (), 1)

    assert figures_of([incident], 0, SINCE, SINCE + timedelta(days=days)).in_breach == share


def test_several_models_begin_with_a_table_of_them_and_each_on_its_own_sheet() -> None:
    page = render(review("a", "b"))

    assert "Review of 2 models" in page
    assert '<h2 class="first">a</h2>' in page
    assert "<h2>b</h2>" in page
    assert "break-before: page" in page


def test_a_chart_breaks_where_there_is_no_value_and_marks_what_is_in_breach() -> None:
    svg = line_chart([line(0.5, 0.6, None, 0.7, breach=1)], SINCE, UNTIL, [Mark(DAYS[1], "2")], "alt <b>")
    assert svg is not None
    root = ElementTree.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}"

    assert len(root.findall(f"{name}polyline")) == 1
    assert len(root.findall(f"{name}circle")) == 1
    assert len(root.findall(f"{name}path")) == 1
    assert root.get("aria-label") == "alt <b>"
    assert [group.find(f"{name}text").text for group in root.findall(f"{name}g")] == ["2"]  # type: ignore[union-attr]


@pytest.mark.parametrize("values", [(None, None), ()])
def test_without_a_value_there_is_no_chart(values: tuple[None, ...]) -> None:
    assert line_chart([line(*values)], SINCE, UNTIL, [], "") is None


def test_values_that_are_all_the_same_are_drawn_as_well() -> None:
    svg = line_chart([line(0.0, 0.0)], SINCE, UNTIL, [], "")

    assert svg is not None
    assert "nan" not in svg.lower()


@given(st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=4))
@example([0.97, 0.9700000000000001])
@example([1e-320, 0.0])
def test_a_chart_of_any_values_has_a_few_levels(values: list[float]) -> None:
    svg = line_chart([line(*values)], SINCE, UNTIL, [], "")

    assert svg is not None
    assert "nan" not in svg
    assert 2 <= svg.count('text-anchor="end" dy="4"') <= 8
