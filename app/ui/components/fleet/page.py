"""The fleet: what is wrong, since when, what is new, and every model that fits what one looks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app.services.read_models.fleet import ModelCard
from app.ui import data, theme, visits
from app.ui.components import choice, empty, headline, wording
from app.ui.components.fleet import card, filters, news, rows
from app.ui.components.html import element, join

MOST_CARDS = 6
"""Models up to which each has a card at first; more of them are rows."""
LAYOUTS = {"cards": "Cards", "rows": "Rows"}


def show() -> None:
    """The whole page; what is live in it draws itself again."""
    if not data.fleet.overview():
        empty.no_models()
        return
    _head(_last_visit())
    cards = data.fleet.overview()
    with st.container(horizontal=True, vertical_alignment="bottom", key="choices"):
        wanted = filters.choose(cards)
        layout = _layout(len(cards))
    if filters.has_choice(cards):
        wanted = filters.of_state(wanted, cards)
    _models(wanted, layout)


def _layout(models: int) -> str:
    """Cards while there are few models; whoever has but one has nothing to choose."""
    if models == 1:
        return "cards"
    usual = "cards" if models <= MOST_CARDS else "rows"
    return choice.buttons("layout", "Layout", list(LAYOUTS), usual, joined=True, words=LAYOUTS.__getitem__)


def _last_visit() -> datetime | None:
    visit = visits.parse(str(st.context.cookies.get(visits.COOKIE)))
    return None if visit is None else visit.before


@st.fragment(run_every=data.connection.REFRESH)
def _head(last_visit: datetime | None) -> None:
    cards, now = data.fleet.overview(), datetime.now(UTC)
    new = None if last_visit is None else news.line(data.fleet.news(last_visit), last_visit, now)
    st.html(
        join(
            element("h1", "Fleet", class_="wk-title"),
            element("p", headline.fleet(cards), class_="wk-lead"),
            new,
            element("p", f"As of {wording.moment(now)}; times are in UTC.", class_="wk-facts"),
        )
    )


@st.fragment(run_every=data.connection.REFRESH)
def _models(wanted: filters.Wanted, layout: str) -> None:
    cards, now = wanted.of(data.fleet.overview()), datetime.now(UTC)
    if not cards:
        st.text("No model fits these filters. Clear the search, or choose all.")
    elif layout == "rows":
        rows.show(cards, theme.current(), now)
    else:
        _cards(cards, now)


def _cards(cards: Sequence[ModelCard], now: datetime) -> None:
    palette = theme.current()
    for one in cards:
        card.show(one, palette, now)
