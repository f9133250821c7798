"""However rows arrive, each segment holds its own rows once, and all segments of an attribute are the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial, reduce
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Row, select

from app.core.distinct import distinct
from app.core.errors import ConflictError, InvalidError
from app.core.model import Model, Source, Task
from app.core.profile import Profile
from app.core.segments import MISSING, OTHER, AttributeValues, attribute_of, segment_value
from app.services.catalogue import Segmented, declare_segments, register_model
from app.services.counting import fold_turn
from app.services.fold import FoldSummary, fold
from app.services.rebuild import rebuild, request_rebuild
from app.storage import tables
from app.storage.catalogue import find_model
from app.storage.engine import read, write
from app.storage.recipes import load_recipes
from tests.services.served import (
    NOW,
    START,
    Served,
    assert_counted,
    assert_same,
    correction,
    expected_profiles,
    prediction,
    serve,
    store,
    stored_profiles,
)
from tests.services.test_fold import histories
from tests.services.test_uploads import added, made, packed, send

HOUR = timedelta(hours=1)


def known_of(engine: Engine, version_id: int) -> dict[str, AttributeValues]:
    with read(engine) as connection:
        recipe = load_recipes(connection, [version_id])[version_id]
    return {known.attribute: known for known in recipe.attributes}


def value_of(row: Row[Any], attribute: str) -> str:
    """The value of a stored prediction, looked up the plain way."""
    given = json.loads(row.attributes or "{}").get(attribute)
    return segment_value(json.loads(row.features).get(attribute) if given is None else given)


def in_segment(row: Row[Any], known: AttributeValues, value: str) -> bool:
    mine = value_of(row, known.attribute)
    found = mine if mine in (*known.values, MISSING) else OTHER
    early = known.since is not None and row.event_time < known.since
    return found == value and not early


def segments_of(engine: Engine, version_id: int) -> set[str]:
    p = tables.profile.c
    with read(engine) as connection:
        return set(connection.scalars(select(p.segment).where(p.version_id == version_id))) - {""}


def assert_segments(engine: Engine, served: Served) -> None:
    """Each segment is one fold of its own rows, and together they are the whole."""
    for version_id in served.version_ids:
        named = set()
        for known in known_of(engine, version_id).values():
            for value in (*known.values, MISSING, OTHER):
                name = f"{known.attribute}={value}"
                mine = expected_profiles(engine, served, version_id, partial(in_segment, known=known, value=value))
                assert_same(stored_profiles(engine, version_id, name), mine)
                named |= {name} if mine else set()
        assert segments_of(engine, version_id) == named


def assert_sum(engine: Engine, served: Served, attribute: str) -> None:
    for version_id in served.version_ids:
        parts: dict[datetime, list[Profile]] = {}
        for segment in segments_of(engine, version_id):
            if attribute_of(segment) == attribute:
                for start, profile in stored_profiles(engine, version_id, segment).items():
                    parts.setdefault(start, []).append(profile)
        total = {start: reduce(Profile.__add__, found) for start, found in parts.items()}
        assert_same(total, stored_profiles(engine, version_id))


@pytest.fixture(autouse=True)
def room_for_two() -> Iterator[None]:
    """Two values of an attribute have a segment, so that a short history overflows."""
    with patch("app.core.segments.MOST_VALUES", 2):
        yield


def _is_prediction(row: tuple[Any, ...]) -> bool:
    """Whether it is one, and no correction, whose second value is the number of a version."""
    return len(row) == 12 and isinstance(row[1], str)


def with_countries(data: st.DataObject, batches: list[list[tuple[Any, ...]]]) -> list[list[tuple[Any, ...]]]:
    """The histories of the fold's own test, some of their predictions with attributes."""
    countries = st.sampled_from([None, {"country": "FI"}, {"country": "SE"}, {"country": "NO"}, {"kind": "b"}])
    return [
        [
            (*row[:-1], (given := data.draw(countries)) and json.dumps(given)) if _is_prediction(row) else row
            for row in batch
        ]
        for batch in batches
    ]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_history_folded_in_any_way_equals_a_rebuild_and_one_fold_of_each_segment(
    engine: Engine, data: st.DataObject
) -> None:
    served = serve(engine, data.draw(st.sampled_from(Task)), segment_by=("country", "kind"))
    for batch in with_countries(data, data.draw(histories(served))):
        store(engine, batch)
        if data.draw(st.booleans(), "fold now"):
            fold(engine, NOW, slice_rows=data.draw(st.sampled_from([1, 4, 20_000]), "slice"))
    fold(engine, NOW, slice_rows=data.draw(st.sampled_from([1, 4, 20_000]), "slice"))
    for _ in range(2):
        assert_counted(engine, served)
        assert_segments(engine, served)
        for attribute in ("country", "kind"):
            assert_sum(engine, served, attribute)
        rebuild(engine, now=NOW, model=served.model.name)


def rows(served: Served, countries: str, minutes: float = 0) -> list[tuple[Any, ...]]:
    """A prediction for each letter, half an hour apart, its letter the country."""
    return [
        prediction(served.version_ids[0], f"{minutes}-{i}", minutes=minutes + 30 * i, attributes={"country": letter})
        for i, letter in enumerate(countries)
    ]


