"""Nothing appears any more below an id that is called settled, and nobody is held up to find it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from sqlalchemy import Engine, insert

from app.core.errors import WatchkeeperError
from app.storage import settled, tables
from app.storage.engine import engine_for, write
from app.storage.settled import newest_settled
from tests.services.served import NOW

ROW = {"created_at": NOW, "predictions": 0, "corrections": 0}


@pytest.fixture
def postgres(postgres_url: object) -> Engine:
    return engine_for(postgres_url)  # type: ignore[arg-type]


def test_an_empty_table_is_settled_at_nothing(engine: Engine) -> None:
    assert newest_settled(engine, tables.batch) == 0
    with write(engine) as connection:
        connection.execute(insert(tables.batch).values(ROW))
    assert newest_settled(engine, tables.batch) == 1


def test_who_took_an_earlier_id_and_has_not_committed_is_waited_for(postgres: Engine) -> None:
    with ThreadPoolExecutor(1) as pool:
        with write(postgres) as slow:
            slow.execute(insert(tables.batch).values(ROW))  # id 1, seen by nobody yet
            with write(postgres) as quick:
                quick.execute(insert(tables.batch).values(ROW))
            answer = pool.submit(newest_settled, postgres, tables.batch)
            with pytest.raises(TimeoutError):
                answer.result(0.3)
            with write(postgres) as later:  # whoever writes meanwhile is neither held up nor waited for
                later.execute(insert(tables.batch).values(ROW))
        assert answer.result(10) == 2
    postgres.dispose()


def test_who_never_ends_is_an_error_that_names_the_table(postgres: Engine) -> None:
    with write(postgres) as slow, patch.object(settled, "LONGEST_WAIT", 0.1):
        slow.execute(insert(tables.batch).values(ROW))
        with pytest.raises(WatchkeeperError, match="writing to batch"):
            newest_settled(postgres, tables.batch)
    postgres.dispose()
