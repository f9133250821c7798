"""The buffer keeps its bounds, and accounts for every record."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.client.buffer import Batch, Buffer, Kind, OnFull

PREDICTION, CORRECTION = Kind.PREDICTION, Kind.CORRECTION


def buffer(
    max_records: int = 10,
    max_bytes: int = 1000,
    on_full: OnFull = "drop_newest",
    batch_size: int = 3,
    interval: float = 60,
) -> Buffer:
    return Buffer(max_records, max_bytes, on_full, batch_size, interval)


def bodies(batch: Batch | None) -> list[bytes]:
    assert batch is not None
    return [record.body for record in batch.records]


def settled(buffer: Buffer, batch: Batch | None) -> None:
    assert batch is not None
    buffer.settle(batch, sent=len(batch), duplicates=0, rejected=0)


def test_a_full_batch_is_due_at_once() -> None:
    waiting = buffer()
    for name in (b"a", b"b", b"c", b"d"):
        waiting.put(PREDICTION, name)
    assert bodies(waiting.next_batch()) == [b"a", b"b", b"c"]


def test_a_record_waits_for_company_only_so_long() -> None:
    waiting = buffer(interval=0.01)
    waiting.put(PREDICTION, b"a")
    assert bodies(waiting.next_batch()) == [b"a"]


def test_a_batch_is_of_one_kind_and_the_oldest_leaves_first() -> None:
    waiting = buffer()
    for kind, name in ((CORRECTION, b"c1"), (PREDICTION, b"p1"), (CORRECTION, b"c2"), (PREDICTION, b"p2")):
        waiting.put(kind, name)
    waiting.close()
    first, second = waiting.next_batch(), waiting.next_batch()
    assert first is not None
    assert (first.kind, bodies(first)) == (CORRECTION, [b"c1", b"c2"])
    assert second is not None
    assert (second.kind, bodies(second)) == (PREDICTION, [b"p1", b"p2"])
    assert waiting.next_batch() is None


def test_a_batch_is_cut_where_its_bytes_are_enough() -> None:
    waiting = buffer(max_bytes=100, batch_size=5)
    for _ in range(3):
        waiting.put(PREDICTION, b"x" * 20)
    assert len(bodies(waiting.next_batch())) == 2  # half of the room, 50 bytes, holds two


def test_sending_starts_when_half_of_the_room_is_taken() -> None:
    waiting = buffer(max_records=4, batch_size=500)
    waiting.put(PREDICTION, b"a")
    waiting.put(PREDICTION, b"b")
    assert bodies(waiting.next_batch()) == [b"a", b"b"]


@pytest.mark.parametrize(("on_full", "kept"), [("drop_newest", [b"0", b"1"]), ("drop_oldest", [b"3", b"4"])])
def test_a_full_queue_keeps_the_end_that_was_chosen(on_full: OnFull, kept: list[bytes]) -> None:
    waiting = buffer(max_records=2, on_full=on_full, batch_size=9)
    reasons = [waiting.put(PREDICTION, b"%d" % number) for number in range(5)]
    assert reasons == [None, None, "queue_full", "queue_full", "queue_full"]
    assert waiting.stats("").dropped == {"queue_full": 3}
    waiting.close()
    got: list[bytes] = []
    while batch := waiting.next_batch():
        got += bodies(batch)
        settled(waiting, batch)
    assert got == kept


def test_the_oldest_of_either_kind_makes_room() -> None:
    waiting = buffer(max_records=2, on_full="drop_oldest")
    waiting.put(CORRECTION, b"c")
    waiting.put(PREDICTION, b"p1")
    waiting.put(PREDICTION, b"p2")
    assert bodies(waiting.next_batch()) == [b"p1"]


def test_as_many_of_the_oldest_leave_as_the_newcomer_needs() -> None:
    waiting = buffer(max_bytes=100, on_full="drop_oldest")
    for _ in range(4):
        waiting.put(PREDICTION, b"x" * 25)
    waiting.put(PREDICTION, b"y" * 60)
    assert waiting.stats("").dropped == {"queue_full": 3}
    assert waiting.stats("").queued == 2


def test_a_record_that_could_never_fit_costs_no_other() -> None:
    waiting = buffer(max_bytes=100, on_full="drop_oldest")
    waiting.put(PREDICTION, b"a")
    assert waiting.put(PREDICTION, b"x" * 101) == "queue_full"
    assert waiting.stats("").queued == 1


@pytest.mark.parametrize("on_full", ["drop_newest", "drop_oldest"])
def test_what_travels_takes_room_and_is_not_called_back(on_full: OnFull) -> None:
    subject = buffer(max_records=2, on_full=on_full, batch_size=1)
    subject.put(PREDICTION, b"a")
    travelling = subject.next_batch()
    subject.put(PREDICTION, b"b")
    assert subject.put(PREDICTION, b"c") == "queue_full"
    assert subject.stats("").queued == 2
    settled(subject, travelling)
    assert bodies(subject.next_batch()) == [b"b" if on_full == "drop_newest" else b"c"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from([*Kind]), st.integers(1, 40)),
            st.sampled_from(["take", "settle", "drop", "flush"]),
        ),
        max_size=60,
    ),
    st.sampled_from(["drop_newest", "drop_oldest"]),
)
def test_whatever_happens_the_bounds_hold_and_every_record_is_accounted_for(
    events: list[tuple[Kind, int] | str], on_full: OnFull
) -> None:
    subject = buffer(max_records=6, max_bytes=100, on_full=on_full, interval=0)
    put, held = 0, Batch(PREDICTION, ())
    for event in events:
        if isinstance(event, tuple):
            subject.put(event[0], b"x" * event[1])
            put += 1
        elif event == "take" and not held.records and subject.stats("").queued:
            held = subject.next_batch() or held
        elif event == "settle" and held.records:
            settled(subject, held)
            held = Batch(PREDICTION, ())
        elif event == "drop" and held.records:
            subject.drop(held, "gave_up")
            held = Batch(PREDICTION, ())
        elif event == "flush":
            assert subject.flush(0) == (subject.stats("").queued == 0)
        stats = subject.stats("")
        assert stats.sent + stats.queued + sum(stats.dropped.values()) == put
        assert stats.queued <= 6
    subject.close()
    size = held.size
    while batch := subject.next_batch():
        size += batch.size
        settled(subject, batch)
    assert size <= 100


def test_a_flush_waits_for_what_came_before_it_only() -> None:
    waiting = buffer()
    waiting.put(PREDICTION, b"before")
    answers: list[bool] = []
    flusher = threading.Thread(target=lambda: answers.append(waiting.flush(30)))
    flusher.start()
    batch = waiting.next_batch()
    waiting.put(PREDICTION, b"after")
    settled(waiting, batch)
    flusher.join(30)
    assert answers == [True]
    assert waiting.stats("").queued == 1


def test_a_flush_of_what_nobody_fetches_says_no() -> None:
    waiting = buffer()
    waiting.put(PREDICTION, b"a")
    assert waiting.flush(0.01) is False


def test_closing_lets_nothing_in_and_everything_out() -> None:
    waiting = buffer()
    waiting.put(PREDICTION, b"a")
    waiting.close()
    assert waiting.put(PREDICTION, b"b") == "closed"
    assert bodies(waiting.next_batch()) == [b"a"]
    assert waiting.next_batch() is None


def test_abandoning_counts_what_nobody_answered_for() -> None:
    waiting = buffer()
    for _ in range(5):
        waiting.put(PREDICTION, b"a")
    travelling = waiting.next_batch()
    waiting.close()
    assert waiting.abandon() == 5
    assert (waiting.stats("").queued, waiting.stats("").dropped) == (3, {"closed": 2})
    settled(waiting, travelling)
    assert (waiting.stats("").queued, waiting.stats("").sent) == (0, 3)


def test_the_halves_of_a_batch_are_the_batch() -> None:
    waiting = buffer()
    for name in (b"a", b"b", b"c"):
        waiting.put(PREDICTION, name)
    batch = waiting.next_batch()
    assert batch is not None
    first, second = batch.halves()
    assert first.records + second.records == batch.records
    assert (len(first), len(second)) == (1, 2)
