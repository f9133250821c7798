"""Outcomes are real and come on arrival; the people are simulated, and say so."""

from __future__ import annotations

import pandas as pd
import pytest

from app.core.model import Task
from app.demo.questions import QUESTIONS
from app.demo.reviews import AUDITOR, USER, corrections


@pytest.fixture(scope="module")
def flights(year: pd.DataFrame) -> pd.DataFrame:
    # A prediction that is always "on time" will do: what is said depends on whether it is right.
    return year[year["departure"] >= "2013-10-01"].assign(prediction=0, truth=year["late"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def said(flights: pd.DataFrame) -> pd.DataFrame:
    return corrections(flights, QUESTIONS[Task.BINARY])


def of(said: pd.DataFrame, source: str) -> pd.DataFrame:
    return said[said["source"] == source].set_index("prediction_id")


def test_the_truth_of_every_flight_that_arrived_comes_when_it_arrives(
    flights: pd.DataFrame, said: pd.DataFrame
) -> None:
    truth = of(said, "ground_truth")
    landed = flights[flights["arrival"].notna()].set_index("id")
    assert truth.index.is_unique
    assert set(truth.index) == set(landed.index)
    assert (truth["said_at"] == landed.loc[truth.index, "arrival"]).all()
    assert (truth["value"] == landed.loc[truth.index, "late"]).all()
    assert truth["author"].isna().all()
    assert not truth["shown"].any()


def test_audits_are_one_in_a_hundred_whatever_was_predicted(flights: pd.DataFrame, said: pd.DataFrame) -> None:
    audits, late = of(said, "audit"), flights.set_index("id")["late"]
    # Five standard deviations of a binomial around 1 %, of all flights and of the late ones alone.
    for chosen, all_ in ((len(audits), len(flights)), ((audits["value"] == 1).sum(), (late == 1).sum())):
        assert chosen / all_ == pytest.approx(0.01, abs=5 * (0.01 * 0.99 / all_) ** 0.5)
    assert (audits["author"] == AUDITOR).all()
    assert (audits["probability"] == 0.01).all()  # so that each weighs as many flights as it stands for
    assert said.loc[said["source"] != "audit", "probability"].isna().all()
    assert audits["shown"].all()
    assert audits["value"].isna().any()  # a cancelled flight was looked at, and nothing can be said


def test_users_correct_what_is_wrong_ten_times_as_often_as_they_confirm(
    flights: pd.DataFrame, said: pd.DataFrame
) -> None:
    users, late = of(said, "user"), flights.set_index("id")["late"]
    wrong = late.loc[users.index] == 1
    spoke = users["value"].notna()
    assert spoke[wrong].mean() == pytest.approx(0.2, abs=0.03)
    assert spoke[~wrong].mean() == pytest.approx(0.02, abs=0.01)
    assert (users.loc[spoke, "value"] == late.loc[users.index][spoke]).all()
    assert (users["author"] == USER).all()
    assert "simulated" in USER
    assert "simulated" in AUDITOR


def test_another_model_changes_what_users_say_and_neither_outcomes_nor_audits(
    flights: pd.DataFrame, said: pd.DataFrame
) -> None:
    other = corrections(flights.assign(prediction=1), QUESTIONS[Task.BINARY])
    for source in ("ground_truth", "audit"):
        pd.testing.assert_frame_equal(of(other, source), of(said, source))
    assert of(other, "user").index.equals(of(said, "user").index)  # the same flights are shown
    right = of(other, "user")["value"] == 1
    assert of(other, "user")["value"].notna()[right].sum() < of(said, "user")["value"].eq(1).sum()


def test_they_are_in_the_order_in_which_they_were_said_and_the_same_every_time(
    flights: pd.DataFrame, said: pd.DataFrame
) -> None:
    assert said["said_at"].is_monotonic_increasing
    pd.testing.assert_frame_equal(corrections(flights, QUESTIONS[Task.BINARY]), said)
