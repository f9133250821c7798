"""A queue with no row for somebody: why, and what brings some."""

from __future__ import annotations

import streamlit as st

from app.core.review import Kind
from app.services.read_models.reviews import ReviewStanding
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import element, join
from app.ui.components.review import answering, progress


def show(model: str, kind: Kind, who: str, standing: ReviewStanding) -> None:
    """Why there is no row, and a button that looks for some."""
    reason = progress.nothing_waits(standing, kind, who)
    if not _asked_for(kind, standing):
        reason = "Rows of this kind are not asked for at present: see Settings."
    st.html(join(element("h2", "No row for you", class_="wk-section"), element("p", reason, class_="wk-why")))
    if standing.is_on:
        st.button("Look for rows now", key="review-look", icon=":material/search:", on_click=look, args=(model,))


def _asked_for(kind: Kind, standing: ReviewStanding) -> bool:
    one = standing.setting
    wanted = (
        {} if one is None else {Kind.AUDIT: one.audits_per_day, Kind.UNCERTAIN: one.uncertain, Kind.NOVEL: one.novel}
    )
    return bool(wanted.get(kind))


def look(model: str) -> None:
    """Fill the queue, and say what was found."""
    found = data.reviews.look_for_rows(model)
    if not found.predictions:
        answering.tell("No prediction has come since the queue was filled last.")
        return
    answering.tell(
        f"{wording.plural(found.predictions, 'prediction')} looked at: {wording.plural(found.audits, 'audit')} drawn, "
        f"{wording.count(found.uncertain)} uncertain, {wording.count(found.novel)} novel."
    )
