"""What a row is compared with: the whole reference of its version."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine

from app.core.errors import NotFoundError
from app.core.fold import Rows, Truth, fold
from app.core.model import Task, Version, WindowLength
from app.core.row_comparison import Place
from app.services.read_models.typical_rows import typical_rows
from app.storage import references
from app.storage.catalogue import add_version
from app.storage.engine import write
from tests.services.served import NOW, START, Served, serve


def two_windows(served: Served) -> list[references.ReferenceProfile]:
    """A day of a's, then one of b's."""
    n = 100
    columns = {"x": np.arange(2.0 * n).tolist(), "kind": ["a"] * n + ["b"] * n}
    micros = np.repeat([0, 86_400_000_000], n) + int(START.timestamp() // 86_400) * 86_400_000_000
    rows = Rows(
        micros, ["yes"] * 2 * n, [None] * 2 * n, np.full(2 * n, 0.7), np.ones(2 * n), Truth.unknown(2 * n), columns
    )
    found = fold(served.layout, rows, WindowLength.DAY)
    assert len(found) == 2
    return [references.ReferenceProfile(None, profile) for profile in found.values()]


def test_all_windows_of_the_reference_count(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    new = references.Reference(served.layout, 200, True, True, "of two windows", NOW)
    with write(engine) as connection:
        references.replace(connection, served.version_ids[0], new, two_windows(served))
    typical = typical_rows(engine, served.model.name, "1")
    assert typical is not None
    found = {one.name: one for one in typical.compare({"x": 150, "kind": "b"})}
    assert (found["kind"].place, found["kind"].share) == (Place.USUAL, 0.5)
    assert found["x"].span == (0.0, 199.0)


def test_a_version_without_a_reference_has_none_to_compare_with(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    with write(engine) as connection:
        add_version(connection, Version(served.model.id, "bare"), NOW)
    assert typical_rows(engine, served.model.name, "bare") is None
    with pytest.raises(NotFoundError):
        typical_rows(engine, served.model.name, "9")
