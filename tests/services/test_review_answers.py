"""Many answers at once: what is wrong with one keeps no other from being stored; rows can be given back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError
from app.core.model import Source, Task
from app.core.review import CLAIM, Kind, Verdict
from app.services.fold import fold
from app.services.read_models.reviews import Done, Held, decisions, decisions_page, review_standing
from app.services.review_answers import Answer, answer, answer_each, classes
from app.services.review_fill import fill_queues
from app.services.reviews import give_back, set_review, undo
from tests.services.served import NOW, correction, prediction, serve, store
from tests.services.test_reviews import filled, items, rows_for, said

CONFIRM, CORRECT, SKIP = Verdict.CONFIRM, Verdict.CORRECT, Verdict.SKIP
LATER = NOW + timedelta(minutes=1)


def test_each_answer_is_taken_or_refused_for_itself(engine: Engine) -> None:
    served = filled(engine, rows=6, audits_per_day=40)
    mine = [row["item"] for row in rows_for(engine, served, limit=4)]
    [theirs] = [row["item"] for row in rows_for(engine, served, author="bob", limit=1)]
    answer(engine, NOW, served.model.name, [Answer(mine[3], CONFIRM)], author="ann")
    given = [
        Answer(mine[0], CORRECT, "no"),
        Answer(theirs, CORRECT, "no"),
        Answer(mine[1], CORRECT, "x" * 201),
        Answer(mine[3], CORRECT, "no"),
        Answer(10**9, CORRECT, "no"),
        Answer(mine[2], SKIP),
    ]
    refused = {one.item: one.why for one in answer_each(engine, NOW, served.model.name, given, author="ann")}
    assert set(refused) == {theirs, mine[1], mine[3], 10**9}
    assert "bob is looking at row" in refused[theirs]
    assert "at most 200 characters" in refused[mine[1]]
    assert "answered already by ann" in refused[mine[3]]
    states = {row.id: row.state for row in items(engine)}
    assert [states[item] for item in mine] == ["answered", "waiting", "skipped", "answered"]
    assert said(engine).label_class.tolist() == ["yes", "no"]


def test_the_same_row_twice_or_no_author_refuses_the_whole(engine: Engine) -> None:
    served = filled(engine, rows=2, audits_per_day=40)
    [one, _] = [Answer(row["item"], CONFIRM) for row in rows_for(engine, served)]
    for answers, author in (([one, one], "ann"), ([one], " "), ([], "ann")):
        with pytest.raises(InvalidError):
            answer_each(engine, NOW, served.model.name, answers, author=author)
    assert said(engine).empty


def test_what_is_given_back_others_may_have_at_once(engine: Engine) -> None:
    served = filled(engine, rows=4, audits_per_day=40)
    mine = [row["item"] for row in rows_for(engine, served)]
    assert rows_for(engine, served, author="bob") == []
    give_back(engine, served.model.name, mine, author="bob")  # they are not bob's to give
    assert rows_for(engine, served, author="bob") == []
    answer(engine, NOW, served.model.name, [Answer(mine[0], CONFIRM)], author="ann")
    give_back(engine, served.model.name, mine, author="ann")
    assert [row["item"] for row in rows_for(engine, served, author="bob")] == mine[1:]
    with pytest.raises(NotFoundError):
        give_back(engine, "nothing", mine, author="ann")


def test_classes_are_those_of_the_reference(engine: Engine) -> None:
    binary, many, number = (serve(engine, task) for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION))
    assert classes(engine, binary.model.name, "1") == ["no", "yes"]
    assert classes(engine, many.model.name, "1") == ["no", "yes", "perhaps"]
    assert classes(engine, number.model.name, "1") == []
    with pytest.raises(NotFoundError):
        classes(engine, binary.model.name, "9")


def test_a_queue_begins_with_the_last_day_that_any_prediction_came(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p")])
    later = NOW + timedelta(days=100)
    set_review(engine, later, served.model.name, author="ann", uncertain=False, novel=False)
    assert fill_queues(engine, later, "another").predictions == 0
    assert fill_queues(engine, later, served.model.name).audits == 1


# --- How it stands ---------------------------------------------------------------------------------------------------


def test_the_standing_says_what_waits_who_has_it_and_who_did_what_today(engine: Engine) -> None:
    served = filled(engine, rows=8, audits_per_day=40)
    name = served.model.name
    mine = [row["item"] for row in rows_for(engine, served, limit=4)]
    bobs = [row["item"] for row in rows_for(engine, served, author="bob", limit=1)]
    answer(engine, NOW, name, [Answer(mine[0], CONFIRM), Answer(mine[1], SKIP)], author="ann")
    answer(engine, NOW, name, [Answer(bobs[0], CONFIRM)], author="bob")
    store(engine, [correction(served.model, "p07", "yes")])
    fold(engine, NOW)
    standing = review_standing(engine, NOW, name)
    audits = standing.queues[Kind.AUDIT]
    assert (audits.free, audits.held, audits.waiting) == (2, {"ann": Held(2, NOW + CLAIM)}, 4)
    assert standing.today == [Done("ann", Kind.AUDIT, 1, 1), Done("bob", Kind.AUDIT, 1, 0)]
    assert standing.is_on
    tomorrow = review_standing(engine, NOW + timedelta(days=1), name)
    assert (tomorrow.today, tomorrow.queues[Kind.AUDIT].free) == ([], 4)


def test_a_user_s_word_leaves_an_audit_waiting_and_takes_an_uncertain_row_away(engine: Engine) -> None:
    served = filled(engine, rows=4, audits_per_day=0, uncertain=True)
    store(engine, [correction(served.model, "p00", "yes", Source.USER)])
    fold(engine, NOW)
    assert review_standing(engine, NOW, served.model.name).queues[Kind.UNCERTAIN].waiting == 3


def test_a_model_without_settings_is_off_and_a_regression_has_no_uncertain_rows(engine: Engine) -> None:
    served = serve(engine, Task.REGRESSION)
    standing = review_standing(engine, NOW, served.model.name)
    assert (standing.setting, standing.is_on, list(standing.queues)) == (None, False, [Kind.AUDIT, Kind.NOVEL])


def test_decisions_are_the_newest_first_page_by_page_and_without_what_was_taken_back(engine: Engine) -> None:
    served = filled(engine, rows=5, audits_per_day=40)
    name = served.model.name
    rows = rows_for(engine, served)
    first, second, third, *_ = [row["item"] for row in rows]
    answer(engine, NOW, name, [Answer(first, CORRECT, "no"), Answer(second, SKIP)], author="ann")
    answer(engine, LATER, name, [Answer(third, CONFIRM)], author="ann")
    newest, *_ = decisions(engine, name, author=None, before=None, most=1)
    assert (newest.item, newest.label, newest.prediction, newest.at) == (third, "yes", "yes", LATER)
    older = decisions(engine, name, author="ann", before=(newest.at, newest.item), most=9)
    assert [(one.item, one.label) for one in older] == [(second, None), (first, "no")]
    assert decisions(engine, name, author="bob", before=None, most=9) == []

    def page(before: int | None = None, until: datetime | None = None, most: int = 9) -> list[int]:
        found = decisions_page(engine, name, author=None, before=before, until=until, most=most)
        return [one.item for one in found]

    assert page(most=2) == [third, second]
    assert page(before=second) == [first]
    assert page(until=LATER) == page(before=third) == [second, first]
    assert page(until=NOW) == page(before=first, until=LATER) == []
    with pytest.raises(NotFoundError, match="decided row of the review queue"):
        page(before=rows[3]["item"])
    with pytest.raises(InvalidError, match="limit: 1001 is not allowed"):
        page(most=1_001)
    undo(engine, LATER, name, rows[0]["prediction_id"], author="ann")
    assert [one.item for one in decisions(engine, name, author=None, before=None, most=9)] == [third, second]
