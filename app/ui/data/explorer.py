"""Predictions that somebody looks for, one of them in full, and what is said about it.

What is found is kept by the page, not here: a search tells how far it is, and can be given up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from app.core.errors import InvalidError, WatchkeeperError
from app.core.model import Task
from app.core.records import Scalar
from app.services import explorer, prediction_detail, prediction_files, reviews
from app.services.explorer import Count, Page, Search
from app.services.prediction_detail import Detail
from app.services.prediction_files import Written
from app.services.training_files import Format
from app.ui.data.connection import FRESH, engine


def find(search: Search, limit: int, before: str, after: str, report: explorer.Report) -> Page:
    """A page. Raises WatchkeeperError."""
    return explorer.find(engine(), search, limit=limit, before=before or None, after=after or None, report=report)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=50)
def count(search: Search) -> Count | None:
    """How many are looked for; None where that cannot be told."""
    try:
        return explorer.count(engine(), search)
    except WatchkeeperError:
        return None


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=50)
def detail(model: str, prediction_id: str, version: str | None) -> Detail | str:
    """The prediction, or why it cannot be shown."""
    try:
        return prediction_detail.detail(engine(), model, prediction_id, version)
    except WatchkeeperError as error:
        return str(error)


def correct(found: Detail, label: str, author: str) -> None:
    """Say what is true. Raises WatchkeeperError."""
    now, name = datetime.now(UTC), str(found.row["prediction_id"])
    said = _label(found, label)
    prediction_detail.correct(engine(), now, found.model.name, name, version=found.version, label=said, author=author)


def _label(found: Detail, label: str) -> Scalar:
    if found.model.task is not Task.REGRESSION or not label:
        return label
    try:
        said = float(label)
    except ValueError:
        said = math.nan
    if not math.isfinite(said):
        raise InvalidError("label", label, "a regression model needs a number")
    return said


def take_back(found: Detail, author: str) -> None:
    """Take the author's newest correction of this version's prediction back. Raises WatchkeeperError."""
    now, name = datetime.now(UTC), str(found.row["prediction_id"])
    reviews.undo(engine(), now, found.model.name, name, author=author, version=found.version)


def write_file(search: Search, path: Path, format_: Format, report: Callable[[int], None]) -> Written:
    """What is looked for as a file. Raises WatchkeeperError."""
    return prediction_files.write_file(engine(), search, path, format_, report=report)
