"""This installation itself: what is wrong with it, how its work goes on, and how it is set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed_version

import streamlit as st

from app.core.self_watch import Diagnosis
from app.services.doctor import diagnose
from app.services.read_models import upkeep
from app.settings import PREFIX
from app.storage.engine import database_url
from app.ui import origins
from app.ui.data.connection import FRESH, engine, settings

LOOKED = timedelta(minutes=5)
"""How long the answers of `doctor` are kept: it looks at files, clocks and secrets, too."""
PROGRAM = installed_version("watchkeeper")


@dataclass(frozen=True, slots=True)
class Look:
    """What was found, and when."""

    at: datetime
    found: Sequence[Diagnosis]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is in force: its variable, its value ("set" for a secret; "" for none), and who says so."""

    name: str
    value: str
    source: str
    help: str


@st.cache_data(ttl=LOOKED, show_spinner="Looking at the database, the worker, clocks, secrets and what goes out …")
def diagnoses() -> Look:
    """What `watchkeeper doctor` says, run with this process's environment."""
    now = datetime.now(UTC)
    return Look(now, diagnose(settings(), now, os.environ))


@st.cache_data(ttl=FRESH, show_spinner=False)
def work() -> upkeep.Work:
    """How the jobs stand, and what waits for them."""
    return upkeep.work(engine(), settings(), datetime.now(UTC))


@st.cache_data(ttl=FRESH, show_spinner=False)
def intake() -> upkeep.Intake:
    """What clients say of themselves, and what was refused."""
    return upkeep.intake(engine(), datetime.now(UTC))


@st.cache_data(ttl=LOOKED, show_spinner=False)
def store() -> upkeep.Store:
    """What the database takes of room."""
    return upkeep.store(engine())


def retention() -> list[tuple[str, str]]:
    """(what, how long it is kept)."""
    return upkeep.retention()


def configuration() -> list[Setting]:
    """Every setting; of a secret only whether there is one."""
    current, said = settings(), origins.sources()
    found = []
    for spec in fields(current):
        value = str(getattr(current, spec.name))
        shown = ("set" if value else "") if spec.metadata["secret"] else value
        found.append(Setting(PREFIX + spec.name.upper(), shown, said[spec.name], spec.metadata["help"]))
    return found


def database_words() -> str:
    """The database, without its password."""
    return database_url(settings()).render_as_string(hide_password=True)
