"""Evaluation on real databases: which windows are judged, when again, and that it finds what the checks find."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest
from sqlalchemy import Engine, Row, select

from app.core.budget import allowed_rate
from app.core.drills import Recovery
from app.core.fold import fold_whole
from app.core.layout import Layout
from app.core.model import Model, Outcome, Stage, Task, Version
from app.services import evaluate as service
from app.services.checks import all_checks
from app.services.evaluate import EvaluationSummary, evaluate
from app.services.fold import fold
from app.services.rounds import described
from app.storage import ingest, references, tables
from app.storage.catalogue import add_model, add_version
from app.storage.engine import read, write
from app.storage.rebuilds import request_rebuild
from tests.core.checks.cases import DAY, LIVE, START, Given, features_of, folded, layout_of, rows_of, usual

ROWS = 40
HOUR = timedelta(hours=1)


@pytest.fixture
def given() -> Given:
    """Eight healthy days after a reference of 32; labels are due two days after their window."""
    model = Model("m", Task.BINARY, label_delay=2 * DAY, max_staleness=timedelta(days=400))
    given = usual(seed=5, reference_days=32, count=8, rows=ROWS).but(model=model)
    return given.but(served=given.served.assign(source="ground_truth"))


def register(engine: Engine, given: Given, *, name: str = "v", stage: Stage = Stage.LIVE) -> Version:
    """A version, and its reference if there is one."""
    assert given.model is not None
    with write(engine) as connection:
        known = connection.execute(select(tables.model.c.id)).scalar()
        model_id = known or add_model(connection, given.model, START).id
        version = add_version(connection, Version(model_id, name, stage), START)
        if given.reference is not None:
            layout = layout_of(given.reference, given.model, version)
            new = references.Reference(layout, len(given.reference), given.timed, True, "digest", START)
            references.replace(connection, version.id, new, reference_parts(layout, given))
    return version


def reference_parts(layout: Layout, given: Given) -> list[references.ReferenceProfile]:
    assert given.reference is not None
    if not given.timed:
        return [references.ReferenceProfile(None, fold_whole(layout, rows_of(given.reference, given.task)))]
    assert given.model is not None
    profiles = folded(layout, given.reference, given.task, given.model.window)
    return [references.ReferenceProfile(start, profiles[start]) for start in sorted(profiles)]


def store(engine: Engine, version: Version, frame: pd.DataFrame, *, labels: bool = True, rows: bool = True) -> None:
    """Store the frame's predictions and labels as one batch each, and fold them."""
    parts = ([predictions_of(version, frame)] if rows else []) + ([labels_of(version, frame)] if labels else [])
    for part in parts:
        with write(engine) as connection:
            ingest.insert_rows(connection, [part], LIVE)
    fold(engine, LIVE)


def predictions_of(version: Version, frame: pd.DataFrame) -> ingest.Rows:
    found = []
    for key, row in frame.iterrows():
        features = json.dumps({name: row[name] for name in features_of(frame)})
        time = row["time"].to_pydatetime()
        rest = (None, row["latency"], None, None, None)
        found.append((version.id, str(key), time, features, row["predicted"], None, row["score"], *rest))
    return ingest.Rows(found, [])


def labels_of(version: Version, frame: pd.DataFrame) -> ingest.Rows:
    found = []
    for key, row in frame.iterrows():
        digest = blake2b(f"{version.id} {key} {row['label']}".encode(), digest_size=16).hexdigest()
        said = row["time"].to_pydatetime() + timedelta(seconds=row.get("delay", 0))
        answer = (row["source"], row["label"], None, None, False, None, None, digest)
        found.append((version.model_id, version.id, str(key), said, *answer))
    return ingest.Rows([], found)


def until(day: float) -> datetime:
    return LIVE + timedelta(days=day)


