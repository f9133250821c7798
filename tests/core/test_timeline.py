"""The order of events, what two versions differ in, and when labels began, stopped and came in bulk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.core.label_arrivals import Arrival, arrivals
from app.core.label_delay import DELAY_BINS, DELAY_EDGES
from app.core.model import Version
from app.core.timeline import Event, EventKind, difference, in_order, names_text

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TWO_TO_THREE_DAYS = int(np.searchsorted(DELAY_EDGES, 3 * 86_400))


def test_causes_stand_before_what_they_may_have_caused() -> None:
    alert = Event(START, EventKind.ALERT, "skew fired")
    deployed = Event(START, EventKind.DEPLOYMENT, "version 2 was deployed")
    earlier = Event(START - DAY, EventKind.RETRAINING, "asked")

    assert in_order([alert, deployed, earlier]) == [earlier, deployed, alert]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param({"numpy": "1.26"}, {"numpy": "1.26"}, "", id="the same"),
        pytest.param({"numpy": "1.26"}, {"numpy": "2.0"}, "numpy 1.26 -> 2.0", id="another release"),
        pytest.param({"numpy": "1"}, {"polars": "2"}, "+ polars 2, - numpy 1", id="one came, one went"),
        pytest.param({}, {str(n): "1" for n in range(7)}, "+ 0 1, + 1 1, + 2 1, + 3 1, + 4 1 and 2 more", id="many"),
    ],
)
def test_the_difference_of_two_versions(before: dict[str, str], after: dict[str, str], said: str) -> None:
    assert difference(Version(1, "1", dependencies=before), Version(1, "2", dependencies=after)) == said


def test_the_runtime_is_a_difference_where_both_say_it() -> None:
    old, new = Version(1, "1", runtime="python 3.11"), Version(1, "2", runtime="python 3.12")
    assert difference(old, new) == "runtime python 3.11 -> python 3.12"
    assert difference(Version(1, "1"), Version(1, "2")) == ""


def test_a_short_list_is_told_in_full() -> None:
    assert names_text(["a", "b"]) == "a, b"


def told(counts: dict[int, int], until: int, *, from_the_first: bool = True) -> list[tuple[int, Arrival, int]]:
    """(day, what, labels), of windows on these days whose labels each take two to three days."""
    delays = np.zeros((len(counts), DELAY_BINS), np.int64)
    delays[:, TWO_TO_THREE_DAYS] = list(counts.values())
    found = arrivals(
        [START + day * DAY for day in counts], delays, DAY, START + until * DAY, from_the_first=from_the_first
    )
    return [((labels.at - START) // DAY, labels.what, labels.count) for labels in found]


def test_labels_that_come_day_by_day_are_told_once() -> None:
    # The middle of a window and 2.5 days are 3 days after its start.
    assert told(dict.fromkeys(range(20), 50), 23) == [(3, Arrival.BEGAN, 50)]
    assert told(dict.fromkeys(range(20), 50), 23, from_the_first=False) == []


def test_labels_that_stop_and_come_again_are_told() -> None:
    windows = {**dict.fromkeys(range(5), 50), **dict.fromkeys(range(15, 20), 50)}
    assert told(windows, 23) == [(3, Arrival.BEGAN, 50), (7, Arrival.STOPPED, 50), (18, Arrival.BEGAN, 50)]
    assert told(dict.fromkeys(range(5), 50), 30)[-1] == (7, Arrival.STOPPED, 50)


def test_labels_in_bulk_are_told_and_few_never_are() -> None:
    assert (13, Arrival.BULK, 900) in told({**dict.fromkeys(range(20), 50), 10: 900}, 23)
    assert told({**dict.fromkeys(range(20), 5), 10: 90}, 23) == [(3, Arrival.BEGAN, 5)]


def test_what_has_not_come_yet_is_not_told() -> None:
    assert told({0: 50}, 3) == []
    assert told({}, 3) == []
