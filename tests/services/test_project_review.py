"""The review of a project, from what is stored: on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.model import Model, Task, Version
from app.core.project_review import Figures, ModelReview
from app.core.reports import ReportState
from app.services.acknowledging import acknowledge
from app.services.alerting import alert
from app.services.catalogue import register_model, register_version
from app.services.deployments import make_live, roll_back
from app.services.overrides import set_override
from app.services.project_review import project_review, project_review_page
from app.services.read_models import alerts
from app.services.reports import call_off_report, find_report, request_report
from app.storage import reports
from app.storage.engine import read, write
from tests.services.measured import DAY, START, add_version, measure
from tests.ui import fleet

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=80)


def test_a_model_that_drifted_is_reviewed_with_its_goals_incidents_and_decisions(engine: Engine) -> None:
    fleet.build(engine, NOW)
    firing = [row["id"] for row in alerts(engine, NOW, model="arrival-delay") if row["check"] == "performance"]
    acknowledge(engine, NOW, firing, author="ann", comment="<looking>")
    set_override(engine, NOW, "arrival-delay", check="data_drift", limit=0.4, author="bob", reason="season")

    review = project_review(engine, NOW, since=SINCE, until=NOW + timedelta(days=1), models=["arrival-delay"])

    [model] = review.models
    assert ("Training data at most this old", "60 days") in model.goals
    assert any("limit set by bob: season" in value for _, value in model.goals)
    assert [one.what for one in model.decisions if one.author == "bob"] == ["the limit of data_drift was set to 0.4"]
    assert all(one.incident.ended is None for one in model.incidents)
    performance = next(one for one in model.incidents if one.incident.check == "performance")
    assert performance.causes
    assert performance.incident.handled == ("acknowledged by ann: <looking>",)
    realised, estimated = model.charts
    assert realised.title == "Accuracy, realised, with the labels that came"
    assert len(realised.lines[0].values) > 30
    assert estimated.lines[0].name == "2"
    assert model.scorecard is not None
    page = project_review_page(engine, NOW, since=SINCE, until=NOW + timedelta(days=1))
    assert "Review of 4 models" in page
    assert fleet.HOSTILE not in page
    assert "&lt;looking&gt;" in page


def test_an_incident_that_ended_after_the_time_of_the_review_is_not_going_on(engine: Engine) -> None:
    version = add_version(engine)
    measure(engine, version, "oobbb")
    began, ended = START + 5 * DAY, START + 30 * DAY
    alert(engine, began)
    measure(engine, version, "ooooooooo", first_day=5)
    alert(engine, ended)

    def reviewed(until: datetime) -> ModelReview:
        [model] = project_review(engine, ended + DAY, since=START, until=until).models
        return model

    [one] = reviewed(START + 10 * DAY).incidents
    assert (one.incident.began, one.incident.ended) == (began, ended)
    assert reviewed(START + 10 * DAY).figures == Figures(1, 0, 0.5, 0)
    assert reviewed(began).incidents == []
    assert reviewed(ended + 100 * DAY).figures.in_breach == 25 / 31


def test_what_was_decided_about_versions_is_told_with_who_and_why(engine: Engine) -> None:
    register_model(engine, Model("fraud", Task.REGRESSION), NOW)
    for name in ("1", "2"):
        register_version(engine, "fraud", Version(0, name), NOW)
        make_live(engine, "fraud", name, NOW, author="ann", reason=f"better than {name}")
    roll_back(engine, "fraud", NOW, to="1", author="bob", reason="worse")

    [model] = project_review(engine, NOW, since=SINCE, until=NOW + timedelta(days=1)).models

    assert ("rolled back to version 1", "bob", "worse") in [(one.what, one.author, one.why) for one in model.decisions]
    assert [one.quality for one in model.versions] == ["answered nothing", "answered nothing"]
    assert model.incidents == []
    assert all(chart.title.startswith("MAE, ") for chart in model.charts)


def test_bad_input_names_the_field(engine: Engine) -> None:
    with pytest.raises(InvalidError, match="since"):
        project_review(engine, NOW, since=NOW, until=NOW)
    with pytest.raises(InvalidError, match="models"):
        project_review(engine, NOW, since=SINCE, until=NOW)
    with pytest.raises(NotFoundError):
        project_review(engine, NOW, since=SINCE, until=NOW, models=["nobody"])


def test_a_report_that_is_called_off_stays_so_whatever_a_worker_still_makes(engine: Engine) -> None:
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    register_version(engine, "fraud", Version(0, "1"), NOW)
    asked = request_report(engine, NOW, "fraud", since=SINCE, until=NOW, reason="ann")["id"]
    with write(engine) as connection:
        assert reports.claim(connection, NOW) is not None

    call_off_report(engine, asked, NOW, " bob ")
    with write(engine) as connection:
        reports.finish(connection, asked, NOW, html="x", json="{}", sampling="", reference_rows=1, current_rows=1)
        reports.fail(connection, asked, NOW, "out of memory")

    found = find_report(engine, asked)
    assert (found["state"], found["error"], found["reason"]) == (ReportState.FAILED, "called off by bob", "ann")
    with read(engine) as connection:
        assert reports.load_html(connection, asked) is None
    with pytest.raises(ConflictError, match="has ended already"):
        call_off_report(engine, asked, NOW, "bob")
    with pytest.raises(InvalidError, match="author"):
        call_off_report(engine, asked, NOW, " ")
