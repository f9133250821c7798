"""What a feature is told to be by its values, and what its values become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.core.columns import State, is_numeric
from app.core.derived import DerivedFeature, DerivedKind, recognise
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
    ],
)
def test_what_a_feature_is(column: list[Any], kind: DerivedKind | None) -> None:
    found = recognise("said", column)
    assert (found and found.kind) == kind


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
