"""One prediction in full: what was said about it and why which of it counts, and the answers of other versions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from app.core.errors import InvalidError, NotFoundError
from app.core.model import Source, Task
from app.services import reviews
from app.services.fold import fold
from app.services.prediction_detail import correct, detail
from app.storage.engine import read, write
from app.storage.ingest import Rows, insert_rows
from app.storage.tables import correction as correction_table
from tests.services.served import NOW, Served, correction, prediction, serve


@pytest.fixture
def served(engine: Engine) -> Served:
    served = serve(engine, Task.BINARY, versions=2)
    first, second = served.version_ids
    rows = [
        prediction(first, "p", "yes"),
        prediction(second, "q", "no", minutes=1),
        prediction(second, "r", minutes=90),
    ]
    asked = [(*row[:9], "request", *row[10:]) for row in rows]
    said = [
        correction(served.model, "p", "yes", Source.GROUND_TRUTH, at=5),
        correction(served.model, "p", "no", Source.USER, at=9, author="ann"),
        correction(served.model, "p", "no", Source.GROUND_TRUTH, at=2),
    ]
    with write(engine) as connection:
        insert_rows(connection, [Rows(asked, said)], NOW)
    return served


def test_the_effective_label_is_marked_and_the_others_say_why_they_are_not(engine: Engine, served: Served) -> None:
    found = detail(engine, served.model.name, "p")
    assert [(one.label, one.effective, one.why) for one in found.said] == [
        ("no", False, "ground truth is the stronger source"),
        ("yes", True, "the newest of the strongest source"),
        ("no", False, "a newer one of the same source counts"),
    ]
    assert (found.label, found.source, found.wrong, found.counted) == ("yes", Source.GROUND_TRUTH, False, False)
    fold(engine, NOW)
    assert detail(engine, served.model.name, "p").counted


def test_the_answers_of_all_versions_to_the_request_within_an_hour_are_shown(engine: Engine, served: Served) -> None:
    answers = detail(engine, served.model.name, "p").answers
    assert answers is not None
    assert [(one.version, one.prediction_id, one.prediction) for one in answers] == [
        ("2", "q", "no"),
        ("1", "p", "yes"),
    ]


def test_a_correction_is_stored_and_can_be_taken_back(engine: Engine, served: Served) -> None:
    model = served.model.name
    correct(engine, NOW, model, "q", version="2", label="yes", author="bob")
    found = detail(engine, model, "q")
    assert (found.label, found.source, found.wrong) == ("yes", Source.USER, True)
    reviews.undo(engine, NOW + timedelta(seconds=1), model, "q", author="bob")
    found = detail(engine, model, "q")
    assert (found.label, found.wrong) == (None, None)
    assert [one.why for one in found.said] == ["takes an earlier one back", "taken back by bob"]
    fold(engine, NOW)
    assert detail(engine, model, "q").counted


def test_what_cannot_be_said_is_refused_and_nothing_stored(engine: Engine, served: Served) -> None:
    model = served.model.name
    for label, author in (("", "bob"), ("yes", ""), ("yes", "b\nob"), ("y" * 201, "bob")):
        with pytest.raises(InvalidError):
            correct(engine, NOW, model, "q", version="2", label=label, author=author)
    with pytest.raises(NotFoundError, match="no prediction 'nobody'"):
        correct(engine, NOW, model, "nobody", version="2", label="yes", author="bob")
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(correction_table)) == 3
