"""However rows arrive and are folded, profiles hold each of them once, with the truth that is known of it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import create_autospec, patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.core.model import Source, Task
from app.services import counting
from app.services.fold import FoldSummary, fold
from app.services.rebuild import rebuild, request_rebuild
from app.storage import migrate, tables
from app.storage.engine import engine_for, read, write
from app.storage.lease import FOLD, Lease
from tests.services.served import (
    NOW,
    SOURCES,
    Served,
    assert_counted,
    assert_same,
    correction,
    expected_profiles,
    layout_of,
    offline,
    prediction,
    refer,
    serve,
    store,
    stored_profiles,
)
from tests.sessions import end_lease_sessions

KEYS = st.sampled_from([f"p{i}" for i in range(8)])
LABELS = {
    Task.BINARY: st.sampled_from([None, "no", "yes", "other"]),
    Task.MULTICLASS: st.sampled_from([None, "no", "yes", "unheard of", "new"]),
    Task.REGRESSION: st.sampled_from([None, float("nan"), float("inf"), 0.1, -2.0, 3.5]),
}
FEATURES = st.fixed_dictionaries(
    {},
    optional={
        "x": st.one_of(st.none(), st.floats(-3, 3), st.integers(-3, 3), st.sampled_from(["NaN", "Infinity", "text"])),
        "kind": st.sampled_from([None, "a", "b", "new", True]),
        "unused": st.just(1),
    },
)
SCORES = st.one_of(st.none(), st.floats(-0.1, 1.1), st.just(float("nan")))


@st.composite
def histories(draw: st.DrawFn, served: Served, newest: int = 0) -> list[list[tuple[Any, ...]]]:
    """Predictions and corrections in any order, some of them twice, cut into batches anywhere. `newest`: the id of the
    last correction before them, some of which are taken back.
    """
    labels = LABELS[served.model.task]
    version_ids = st.sampled_from(served.version_ids)
    predictions = st.builds(
        prediction,
        version_ids,
        KEYS,
        labels,
        minutes=st.floats(0, 130),
        features=FEATURES,
        score=SCORES,
        latency_ms=st.sampled_from([None, 0.5, float("nan")]),
    )
    corrections = st.builds(
        correction,
        st.just(served.model),
        KEYS,
        labels,
        st.sampled_from(SOURCES),
        version_id=st.one_of(st.none(), version_ids),
        at=st.integers(0, 2),
        shown=st.booleans(),
        withdraws=st.one_of(st.none(), st.none(), st.integers(1, 20).map(lambda n: newest + n)),
    )
    computed = st.builds(offline, version_ids, KEYS, FEATURES)
    rows = draw(st.lists(st.one_of(predictions, corrections, computed), max_size=25))
    rows += draw(st.lists(st.sampled_from(rows), max_size=4)) if rows else []
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=6)))
    return [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_history_folded_in_any_way_equals_a_rebuild_and_one_fold_of_the_end(
    engine: Engine, data: st.DataObject
) -> None:
    served = serve(engine, data.draw(st.sampled_from(Task)))
    with read(engine) as connection:
        newest = connection.scalar(select(func.max(tables.correction.c.id))) or 0
    for batch in data.draw(histories(served, newest)):
        store(engine, batch)
        if data.draw(st.booleans(), "fold now"):
            fold(engine, NOW, slice_rows=data.draw(st.sampled_from([1, 4, 20_000]), "slice"))
    fold(engine, NOW, slice_rows=data.draw(st.sampled_from([1, 4, 20_000]), "slice"))
    assert_counted(engine, served)
    folded, kept = {one: stored_profiles(engine, one) for one in served.version_ids}, truths(engine)
    rebuild(engine, now=NOW, model=served.model.name)
    for version_id, profiles in folded.items():
        assert_same(stored_profiles(engine, version_id), profiles)
    assert truths(engine) == kept


def truths(engine: Engine) -> list[tuple[Any, ...]]:
    p = tables.prediction.c
    columns = (p.id, p.label_class, p.label_value, p.label_source, p.shown, p.corrected, p.audited)
    with read(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(p.id))]


def revisions(engine: Engine) -> list[tuple[Any, ...]]:
    with read(engine) as connection:
        return [
            tuple(row) for row in connection.execute(select(tables.profile.c.window_start, tables.profile.c.revision))
        ]


def a_history(served: Served) -> list[list[tuple[Any, ...]]]:
    """Labels before and after their predictions, replaced, from several sources, for one version and for all."""
    one, other = served.version_ids
    keys = [f"p{i}" for i in range(6)]
    return [
        [correction(served.model, "p0", "no", Source.USER, shown=True)],
        [prediction(one, key, "yes", minutes=20 * i) for i, key in enumerate(keys)],
        [prediction(other, key, "no", minutes=20 * i) for i, key in enumerate(keys)],
        [correction(served.model, key, "yes", Source.AUDIT, version_id=one, at=1) for key in keys[:4]],
        [correction(served.model, key, "no", at=2) for key in keys[2:5]],
        [correction(served.model, "p2", "yes", at=3), prediction(one, "p9", minutes=5)],
    ]


def test_folding_again_changes_nothing(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    for batch in a_history(served):
        store(engine, batch)
    first = fold(engine, NOW)
    before = revisions(engine)
    assert first == FoldSummary(batches=6, predictions=13, corrections=9, windows=4)
    for batch in a_history(served):
        store(engine, batch)
    assert fold(engine, NOW) == FoldSummary()
    assert revisions(engine) == before


def test_a_label_that_says_the_same_again_leaves_the_profiles_alone(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p"), correction(served.model, "p", "no", at=1)])
    fold(engine, NOW)
    before = revisions(engine)
    store(engine, [correction(served.model, "p", "no", at=2)])
    assert fold(engine, NOW) == FoldSummary(batches=1, corrections=1)
    assert revisions(engine) == before


def test_a_withdrawn_label_disappears_from_the_profiles_and_the_one_before_it_counts_again(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    one, _ = served.version_ids
    store(engine, [prediction(one, "p"), correction(served.model, "p", "yes", Source.USER)])
    fold(engine, NOW)
    before, kept = stored_profiles(engine, one), truths(engine)
    store(engine, [correction(served.model, "p", "no", Source.AUDIT)])
    fold(engine, NOW)
    assert truths(engine) != kept
    with read(engine) as connection:
        newest = connection.scalar(select(func.max(tables.correction.c.id)))
    store(engine, [correction(served.model, "p", None, Source.AUDIT, withdraws=newest)])
    fold(engine, NOW)
    assert_same(stored_profiles(engine, one), before)
    assert truths(engine) == kept
    assert_counted(engine, served)


def test_a_late_label_neither_reads_nor_writes_the_features(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p")])
    fold(engine, NOW)
    store(engine, [correction(served.model, "p", "no")])
    with statements(engine) as seen:
        fold(engine, NOW)
    assert not [one for one in seen if "profile" in one and "features" in one]
    assert [one for one in seen if one.startswith("UPDATE profile")]
    assert_counted(engine, served)


def test_it_says_how_far_it_has_come(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    for batch in a_history(served):
        store(engine, batch)
    told: list[tuple[int, int]] = []
    fold(engine, NOW, slice_rows=1, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (22, 22)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) == 6


def test_a_version_without_a_reference_is_counted_too(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    with write(engine) as connection:
        connection.execute(tables.reference.delete())
    store(engine, [prediction(served.version_ids[0], "p"), correction(served.model, "p", "no")])
    fold(engine, NOW)
    (profile,) = stored_profiles(engine, served.version_ids[0]).values()
    assert profile.rows == 1
    assert profile.outcomes.outcomes.sum() == 1
    assert profile.features.numeric.size == 0


def test_who_does_not_have_the_turn_leaves_at_once(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p")])
    lease = Lease(engine, FOLD)
    assert lease.acquire()
    assert fold(engine, NOW) == FoldSummary(busy=True)
    lease.release()
    assert fold(engine, NOW).predictions == 1


# --- crashes ----------------------------------------------------------------------------------------------------------


@contextmanager
def statements(engine: Engine, before: Callable[[int], None] = lambda number: None) -> Iterator[list[str]]:
    """Notes every statement and commit; `before` is called with its number, and may end the world."""
    seen: list[str] = []

    def note(statement: str) -> None:
        seen.append(statement.strip())
        before(len(seen))

    def execute(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        note(statement)

    def commit(_connection: object) -> None:
        note("COMMIT")

    event.listen(engine, "before_cursor_execute", execute)
    event.listen(engine, "commit", commit)
    yield seen
    event.remove(engine, "before_cursor_execute", execute)
    event.remove(engine, "commit", commit)


class CrashError(SQLAlchemyError):
    """What the tests throw in the fold's way: the database fails."""