def test_what_has_no_room_is_counted_together_and_its_values_are_counted(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1, segment_by=("country",))
    store(engine, rows(served, "abcdabcee"))
    fold(engine, NOW)
    store(engine, rows(served, "fa", minutes=1))
    fold(engine, NOW)
    known = known_of(engine, served.version_ids[0])["country"]
    assert known.values == ("a", "b")
    assert distinct(known.overflow) == 4
    other = stored_profiles(engine, served.version_ids[0], f"country={OTHER}")
    assert sum(profile.rows for profile in other.values()) == 6
    assert_segments(engine, served)
    assert_sum(engine, served, "country")


def test_corrections_move_the_outcomes_of_their_segment_once(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1, segment_by=("country", "kind"))
    store(engine, rows(served, "abab"))
    fold(engine, NOW)
    said = [correction(served.model, f"0-{i}", "no", Source.USER, shown=True) for i in range(3)]
    said += [correction(served.model, f"0-{i}", "yes", at=1) for i in range(2)]
    for _ in range(2):
        store(engine, said)
        fold(engine, NOW)
        assert_segments(engine, served)
        assert_sum(engine, served, "country")


def test_folding_again_changes_nothing(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1, segment_by=("country",))
    store(engine, rows(served, "abc"))
    fold(engine, NOW)
    before = known_of(engine, served.version_ids[0])["country"].revision
    store(engine, rows(served, "abc"))
    assert fold(engine, NOW) == FoldSummary()
    store(engine, rows(served, "abc", minutes=1))
    fold(engine, NOW)
    assert known_of(engine, served.version_ids[0])["country"].revision == before


def test_a_later_declaration_begins_with_the_next_window_and_a_rebuild_counts_the_rest(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1)
    store(engine, rows(served, "ab"))
    fold(engine, NOW)
    assert segments_of(engine, served.version_ids[0]) == set()
    assert declare_segments(engine, served.model.name, ["country"]) == [Segmented("1", START + HOUR)]
    # Late rows and labels of windows before it belong to no segment; rows of windows after it do, and their labels.
    store(engine, rows(served, "bbbbb", minutes=2))
    store(engine, [correction(served.model, key, "no") for key in ("0-0", "2-1", "2-3")])
    fold(engine, NOW)
    assert sum(one.rows for one in stored_profiles(engine, served.version_ids[0], "country=b").values()) == 3
    assert_segments(engine, served)
    rebuild(engine, now=NOW, model=served.model.name)
    assert_segments(engine, served)
    assert_sum(engine, served, "country")


def test_a_declaration_before_anything_is_counted_holds_for_everything(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1)
    store(engine, rows(served, "ab"))
    with fold_turn(engine):  # a rebuild that waits for its turn counts by the new declaration too
        with write(engine) as connection:
            request_rebuild(connection, served.version_ids[0])
        assert declare_segments(engine, served.model.name, ["country"]) == [Segmented("1", None)]
    fold(engine, NOW)
    assert_sum(engine, served, "country")


def test_an_attribute_declared_no_more_is_forgotten(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1, segment_by=("country", "count"))
    store(engine, rows(served, "ab"))
    fold(engine, NOW)
    declare_segments(engine, served.model.name, ["count"])
    assert {attribute_of(segment) for segment in segments_of(engine, served.version_ids[0])} == {"count"}
    store(engine, rows(served, "ab", minutes=1))
    fold(engine, NOW)
    assert_segments(engine, served)
    declare_segments(engine, served.model.name, ["count", "country"])
    store(engine, rows(served, "ababab", minutes=2))
    fold(engine, NOW)
    assert_segments(engine, served)
    with read(engine) as connection:
        assert find_model(connection, served.model.name).segment_by == ("count", "country")


def test_models_say_what_is_wrong_with_a_declaration(engine: Engine) -> None:
    register_model(engine, Model("m", Task.BINARY, segment_by=("country",)), NOW)
    with pytest.raises(ConflictError, match="segment_by"):
        register_model(engine, Model("m", Task.BINARY), NOW)
    for attributes, said in ((["a=b"], "without ="), (["x"] * 2, "each attribute once"), (list("abcdef"), "at most 5")):
        with pytest.raises(InvalidError, match=said):
            declare_segments(engine, "m", attributes)


def test_profiles_in_place_of_rows_are_counted_into_the_whole_alone(engine: Engine) -> None:
    served = serve(engine, Task.BINARY, versions=1, segment_by=("country",))
    version_id = served.version_ids[0]
    store(engine, rows(served, "abab"))
    fold(engine, NOW)
    profiles = made(served.layout, seed=1, hours=(0, 1))
    send(engine, served, version_id, packed(served.layout, profiles, "file"))
    fold(engine, NOW)
    for _ in range(2):
        assert_segments(engine, served)
        both = added(expected_profiles(engine, served, version_id), profiles)
        assert_same(stored_profiles(engine, version_id), both)
        rebuild(engine, now=NOW, model=served.model.name)
