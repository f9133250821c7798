"""Which alerts a silence means, when it holds, and when it ended."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from app.core.silences import Identity, Matcher, Silence, Weekly, hush

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALERT = Identity("default", "fraud-eu", "3", "data_drift", "amount.last[7]", "country=FI")
ITSELF = Identity("", "", "", "disk", "", "")
ANY = Matcher(model="*")

MATCHERS = [
    ("the exact name fits", Matcher(model="fraud-eu"), True),
    ("another does not", Matcher(model="fraud"), False),
    ("a star stands for any characters", Matcher(model="fraud*"), True),
    ("also for none", Matcher(model="fraud-eu*"), True),
    ("a question mark stands for one", Matcher(model="fraud-e?"), True),
    ("and not for none", Matcher(model="fraud-eu?"), False),
    ("brackets and dots are themselves", Matcher(subject="amount.last[7]"), True),
    ("a dot is no wildcard", Matcher(subject="amount?last.7."), False),
    ("all that is given must fit", Matcher(model="fraud-eu", check="volume"), False),
    ("the whole is the empty segment", Matcher(segment=""), False),
    ("capital letters differ", Matcher(model="Fraud-EU"), False),
    ("what is not given does not matter", Matcher(version="3"), True),
]


@pytest.mark.parametrize(("matcher", "fits"), [case[1:] for case in MATCHERS], ids=[case[0] for case in MATCHERS])
def test_matchers(matcher: Matcher, fits: bool) -> None:
    assert matcher.fits(ALERT) is fits


def test_a_star_fits_watchkeeper_itself_and_a_model_does_not() -> None:
    assert ANY.fits(ITSELF)
    assert not Matcher(model="fraud*").fits(ITSELF)
    assert Matcher(model="fraud*", check="volume").words == "model=fraud* check=volume"


def silence(weekly: Weekly | None = None, starts: timedelta = -HOUR, expires: timedelta | None = HOUR) -> Silence:
    """Times are from noon."""
    return Silence(ANY, NOON + starts, None if expires is None else NOON + expires, "ann", "because", weekly)


TIMES = [
    ("it holds from its start", timedelta(0), True, None),
    ("not before", timedelta(seconds=-1), False, None),
    ("and not at its end", 2 * HOUR, False, 2 * HOUR),
    ("nor after, when it has ended", 3 * HOUR, False, 2 * HOUR),
]


@pytest.mark.parametrize(("after", "active", "ended"), [case[1:] for case in TIMES], ids=[case[0] for case in TIMES])
def test_a_silence_holds_once(after: timedelta, active: bool, ended: timedelta | None) -> None:
    start = NOON - HOUR
    assert silence().active(start + after) is active
    assert silence().last_end(start + after) == (None if ended is None else start + ended)


def test_one_that_was_ended_before_it_began_never_held() -> None:
    given = silence(starts=HOUR, expires=timedelta(0))
    assert not given.active(NOON)
    assert not given.active(NOON + 2 * HOUR)
    assert (
        given.last_end(NOON + 2 * HOUR) is None
    )  # or people would be told that the alert was silenced, and still fires


NIGHTS = Weekly(frozenset({2, 5}), time(22), timedelta(hours=4), "UTC")  # Wednesdays and Saturdays
WEEKLY = [
    ("it holds on its day", datetime(2026, 3, 4, 22, tzinfo=UTC), True),
    ("and past midnight", datetime(2026, 3, 5, 1, 59, tzinfo=UTC), True),
    ("until its time is over", datetime(2026, 3, 5, 2, tzinfo=UTC), False),
    ("not on other days", datetime(2026, 3, 5, 22, tzinfo=UTC), False),
    ("not before it was made", datetime(2026, 2, 28, 23, tzinfo=UTC), False),
    ("every week", datetime(2027, 3, 6, 23, tzinfo=UTC), True),
]


@pytest.mark.parametrize(("at", "active"), [case[1:] for case in WEEKLY], ids=[case[0] for case in WEEKLY])
def test_maintenance_comes_every_week(at: datetime, active: bool) -> None:
    assert silence(NIGHTS, expires=None).active(at) is active


def test_a_weekly_one_ends_each_time_and_for_good() -> None:
    given = silence(NIGHTS, expires=3 * DAY + 11 * HOUR)  # Saturday, 23:00
    assert given.last_end(NOON) is None
    assert given.last_end(NOON + DAY) == datetime(2026, 3, 5, 2, tzinfo=UTC)
    assert given.active(datetime(2026, 3, 7, 22, 30, tzinfo=UTC))
    assert not given.active(datetime(2026, 3, 7, 23, 30, tzinfo=UTC))
    assert given.last_end(NOON + 4 * DAY) == datetime(2026, 3, 7, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "active"),
    [
        pytest.param(datetime(2026, 3, 28, 1, 30, tzinfo=UTC), True, id="in winter 02:30 in Berlin is 01:30 UTC"),
        pytest.param(datetime(2026, 4, 4, 0, 30, tzinfo=UTC), True, id="in summer it is 00:30 UTC"),
        pytest.param(datetime(2026, 4, 4, 1, 30, tzinfo=UTC), False, id="and no longer 01:30 UTC"),
        pytest.param(datetime(2026, 3, 29, 1, 45, tzinfo=UTC), True, id="a time that the clocks skip is not lost"),
    ],
)
def test_the_clocks_are_those_of_the_zone(at: datetime, active: bool) -> None:
    given = Silence(
        ANY,
        datetime(2026, 1, 1, tzinfo=UTC),
        None,
        "ann",
        "because",
        Weekly(frozenset({5, 6}), time(2, 30), timedelta(minutes=30), "Europe/Berlin"),
    )
    assert given.active(at) is active


def test_of_several_silences_one_that_holds_counts_and_the_last_end() -> None:
    over, holds = silence(starts=-3 * HOUR, expires=-2 * HOUR), silence()
    other = Silence(Matcher(model="other"), NOON - HOUR, NOON + HOUR, "bob", "because")

    found = hush([other, over, holds], ALERT, NOON)

    assert (found.by, found.ended) == (holds, NOON - 2 * HOUR)
    assert hush([other], ALERT, NOON).by is None