def test_an_error_before_any_statement_loses_and_doubles_nothing(engine: Engine) -> None:
    def fold_until(step: int) -> bool:
        """Fold, and fail before that statement or commit; True when there was none so late."""

        def fail(number: int) -> None:
            if number == step:
                raise CrashError

        try:
            fold_when_free(engine, fail)
        except CrashError:
            return False
        return True

    crash_everywhere(engine, fold_until)


def test_a_kill_before_any_statement_loses_and_doubles_nothing(engine: Engine) -> None:
    def fold_until(step: int) -> bool:
        """The same in a process of its own, which is killed."""
        engine.dispose()
        child = os.fork()
        if child == 0:
            mine = engine_for(engine.url)
            fold_when_free(mine, lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == step else None)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL)
        return status == 0

    crash_everywhere(engine, fold_until)


def fold_when_free(engine: Engine, before: Callable[[int], None]) -> None:
    """Fold once nobody has the turn: PostgreSQL takes a moment to notice that a session is gone."""
    busy = True
    while busy:
        with statements(engine, before):
            busy = fold(engine, NOW, slice_rows=4).busy


def crash_everywhere(engine: Engine, fold_until: Callable[[int], bool]) -> None:
    served = serve(engine, Task.BINARY)
    history = a_history(served)
    mend = damaged_layout(engine, served.version_ids[1])  # so that something is set aside
    for batch in history[:3]:
        store(engine, batch)
    with pytest.raises(ExceptionGroup):
        fold(engine, NOW)
    mend()
    with write(engine) as connection:
        request_rebuild(connection, served.version_ids[0])
    for batch in history[3:]:
        store(engine, batch)
    steps = 1
    while not fold_until(steps):
        steps += 1
    assert steps > 20  # it did crash, again and again
    assert_counted(engine, served)


