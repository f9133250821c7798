"""The features of a version by how they stand, and single predictions of one."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, update

from app.core.errors import InvalidError, NotFoundError
from app.core.fold import Rows, Truth, fold_whole
from app.core.model import Outcome, Task
from app.services.fold import fold
from app.services.read_models import histogram
from app.services.read_models.examples import examples
from app.services.read_models.feature_view import NO_SAMPLE, SubjectStanding, feature_error, segments, subjects
from app.storage import references, tables
from app.storage.engine import write
from tests.services.measured import DAY, add_version, measure
from tests.services.measured import START as MEASURED
from tests.services.served import NOW, START, Served, prediction, serve, store

HOUR = timedelta(hours=1)


def test_the_worst_feature_stands_first_as_of_the_newest_window(engine: Engine) -> None:
    version = add_version(engine)
    measure(engine, version, "bo", subject="calm", value=0.01)
    measure(engine, version, "ob", subject="far", value=0.4)
    measure(engine, version, "o?", subject="unknown", value=None, limit=None)
    measure(engine, version, "oo", subject="near", value=0.09)
    measure(engine, version, "b", subject="far", segment="origin=JFK", value=0.9)

    found = subjects(engine, version, "training_serving_skew", MEASURED + 9 * DAY)
    assert [one.name for one in found] == ["far", "near", "calm", "unknown"]
    assert found[0].ratio == pytest.approx(4)
    assert found[-1].outcome is Outcome.NOT_EVALUATED
    earlier = subjects(engine, version, "training_serving_skew", MEASURED + DAY)
    assert earlier[0].name == "calm"
    (segment,) = segments(engine, version, "training_serving_skew", "far", MEASURED + 9 * DAY)
    assert segment.name == "origin=JFK"
    assert segment.ratio == pytest.approx(9)
    assert subjects(engine, version, "schema", MEASURED + 9 * DAY) == []


@pytest.mark.parametrize(
    ("value", "limit", "ratio"),
    [(0.4, 0.1, 4.0), (1.0, 0.0, math.inf), (0.0, 0.0, 0.0), (None, 0.1, 0.0), (0.4, None, 0.0)],
)
def test_how_far_a_value_has_gone_towards_its_limit(value: float | None, limit: float | None, ratio: float) -> None:
    standing = SubjectStanding("x", Outcome.OK, value, limit, None, "", MEASURED)
    assert standing.ratio == pytest.approx(ratio)


@pytest.fixture
def served(engine: Engine) -> Served:
    """200 predictions, a minute apart: `x` grows from .5, `kind` is a for the first half and unheard of after it."""
    found = serve(engine, Task.BINARY, versions=1)
    _refer(engine, found)
    rows = [
        prediction(
            found.version_ids[0],
            f"p{m}",
            minutes=m,
            features={"x": 0.5 if m < 190 else float(m), "kind": "a" if m < 100 else "novel"},
            attributes={"country": "FI" if m % 2 else "SE"},
        )
        for m in range(200)
    ]
    store(engine, rows)
    fold(engine, NOW)
    return found


def _refer(engine: Engine, served: Served) -> None:
    """A reference of 300 rows in which x lies between -1 and 1, and kind is a or b."""
    n, layout = 300, served.layout
    features = {"x": np.linspace(-1, 1, n).tolist(), "kind": ["a"] * 200 + ["b"] * 100}
    none = [None] * n
    rows = Rows(np.zeros(n, np.int64), none, none, none, np.full(n, np.nan), Truth.unknown(n), features)
    new = references.Reference(layout, n, False, True, "f" * 64, START)
    with write(engine) as connection:
        references.replace(
            connection, served.version_ids[0], new, [references.ReferenceProfile(None, fold_whole(layout, rows))]
        )
        connection.execute(update(tables.version).values(rebuild_position=None))


def test_unusual_values_are_shown_first(engine: Engine, served: Served) -> None:
    id_ = served.version_ids[0]
    found = examples(engine, id_, "x", since=START, until=START + 4 * HOUR, most=3)
    assert [row.prediction_id for row in found.rows] == ["p199", "p198", "p197"]
    assert found.rows[0].words.startswith("above all of the reference")
    assert (found.looked_at, found.turns) == (200, 1)
    (novel,) = examples(engine, id_, "kind", since=START, until=START + 4 * HOUR, most=1).rows
    assert (novel.value, novel.words, novel.predicted) == ("novel", "not a known category of the reference", "yes")


def test_random_ones_differ_by_turn_and_a_segment_narrows(engine: Engine, served: Served) -> None:
    span = (START, START + 4 * HOUR)
    ids = [
        [
            row.prediction_id
            for row in examples(
                engine, served.version_ids[0], "x", since=span[0], until=span[1], kind="random", turn=turn
            ).rows
        ]
        for turn in (0, 1)
    ]
    assert ids[0] != ids[1]
    found = examples(engine, served.version_ids[0], "x", since=span[0], until=span[1], segment="country=FI")
    assert found.looked_at == 100
    assert {int(row.prediction_id[1:]) % 2 for row in found.rows} == {1}


def test_what_is_not_there_or_not_allowed_is_named(engine: Engine, served: Served) -> None:
    id_ = served.version_ids[0]
    with pytest.raises(NotFoundError, match="nothing"):
        examples(engine, id_, "nothing", since=START, until=NOW)
    with pytest.raises(InvalidError, match="unusual, random"):
        examples(engine, id_, "x", since=START, until=NOW, kind="odd")
    with pytest.raises(NotFoundError, match="nothing"):
        feature_error(engine, id_, "nothing", START, NOW)
    assert feature_error(engine, id_, "x", START, NOW).reason == NO_SAMPLE


def test_before_and_after_share_their_bars_and_categories_come_by_change(engine: Engine, served: Served) -> None:
    middle = START + HOUR
    found = histogram.compare(
        engine,
        served.version_ids[0],
        "kind",
        since=middle + HOUR,
        until=START + 4 * HOUR,
        earlier=(START, middle),
        by_change=True,
    )
    assert found.labels[0] == "a"
    assert (found.reference.shares[0], found.now.shares[0]) == (1.0, 0.0)
    assert (found.reference.values, found.now.values) == (60, 80)
    nothing = histogram.compare(engine, served.version_ids[0], "x", since=START, until=NOW, segment="country=FI")
    assert nothing.now.values == 0
