"""The queue holds each prediction once and is bounded; nobody gets another's row; answers are ordinary corrections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest
from sqlalchemy import URL, Engine, Select, select, text

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.model import Source, Task
from app.core.review import CLAIM, KEPT, Kind, Verdict, lot
from app.services.fold import fold
from app.services.review_answers import Answer, answer
from app.services.review_fill import FillSummary, fill_queues
from app.services.reviews import next_rows, review_settings, set_review, undo
from app.services.training_files import Format
from app.services.training_sets import Query, export_training_set
from app.storage import review_queue, tables
from app.storage.engine import engine_for, read
from tests.services.served import NOW, START, Served, correction, prediction, serve, store

CONFIRM, CORRECT, SKIP = Verdict.CONFIRM, Verdict.CORRECT, Verdict.SKIP
DAY = timedelta(days=1)


def filled(engine: Engine, rows: int = 40, **settings: Any) -> Served:
    """A binary model, of which that many predictions were considered; their scores rise from 0.5."""
    served = serve(engine, Task.BINARY)
    set_review(engine, NOW, served.model.name, author="ann", **{"uncertain": False, "novel": False, **settings})
    one = served.version_ids[0]
    store(engine, [prediction(one, f"p{i:02}", score=0.5 + i / 100, minutes=i) for i in range(rows)])
    fill_queues(engine, NOW)
    return served


def rows_for(engine: Engine, served: Served, kind: Kind = Kind.AUDIT, author: str = "ann", **asked: Any) -> list[Any]:
    return next_rows(
        engine, asked.pop("at", NOW), served.model.name, kind, author=author, limit=asked.pop("limit", 200)
    )


def items(engine: Engine) -> list[Any]:
    with read(engine) as connection:
        return list(connection.execute(select(tables.review_item).order_by(tables.review_item.c.id)))


def said(engine: Engine) -> pd.DataFrame:
    with read(engine) as connection:
        return pd.read_sql(select(tables.correction).order_by(tables.correction.c.id), connection)


# --- Filling ---------------------------------------------------------------------------------------------------------


def test_audits_are_those_whose_lot_is_below_the_probability_that_is_written_down(engine: Engine) -> None:
    served = filled(engine, audits_per_day=10)
    found = rows_for(engine, served)
    assert {row.probability for row in items(engine)} == {10 / 40}
    drawn = [f"p{i:02}" for i in range(40) if lot(served.model.name, f"p{i:02}") < 10 / 40]
    assert sorted(row["prediction_id"] for row in found) == drawn
    assert fill_queues(engine, NOW) == FillSummary()
    assert len(items(engine)) == len(drawn)


def test_the_backlog_that_a_queue_begins_with_sets_the_pace_of_a_day_and_is_no_rush(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    one, name = served.version_ids[0], served.model.name
    store(engine, [prediction(one, f"p{i}") for i in range(2_000)])
    set_review(engine, NOW, name, author="ann", audits_per_day=50, uncertain=False, novel=False)
    assert 20 <= fill_queues(engine, NOW).audits <= 90  # 50, give or take five standard deviations
    store(engine, [prediction(one, f"q{i}") for i in range(10)])
    fill_queues(engine, NOW + timedelta(minutes=1))
    assert review_settings(engine, NOW, name)["probability"] == pytest.approx(50 / 2_000)


def test_what_the_model_said_has_no_influence_on_the_draw(engine: Engine) -> None:
    first, second = serve(engine, Task.BINARY, versions=2), serve(engine, Task.BINARY)
    for served in (first, second):
        set_review(engine, NOW, served.model.name, author="ann", audits_per_day=15, uncertain=False, novel=False)
    one, other = first.version_ids
    store(engine, [prediction(one, f"p{i}", "yes", score=0.9) for i in range(30)])
    store(engine, [prediction(other, f"p{i}", "no", score=0.1) for i in range(30)])
    fill_queues(engine, NOW)
    by_version: dict[int, set[int]] = {one: set(), other: set()}
    with read(engine) as connection:
        keys = dict(connection.execute(select(tables.prediction.c.id, tables.prediction.c.prediction_id)).all())
    for row in items(engine):
        by_version[row.version_id].add(keys[row.prediction])
    assert by_version[one] == by_version[other] != set()


def test_uncertain_rows_come_the_nearest_first_and_novel_ones_with_what_is_new(engine: Engine) -> None:
    served = filled(engine, rows=0, audits_per_day=0, uncertain=True, novel=True)
    one = served.version_ids[0]
    store(engine, [prediction(one, f"p{i}", score=0.9 - i / 10) for i in range(4)])
    store(engine, [prediction(one, "odd", score=None, features={"x": 99, "kind": "zebra"})])
    store(engine, [prediction(one, "known", score=0.5), correction(served.model, "known", "yes")])
    fold(engine, NOW)
    assert fill_queues(engine, NOW) == FillSummary(predictions=6, uncertain=4, novel=1)
    assert [row["prediction_id"] for row in rows_for(engine, served, Kind.UNCERTAIN)] == ["p3", "p2", "p1", "p0"]
    [odd] = rows_for(engine, served, Kind.NOVEL)
    assert (odd["prediction_id"], odd["features"]) == ("odd", {"x": 99, "kind": "zebra"})
    assert "kind='zebra' is new" in odd["reason"]


def test_the_queue_is_bounded(engine: Engine) -> None:
    with patch.object(review_queue, "MOST_WAITING", 5):
        served = filled(engine, audits_per_day=40, uncertain=True)
        assert len(rows_for(engine, served)) == 5
        states = [row.state for row in items(engine)]
        assert (states.count("waiting"), states.count("expired")) == (5, 35)
        set_review(engine, NOW, served.model.name, author="ann", audits_per_day=0)
        store(engine, [prediction(served.version_ids[0], f"q{i}", score=0.5 + i / 100) for i in range(9)])
        fill_queues(engine, NOW)
    nearest = [row["prediction_id"] for row in rows_for(engine, served, Kind.UNCERTAIN)]
    assert nearest == [f"q{i}" for i in range(5)]


def test_what_nobody_looked_at_for_a_month_is_asked_for_no_more(engine: Engine) -> None:
    served = filled(engine, rows=10, audits_per_day=40)
    store(engine, [prediction(served.version_ids[0], "new")])
    fill_queues(engine, NOW + KEPT + DAY)
    assert [row.state for row in items(engine)] == ["expired"] * 10 + ["waiting"]
    fill_queues(engine, NOW + KEPT + 2 * DAY)


def test_what_was_decided_stays_and_can_be_taken_back_long_afterwards(engine: Engine) -> None:
    served = filled(engine, rows=3, audits_per_day=40)
    name, late = served.model.name, NOW + 12 * KEPT
    first, second, _ = [row["item"] for row in rows_for(engine, served)]
    answer(engine, NOW, name, [Answer(first, CORRECT, "no"), Answer(second, SKIP)], author="ann")
    for day in (1, 2):
        store(engine, [prediction(served.version_ids[0], f"new{day}")])
        fill_queues(engine, NOW + KEPT + day * DAY)
    assert [row.state for row in items(engine)] == ["answered", "skipped", "waiting", "waiting"]
    counts = [review_settings(engine, at, name)["queue"]["audit"]["answered"] for at in (NOW + KEPT, late)]
    assert counts == [1, 0]  # how the queue stands is a matter of the last month

    assert undo(engine, late, name, author="ann", item=first) == "p00"
    assert standing(engine) == []
    store(engine, [prediction(served.version_ids[0], "newest")])
    fill_queues(engine, late + DAY)
    assert first in [row["item"] for row in rows_for(engine, served, at=late + DAY)]  # it waits anew, for a month


def test_what_is_taken_back_must_be_said_in_one_way(engine: Engine) -> None:
    served = filled(engine, rows=1, audits_per_day=40)
    with pytest.raises(InvalidError, match="prediction_id"):
        undo(engine, NOW, served.model.name, author="ann")
    with pytest.raises(InvalidError, match="version: '1' is not allowed"):
        undo(engine, NOW, served.model.name, author="ann", item=1, version="1")
    with pytest.raises(NotFoundError, match="decision by ann about row"):
        undo(engine, NOW, served.model.name, "another", author="ann", item=1)


def test_without_settings_there_is_no_queue_and_it_can_be_turned_off(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p")])
    assert fill_queues(engine, NOW) == FillSummary()
    name = served.model.name
    assert review_settings(engine, NOW, name)["audits_per_day"] == 0
    shown = set_review(engine, NOW, name, author="ann")
    assert (shown["audits_per_day"], shown["uncertain"], shown["novel"], shown["author"]) == (50, True, True, "ann")
    assert fill_queues(engine, NOW).audits == 1  # what came within the last day
    set_review(engine, NOW, name, author="ann", audits_per_day=0, uncertain=False, novel=False)
    store(engine, [prediction(served.version_ids[0], "q")])
    assert fill_queues(engine, NOW) == FillSummary()


def test_a_page_of_the_queue_walks_the_queue_and_not_the_predictions(sqlite_url: URL) -> None:
    engine = engine_for(sqlite_url)
    served = filled(engine, audits_per_day=40)
    with read(engine) as connection:
        query = review_queue.page(served.model.id, Kind.AUDIT, "ann", NOW, 3)
        plan = " ".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {literal(query, engine)}")))
    assert "SEARCH review_item USING INDEX ix_review_item_model_id_kind_state_rank" in plan
    assert "SEARCH prediction USING INTEGER PRIMARY KEY" in plan
    assert "SCAN" not in plan


def literal(query: Select[Any], engine: Engine) -> str:
    return str(query.compile(engine, compile_kwargs={"literal_binds": True}))


# --- Claims ----------------------------------------------------------------------------------------------------------


def test_nobody_gets_a_row_that_another_has_until_the_claim_ends(engine: Engine) -> None:
    served = filled(engine, rows=10, audits_per_day=40)
    first = [row["item"] for row in rows_for(engine, served, limit=6)]
    second = [row["item"] for row in rows_for(engine, served, author="bob", limit=6)]
    assert (len(first), len(second), set(first) & set(second)) == (6, 4, set())
    assert [row["item"] for row in rows_for(engine, served, limit=6)] == first
    later = rows_for(engine, served, author="bob", at=NOW + CLAIM)
    assert len(later) == 10


def test_reviewers_who_ask_at_the_same_time_get_different_rows(engine: Engine) -> None:
    served = filled(engine, rows=40, audits_per_day=40)
    with ThreadPoolExecutor(8) as pool:
        shares = list(pool.map(lambda n: rows_for(engine, served, author=f"r{n}", limit=5), range(8)))
    given = [row["item"] for share in shares for row in share]
    assert len(given) == len(set(given))
    rest = [rows_for(engine, served, author=f"r{n}", limit=5) for n in range(8)]
    assert sum(map(len, rest)) >= len(given)


# --- Answers ---------------------------------------------------------------------------------------------------------


def test_an_audit_becomes_an_audit_and_any_other_answer_a_user_s(engine: Engine) -> None:
    served = filled(engine, rows=3, audits_per_day=40, uncertain=True)
    first, second, third = rows_for(engine, served)
    verdicts = [Answer(first["item"], CONFIRM), Answer(second["item"], CORRECT), Answer(third["item"], SKIP)]
    assert answer(engine, NOW, served.model.name, verdicts, author="ann") == 2
    store(engine, [prediction(served.version_ids[0], "q", score=0.5)])
    set_review(engine, NOW, served.model.name, author="ann", audits_per_day=0)
    fill_queues(engine, NOW)
    [near] = rows_for(engine, served, Kind.UNCERTAIN, author="bob")
    answer(engine, NOW, served.model.name, [Answer(near["item"], CORRECT, "no")], author="bob")
    found = said(engine).sort_values(["author", "prediction_id"])
    assert list(found.source) == ["audit", "audit", "user"]
    assert list(found.label_class) == ["yes", "no", "no"]
    assert list(found.shown) == [False, False, True]
    assert list(found.author) == ["ann", "ann", "bob"]
    assert found.probability.iloc[:2].tolist() == [1.0, 1.0]
    assert pd.isna(found.probability.iloc[2])
    assert [row.state for row in items(engine)] == ["answered", "answered", "skipped", "answered"]
    fold(engine, NOW)
    with read(engine) as connection:
        audited = connection.scalars(select(tables.prediction.c.audited).order_by(tables.prediction.c.id)).all()
    assert list(audited) == [True, True, False, False]


def test_an_answer_counts_as_a_whole_or_not_at_all(engine: Engine) -> None:
    served = filled(engine, rows=4, audits_per_day=40)
    name = served.model.name
    mine = rows_for(engine, served, limit=2)
    theirs = rows_for(engine, served, author="bob", limit=1)
    good = Answer(mine[0]["item"], CONFIRM)
    for bad, error in (
        (Answer(theirs[0]["item"], CONFIRM), ConflictError),
        (Answer(10**9, CONFIRM), NotFoundError),
        (Answer(mine[1]["item"], CORRECT, "x" * 201), InvalidError),
        (good, InvalidError),
    ):
        with pytest.raises(error):
            answer(engine, NOW, name, [good, bad], author="ann")
    assert said(engine).empty
    answer(engine, NOW, name, [good], author="ann")
    with pytest.raises(ConflictError, match="is answered already by ann"):
        answer(engine, NOW, name, [good], author="ann")
    with pytest.raises(InvalidError):
        answer(engine, NOW, name, [], author="ann")
    with pytest.raises(InvalidError):
        answer(engine, NOW, name, [good], author=" ")


def test_a_regression_needs_the_number_and_has_no_uncertain_rows(engine: Engine) -> None:
    served = serve(engine, Task.REGRESSION)
    set_review(engine, NOW, served.model.name, author="ann")
    store(engine, [prediction(served.version_ids[0], "p", 2.5)])
    fill_queues(engine, NOW)
    [row] = rows_for(engine, served)
    assert row["prediction"] == 2.5
    with pytest.raises(InvalidError, match="needs the label"):
        answer(engine, NOW, served.model.name, [Answer(row["item"], CORRECT)], author="ann")
    answer(engine, NOW, served.model.name, [Answer(row["item"], CORRECT, 3.5)], author="ann")
    assert said(engine).label_value.tolist() == [3.5]
    with pytest.raises(InvalidError, match="how sure"):
        rows_for(engine, served, Kind.UNCERTAIN)


def test_labels_bear_the_names_that_the_reference_gives_the_classes(engine: Engine) -> None:
    served = filled(engine, rows=0)
    one = served.version_ids[0]
    store(engine, [prediction(one, "p0", "yes"), prediction(one, "p1", "0"), prediction(one, "p2", "0")])
    fill_queues(engine, NOW)
    by_id = {row["prediction_id"]: row["item"] for row in rows_for(engine, served)}
    verdicts = [Answer(by_id["p0"], CORRECT), Answer(by_id["p1"], CONFIRM), Answer(by_id["p2"], CORRECT)]
    answer(engine, NOW, served.model.name, verdicts, author="ann")
    found = said(engine)
    assert dict(zip(found.prediction_id, found.label_class, strict=True)) == {"p0": "no", "p1": "no", "p2": "yes"}


# --- Taking it back --------------------------------------------------------------------------------------------------


def test_what_is_taken_back_counts_as_never_said_and_can_be_said_again(engine: Engine, tmp_path: Path) -> None:
    served = filled(engine, rows=2, audits_per_day=40)
    name, query = served.model.name, Query(served.model.name, START, START + DAY)
    first, second = rows_for(engine, served)
    answer(engine, NOW, name, [Answer(first["item"], CORRECT), Answer(second["item"], CONFIRM)], author="ann")
    fold(engine, NOW)
    undo(engine, NOW, name, first["prediction_id"], author="ann")
    fold(engine, NOW)
    with read(engine) as connection:
        labels = dict(
            connection.execute(select(tables.prediction.c.prediction_id, tables.prediction.c.label_source)).all()
        )
    assert labels == {first["prediction_id"]: None, second["prediction_id"]: "audit"}
    export_training_set(engine, NOW, query, tmp_path / "set.csv", Format.CSV)
    assert list(pd.read_csv(tmp_path / "set.csv")["prediction_id"]) == [second["prediction_id"]]
    assert [row["item"] for row in rows_for(engine, served, author="bob")] == []
    [again] = rows_for(engine, served)
    assert again["item"] == first["item"]
    later = NOW + timedelta(minutes=1)
    answer(engine, later, name, [Answer(again["item"], CORRECT)], author="ann")
    assert export_training_set(engine, later, query, tmp_path / "set.csv", Format.CSV).manifest.rows == 2


def test_each_undo_takes_back_the_word_before_and_nobody_else_s(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p")])
    store(
        engine,
        [correction(served.model, "p", label, Source.USER, author="ann", at=i) for i, label in ((1, "no"), (2, "yes"))],
    )
    name = served.model.name
    with pytest.raises(NotFoundError, match="correction by bob"):
        undo(engine, NOW, name, "p", author="bob")
    expected = ["no", None]
    for label in expected:
        undo(engine, NOW, name, "p", author="ann")
        fold(engine, NOW)
        with read(engine) as connection:
            assert connection.scalar(select(tables.prediction.c.label_class)) == label
    with pytest.raises(NotFoundError):
        undo(engine, NOW, name, "p", author="ann")


def standing(engine: Engine) -> list[tuple[Any, ...]]:
    """The version, source and label of what was said and not taken back."""
    found = said(engine)
    rows = found[found.withdraws.isna() & ~found.id.isin(found.withdraws.dropna())]
    return [(row.version_id, row.source, row.label_class) for row in rows.itertuples()]


def user_says(engine: Engine, served: Served, label: str, at: int, version: int = 0) -> None:
    one = served.version_ids[version]
    store(engine, [correction(served.model, "p00", label, Source.USER, version_id=one, author="ann", at=at)])


def test_a_skipped_audit_that_is_taken_back_leaves_an_earlier_correction_alone(engine: Engine) -> None:
    served = filled(engine, rows=1, audits_per_day=40)
    name, one = served.model.name, served.version_ids[0]
    user_says(engine, served, "no", 1)
    [row] = rows_for(engine, served)
    answer(engine, NOW, name, [Answer(row["item"], SKIP)], author="ann")
    with pytest.raises(NotFoundError, match="decision by bob"):
        undo(engine, NOW, name, "p00", author="bob", item=row["item"])
    undo(engine, NOW, name, "p00", author="ann", item=row["item"])
    assert standing(engine) == [(one, "user", "no")]
    assert [row.state for row in items(engine)] == ["waiting"]
    with pytest.raises(NotFoundError, match="decision by ann"):
        undo(engine, NOW, name, "p00", author="ann", item=row["item"])


def test_an_audit_is_taken_back_and_not_what_was_corrected_afterwards(engine: Engine) -> None:
    served = filled(engine, rows=1, audits_per_day=40)
    name, one = served.model.name, served.version_ids[0]
    [row] = rows_for(engine, served)
    answer(engine, NOW, name, [Answer(row["item"], CORRECT, "no")], author="ann")
    user_says(engine, served, "yes", 86_400)
    undo(engine, NOW, name, "p00", author="ann", item=row["item"])
    assert standing(engine) == [(one, "user", "yes")]
    [again] = rows_for(engine, served)
    later = NOW + timedelta(minutes=1)
    answer(engine, later, name, [Answer(again["item"], CORRECT, "no")], author="ann")
    undo(engine, later, name, "p00", author="ann")  # the newest: the user's correction, and the audit counts on
    assert standing(engine) == [(one, "audit", "no")]
    assert [row.state for row in items(engine)] == ["answered"]


@pytest.mark.parametrize("by", ["item", "version"])
def test_the_same_id_in_another_version_is_left_alone(engine: Engine, by: str) -> None:
    served = filled(engine, rows=1, audits_per_day=40)
    name, other = served.model.name, served.version_ids[1]
    store(engine, [prediction(other, "p00")])
    fill_queues(engine, NOW)
    first, second = rows_for(engine, served)
    for n, row in enumerate((first, second)):
        at = NOW + timedelta(seconds=n)
        answer(engine, at, name, [Answer(row["item"], CORRECT, "no")], author="ann")
    asked: dict[str, Any] = {"item": first["item"]} if by == "item" else {"version": "1"}
    undo(engine, NOW + timedelta(minutes=1), name, "p00", author="ann", **asked)
    assert standing(engine) == [(other, "audit", "no")]
    assert [row.state for row in items(engine)] == ["waiting", "answered"]
    undo(engine, NOW + timedelta(minutes=1), name, "p00", author="ann")
    assert standing(engine) == []
    assert [row.state for row in items(engine)] == ["waiting", "waiting"]


def test_wrong_settings_are_refused_by_name(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    wrong: list[tuple[dict[str, Any], str]] = [({"audits_per_day": -1}, "audits_per_day"), ({"author": ""}, "author")]
    for changes, field in wrong:
        with pytest.raises(InvalidError) as error:
            set_review(engine, NOW, served.model.name, **{"author": "ann", **changes})
        assert error.value.field == field