# --- races ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_lease", [True, False], ids=["taking turns", "the turn is no protection"])
def test_two_folds_at_once_count_once(engine: Engine, with_lease: bool) -> None:
    """Without the lease, as after a lost session, it is the revisions and marks that keep two folds apart."""
    served = serve(engine, Task.BINARY)
    one, other = served.version_ids
    for start in range(0, 60, 3):
        keys = [f"p{i}" for i in range(start, start + 3)]
        store(engine, [prediction(one, key, minutes=float(i)) for i, key in enumerate(keys)])
        store(engine, [correction(served.model, key, "no") for key in keys])
        store(engine, [prediction(other, key, minutes=float(i)) for i, key in enumerate(keys)])
    together = threading.Barrier(2)

    def fold_all() -> int:
        together.wait()
        counted = 0
        while (found := fold(engine, NOW, slice_rows=7)) != FoldSummary():
            counted += found.predictions
        return counted

    anybody = create_autospec(Lease, instance=True)
    anybody.acquire.return_value = True
    with ThreadPoolExecutor(2) as pool:
        if with_lease:
            counts = list(pool.map(lambda _: fold_all(), range(2)))
        else:
            with patch.object(counting, "Lease", autospec=True, return_value=anybody):
                counts = list(pool.map(lambda _: fold_all(), range(2)))
    assert sum(counts) == 120
    assert_counted(engine, served)


