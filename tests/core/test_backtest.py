"""The alerts of a replay are those that the pure decision makes of the same measurements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.core.backtest import Replay, per_month
from app.core.model import Measurement, Outcome, Window

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OUTCOMES = {"o": Outcome.OK, "b": Outcome.BREACH, "?": Outcome.NOT_EVALUATED}


def replayed(**subjects: str) -> Replay:
    """A day per letter: (o)k, (b)reach or cannot tell (?), with values that grow by one a day against a limit of 1."""
    seen = Replay()
    for day in range(len(next(iter(subjects.values())))):
        window = Window(START + day * DAY, START + (day + 1) * DAY)
        seen.take(
            Measurement("skew", name, window, "d", OUTCOMES[letters[day]], day + 1.0, 1.0, "why", expected_rate=0.01)
            for name, letters in subjects.items()
        )
    return seen


@pytest.mark.parametrize(
    ("letters", "spans", "sentence"),
    [
        ("oooo", [], "what is ok raises nothing"),
        ("obbo", [(1, 3)], "an alert lasts from the first breach until the next ok"),
        ("obbb", [(1, None)], "without an ok it goes on"),
        ("ob?bo", [(1, 4)], "a window that cannot be told ends nothing"),
        ("boboo", [(0, 1), (2, 3)], "two breaches with an ok between are two alerts"),
        ("????", [], "where nothing can be told, nothing fires"),
    ],
)
def test_an_alert_lasts_as_the_decision_says(letters: str, spans: list[tuple[int, int | None]], sentence: str) -> None:
    found = [
        ((one.since - START) // DAY, None if one.until is None else (one.until - START) // DAY)
        for one in replayed(a=letters).episodes
    ]
    assert found == spans, sentence


def test_the_worst_finding_is_the_one_farthest_from_its_limit() -> None:
    (episode,) = replayed(a="obbo").episodes
    assert (episode.worst.subject, episode.worst.value, episode.worst.limit) == ("a", 3.0, 1.0)


def test_a_window_within_the_limit_is_never_the_worst_one() -> None:
    seen = Replay()
    values = [1.2, 0.1, 1.1, 0.0]  # beyond the limit of 1 in two of three windows
    for day, value in enumerate(values):
        window = Window(START + day * DAY, START + (day + 1) * DAY)
        seen.take([Measurement("skew", "a", window, "d", Outcome.BREACH, value, 1.0)])
    (episode,) = seen.episodes
    assert episode.worst.value == 1.2


def test_the_worst_finding_may_lie_on_either_side_of_normal() -> None:
    seen = Replay()
    for day, (value, limit) in enumerate([(130.0, 120.0), (20.0, 80.0)]):
        window = Window(START + day * DAY, START + (day + 1) * DAY)
        seen.take([Measurement("volume", "", window, "rows", Outcome.BREACH, value, limit, normal=100.0)])
    (episode,) = seen.episodes
    assert (episode.worst.value, episode.worst.limit) == (20.0, 80.0)


def test_subjects_that_begin_to_fire_together_are_one_alert_of_the_check() -> None:
    (tally,) = replayed(a="obbo", b="obbb", c="oobo").tallies
    assert (tally.check, tally.judged, tally.alerts) == ("skew", 4, 2)
    assert tally.expected_rate == pytest.approx(0.03)


def test_windows_without_a_verdict_are_not_counted_as_judged() -> None:
    (tally,) = replayed(a="??oo").tallies
    assert tally.judged == 2
    assert tally.expected_rate == pytest.approx(0.01)
    assert replayed(a="??").tallies == []


def test_a_month_has_thirty_days() -> None:
    assert per_month(0.1, DAY) == pytest.approx(3)
    assert per_month(0.01, timedelta(hours=1)) == pytest.approx(7.2)
