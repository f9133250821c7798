"""What every page's answers share: one engine a process, the settings, and how long an answer is kept.

What a page shows may be `FRESH` old; a page asks again by itself every `REFRESH`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import WatchkeeperError
from app.settings import Settings, SettingsError
from app.storage import migrate
from app.storage.engine import open_engine

FRESH = timedelta(seconds=20)
REFRESH = timedelta(seconds=30)
MOST_ANSWERS = 500
"""Answers of one kind that are kept."""


def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_environment(os.environ)


@st.cache_resource(show_spinner=False)
def engine() -> Engine:
    """The engine that all pages share."""
    return open_engine(settings())


@st.cache_data(ttl=FRESH, show_spinner=False)
def database_problem() -> tuple[str, str] | None:
    """What is wrong with the database and the command that mends it; None when nothing is."""
    try:
        current, head = migrate.current(engine()), migrate.head()
    except SettingsError as error:
        return f"The settings are wrong: {error}", "watchkeeper doctor"
    except (SQLAlchemyError, OSError) as error:
        # The first line alone: what follows quotes the address, which may hold a password.
        return f"The database cannot be reached: {type(error).__name__}.", "watchkeeper doctor"
    if current == head:
        return None
    what = "is empty" if current is None else f"is at schema {current}, and this program needs {head}"
    return f"The database {what}.", "watchkeeper db upgrade"


def attempt(act: Callable[[], object], *known: Callable[..., object]) -> str:
    """Do it and forget what pages knew of it by these cached answers; what is wrong with it, or ""."""
    problem = ""
    try:
        act()
    except WatchkeeperError as error:
        problem = str(error)
    for answers in known:  # also where it was refused: what pages knew may be why
        answers.clear()  # type: ignore[attr-defined]
    return problem