def test_a_reference_replaced_during_a_fold_wins(engine: Engine) -> None:
    """What was binned by the old reference is thrown away, whenever the new one comes."""
    served = serve(engine, Task.BINARY)
    (version_id, _) = served.version_ids
    store(engine, [prediction(version_id, f"p{i}", minutes=30.0 * i) for i in range(4)])
    fold(engine, NOW)
    store(engine, [prediction(version_id, f"q{i}", minutes=30.0 * i) for i in range(4)])
    new = layout_of(Task.BINARY, shift=2.0)
    elsewhere = engine_for(engine.url)

    def replace_reference(_engine: Engine, _lease: Lease) -> Any:
        if not done:
            done.append(NOW)
            with write(elsewhere) as connection:
                refer(connection, version_id, new, NOW)
                request_rebuild(connection, version_id)
        return counting.saving(_engine, _lease)

    done: list[datetime] = []
    with patch("app.services.fold.saving", replace_reference):
        found = fold(engine, NOW)
    elsewhere.dispose()
    assert found == FoldSummary(batches=1, predictions=4, windows=2, recounted=4)
    expected = expected_profiles(engine, Served(served.model, served.version_ids, new), version_id)
    assert_same(stored_profiles(engine, version_id), expected)


def test_nothing_is_saved_after_the_turn_was_lost(postgres_url: Any) -> None:
    engine = engine_for(postgres_url)
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p")])
    lease = Lease(engine, FOLD)
    assert lease.acquire()
    end_lease_sessions(engine)
    with pytest.raises(counting.LostRaceError), counting.saving(engine, lease) as connection:
        connection.execute(update(tables.batch).values(folded_at=NOW))
    lease.release()
    assert fold(engine, NOW).predictions == 1
    engine.dispose()


def test_a_label_that_is_no_number_is_no_truth_and_stops_nothing(engine: Engine) -> None:
    served = serve(engine, Task.REGRESSION)
    version_id = served.version_ids[0]
    store(engine, [prediction(version_id, "p", 2.0), correction(served.model, "p", float("nan"))])
    fold(engine, NOW)
    store(engine, [correction(served.model, "p", 2.5, at=1)])
    assert fold(engine, NOW).corrections == 1
    assert [row[2] for row in truths(engine)] == [2.5]


# --- a version that is damaged ----------------------------------------------------------------------------------------


def damaged_layout(engine: Engine, version_id: int) -> Callable[[], None]:
    """Damage the version's layout; what is returned mends it."""
    theirs = tables.reference.c.version_id == version_id
    with write(engine) as connection:
        sound = connection.scalar(select(tables.reference.c.layout).where(theirs))
        connection.execute(update(tables.reference).where(theirs).values(layout="{"))

    def mend() -> None:
        with write(engine) as connection:
            connection.execute(update(tables.reference).where(theirs).values(layout=sound))

    return mend


def damaged_profiles(engine: Engine, version_id: int) -> Callable[[], None]:
    """Damage the version's profiles; what is returned mends them."""
    theirs = tables.profile.c.version_id == version_id
    with write(engine) as connection:
        sound = {row.window_start: row.outcomes for row in connection.execute(select(tables.profile).where(theirs))}
        connection.execute(update(tables.profile).where(theirs).values(outcomes=b"damaged"))

    def mend() -> None:
        with write(engine) as connection:
            for start, outcomes in sound.items():
                this = theirs & (tables.profile.c.window_start == start)
                connection.execute(update(tables.profile).where(this).values(outcomes=outcomes))

    return mend


def rebuilt(engine: Engine, version_id: int) -> Callable[[], None]:
    """Damage the version's profiles, which a rebuild mends."""
    damaged_profiles(engine, version_id)

    def mend() -> None:
        with write(engine) as connection:
            request_rebuild(connection, version_id)

    return mend


