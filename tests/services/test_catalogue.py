"""What the owner of a model declares: changes that come at the same time all stand."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Engine

from app.core.errors import ConflictError, InvalidError
from app.core.model import Model, Task
from app.services.catalogue import change_model, register_model
from app.storage import catalogue
from app.storage.engine import read

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_of_two_changes_at_once_neither_is_lost(engine: Engine) -> None:
    register_model(engine, Model("m", Task.BINARY), NOW)
    both_have_read = Barrier(2, timeout=0.5)

    def hold(real: Callable[..., None]) -> Callable[..., None]:
        def write_late(*arguments: Any) -> None:
            with suppress(BrokenBarrierError):  # the other one waits for its turn to read
                both_have_read.wait()
            real(*arguments)

        return write_late

    changes: list[dict[str, Any]] = [{"owner": "ann"}, {"label_delay": timedelta(days=2)}]
    held = patch.object(catalogue, "change_model", autospec=True, side_effect=hold(catalogue.change_model))
    with held, ThreadPoolExecutor(2) as pool:
        changed = list(pool.map(lambda one: change_model(engine, "m", **one), changes))
    with read(engine) as connection:
        stored = catalogue.find_model(connection, "m")
    assert (stored.owner, stored.label_delay) == ("ann", timedelta(days=2))
    assert stored in changed  # the later one says it all


def test_tags_are_kept_in_order_each_once_and_change_as_a_whole(engine: Engine) -> None:
    register_model(engine, Model("m", Task.BINARY, tags=("pricing", "europe", "pricing")), NOW)
    register_model(engine, Model("m", Task.BINARY, tags=("europe", "pricing")), NOW)  # says the same
    assert _stored_tags(engine) == ("europe", "pricing")
    with pytest.raises(ConflictError, match="its tags is"):
        register_model(engine, Model("m", Task.BINARY, tags=("asia",)), NOW)
    assert change_model(engine, "m", tags=("asia",)).tags == ("asia",)
    change_model(engine, "m", owner="ann")
    assert _stored_tags(engine) == ("asia",)
    change_model(engine, "m", tags=())
    assert _stored_tags(engine) == ()


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (("",), "tags: one of them is empty"),
        ((" europe",), "tags: ' europe' is not allowed; allowed are 1 to 50 printable characters without a space"),
        (("a\nb",), "tags"),
        (("x" * 51,), "tags"),
        (tuple(f"t{i}" for i in range(21)), "tags: 21 is not allowed; allowed are at most 20"),
    ],
)
def test_a_tag_that_nobody_could_read_is_refused(engine: Engine, tags: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        register_model(engine, Model("m", Task.BINARY, tags=tags), NOW)


def _stored_tags(engine: Engine) -> tuple[str, ...]:
    with read(engine) as connection:
        return catalogue.find_model(connection, "m").tags
