"""Which windows have labels enough for a verdict on quality."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from app.core.labels import labelled, missing_labels, realised_quality
from app.core.model import Model, Task
from tests.core.checks.cases import DAY, LIVE, Given, days, usual


def covered(
    labels: list[int],
    *,
    rows: int = 100,
    delay: timedelta = timedelta(0),
    late: timedelta = DAY,
    takes: float | None = None,
) -> list[str]:
    """The reasons for windows of `rows` predictions of which so many are labelled, `late` after the last window.

    `takes`: seconds that every label took, where that is known.
    """
    frame = days(len(labels), rows, LIVE).assign(score=0.5, predicted="1")
    known = np.concatenate([np.arange(rows) < count for count in labels])
    frame["label"] = ["1" if one else None for one in known]
    if takes is not None:
        frame["delay"] = takes
    given = Given(None, frame, count=len(labels), model=Model("m", Task.BINARY, label_delay=delay))
    return missing_labels(given.but(now=LIVE + len(labels) * DAY + late).case())


@pytest.mark.parametrize(
    ("labels", "last", "sentence"),
    [
        ([50], "", "the first labelled window has nothing to be compared with"),
        ([29], "too few labels: 29, at least 30 are needed", "below 30 labels nothing is said"),
        ([0], "no labels in this window", "nor without any"),
        ([50, 50, 40], "", "80 % of what is usual are enough"),
        (
            [50, 50, 39],
            "labels are late: 39% of the predictions have one, 50% are usual at this age",
            "below that they are late",
        ),
        ([50, 50, 90], "", "more than usual is fine"),
        ([90, 50, 50, 10, 10, 40], "", "usual is the median of the windows that had labels enough"),
        (
            [50, 0, 0, 0, 35],
            "labels are late: 35% of the predictions have one, 50% are usual at this age",
            "windows without labels do not say what is usual",
        ),
        ([80] * 16 + [40] * 31, "", "what is usual is forgotten after 30 windows"),
    ],
)
def test_coverage(labels: list[int], last: str, sentence: str) -> None:
    assert covered(labels)[-1] == last, sentence


def test_the_bound_is_80_percent_and_not_a_prediction_less() -> None:
    assert covered([500, 400], rows=1000) == ["", ""]
    assert covered([500, 399], rows=1000)[1].startswith("labels are late")


def test_labels_are_due_a_delay_after_the_end_of_the_window_and_not_before() -> None:
    found = covered([50, 50, 50], delay=timedelta(days=2), late=timedelta(hours=1))
    assert found == [
        "",
        "provisional: labels are due until 2026-04-05 00:00 UTC",
        "provisional: labels are due until 2026-04-06 00:00 UTC",
    ]
    assert covered([50, 50, 50], delay=timedelta(days=2), late=timedelta(days=2)) == ["", "", ""]


def test_usual_is_what_a_window_of_that_age_has_by_the_measured_delay_curve() -> None:
    """All labels take 16 hours, so a day that ended just now has a third of its labels, less is late, and the first
    third may not speak for the rest; ten hours later it has three quarters.
    """
    hours = 3_600.0
    young = covered([50] * 20 + [16], late=timedelta(0), takes=16 * hours)[-1]
    assert young == "too few labels: 16, at least 30 are needed"
    young = covered([500] * 20 + [170], rows=1000, late=timedelta(0), takes=16 * hours)[-1]
    assert young.startswith("labels are due but come later: 17% of the predictions have one; at this age a window has")
    later = partial(covered, rows=1000, late=timedelta(hours=10), takes=16 * hours)
    assert later([500] * 20 + [340])[-1] == ""
    assert later([500] * 20 + [250])[-1].startswith("labels are late: 25% of the predictions have one, 4")
    assert covered([500] * 20 + [340], rows=1000, late=timedelta(hours=10))[-1].startswith("labels are late: 34%")


def test_ground_truth_and_audits_are_labels_and_what_users_say_is_none() -> None:
    given = usual(rows=90, count=1)
    given.served["source"] = ["ground_truth", "audit", "user"] * 30
    assert labelled(given.case().outcomes).tolist() == [60]


def test_quality_of_too_few_labels_is_not_a_number() -> None:
    given = usual(rows=29, count=2)
    quality = realised_quality(Task.BINARY, given.case().outcomes)
    assert set(quality) == {"accuracy", "precision", "recall", "f1", "auc"}
    assert all(np.isnan(values).all() for values in quality.values())


def test_predictions_without_a_score_count_for_all_but_auc() -> None:
    given = usual(rows=200, count=1)
    half = given.served.index % 2 == 0
    served = given.served.assign(score=given.served["score"].where(half))
    quality = realised_quality(Task.BINARY, given.but(served=served).case().outcomes)
    scored = realised_quality(Task.BINARY, given.but(served=served[half]).case().outcomes)
    assert quality["accuracy"] == pytest.approx((served["predicted"] == served["label"]).mean())
    assert quality["auc"] == pytest.approx(scored["auc"])
