"""Searching predictions: every filter against a plain reading of the same rows, pages, bounds and counts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from app.core.errors import InvalidError, NotFoundError
from app.core.feature_condition import FeatureCondition, Operator, parse
from app.core.model import Model, Source, Task
from app.core.prediction_filter import Labelled, PredictionFilter, Verdict
from app.core.records import NON_FINITE
from app.core.segments import MISSING, segment_value
from app.services import explorer
from app.services.explorer import Bounds, Page, Search
from app.services.fold import fold
from app.storage.engine import write
from app.storage.ingest import PredictionRow, Rows, insert_rows
from app.storage.segments import replace_values, segment_all
from app.storage.tables import prediction as rows_table
from app.storage.time_limit import TimeIsUpError
from tests.services.served import NOW, START, Served, correction, prediction, serve

NAMES = ["x", "kind", "größe (m)", "a.b[0]", 'say "hi"', "'; DROP TABLE prediction; --", "$.x", "日本"]
VALUES: list[Any] = [None, True, False, 0, 1, -3, 2.5, 1e-7, 10**17, "NaN", "Infinity", "-Infinity", "", "a", "1"]
VALUES += ["true", "größe", 'q"', "it's", "%", [1.0, 2.0], "z\0"]


def put(engine: Engine, rows: list[PredictionRow], corrections: list[Any] | None = None) -> None:
    with write(engine) as connection:
        insert_rows(connection, [Rows(rows, corrections or [])], NOW)


def found(engine: Engine, search: Search, **kwargs: Any) -> list[str]:
    return [row["prediction_id"] for row in explorer.find(engine, search, **kwargs).rows]


# --- Against a plain reading -----------------------------------------------------------------------------------------


def plainly(value: Any, wanted: FeatureCondition) -> bool:
    """What a condition means, of a value as JSON gives it."""
    number = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and value in NON_FINITE and wanted.operator is not Operator.EQUAL:
        number = NON_FINITE[value]
    match wanted.operator:
        case Operator.MISSING:
            return value is None
        case Operator.LESS:
            return number is not None and number < wanted.high
        case Operator.MORE:
            return number is not None and number > wanted.low
        case Operator.BETWEEN:
            return number is not None and wanted.low <= number <= wanted.high
    if isinstance(value, bool):
        return wanted.boolean is value
    return value == wanted.text if isinstance(value, str) else number is not None and number == wanted.number


conditions = st.one_of(
    st.builds(FeatureCondition, st.sampled_from(NAMES), st.just(Operator.MISSING)),
    st.builds(
        lambda name, value, exact: FeatureCondition(name, Operator.EQUAL, text=value, exact=exact),
        st.sampled_from(NAMES),
        st.sampled_from([v if isinstance(v, str) else json.dumps(v) for v in VALUES if "\0" not in str(v)]),
        st.booleans(),
    ),
    *(
        st.builds(FeatureCondition, st.sampled_from(NAMES), st.just(operator), low=low, high=high)
        for operator, low, high in (
            (Operator.LESS, st.just(-math.inf), st.sampled_from([-3.0, 0.0, 2.5, 1e17])),
            (Operator.MORE, st.sampled_from([-3.0, 0.0, 2.5, 1e17]), st.just(math.inf)),
            (Operator.BETWEEN, st.sampled_from([-3.0, 0.0]), st.sampled_from([0.0, 2.5, 1e18])),
        )
    ),
)


@pytest.fixture
def features(engine: Engine) -> tuple[Engine, Served, dict[str, dict[str, Any]]]:
    """Rows that hold every value under every name, in turn."""
    served = serve(engine, Task.BINARY, versions=1)
    held = {}
    for shift in range(len(VALUES)):
        key = f"p{shift}"
        held[key] = {name: VALUES[(shift + 3 * i) % len(VALUES)] for i, name in enumerate(NAMES) if (shift + i) % 7}
    texts = {key: {"odd": 1e-5} | features for key, features in held.items()}
    put(engine, [prediction(served.version_ids[0], key, features=features) for key, features in texts.items()])
    # As a sender may write it: escapes for what needs none, and numbers nearer to 0 than any double.
    escaped = list(prediction(served.version_ids[0], "escaped"))
    escaped[3] = '{"\\u0078": 1e-400, "\\u65e5\\u672c": "gr\\u00f6\\u00dfe", "kind": 1.0e0}'
    held["escaped"] = {"x": 0.0, "日本": "größe", "kind": 1.0}
    put(engine, [tuple(escaped)])  # type: ignore[list-item]
    return engine, served, held


@given(st.lists(conditions, min_size=1, max_size=2))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_feature_conditions_hold_for_the_rows_they_hold_for(
    features: tuple[Engine, Served, dict[str, dict[str, Any]]], wanted: list[FeatureCondition]
) -> None:
    engine, served, held = features
    search = Search(served.model.name, wanted=PredictionFilter(features=tuple(wanted)))
    expected = {key for key, row in held.items() if all(plainly(row.get(one.name), one) for one in wanted)}
    assert set(found(engine, search)) == expected
    assert explorer.count(engine, search) == explorer.Count(len(expected), True)


@given(conditions)
def test_a_condition_is_written_so_that_it_reads_the_same(condition: FeatureCondition) -> None:
    read = parse(str(condition))
    # A text that looks like nothing but a text need not say so.
    assert replace(read, exact=False) == replace(condition, exact=False)
    assert (read.number, read.boolean) == (condition.number, condition.boolean) or read.exact != condition.exact


def test_a_filter_by_features_leaves_the_tables_alone(features: tuple[Engine, Served, Any]) -> None:
    engine, served, _ = features
    wanted = parse('"\'; DROP TABLE prediction; --" = "\' OR 1=1; --"')
    assert found(engine, Search(served.model.name, wanted=PredictionFilter(features=(wanted,)))) == []
    assert len(found(engine, Search(served.model.name))) == len(VALUES) + 1


CLASSES = ["yes", "no", None]


def labelled_rows(served: Served) -> tuple[list[PredictionRow], list[Any]]:
    """Predictions of two versions, some of them labelled by each source, and corrected."""
    rows: list[PredictionRow] = []
    said = []
    for i in range(60):
        version = served.version_ids[i % 2]
        score = [0.1, 0.5, 0.9, math.nan, None, 1.0][i % 6]
        attributes = {"place": ["FI", "SE", "1"][i % 3]} if i % 5 else None
        features = {"place": [3.0, "NO", None, True][i % 4], "x": i}
        row = prediction(
            version, f"p{i}", CLASSES[i % 3], minutes=i // 4, score=score, attributes=attributes, features=features
        )
        rows.append((*row[:9], f"request {i // 2}", *row[10:]))
        for j, source in enumerate(Source):
            if i % (j + 2) == 0:
                said.append(correction(served.model, f"p{i}", CLASSES[(i + j) % 2], source, at=j, shown=True))
    return rows, said


Judge = Callable[[Any, Model], bool]


def _right(row: Any, model: Model) -> bool | None:
    if row.predicted_class is None or row.label_class is None:
        return None
    return bool((row.predicted_class == model.positive_label) == (row.label_class == model.positive_label))


def _segment(row: Any) -> str:
    own, served = json.loads(row.attributes or "{}"), json.loads(row.features)
    return segment_value(served.get("place") if own.get("place") is None else own["place"])


def _in_place(value: str) -> Judge:
    return lambda row, _: _segment(row) == value


CASES: dict[str, tuple[PredictionFilter, Judge]] = {
    "an id": (PredictionFilter(prediction_id="p7"), lambda row, _: row.prediction_id == "p7"),
    "an id that nothing has": (PredictionFilter(prediction_id="p"), lambda row, _: False),
    "a beginning": (PredictionFilter(prediction_id="p1*"), lambda row, _: row.prediction_id.startswith("p1")),
    "a beginning that is a pattern": (PredictionFilter(prediction_id="%*"), lambda row, _: False),
    "a request": (PredictionFilter(request_id="request 3"), lambda row, _: row.request_id == "request 3"),
    "a class": (PredictionFilter(predicted="no"), lambda row, _: row.predicted_class == "no"),
    "a score from": (PredictionFilter(score_from=0.5), lambda row, _: (row.score or 0) >= 0.5),
    "a score to": (PredictionFilter(score_to=0.5), lambda row, _: (2 if row.score is None else row.score) <= 0.5),
    "wrong": (PredictionFilter(verdict=Verdict.WRONG), lambda row, model: _right(row, model) is False),
    "correct": (PredictionFilter(verdict=Verdict.CORRECT), lambda row, model: _right(row, model) is True),
    "labelled": (PredictionFilter(labelled=Labelled.ANY), lambda row, _: row.label_source is not None),
    "not labelled": (PredictionFilter(labelled=Labelled.NONE), lambda row, _: row.label_source is None),
    "by an audit": (PredictionFilter(labelled=Labelled.AUDIT), lambda row, _: row.label_source == "audit"),
    "corrected": (PredictionFilter(corrected=True), lambda row, _: bool(row.corrected)),
    "not corrected": (PredictionFilter(corrected=False), lambda row, _: not row.corrected),
    **{
        f"segment {value}": (PredictionFilter(segment=f"place={value}"), _in_place(value))
        for value in ("FI", "1", "3", "true", "NO", MISSING, "nowhere")
    },
    "several": (
        PredictionFilter(predicted="yes", score_to=0.9, features=(parse("x > 10"),)),
        lambda row, _: row.predicted_class == "yes" and (row.score or 9) <= 0.9 and json.loads(row.features)["x"] > 10,
    ),
}


@pytest.fixture
def labelled(engine: Engine) -> tuple[Engine, Served]:
    served = serve(engine, Task.BINARY, versions=2)
    put(engine, *labelled_rows(served))
    fold(engine, NOW)
    return engine, served


def test_each_filter_finds_what_a_plain_reading_finds(labelled: tuple[Engine, Served]) -> None:
    engine, served = labelled
    with engine.connect() as connection:
        everything = connection.execute(
            select(rows_table).order_by(rows_table.c.event_time.desc(), rows_table.c.id.desc())
        ).all()
    somewhere = 0
    for words, (wanted, judge) in CASES.items():
        expected = [row.prediction_id for row in everything if judge(row, served.model)]
        search = Search(served.model.name, wanted=wanted)
        assert found(engine, search, limit=100) == expected, words
        assert explorer.count(engine, search).found == len(expected), words
        somewhere += bool(expected)
    assert somewhere >= len(CASES) - 3


def test_the_segment_of_all_other_values_is_what_no_segment_was_made_for(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1, segment_by=("place",))
    towns = [f"town {i}" for i in range(25)]
    with write(engine) as connection:
        segment_all(connection, served.version_ids[0])
        replace_values(connection, served.version_ids[0], {"place": towns[:20]})
    put(engine, [prediction(served.version_ids[0], town, features={"place": town}) for town in towns])
    put(engine, [prediction(served.version_ids[0], "nowhere", features={})])
    search = Search(served.model.name, wanted=PredictionFilter(segment="place=(other)"))
    assert set(found(engine, search)) == set(towns[20:])


def test_the_segment_of_all_others_takes_everything_of_the_versions_without_segments_alone(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=2, segment_by=("place",))
    with write(engine) as connection:
        segment_all(connection, served.version_ids[0])
        replace_values(connection, served.version_ids[0], {"place": ["town"]})
    for version_id in served.version_ids:
        rows = [prediction(version_id, f"{town} of {version_id}", features={"place": town}) for town in ("town", "b")]
        put(engine, rows)
    search = Search(served.model.name, wanted=PredictionFilter(segment="place=(other)"))
    first, second = served.version_ids
    assert set(found(engine, search)) == {f"b of {first}", f"town of {second}", f"b of {second}"}


# --- Pages -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 7))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_go_through_all_rows_once_and_back(engine: Engine, minutes: list[int], limit: int) -> None:
    """Many events at the very same time included."""
    served = serve(engine, Task.BINARY, versions=2)
    rows = [prediction(served.version_ids[i % 2], f"p{i}", minutes=at) for i, at in enumerate(minutes)]
    put(engine, rows)
    search = Search(served.model.name)
    pages = list(_pages(engine, search, limit))
    order = [row["prediction_id"] for page in pages for row in page.rows]
    assert sorted(order) == sorted(row[1] for row in rows)
    assert [row["event_time"] for page in pages for row in page.rows] == sorted((r[2] for r in rows), reverse=True)
    assert all(len(page.rows) == limit for page in pages[:-1])
    back = pages[-1]
    for page in reversed(pages[:-1]):
        assert back.newer is not None
        back = explorer.find(engine, search, limit=limit, after=back.newer)
        assert back.rows == page.rows
    assert back.newer is None


def _pages(engine: Engine, search: Search, limit: int) -> Iterator[explorer.Page]:
    before: str | None = None
    while True:
        page = explorer.find(engine, search, limit=limit, before=before)
        yield page
        if page.older is None:
            return
        before = page.older


def test_a_time_range_is_half_open_and_versions_may_be_chosen(labelled: tuple[Engine, Served]) -> None:
    engine, served = labelled
    since, until = START + timedelta(minutes=2), START + timedelta(minutes=4)
    search = Search(served.model.name, since=since, until=until)
    assert set(found(engine, search)) == {f"p{i}" for i in range(8, 16)}
    assert set(found(engine, replace(search, versions=("2",)))) == {"p9", "p11", "p13", "p15"}


# --- Bounds ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(engine: Engine) -> tuple[Engine, Served]:
    served = serve(engine, Task.BINARY, versions=1)
    version = served.version_ids[0]
    put(engine, [prediction(version, f"p{i}", minutes=i / 60, features={"x": i}) for i in range(3_000)])
    return engine, served


def test_a_search_that_meets_its_bounds_says_how_far_it_looked_and_goes_on(many: tuple[Engine, Served]) -> None:
    engine, served = many
    search = Search(served.model.name, wanted=PredictionFilter(features=(parse("x < 2"),)))
    page = explorer.find(engine, search, bounds=Bounds(rows=500))
    assert (page.rows, page.looked) == ([], 500)
    assert page.stopped_at == START + timedelta(seconds=2_500)
    seen: list[str] = []
    while page.older is not None:
        page = explorer.find(engine, search, before=page.older, bounds=Bounds(rows=500))
        seen += [row["prediction_id"] for row in page.rows]
    assert seen == ["p1", "p0"]
    assert page.stopped_at is None


def test_counts_are_bounded(many: tuple[Engine, Served]) -> None:
    engine, served = many
    search = Search(served.model.name)
    assert explorer.count(engine, search) == explorer.Count(3_000, True)
    assert explorer.count(engine, search, most=2_999) == explorer.Count(2_999, False)
    rare = replace(search, wanted=PredictionFilter(features=(parse("x < 2"),)))
    assert explorer.count(engine, rare, most=10, bounds=Bounds(rows=50)) == explorer.Count(0, False)


def test_a_search_whose_time_is_up_says_so_and_the_connection_serves_on(many: tuple[Engine, Served]) -> None:
    engine, served = many
    with pytest.raises(TimeIsUpError, match="too long"):
        explorer.find(engine, Search(served.model.name), bounds=Bounds(seconds=0.0))
    assert len(found(engine, Search(served.model.name))) == 50


def test_whoever_asks_is_told_how_far_it_is_and_may_give_up(many: tuple[Engine, Served]) -> None:
    engine, served = many
    looked: list[int] = []

    def report(so_far: Page) -> None:
        looked.append(so_far.looked)
        if so_far.looked >= 1_000:
            raise KeyboardInterrupt

    search = Search(served.model.name, wanted=PredictionFilter(features=(parse("x < 0"),)))
    with pytest.raises(KeyboardInterrupt):
        explorer.find(engine, search, report=report)
    assert looked == [500, 1_500]
    assert len(found(engine, Search(served.model.name))) == 50


def test_examples_are_the_newest_that_fit(many: tuple[Engine, Served]) -> None:
    engine, served = many
    search = Search(served.model.name, wanted=PredictionFilter(features=(parse("x between 10 and 20"),)))
    assert [row["prediction_id"] for row in explorer.examples(engine, search, 3)] == ["p20", "p19", "p18"]


def test_a_page_is_read_by_the_index_on_time(many: tuple[Engine, Served]) -> None:
    engine, _ = many
    dialect = engine.dialect.name
    query = "SELECT id FROM prediction WHERE version_id = 1 AND (event_time, id) < ('2026-03-02 00:00:00.000000', 9)"
    explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        if dialect == "postgresql":
            connection.execute(text("ANALYZE prediction"))
            connection.execute(text("SET enable_seqscan = off"))
        plan = str(connection.execute(text(f"{explain} {query} ORDER BY event_time DESC, id DESC LIMIT 9")).all())
    assert "ix_prediction_version_id_event_time_id" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


# --- What cannot be asked --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (PredictionFilter(score_from=math.nan), "score_from: 'NaN' is not allowed; a score is a number"),
        (PredictionFilter(score_from=0.9, score_to=0.1), "score_from: 0.9 is not allowed; allowed is at most score_to"),
        (PredictionFilter(segment="FI"), "segment: 'FI' is not allowed; a segment is ATTRIBUTE=VALUE"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(engine: Engine, wanted: PredictionFilter, says: str) -> None:
    served = serve(engine, Task.BINARY)
    with pytest.raises(InvalidError, match=says):
        explorer.find(engine, Search(served.model.name, wanted=wanted))


def test_a_regression_is_not_asked_for_classes(engine: Engine) -> None:
    served = serve(engine, Task.REGRESSION, versions=1)
    put(engine, [prediction(served.version_ids[0], f"p{i}", float(i), score=None) for i in range(5)])
    for wanted in (PredictionFilter(verdict=Verdict.WRONG), PredictionFilter(predicted="1")):
        with pytest.raises(InvalidError, match="regression"):
            explorer.find(engine, Search(served.model.name, wanted=wanted))
    assert found(engine, Search(served.model.name, wanted=PredictionFilter(score_from=2.5))) == ["p4", "p3"]


@pytest.mark.parametrize("before", ["x", "1", "1-", "-1", "1-x", "99999999999999999999-1", "1-9223372036854775808"])
def test_a_place_that_is_none_is_refused(engine: Engine, before: str) -> None:
    served = serve(engine, Task.BINARY)
    with pytest.raises(InvalidError, match="the link of a page"):
        explorer.find(engine, Search(served.model.name), before=before)


def test_an_unknown_model_or_version_is_named(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    with pytest.raises(NotFoundError, match="no model 'nobody'"):
        explorer.find(engine, Search("nobody"))
    with pytest.raises(NotFoundError, match="no version '9'"):
        explorer.find(engine, Search(served.model.name, ("9",)))


@pytest.mark.parametrize(
    "text_",
    ["", "x", "x =", "x ! 3", "x > a", "x < NaN", "x between 1", "x between 2 and 1", '"x', "= 3", "x > 1_0"],
)
def test_a_condition_that_cannot_be_read_says_what_is_allowed(text_: str) -> None:
    with pytest.raises(InvalidError, match="feature"):
        parse(text_)
