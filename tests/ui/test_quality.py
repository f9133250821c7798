"""The parts of a model's page about quality and concept drift."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, update
from streamlit.testing.v1 import AppTest

from app.core.model import Outcome
from app.storage import tables
from app.storage.engine import engine_for, write
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]


def shown(tab: str, model: str = "arrival-delay", **query: str) -> AppTest:
    return opened("model", model=model, tab=tab, **query)


def test_realised_and_estimated_stand_on_one_chart(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    said = html(shown("quality"))
    assert "Accuracy 0." in said
    assert "; estimated 0." in said
    assert "— realised, from ground truth and audits" in said
    assert "┄ estimated from scores alone" in said


def test_the_measure_stands_in_the_address(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    app = shown("quality", measure="auc")
    assert "AUC 0." in html(app)
    assert app.query_params["measure"] == "auc"


def test_scores_classes_and_labels_are_told_beside_the_reference(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    said = html(shown("quality"))
    assert "Scores are off by" in said
    assert "in the reference by" in said
    assert 'aria-label="Confusion matrix"' in said
    assert "the decision threshold, 0.5" in said
    for heading in ("Calibration", "Classes", "By class", "Labels"):
        assert f'<h2 class="wk-section">{heading}</h2>' in said
    assert "predictions of this range have a label that quality is measured by" in said
    assert "ground truth" in said


def test_what_labels_are_still_due_for_is_marked_provisional(
    use_database: Use, fleet_template: Path, tmp_path: Path
) -> None:
    use_database(fleet_template)
    engine = engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))
    m = tables.measurement.c
    with write(engine) as connection:
        newest = tables.measurement.select().where(m.check == "performance").order_by(m.window_start.desc()).limit(1)
        start = connection.execute(newest).one().window_start
        connection.execute(
            update(tables.measurement)
            .where(m.check == "performance", m.window_start == start)
            .values(
                outcome=Outcome.NOT_EVALUATED.value, reason="provisional: labels are due until 2030-01-01 00:00 UTC"
            )
        )
    engine.dispose()
    assert "from here on labels are still due, the values are provisional" in html(shown("quality"))


def test_a_link_to_one_of_the_other_checks_shows_its_chart(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    app = shown("quality", check="calibration")
    assert app.query_params["quality"] == "checks"
    assert "Confusion matrix" not in html(app)


def test_concept_drift_says_what_it_means_and_where_errors_parted(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    said = html(shown("concept"))
    assert "Shiryaev-Roberts" in said
    assert "Errors by score, before and after" in said
    assert "Around a score of" in said
    assert "bars: 95 % (Wilson)" in said


def test_a_regression_has_residuals_in_place_of_classes(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)
    said = html(shown("quality", model="house-price"))
    assert "Predicted and actual" in said
    assert "Cannot tell: no labelled prediction was found in this range" in said
    assert "Confusion matrix" not in said
    assert "Residuals" in html(shown("concept", model="house-price"))


@pytest.mark.parametrize(("segment", "said"), [("carrier=UA", True), ("", False)])
def test_errors_of_a_regression_say_that_they_are_of_all_rows_where_a_segment_is_chosen(
    segment: str, said: bool
) -> None:
    def page(segment: str) -> None:
        from app.services.read_models.quality_view import ResidualView
        from app.ui.components.quality import residual_charts

        residual_charts.residuals(ResidualView(None, None), segment)

    shown = html(AppTest.from_function(page, args=(segment,)).run())

    assert ("All rows together" in shown) is said