def days(frame: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """The rows from day `first` until before day `last`."""
    return frame[(frame["time"] >= pd.Timestamp(until(first))) & (frame["time"] < pd.Timestamp(until(last)))]


def measurements(engine: Engine, version: Version) -> Sequence[Row[Any]]:
    table = tables.measurement
    order = (table.c.window_start, table.c.check, table.c.subject)
    with read(engine) as connection:
        return connection.execute(select(table).where(table.c.version_id == version.id).order_by(*order)).all()


def judged_at(engine: Engine, version: Version) -> list[datetime]:
    """When each window was last judged, oldest first; every measurement of a window was made at one time."""
    times: dict[datetime, set[datetime]] = {}
    for row in measurements(engine, version):
        times.setdefault(row.window_start, set()).add(row.evaluated_at)
    assert all(len(found) == 1 for found in times.values())
    return [found.pop() for found in times.values()]


def findings(rows: Sequence[Row[Any]]) -> list[tuple[Any, ...]]:
    names = ("window_start", "check", "subject", "outcome", "value", "limit", "reason")
    return [tuple(getattr(row, name) for name in names) for row in rows]


def expected(given: Given, version: Version) -> list[tuple[Any, ...]]:
    """What the checks say of the same rows, without any database."""
    alone = Recovery(None, earlier=0, ready=0, why_not="")  # it is the only version
    case = replace(given.but(version=version, budget=True).case(), recovery=alone)
    found = [one for check in all_checks().values() if given.task in check.tasks for one in check.evaluate(case)]
    return sorted(
        (one.window.start, one.check, one.subject, one.outcome.value, one.value, one.limit, one.reason) for one in found
    )


def assert_same(found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> None:
    assert [one[:4] + one[6:] for one in found] == [one[:4] + one[6:] for one in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine[4:6] == pytest.approx(theirs[4:6], abs=1e-12), mine[:3]


def test_the_first_run_judges_every_closed_window_as_the_checks_do_and_the_second_nothing(
    engine: Engine, given: Given
) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    summary = evaluate(engine, until(8))
    rows = measurements(engine, version)
    assert_same(findings(rows), expected(given.but(now=until(8)), version))
    assert summary == EvaluationSummary(1, 8, len(rows), sum(row.outcome == "breach" for row in rows))
    assert evaluate(engine, until(8) + HOUR) == EvaluationSummary()
    assert set(judged_at(engine, version)) == {until(8)}


def test_an_open_window_is_not_judged(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    assert evaluate(engine, until(3) - HOUR).windows == 2
    assert evaluate(engine, until(3)).windows >= 1
    assert len(judged_at(engine, version)) == 3


def test_each_closed_window_is_judged_once_with_those_whose_labels_have_become_due(
    engine: Engine, given: Given
) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    evaluate(engine, until(5))
    assert evaluate(engine, until(6)).windows == 3  # the labels of day 3 are due now, so days 3, 4 and the new day 5
    assert judged_at(engine, version) == [until(5)] * 3 + [until(6)] * 3


def test_labels_become_final_when_their_delay_has_passed_and_not_when_the_next_window_closes(
    engine: Engine, given: Given
) -> None:
    assert given.model is not None
    half_a_day = Model("m", Task.BINARY, label_delay=timedelta(hours=12), max_staleness=timedelta(days=400))
    version = register(engine, given.but(model=half_a_day))
    store(engine, version, days(given.served, 0, 3))
    evaluate(engine, until(3))

    def accuracy() -> list[str]:
        rows = measurements(engine, version)
        return [row.outcome for row in rows if (row.check, row.subject) == ("performance", "accuracy")]

    assert accuracy() == ["ok", "ok", "not_evaluated"]
    assert evaluate(engine, until(3) + 11 * HOUR).windows == 0
    assert evaluate(engine, until(3) + 12 * HOUR).windows == 1
    assert accuracy() == ["ok", "ok", "ok"]
    assert evaluate(engine, until(3) + 13 * HOUR).windows == 0


def test_a_window_without_labels_comes_back_when_those_of_the_others_usually_had_come(engine: Engine) -> None:
    """Labels take two days though none were declared, and stop after day 33."""
    given = usual(seed=6, reference_days=0, count=37, rows=ROWS).but(reference=None, model=Model("m", Task.BINARY))
    given = given.but(served=given.served.assign(source="ground_truth", delay=2 * DAY.total_seconds()))
    version = register(engine, given)
    labelled = days(given.served, 0, 34)
    store(engine, version, given.served, labels=False)
    store(engine, version, labelled, rows=False)
    evaluate(engine, until(36))

    def coverage() -> list[str]:
        return [row.outcome for row in measurements(engine, version) if row.check == "label_coverage"][30:]

    assert coverage() == ["ok"] * 4 + ["not_evaluated"] * 2
    evaluate(engine, until(37))
    assert coverage() == ["ok"] * 4 + ["breach"] + ["not_evaluated"] * 2
    unlabelled = given.served["label"].where(given.served.index.isin(labelled.index), None)
    now = given.but(served=given.served.assign(label=unlabelled), now=until(37))
    assert_same(findings(measurements(engine, version)), expected(now, version))


def test_late_rows_bring_their_window_back_and_those_that_follow(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    late = days(given.served, 4.8, 5)
    store(engine, version, given.served.drop(late.index))
    evaluate(engine, until(20))
    store(engine, version, late)
    summary = evaluate(engine, until(20) + HOUR)
    assert summary.windows == 16
    assert judged_at(engine, version) == [until(20)] * 4 + [until(20) + HOUR] * 16
    assert_same(findings(measurements(engine, version)), expected(given.but(now=until(20), count=20), version))


def test_rows_before_the_first_window_begin_the_watch_anew(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, days(given.served, 2, 8))
    evaluate(engine, until(8))
    store(engine, version, days(given.served, 0, 2))
    assert evaluate(engine, until(8)).windows == 8
    assert_same(findings(measurements(engine, version)), expected(given.but(now=until(8)), version))


def test_a_stray_row_of_long_ago_is_not_the_beginning_and_costs_nothing(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    stray = days(given.served, 0, 1).head(1)
    store(engine, version, stray.assign(time=stray["time"] - 10_000 * DAY).rename(index="stray-{}".format))
    store(engine, version, given.served)
    assert evaluate(engine, until(8)).windows == 8
    assert_same(findings(measurements(engine, version)), expected(given.but(now=until(8)), version))
    assert evaluate(engine, until(8) + HOUR) == EvaluationSummary()


@pytest.mark.parametrize(
    ("starts", "first"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([5], 5, id="one window, and nothing to say that it was a trial"),
        pytest.param([0, 31], 31, id="a trial, then 30 windows of silence"),
        pytest.param([0, 30], 0, id="a shorter silence"),
        pytest.param([0, 10_000, 19_000, 19_001], 19_000, id="several strays"),
        pytest.param([*range(50), 99], 0, id="a pause shorter than what came before"),
        pytest.param([*range(50), 100], 100, id="a pause as long as what came before"),
        pytest.param([*range(90), 10_000], 0, id="a long pause after enough windows"),
    ],
)
def test_where_production_begins(starts: list[int], first: int | None) -> None:
    begin = None if first is None else START + first * HOUR
    assert service.production_start([START + n * HOUR for n in starts], HOUR) == begin


def test_windows_that_rows_waiting_to_be_counted_may_fill_are_not_judged_yet(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, days(given.served, 0, 5))
    with write(engine) as connection:
        ingest.insert_rows(connection, [predictions_of(version, days(given.served, 5, 8))], until(5) + HOUR)
    assert evaluate(engine, until(8)).windows == 5
    fold(engine, LIVE)
    assert evaluate(engine, until(8)).windows >= 3
    assert len(judged_at(engine, version)) == 8


def test_windows_that_rows_set_aside_may_fill_are_not_judged_yet(engine: Engine, given: Given) -> None:
    ill, healthy = (register(engine, given, name=name) for name in ("ill", "healthy"))
    for version in (ill, healthy):
        store(engine, version, days(given.served, 0, 5))
    layout = tables.reference.update().where(tables.reference.c.version_id == ill.id)
    with write(engine) as connection:
        sound = connection.scalar(select(tables.reference.c.layout).where(tables.reference.c.version_id == ill.id))
        connection.execute(layout.values(layout="damaged"))
        for version in (ill, healthy):
            rows = predictions_of(version, days(given.served, 5, 8))
            ingest.insert_rows(connection, [rows], until(5) + HOUR)
    with pytest.raises(ExceptionGroup):
        fold(engine, LIVE)
    with write(engine) as connection:
        connection.execute(layout.values(layout=sound))
    assert evaluate(engine, until(8)).windows == 5 + 8
    fold(engine, LIVE)
    evaluate(engine, until(8))
    assert len(judged_at(engine, ill)) == 8


def test_late_labels_bring_a_window_back_and_make_it_final(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served, labels=False)
    evaluate(engine, until(20))
    assert evaluate(engine, until(20) + HOUR).windows == 0
    store(engine, version, given.served, rows=False)
    assert evaluate(engine, until(20) + HOUR).windows == 20
    assert_same(findings(measurements(engine, version)), expected(given.but(now=until(20), count=20), version))


def test_silence_after_the_last_row_is_watched_too(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    longer = usual(seed=6, reference_days=32, count=33, rows=ROWS).served.assign(source="ground_truth")
    store(engine, version, longer)
    evaluate(engine, until(35))
    volume = [row for row in measurements(engine, version) if row.check == "volume"]
    assert [row.outcome for row in volume[31:]] == ["ok", "ok", "breach", "breach"]
    assert [row.value for row in volume[31:]] == [ROWS, ROWS, 0, 0]


def test_a_version_whose_profiles_are_being_rebuilt_waits_and_is_then_judged_from_its_start(
    engine: Engine, given: Given
) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    evaluate(engine, until(8))
    before = findings(measurements(engine, version))
    with write(engine) as connection:
        request_rebuild(connection, version.id)
    assert evaluate(engine, until(8)) == EvaluationSummary()
    assert measurements(engine, version) == []
    fold(engine, until(8))
    assert evaluate(engine, until(8)).windows == 8
    assert findings(measurements(engine, version)) == before


def test_what_was_measured_while_a_rebuild_began_is_thrown_away(
    engine: Engine, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    measure = service._measure

    def rebuild_meanwhile(case: Any) -> Any:
        with write(engine) as connection:
            request_rebuild(connection, version.id)
        return measure(case)

    with monkeypatch.context() as patch:
        patch.setattr(service, "_measure", rebuild_meanwhile)
        assert evaluate(engine, until(8)).windows == 0
    assert measurements(engine, version) == []
    fold(engine, until(8))
    assert evaluate(engine, until(8)).windows == 8


def test_retired_versions_are_left_alone(engine: Engine, given: Given) -> None:
    version = register(engine, given, stage=Stage.RETIRED)
    store(engine, version, given.served)
    assert evaluate(engine, until(8)) == EvaluationSummary()
    assert measurements(engine, version) == []


def test_a_version_that_stands_by_is_judged_until_it_falls_silent_and_again_once_it_gets_requests(
    engine: Engine, given: Given
) -> None:
    version = register(engine, given, stage=Stage.REGISTERED)
    store(engine, version, days(given.served, 0, 3))
    evaluate(engine, until(12))
    assert len(judged_at(engine, version)) == 3 + 1
    assert evaluate(engine, until(15)).windows <= 2  # those whose labels are due now
    assert evaluate(engine, until(16)) == EvaluationSummary()
    store(engine, version, days(given.served, 6, 7))
    evaluate(engine, until(16))
    assert len(judged_at(engine, version)) == 7 + 1


def test_versions_are_judged_apart_each_by_its_own_reference_or_by_none(engine: Engine, given: Given) -> None:
    with_reference = register(engine, given, name="1")
    alone = given.but(reference=None)
    without = register(engine, alone, name="2")
    untimed = register(engine, given.but(timed=False), name="3")
    for version in (with_reference, without, untimed):
        store(engine, version, given.served)
    assert evaluate(engine, until(8)).versions == 3
    for version, its_own in ((with_reference, given), (without, alone), (untimed, given.but(timed=False))):
        assert_same(findings(measurements(engine, version)), expected(its_own.but(now=until(8)), version))


def test_a_version_whose_profiles_are_damaged_does_not_leave_the_others_unwatched(engine: Engine, given: Given) -> None:
    damaged, sound = (register(engine, given, name=name) for name in ("damaged", "sound"))
    for version in (damaged, sound):
        store(engine, version, given.served)
    with write(engine) as connection:
        mine = tables.profile.c.version_id == damaged.id
        connection.execute(tables.profile.update().where(mine).values(outcomes=b"no profile"))
    with pytest.raises(ExceptionGroup) as raised:
        evaluate(engine, until(8))
    assert judged_at(engine, sound) == [until(8)] * 8
    assert not judged_at(engine, damaged)
    assert "model 'm' version 'damaged': ValidationError: " in described(raised.value)


def test_the_chance_of_a_false_alarm_is_stored_with_every_learnt_verdict(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    evaluate(engine, until(8))
    stored = measurements(engine, version)
    rates = {row.subject: row.expected_rate for row in stored if row.check == "training_serving_skew"}
    share = allowed_rate(given.case().model, all_checks().values()) / 2
    assert set(rates) == {"x", "kind"}
    assert all(0 < rate <= share for rate in rates.values())
    assert {row.expected_rate for row in stored if row.check == "staleness"} == {None}


def test_a_run_in_many_portions_finds_the_same_and_one_that_breaks_off_is_done_again(
    engine: Engine, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    monkeypatch.setattr(service, "ROWS_PER_COMMIT", 50)  # two windows
    measure, calls = service._measure, []

    def dies_later(case: Any) -> Any:
        calls.append(case)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(case)

    with monkeypatch.context() as patch:
        patch.setattr(service, "_measure", dies_later)
        with pytest.raises(KeyboardInterrupt):
            evaluate(engine, until(8))
    assert 0 < len(judged_at(engine, version)) < 8
    assert evaluate(engine, until(8)).windows == 8
    assert_same(findings(measurements(engine, version)), expected(given.but(now=until(8)), version))


def test_only_windows_that_hold_half_of_the_usual_rows_show_what_is_normal(engine: Engine, given: Given) -> None:
    """The reference's last day, cut short, would otherwise widen every limit."""
    assert given.reference is not None
    stub = given.reference.iloc[: ROWS // 4].assign(time=lambda rows: rows["time"] + 32 * DAY, x=50.0)
    version = register(engine, given.but(reference=pd.concat([given.reference, stub], ignore_index=True)))
    store(engine, version, given.served)
    evaluate(engine, until(8))
    skew = [row for row in measurements(engine, version) if (row.check, row.subject) == ("training_serving_skew", "x")]
    assert max(row.limit for row in skew) < 1.0
    assert Outcome.BREACH not in {Outcome(row.outcome) for row in skew}


def test_two_that_judge_at_once_find_what_one_finds(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    # Both have measured when the first of them writes.
    together, store_measurements = threading.Barrier(2, timeout=30), service._store

    def store_together(*arguments: Any, **named: Any) -> bool:
        together.wait()
        return store_measurements(*arguments, **named)

    with patch.object(service, "_store", autospec=True, side_effect=store_together), ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: evaluate(engine, until(8)), range(2)))
    assert both[0] == both[1]
    assert_same(findings(measurements(engine, version)), expected(given.but(now=until(8)), version))
