"""The scorecard of stored measurements."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from app.core.errors import NotFoundError
from app.core.importance import importance_of
from app.core.model import Task
from app.core.sample import Sample
from app.services.scorecards import model_scorecard
from app.storage.engine import write
from app.storage.samples import PackedSample, replace_sample
from tests.services.measured import DAY, START, add_channels, add_version, measure

NOW = START + 10 * DAY


def credits_of(engine: Engine) -> dict[tuple[str, int], tuple[float, str]]:
    card = model_scorecard(engine, "delay", None, NOW).as_dict()
    return {(item["section"], item["number"]): (item["points"], item["outcome"]) for item in card["items"]}


def test_points_follow_what_was_measured_and_who_is_told(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "oooobb", subject="age")
    measure(engine, version_id, "oooooo", check="missing_values", subject="age")
    measure(engine, version_id, "??????", check="staleness", subject="training_data")

    assert credits_of(engine)["monitoring", 3] == (0.5, "breach")
    add_channels(engine, [("ops", "URL")])

    found = credits_of(engine)
    assert found["monitoring", 3] == (1.0, "breach")
    assert found["monitoring", 2] == (1.0, "ok")
    assert found["monitoring", 4] == (0.0, "not_evaluated")
    assert found["monitoring", 7] == (0.0, "not_evaluated")
    card = model_scorecard(engine, "delay", "1", NOW).as_dict()
    assert card["score"] == 2.0
    evidence = {item["number"]: item["evidence"] for item in card["items"] if item["section"] == "monitoring"}
    assert evidence[3] == [
        "training_serving_skew: 6 windows judged since 2026-03-01; in the newest, of 2026-03-06, 1 of 1 in breach"
    ]
    assert evidence[4] == ["staleness: cannot tell: day 5 says ?"]


def test_the_newest_judged_window_counts_and_segments_do_not(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "bbo?", subject="age")
    measure(engine, version_id, "bbbb", subject="age", segment="carrier=UA")

    card = model_scorecard(engine, "delay", None, NOW).as_dict()

    [skew] = [item for item in card["items"] if (item["section"], item["number"]) == ("monitoring", 3)]
    assert skew["outcome"] == "ok"
    assert "3 windows judged since 2026-03-01; in the newest, of 2026-03-03, within limits" in skew["evidence"][0]


def test_a_worker_that_stopped_loses_half_a_point(engine: Engine) -> None:
    measure(engine, add_version(engine), "oooo", subject="age")
    add_channels(engine, [("ops", "URL")])
    later = model_scorecard(engine, "delay", None, START + 60 * DAY).as_dict()
    assert later["score"] == 0.5


def test_a_version_without_anything_scores_nothing(engine: Engine) -> None:
    add_version(engine)
    assert model_scorecard(engine, "delay", None, NOW).card.score == 0
    with pytest.raises(NotFoundError, match="no version '7'"):
        model_scorecard(engine, "delay", "7", NOW)


def test_a_sample_without_a_reference_validates_nothing(engine: Engine) -> None:
    version_id = add_version(engine)
    sample = Sample(1, {"x": [1.0]}, ["1"], [0.9], ["1"])
    with write(engine) as connection:
        replace_sample(connection, version_id, PackedSample.of(sample, importance_of(sample, Task.BINARY)))
    assert credits_of(engine)["infrastructure", 4] == (0.0, "not_evaluated")
