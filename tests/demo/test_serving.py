"""Answering hour by hour changes no answer, and the latency is what the call took."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from app.core.model import Task
from app.demo.flights import FEATURES, load_flights
from app.demo.questions import QUESTIONS, Question
from app.demo.serving import served


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """A tenth of ten days, with numbers alone as inputs."""
    rows = load_flights()
    return rows[rows["departure"] < "2013-01-11"].iloc[::10].dropna(subset="late").reset_index(drop=True)


@pytest.fixture(scope="module")
def inputs(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[FEATURES].select_dtypes("number")


@pytest.mark.parametrize("task", list(Task))
def test_one_call_for_each_hour_says_what_one_call_for_all_says(
    task: Task, flights: pd.DataFrame, inputs: pd.DataFrame
) -> None:
    question = QUESTIONS[task]
    with threadpool_limits(limits=1):  # as the demo does
        model = question.estimator().fit(inputs, question.truth(flights).map(question.value))
        calls = list(served(model, inputs, flights["departure"], question))
        expected = question.answers(model, inputs)
    hours = flights["departure"].dt.strftime("%F %H")
    assert sorted(hours.loc[call.index].unique().item() for call in calls) == sorted(hours.unique())
    answers = pd.concat(calls).sort_index().drop(columns="latency_ms")
    pd.testing.assert_frame_equal(answers, expected, check_exact=True)


def test_the_latency_is_the_time_of_the_call(flights: pd.DataFrame, inputs: pd.DataFrame) -> None:
    few = flights.head(60)
    start = time.perf_counter()
    calls = list(served(None, inputs.loc[few.index], few["departure"], slow(QUESTIONS[Task.BINARY])))
    passed_ms = 1_000 * (time.perf_counter() - start)
    latencies = [call["latency_ms"].unique().item() for call in calls]
    assert len(calls) > 3
    assert min(latencies) >= SLEEP_MS
    assert sum(latencies) <= passed_ms


SLEEP_MS = 2.0


def slow(question: Question) -> Question:
    def answers(_model: Any, inputs: pd.DataFrame) -> pd.DataFrame:
        time.sleep(SLEEP_MS / 1_000)
        return pd.DataFrame({"prediction": 0, "score": 0.5}, index=inputs.index)

    return replace(question, answers=answers)
