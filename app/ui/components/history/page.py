"""What happened to a model: an answer, one time axis for everything, and the same as a list."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import streamlit as st

from app.core.timeline import EventKind
from app.ui import data, theme
from app.ui.components import choice, figures, scope, wording
from app.ui.components.history import answer, lanes, listing
from app.ui.components.html import element, join, title

ALL = "all"


def show() -> None:
    """The choices, the lanes, and the list of the chosen kind of events."""
    chosen = scope.choose(versions=False)
    if chosen is None:
        return
    _lanes(chosen.model, chosen.since, chosen.until)
    st.html(title("One by one"))
    found = Counter(event.kind.value for event in data.timeline.events(chosen.model, chosen.since, chosen.until))
    kinds = [kind.value for kind in EventKind if found[kind.value]]
    kind = ALL
    if len(kinds) > 1:
        names = {ALL: f"All {sum(found.values())}", **{kind: f"{listing.label(kind)} {found[kind]}" for kind in kinds}}
        kind = choice.pills("kind", "Kind of event", list(names), ALL, words=names.__getitem__, hidden_label=True)
    _list(chosen.model, chosen.since, chosen.until, "" if kind == ALL else kind)


@st.fragment(run_every=data.connection.REFRESH)
def _lanes(model: str, since: datetime, until: datetime) -> None:
    events = data.timeline.events(model, since, until)
    drift, alerts = data.timeline.drift(model, since, until), data.timeline.alerts(model, since, until)
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
        st.html(
            element(
                "p", f"{wording.plural(hidden, 'feature')} that drifted for less time: not shown.", class_="wk-facts"
            )
        )


@st.fragment(run_every=data.connection.REFRESH)
def _list(model: str, since: datetime, until: datetime, kind: str) -> None:
    events = [event for event in data.timeline.events(model, since, until) if not kind or event.kind.value == kind]
    st.html(listing.listing(model, events))
