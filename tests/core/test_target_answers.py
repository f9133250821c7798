"""What a service's answer means, whatever it holds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.delivery import Failed, HttpAnswer, Retry, Sent
from app.core.presets import PRESETS
from app.core.target_answers import Progress, at, judge_progress, judge_taken
from app.core.targets import Taken

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
PATHS = sorted({preset.taken.run_id for preset in PRESETS.values()} - {""})


def nested(path: str, value: Any) -> Any:
    for step in reversed(path.split(".")):
        value = {step: value}
    return value


@given(st.sampled_from(sorted(PRESETS)), st.integers(100, 599), BODIES)
def test_no_answer_breaks_the_judgement(preset: str, status: int, body: bytes) -> None:
    found, answer = PRESETS[preset], HttpAnswer(status, {}, body)

    judged = judge_taken(found.taken, answer)
    assert isinstance(judged, Sent | Retry | Failed)
    assert not isinstance(judged, Sent) or status in (found.taken.success + found.taken.already or range(200, 300))
    if found.poll:
        assert isinstance(judge_progress(found.poll, answer), Progress | Retry | Failed)


@given(st.sampled_from(PATHS), JSON)
def test_the_name_of_a_run_can_be_stored_whatever_it_is(path: str, value: Any) -> None:
    judged = judge_taken(
        Taken(run_id=path, needed=False), HttpAnswer(200, {}, json.dumps(nested(path, value)).encode())
    )

    assert isinstance(judged, Sent)
    assert len(judged.receipt) <= 200
    assert "\0" not in judged.receipt
    assert judged.receipt.encode().decode() == judged.receipt


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a", {"b": [1, {"c": "x"}]}), ("a.b.1.c", "x"), ("a.b.9", None), ("a.b.c", None), ("a.x.y", None), ("", None)],
)
def test_paths(path: str, expected: Any) -> None:
    assert at({"a": {"b": [1, {"c": "x"}]}}, path) == expected


SPENT = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1774915260", "date": "Tue, 31 Mar 2026 00:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry-after": "60"}, timedelta(seconds=60)),
        (SPENT, timedelta(minutes=1)),
        ({**SPENT, "x-ratelimit-reset": "1"}, timedelta(0)),
        ({**SPENT, "x-ratelimit-reset": "soon"}, None),
        ({**SPENT, "date": "today"}, None),
        ({**SPENT, "x-ratelimit-remaining": "7"}, None),
    ],
)
def test_a_403_is_a_rate_limit_where_it_says_when_to_come_back(
    headers: dict[str, str], after: timedelta | None
) -> None:
    judged = judge_taken(Taken(), HttpAnswer(403, headers, b""))

    limited = Retry("answered HTTP 403: too many requests", after)
    assert judged == (Failed("answered HTTP 403") if after is None else limited)
