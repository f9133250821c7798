"""Databases for the pages, and the environment that names one of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import URL

from app.storage.engine import engine_for
from app.ui import data
from tests.ui import fleet

NOW = datetime.now(UTC)


@pytest.fixture(scope="session")
def fleet_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite database of `tests.ui.fleet`, to copy from."""
    path = tmp_path_factory.mktemp("fleet") / "watchkeeper.sqlite3"
    shutil.copy(sqlite_template, path)
    engine = engine_for(URL.create("sqlite", database=str(path)))
    fleet.build(engine, NOW)
    engine.dispose()
    return path


@pytest.fixture
def use_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path | None], None]]:
    """Let the pages read a copy of this database; None: there is none yet."""

    def use(template: Path | None) -> None:
        if template is not None:
            shutil.copy(template, tmp_path / "watchkeeper.sqlite3")
        monkeypatch.setenv("WATCHKEEPER_DATA_DIR", str(tmp_path))
        monkeypatch.delenv("WATCHKEEPER_DATABASE_URL", raising=False)

    _forget()
    yield use
    _forget()


def _forget() -> None:
    st.cache_data.clear()
    data.fleet.overview.clear()
    data.fleet.names.clear()
    st.cache_resource.clear()
