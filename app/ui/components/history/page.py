"""What happened to a model: an answer, one time axis for everything, and the same as a list."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import streamlit as st

from app.core.timeline import Event, EventKind
from app.ui import data, theme
from app.ui.components import choice, figures, scope, wording
from app.ui.components.history import answer, lanes, listing, span
from app.ui.components.html import element, join, title
from app.ui.components.scope import Scope

ALL = "all"


def show() -> None:
    """The choices, the lanes, and the list of the chosen kind of events."""
    chosen = scope.choose(versions=False)
    if chosen is None:
        return
    _lanes(chosen)
    st.html(title("One by one"))
    _list(chosen, _kind(chosen))


def _kind(chosen: Scope) -> str:
    """One of the kinds that there are events of, each with how many; "" for all."""
    found = Counter(event.kind.value for event in _events(chosen))
    kinds = [kind.value for kind in EventKind if found[kind.value]]
    if len(kinds) < 2:
        return ""
    names = {ALL: f"All {sum(found.values())}", **{kind: f"{listing.label(kind)} {found[kind]}" for kind in kinds}}
    kind = choice.buttons("kind", "Kind of event", list(names), ALL, words=names.__getitem__, hidden_label=True)
    return "" if kind == ALL else kind


@st.fragment(run_every=data.connection.REFRESH)
def _lanes(chosen: Scope) -> None:
    model, (since, until) = chosen.model, span.of(chosen, datetime.now(UTC))
    events, drift = data.timeline.events(model, since, until), data.timeline.drift(model, since, until)
    alerts = data.timeline.alerts(model, since, until)
    said = answer.sentence(events, drift, alerts)
    st.html(
        join(
            element("h1", model, class_="wk-title"),
            element("p", said, class_="wk-lead"),
            element("p", f"{wording.moment(since)} to {wording.moment(until)}, all versions.", class_="wk-facts"),
        )
    )
    figure = lanes.figure(events, drift, alerts, (since, until), theme.current())
    if figure is None:
        return
    figures.show(figure, key="lanes", alt=said)
    hidden = lanes.hidden(drift)
    if hidden:
        note = f"{wording.plural(hidden, 'feature')} that lay beyond a limit for fewer windows: not shown."
        st.html(element("p", note, class_="wk-facts"))


@st.fragment(run_every=data.connection.REFRESH)
def _list(chosen: Scope, kind: str) -> None:
    events = [event for event in _events(chosen) if not kind or event.kind.value == kind]
    st.html(listing.listing(chosen.model, events))


def _events(chosen: Scope) -> list[Event]:
    return data.timeline.events(chosen.model, *span.of(chosen, datetime.now(UTC)))
