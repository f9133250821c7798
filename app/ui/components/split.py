"""The moment that tells before from after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from app.core.fold import WHOLE
from app.core.model import WindowLength
from app.core.timeline import EventKind
from app.ui import data
from app.ui.components import choice, link, markers, wording
from app.ui.components.scope import Scope

MOST_WINDOWS = {WindowLength.DAY: 60, WindowLength.HOUR: 168}
"""On each side, those nearest to the moment."""
BREACH, DEPLOYMENT, MIDDLE, DAY = "breach", "deployment", "middle", "day"


@dataclass(frozen=True, slots=True)
class Split:
    """The windows before a moment, and those from it on. The window in which it lies is part of neither."""

    at: datetime
    before: tuple[datetime, datetime]
    after: tuple[datetime, datetime]
    words: str


def breach_of(chosen: Scope, check: str, subject: str) -> datetime | None:
    """The first window of the present breach of all rows; None without one."""
    if chosen.segment != WHOLE:
        return None
    mine = (one.since for one in chosen.view.breaches if (one.check, one.subject) == (check, subject))
    return next(mine, None)


def choose(chosen: Scope, breach: datetime | None) -> Split:
    """The moment that the address names, else the most telling one that is known."""
    known = _known(chosen, breach)
    options = [*known, DAY]

    def words(name: str) -> str:
        return "A day of your choice" if name == DAY else f"{_NAMES[name]}, {wording.day(known[name])}"

    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = f"split of {chosen.view.version.id}"
        name = choice.buttons("split", "Before and after", options, options[0], joined=True, words=words, key=key)
        at = _day(chosen) if name == DAY else known[name]
    return split_at(chosen, at, "the chosen day" if name == DAY else _NAMES[name].lower())


_NAMES = {BREACH: "First window of the breach", DEPLOYMENT: "Last deployment", MIDDLE: "Middle of the range"}


def split_at(chosen: Scope, at: datetime, words: str) -> Split:
    """Whole windows on both sides, within the range, and at most MOST_WINDOWS of them."""
    length = chosen.view.model.window
    start, most = length.start_of(at), MOST_WINDOWS[length] * length.delta
    after = start if start == at else start + length.delta
    return Split(at, (max(chosen.since, start - most), start), (after, min(chosen.until, after + most)), words)


def _known(chosen: Scope, breach: datetime | None) -> dict[str, datetime]:
    """The moments with windows on both sides, the most telling first."""
    first = max(chosen.since, chosen.view.first_window or chosen.since)
    deployed = [
        event.at
        for event in data.timeline.events(chosen.model, chosen.since, chosen.until, markers.KINDS)
        if event.kind is EventKind.DEPLOYMENT and event.version in ("", chosen.version)
    ]
    moments = {
        BREACH: breach,
        DEPLOYMENT: max(deployed, default=None),
        MIDDLE: chosen.view.model.window.start_of(first + (chosen.until - first) / 2),
    }
    return {
        name: at
        for name, at in moments.items()
        if at is not None and first + chosen.view.model.window.delta <= at < chosen.until
    }


def _day(chosen: Scope) -> datetime:
    """A day inside the range; the middle until one is chosen."""
    first, last = chosen.since.date() + timedelta(days=1), (chosen.until - timedelta(seconds=1)).date()
    first = min(first, last)
    key, said = f"at of {chosen.view.version.id}", link.asked_day("at")
    kept = st.session_state.get(key)
    if said is not None and said != st.session_state.get(choice.before(key)):
        kept = said
    middle = (chosen.since + (chosen.until - chosen.since) / 2).date()
    st.session_state[key] = min(max(kept if isinstance(kept, date) else middle, first), last)
    day = st.date_input("From (UTC)", key=key, min_value=first, max_value=last, format="YYYY-MM-DD", width=140)
    link.remember(at=day.isoformat())
    st.session_state[choice.before(key)] = day
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
