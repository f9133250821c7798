"""The labelled share of windows whose labels had their time to come."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from app.core.checks.label_coverage import NEVER, PLUGIN, SILENCE
from app.core.model import Model, Outcome, Task
from tests.core.checks.cases import DAY, LIVE, Given, by_day, days, learnt, two_of_three

ROWS = 200


def covered(
    *labels: int, rows: int = ROWS, delay: timedelta = timedelta(0), source: str = "ground_truth", late: int = 0
) -> Given:
    """Days of `rows` predictions of which so many are labelled, seen `late` days after the last one."""
    frame = days(len(labels), rows, LIVE).assign(score=0.5, predicted="1", source=source)
    known = np.concatenate([np.arange(rows) < count for count in labels])
    frame["label"] = ["1" if one else None for one in known]
    model = Model("m", Task.BINARY, label_delay=delay)
    return Given(None, frame, count=len(labels), model=model, now=LIVE + (len(labels) + late) * DAY)


def normal_days(seed: int = 40, count: int = 30) -> list[int]:
    return [int(n) for n in np.random.default_rng(seed).normal(160, 6, count)]


def test_limits_are_learnt_from_the_first_30_labelled_days_and_only_a_fall_is_harmful() -> None:
    usual, later = normal_days(), [160, 60, 160, 50, 160, 200, 200]
    found = by_day(PLUGIN, covered(*usual, *later).case())
    mean, tolerance = learnt([n / ROWS for n in usual], floor=0.05)
    assert set(found.outcome[:30]) == {Outcome.NOT_EVALUATED}
    assert found.value.tolist() == pytest.approx([n / ROWS for n in [*usual, *later]])
    assert found.limit[30:].tolist() == pytest.approx([mean - tolerance] * 7)
    assert found.outcome[30:].tolist() == two_of_three([n / ROWS < mean - tolerance for n in later])
    assert Outcome.BREACH in set(found.outcome[30:])


def test_labels_that_stop_are_a_breach_at_once() -> None:
    found = by_day(PLUGIN, covered(*normal_days(), 160, 0, 0).case())
    assert found.outcome[30:].tolist() == [Outcome.OK, Outcome.BREACH, Outcome.BREACH]
    assert found.reason[31] == SILENCE


def test_where_days_without_labels_are_usual_one_more_is_no_news() -> None:
    found = by_day(PLUGIN, covered(*[160, 0, 0, 0, 0, 0, 0] * 6).case())
    assert Outcome.BREACH not in set(found.outcome)
    assert found.reason[36].startswith("cannot tell: normal windows vary so much")


def test_what_was_before_the_first_label_and_what_follows_the_last_do_not_become_normal() -> None:
    started_late = by_day(PLUGIN, covered(*[0] * 20, *normal_days(), 160, 0).case())
    assert started_late.outcome[50:].tolist() == [Outcome.OK, Outcome.BREACH]
    stopped_early = by_day(PLUGIN, covered(*normal_days(count=20), *[0] * 20).case())
    assert stopped_early.reason[39].startswith("learning: 20 of 30 windows")


def test_a_window_is_not_judged_before_its_labels_are_due() -> None:
    found = by_day(PLUGIN, covered(*normal_days(), 160, 0, 0, 0, delay=timedelta(days=2)).case())
    assert found.outcome[30:].tolist() == [Outcome.OK, Outcome.BREACH, *[Outcome.NOT_EVALUATED] * 2]
    assert found.reason[32] == "provisional: labels are due until 2026-05-06 00:00 UTC"
    later = by_day(PLUGIN, covered(*normal_days(), 160, 0, 0, 0, delay=timedelta(days=2), late=2).case())
    assert set(later.outcome[31:]) == {Outcome.BREACH}


def test_where_labels_come_later_than_declared_a_window_waits_for_them() -> None:
    """They take two days though none were declared: the last two days are not judged yet, and silence is told later."""
    given = covered(*normal_days(), 160, 0, 0, 0)
    given.served["delay"] = 2 * DAY.total_seconds()
    found = by_day(PLUGIN, given.case())
    assert found.outcome[30:].tolist() == [Outcome.OK, Outcome.BREACH, *[Outcome.NOT_EVALUATED] * 2]
    assert found.reason[32] == (
        "labels come later than declared: 95% of a window's are usually in by 2026-05-06 00:00 UTC"
    )


def test_without_any_label_it_says_what_to_send() -> None:
    found = by_day(PLUGIN, covered(*[0] * 40).case())
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert set(found.reason) == {NEVER}
    assert set(found.value) == {0.0}


def test_what_users_say_is_no_label() -> None:
    assert set(by_day(PLUGIN, covered(*normal_days(count=35), source="user").case()).reason) == {NEVER}


def test_a_window_of_few_predictions_is_not_judged() -> None:
    given = covered(*normal_days(), 160)
    cut = (given.served["time"] >= given.served["time"].iloc[-1].floor("D")) & (given.served.index % 10 > 0)
    found = by_day(PLUGIN, given.but(served=given.served[~cut]).case())
    assert found.reason[30] == "too few predictions: 20, at least 30 are needed"
