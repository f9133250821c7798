"""The page of reviewing: a model's queues, each one by one or as a table, and what was decided."""

from __future__ import annotations

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.review import Kind
from app.services.read_models.reviews import ReviewStanding
from app.ui import data
from app.ui.components import author, choice, scope, wording
from app.ui.components.html import element, join
from app.ui.components.review import card, decided, progress, settings, table

_PURPOSE = {
    Kind.AUDIT: "Drawn by chance, whatever the model said: these alone tell how good it is. Answer them all: "
    "choosing among them would spoil that.",
    Kind.UNCERTAIN: "The model nearly decided the other way: each label teaches it much, and tells nothing of how "
    "good it is.",
    Kind.NOVEL: "Nothing in training was like these: their labels show the model what it has never seen.",
}
_VIEWS = {"card": "One by one", "table": "Table", "decided": "Who did what", "settings": "Settings"}


def show() -> None:
    """The choices in a row, and the part that was chosen."""
    if scope.is_empty():
        return
    lead = "Say what is true of single predictions. It counts as a correction, and becomes training data."
    st.html(join(element("h1", "Review", class_="wk-title"), element("p", lead, class_="wk-lead")))
    row = st.container(horizontal=True, vertical_alignment="bottom", key="choices")
    with row:
        model = scope.model()
    if model is None:
        return
    with row:
        who = author.ask()
    try:
        standing = data.reviews.standing(model)
    except WatchkeeperError as error:  # the model was removed while somebody looked
        st.html(element("p", str(error), class_="wk-failed", role="alert"))
        return
    if standing.is_on or standing.setting is not None:
        _queues(model, who, standing)
    else:
        settings.turn_on(model, who)


def _queues(model: str, who: str, standing: ReviewStanding) -> None:
    view = choice.buttons(
        "view", "View", list(_VIEWS), "card", joined=True, words=_VIEWS.__getitem__, hidden_label=True
    )
    if view == "decided":
        decided.show(model, who)
    elif view == "settings":
        settings.change(model, who, standing)
    else:
        _queue(view, model, who, standing)


def _queue(view: str, model: str, who: str, standing: ReviewStanding) -> None:
    kind = Kind(
        choice.buttons(
            "kind",
            "Why rows are reviewed",
            [kind.value for kind in standing.queues],
            Kind.AUDIT.value,
            joined=True,
            words=lambda name: f"{progress.KINDS[Kind(name)]} · {wording.count(standing.queues[Kind(name)].waiting)}",
            hidden_label=True,
        )
    )
    st.html(join(element("p", _PURPOSE[kind], class_="wk-facts"), progress.today(standing, kind, who)))
    if not who:
        st.info("Give your name above to get rows. It is written down beside every answer.", icon=":material/badge:")
    elif view == "card":
        card.show(model, kind, who, standing)
    else:
        table.show(model, kind, who, standing)