@pytest.mark.parametrize("damage", [damaged_layout, damaged_profiles, rebuilt])
def test_a_damaged_version_waits_while_the_others_are_counted(
    engine: Engine, damage: Callable[[Engine, int], Callable[[], None]]
) -> None:
    served = serve(engine, Task.BINARY)
    ill, healthy = served.version_ids
    history = a_history(served)
    for batch in history[:3]:
        store(engine, batch)
    fold(engine, NOW)
    mend = damage(engine, ill)
    for batch in history[3:]:
        store(engine, batch)
    store(engine, [prediction(one, f"late{one}", minutes=5) for one in served.version_ids])
    store(engine, [offline(one, key) for one in served.version_ids for key in ("p0", f"late{one}")])
    for slice_rows in (1, 20_000):
        with pytest.raises(ExceptionGroup, match="1 versions could not be counted") as raised:
            fold(engine, NOW, slice_rows=slice_rows)
        assert raised.value.exceptions[0].__notes__ == [f"model '{served.model.name}' version '1'"]
    assert_same(stored_profiles(engine, healthy), expected_profiles(engine, served, healthy))
    store(engine, [correction(served.model, key, "yes", at=9) for key in ("p0", "p9")])
    store(engine, [offline(ill, "p9"), prediction(ill, "p10", minutes=7)])
    with statements(engine) as seen, pytest.raises(ExceptionGroup):
        fold(engine, NOW)
    assert len(seen) < 60  # it is tried once, and not again and again
    mend()
    fold(engine, NOW, slice_rows=2)
    assert_counted(engine, served)
    assert fold(engine, NOW) == FoldSummary()


def test_a_rebuild_that_fails_waits_and_keeps_no_other_back(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    ill, healthy = served.version_ids
    for batch in a_history(served):
        store(engine, batch)
    fold(engine, NOW)
    mend = damaged_layout(engine, ill)
    with pytest.raises(ExceptionGroup, match="1 versions could not be counted"):
        rebuild(engine, now=NOW)
    store(engine, [prediction(one, "late") for one in served.version_ids])
    with pytest.raises(ExceptionGroup):
        fold(engine, NOW)
    assert_same(stored_profiles(engine, healthy), expected_profiles(engine, served, healthy))
    mend()
    assert fold(engine, NOW).recounted == 7
    assert_counted(engine, served)


def test_the_way_down_counts_what_was_set_aside_anew(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    mend = damaged_layout(engine, served.version_ids[0])
    for batch in a_history(served):
        store(engine, batch)
    with pytest.raises(ExceptionGroup):
        fold(engine, NOW)
    migrate.downgrade(engine, "0025")
    mend()
    migrate.upgrade(engine)
    assert fold(engine, NOW).recounted == 7
    assert_counted(engine, served)


# --- offline values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["before", "with", "after", "in a batch of its own that is folded later"])
def test_offline_values_are_compared_once_whenever_they_come(engine: Engine, order: str) -> None:
    served = serve(engine, Task.BINARY, versions=1)
    version_id = served.version_ids[0]
    row, computed = prediction(version_id, "p"), offline(version_id, "p", {"x": 0.75, "kind": "a"})
    batches: dict[str, list[list[tuple[Any, ...]]]] = {
        "before": [[computed], [row]],
        "with": [[row, computed]],
        "after": [[row], [computed]],
    }
    for batch in batches.get(order, [[row], [computed]]):
        store(engine, batch)
        if order in batches:
            fold(engine, NOW)
    fold(engine, NOW, slice_rows=1)

    [profile] = stored_profiles(engine, version_id).values()
    assert profile.outcomes.parity.tolist() == [[1, 1], [1, 0]]
    assert profile.outcomes.parity_gaps.tolist() == [0.25, 0.0]
    store(engine, [computed, offline(version_id, "p", {"x": 0.5})])  # the same, and another value: the first one stays
    assert fold(engine, NOW).batches == 0
    assert_counted(engine, served)
    rebuild(engine, now=NOW)
    assert_counted(engine, served)


def test_late_offline_values_leave_the_features_as_they_are_stored(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1)
    store(engine, [prediction(served.version_ids[0], "p")])
    fold(engine, NOW)
    with write(engine) as connection:
        connection.execute(update(tables.profile).values(features=b"not read, not written"))
    store(engine, [offline(served.version_ids[0], "p")])
    fold(engine, NOW)
    with read(engine) as connection:
        assert connection.scalar(select(tables.profile.c.features)) == b"not read, not written"
