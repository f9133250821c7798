"""Answering hour by hour changes no answer, the latency is what the call took, and who is live answers."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from app.core.model import Task
from app.demo.flights import FEATURES
from app.demo.questions import QUESTIONS, Question
from app.demo.serving import Service, calls
from app.demo.training import fitted, one_thread

LATE = QUESTIONS[Task.BINARY]
START, LATER = "2013-01-01T05:00:00+00:00", "2013-01-06T12:00:30+00:00"


@pytest.fixture(scope="module")
def flights(year: pd.DataFrame) -> pd.DataFrame:
    """A tenth of ten days."""
    return year[year["departure"] < "2013-01-11"].iloc[::10].dropna(subset="late").reset_index(drop=True)


@pytest.mark.parametrize("task", list(Task))
def test_one_call_for_each_hour_says_what_one_call_for_all_says(task: Task, flights: pd.DataFrame) -> None:
    question = QUESTIONS[task]
    model = fitted(flights.assign(truth=question.truth(flights)), question)
    with one_thread():
        answers = list(calls(model, flights, question))
        expected = question.answers(model, flights[FEATURES])
    hours = flights["departure"].dt.strftime("%F %H")
    assert sorted(hours.loc[call.index].unique().item() for call in answers) == sorted(hours.unique())
    found = pd.concat(answers).sort_index().drop(columns="latency_ms")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_the_latency_is_the_time_of_the_call(flights: pd.DataFrame) -> None:
    start = time.perf_counter()
    answers = list(calls(None, flights.head(60), slow(LATE)))
    passed_ms = 1_000 * (time.perf_counter() - start)
    latencies = [call["latency_ms"].unique().item() for call in answers]
    assert len(answers) > 3
    assert min(latencies) >= SLEEP_MS
    assert sum(latencies) <= passed_ms


SLEEP_MS = 2.0


def slow(question: Question) -> Question:
    def answers(_model: Any, inputs: pd.DataFrame) -> pd.DataFrame:
        time.sleep(SLEEP_MS / 1_000)
        return pd.DataFrame({"prediction": 0, "score": 0.5}, index=inputs.index)

    return replace(question, answers=answers)


class Registry:
    """Says which version is live, as the collector does."""

    def __init__(self) -> None:
        self.version, self.since = "1", START

    def live(self, _model: str, known: str) -> tuple[dict[str, Any], str] | None:
        tag = f"{self.version} {self.since}"
        return None if tag == known else ({"version": self.version, "since": self.since}, tag)

    def deploy(self, version: str, since: str) -> None:
        self.version, self.since = version, since


def says(question: Question) -> Question:
    """A model that is a number gives it as its score, and counts its calls in a list."""

    def answers(model: list[float], inputs: pd.DataFrame) -> pd.DataFrame:
        model.append(len(inputs))
        return pd.DataFrame({"prediction": 0, "score": model[0]}, index=inputs.index)

    return replace(question, answers=answers)


@pytest.fixture
def registry() -> Registry:
    return Registry()


class Scores(dict[str, list[float]]):
    """A store of such models."""

    def load(self, version: str) -> list[float]:
        return self[version]


@pytest.fixture
def scores() -> Scores:
    return Scores({"1": [0.1], "2": [0.2]})


@pytest.fixture
def service(registry: Registry, scores: Scores, flights: pd.DataFrame) -> Service:
    return Service(registry, says(LATE), scores, flights.copy())  # type: ignore[arg-type]


def test_the_live_version_answers_all_flights_and_no_news_changes_nothing(service: Service) -> None:
    found = service.look()
    assert found is not None
    assert (found.version, found.since) == ("1", datetime.fromisoformat(START))
    assert set(service.flights["version"]) == {"1"}
    assert set(service.flights["score"]) == {0.1}
    assert service.look() is None


def test_a_new_version_answers_the_flights_that_depart_from_then_on(service: Service, registry: Registry) -> None:
    service.look()
    registry.deploy("2", LATER)
    assert service.look() is not None
    later = service.flights["departure"] >= LATER
    assert set(service.flights.loc[later, "version"]) == {"2"}
    assert set(service.flights.loc[later, "score"]) == {0.2}
    assert set(service.flights.loc[~later, "version"]) == {"1"}
    assert set(service.flights.loc[~later, "score"]) == {0.1}
    assert set(service.alone["1"]["score"]) == {0.1}  # what version 1 would have said is kept


def test_going_back_asks_no_model_again(service: Service, registry: Registry, scores: Scores) -> None:
    service.look()
    registry.deploy("2", LATER)
    service.look()
    calls_of_first = len(scores["1"])
    registry.deploy("1", "2013-01-08T12:00:00+00:00")
    service.look()
    assert len(scores["1"]) == calls_of_first
    assert service.flights.groupby("version")["departure"].max()["2"] < pd.Timestamp("2013-01-08T12:00:00+00:00")
    assert service.flights["version"].iloc[-1] == "1"
