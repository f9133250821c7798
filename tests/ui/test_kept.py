"""An answer that stands ready."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from threading import Barrier, Event, Thread

from app.ui.data.kept import Kept

FRESH = timedelta(seconds=20)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def counted() -> tuple[Kept[int], Clock]:
    numbers, clock = count(1), Clock()
    return Kept(lambda: next(numbers), FRESH, clock), clock


def test_an_answer_is_kept_until_it_is_too_old() -> None:
    kept, clock = counted()
    assert [kept(), kept()] == [1, 1]
    clock.now += 20
    assert kept() == 1
    clock.now += 0.1
    assert kept() == 2


def test_nothing_is_not_kept() -> None:
    answers = iter([[], [], ["a model"], ["never asked for"]])
    kept = Kept(lambda: next(answers), FRESH, Clock())
    assert [kept(), kept(), kept(), kept()] == [[], [], ["a model"], ["a model"]]


def test_it_is_renewed_before_anybody_would_have_to_wait() -> None:
    kept, clock = counted()
    kept()
    clock.now += 5
    kept.renew(timedelta(seconds=10))
    assert kept() == 1
    clock.now += 10
    kept.renew(timedelta(seconds=10))
    clock.now += 15
    assert kept() == 2


def test_after_something_was_done_the_next_one_gets_a_new_answer() -> None:
    kept, _ = counted()
    kept()
    kept.clear()
    assert kept() == 2


def test_who_asks_while_it_is_renewed_gets_the_old_answer_at_once() -> None:
    asked, go_on, clock = Event(), Event(), Clock()

    def answers() -> Iterator[str]:
        yield "old"
        asked.set()
        assert go_on.wait(10)
        yield "new"

    given = answers()
    kept = Kept(lambda: next(given), FRESH, clock)
    kept()
    clock.now += 15
    renewing = Thread(target=kept.renew, args=(timedelta(seconds=10),))
    renewing.start()
    assert asked.wait(10)
    assert kept() == "old"
    go_on.set()
    renewing.join(10)
    assert kept() == "new"


def test_people_who_come_together_ask_once() -> None:
    numbers, together, got = count(1), Barrier(8), []
    kept = Kept(lambda: next(numbers), FRESH)

    def come() -> None:
        together.wait(10)
        got.append(kept())

    people = [Thread(target=come) for _ in range(8)]
    for one in people:
        one.start()
    for one in people:
        one.join(10)
    assert got == [1] * 8
