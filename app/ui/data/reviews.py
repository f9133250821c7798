"""Reviewing: rows are handed out and answered at once, so little of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app.core.review import Kind
from app.services import review_answers, reviews
from app.services.read_models import reviews as read_models
from app.services.read_models.reviews import Decision, ReviewStanding
from app.services.review_answers import Answer, Refusal
from app.services.review_fill import FillSummary, fill_queues
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine


def standing(model: str) -> ReviewStanding:
    """How the model's queue stands at this moment: a reviewer must see at once what an answer did."""
    return read_models.review_standing(engine(), _now(), model)


def decisions(model: str, author: str | None, before: tuple[datetime, int] | None, most: int) -> list[Decision]:
    """What was decided last (by the author), newest first."""
    return read_models.decisions(engine(), model, author=author, before=before, most=most)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def classes(model: str, version: str) -> list[str]:
    """What a row of the version may be labelled."""
    return review_answers.classes(engine(), model, version)


def next_rows(model: str, kind: Kind, author: str, limit: int) -> list[dict[str, Any]]:
    """The next rows for the author, which nobody else gets for a while."""
    return reviews.next_rows(engine(), _now(), model, kind, author=author, limit=limit)


def give_back(model: str, items: Sequence[int], author: str) -> None:
    """Let others have rows that were not decided."""
    reviews.give_back(engine(), model, items, author=author)


def answer(model: str, one: Answer, author: str) -> None:
    """Record what is said about a row. Raises WatchkeeperError."""
    review_answers.answer(engine(), _now(), model, [one], author=author)


def answer_each(model: str, answers: Sequence[Answer], author: str) -> list[Refusal]:
    """Record what is said about rows; those that are refused are returned. Raises WatchkeeperError."""
    return review_answers.answer_each(engine(), _now(), model, answers, author=author)


def undo(model: str, prediction_id: str, author: str, item: int) -> None:
    """Take back what the author decided about a row of the queue. Raises WatchkeeperError."""
    reviews.undo(engine(), _now(), model, prediction_id, author=author, item=item)


def set_review(model: str, author: str, *, audits_per_day: int, uncertain: bool, novel: bool) -> None:
    """Say what is put before the model's reviewers. Raises WatchkeeperError."""
    wanted = {"uncertain": uncertain, "novel": novel}
    reviews.set_review(engine(), _now(), model, author=author, audits_per_day=audits_per_day, **wanted)


def look_for_rows(model: str) -> FillSummary:
    """Fill the model's queue now, instead of in the worker's next round."""
    return fill_queues(engine(), _now(), model)


def _now() -> datetime:
    return datetime.now(UTC)
