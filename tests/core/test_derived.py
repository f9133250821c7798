"""What a feature is told to be by its values, and what its values become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.core.columns import State, is_numeric
from app.core.derived import DerivedFeature, DerivedKind, Embedding, recognise
from app.core.records import FeatureValue
from app.core.stats.text import text_statistics

COMMENTS = [f"this is remark number {i}" for i in range(150)]
SAID = DerivedFeature("said", DerivedKind.TEXT)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param(COMMENTS, DerivedKind.TEXT, id="many different sentences"),
        pytest.param([None, *COMMENTS], DerivedKind.TEXT, id="some missing"),
        pytest.param(["很好" * 30 + str(i) for i in range(150)], DerivedKind.TEXT, id="long, without any space"),
        pytest.param([f"customer-{i}" for i in range(150)], None, id="codes of one word"),
        pytest.param(COMMENTS[:90], None, id="few different ones"),
        pytest.param(COMMENTS * 10, None, id="names that come again and again"),
        pytest.param([*COMMENTS, True], None, id="not texts alone"),
        pytest.param(["a", "b"] * 100, None, id="categories"),
        pytest.param([1.0, 2.0], None, id="numbers"),
        pytest.param([[0.5] * 3, [], [1.0]], DerivedKind.LIST, id="lists of any length"),
        pytest.param([[0.5] * 7] * 9, DerivedKind.LIST, id="lists of one small length"),
        pytest.param([["a"] * 9] * 9, DerivedKind.LIST, id="lists of no numbers, which will be invalid"),
        pytest.param([[0.5] * 8] * 9 + [[0.5] * 9], DerivedKind.LIST, id="vectors of several lengths"),
        pytest.param([[0.5], "a"], None, id="no more lists than other values"),
    ],
)
def test_what_a_feature_is(column: list[Any], kind: DerivedKind | None) -> None:
    found = recognise("said", column)
    assert found == (kind and DerivedFeature("said", kind))


def test_what_was_declared_a_text_is_one() -> None:
    assert recognise("said", ["a", "b"] * 100, text=True) == SAID


def test_a_text_becomes_its_statistics_and_what_is_no_text_is_invalid() -> None:
    columns = SAID.derive(["Two words", None, 3.0, "", True])
    assert SAID.columns[0] == "said::length"
    expected = text_statistics(["Two words", ""])
    for column, statistic in zip(columns, expected.T, strict=True):
        assert column.states is not None
        assert column.finite().tolist() == statistic.tolist()
        assert column.states.tolist() == [-1, State.MISSING, State.INVALID, -1, State.INVALID]


def test_a_column_without_any_text_has_no_number() -> None:
    assert all(column.finite().size == 0 for column in SAID.derive([None, None]))
    assert all(column.values.dtype == np.float64 for column in SAID.derive([]))
    assert not is_numeric(COMMENTS)


def test_lists_of_one_length_are_an_embedding_as_fine_as_its_largest_number() -> None:
    column: list[FeatureValue] = [[0.5, 3.0, -7.9, "NaN", 1, 2, 3, 4.0]] * 19
    found = recognise("v", [*column, None, [1.0]])
    assert found == Embedding("v", 8, 15)  # 7.9 x 2^15 is a little less than 2^18
    assert len(found.columns) == 16


def test_a_list_becomes_its_statistics_and_an_empty_one_has_a_length_alone() -> None:
    length, mean, minimum, maximum, sd = DerivedFeature("r", DerivedKind.LIST).derive(
        [[1, 2.0, 6], [], None, "text", [1.0, "NaN"], [True], [None], [10**400]]
    )
    invalid = [State.INVALID] * 3
    assert length.states is not None
    assert length.states.tolist() == [-1, -1, State.MISSING, State.INVALID, -1, *invalid]
    assert length.finite().tolist() == [3, 0, 2]
    for column, value in ((mean, 3.0), (minimum, 1.0), (maximum, 6.0), (sd, np.sqrt(14 / 3))):
        assert column.states is not None
        expected = [-1, State.MISSING, State.MISSING, State.INVALID, State.NAN, *invalid]
        assert column.states.tolist() == expected
        assert column.finite() == pytest.approx([value])


def test_what_is_no_vector_of_its_length_is_invalid() -> None:
    columns = Embedding("v", 8, 12).derive([[0.5] * 8, None, [0.5] * 7, ["a"] * 8, [0.5] * 7 + ["Infinity"], 3.0])
    for column in columns:
        assert column.states is not None
        invalid = [State.INVALID] * 2
        assert column.states.tolist() == [-1, State.MISSING, *invalid, State.NAN, State.INVALID]
