"""What an HTTP answer means, and when the next attempt is due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.delivery import LONGEST_WAIT, RETRY_DELAYS, Failed, HttpAnswer, Retry, Sent, judge, next_wait, retry_after

TRY_AGAIN = {408, 425, 429}


@pytest.mark.parametrize("status", range(200, 600))
def test_every_status_has_one_meaning(status: int) -> None:
    answer = judge(HttpAnswer(status, {}, b""))

    if status < 300:
        assert answer == Sent()
    elif status in TRY_AGAIN or status >= 500:
        assert isinstance(answer, Retry)
    else:
        assert isinstance(answer, Failed)
    if not isinstance(answer, Sent):
        assert str(status) in answer.why


DATE = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "30"}, timedelta(seconds=30)),
        ({"retry-after": " 0 "}, timedelta(0)),
        ({"retry-after": "9" * 400}, LONGEST_WAIT),
        ({"retry-after": "Sun, 22 Nov 2026 12:02:00 GMT", "date": DATE}, timedelta(minutes=2)),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": DATE}, timedelta(0)),
        ({"retry-after": "Sun, 22 Nov 2026 12:02:00 GMT"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "-5", "date": DATE}, None),
        ({"retry-after": "²"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], wait: timedelta | None) -> None:
    assert retry_after(headers) == wait


@given(st.text(), st.text())
def test_no_header_breaks_it(wish: str, date: str) -> None:
    wait = retry_after({"retry-after": wish, "date": date})

    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT


def test_the_waits_are_those_of_standard_webhooks() -> None:
    waits: list[timedelta] = []
    while (wait := next_wait(len(waits) + 1, jitter=0)) is not None:
        waits.append(wait)

    hours = [wait / timedelta(hours=1) for wait in waits]
    assert hours == pytest.approx([5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24])


@given(st.integers(1, len(RETRY_DELAYS)), st.floats(0, 1, exclude_max=True))
def test_jitter_prolongs_a_wait_by_a_tenth_at_most(attempts: int, jitter: float) -> None:
    wait = next_wait(attempts, jitter)

    assert wait is not None
    assert RETRY_DELAYS[attempts - 1] <= wait <= RETRY_DELAYS[attempts - 1] * 1.1


def test_the_other_side_may_ask_for_longer_but_not_for_less() -> None:
    assert next_wait(1, 0, after=timedelta(minutes=1)) == timedelta(minutes=1)
    assert next_wait(3, 0, after=timedelta(seconds=1)) == RETRY_DELAYS[2]
    assert next_wait(len(RETRY_DELAYS) + 1, 0, after=timedelta(seconds=1)) is None
