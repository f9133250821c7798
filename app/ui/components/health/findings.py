"""What `doctor` says: what is wrong, why that matters, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.core.self_watch import Diagnosis, Level
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, code_text, element, join

_MARKS = {Level.BAD: ("◆", "Wrong"), Level.NOTE: ("◌", "To know"), Level.OK: ("●", "Well")}


def show() -> None:
    """Everything that was looked at, what is wrong first."""
    look = data.health.diagnoses()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(element("p", headline(look.found), class_="wk-lead"))
        if st.button("Look again", icon=":material/refresh:"):
            data.health.diagnoses.clear()
            st.rerun()
    st.html(section(look.found))
    said = f"Looked at {wording.moment(look.at)}, with the environment of the dashboard; "
    st.html(
        element("p", code_text(f"{said}`watchkeeper doctor` says the same where the worker runs."), class_="wk-facts")
    )


def headline(found: Sequence[Diagnosis]) -> str:
    """How many things are wrong, in a sentence."""
    bad = sum(one.level is Level.BAD for one in found)
    notes = sum(one.level is Level.NOTE for one in found)
    also = f" {wording.plural(notes, 'thing')} to know." if notes else ""
    if bad:
        return f"{wording.plural(bad, 'thing')} {'is' if bad == 1 else 'are'} wrong.{also}"
    return f"Nothing is wrong.{also}"


def section(found: Sequence[Diagnosis]) -> Html:
    """What is not well as cards, what is well as a list to unfold."""
    cards = [_card(one) for level in (Level.BAD, Level.NOTE) for one in found if one.level is level]
    well = [one for one in found if one.level is Level.OK]
    listed = [element("li", element("b", _subject(one)), ": ", code_text(one.what)) for one in well]
    folded = element(
        "details",
        element("summary", f"● {wording.plural(len(well), 'look')} found all well"),
        element("ul", *listed),
        class_="wk-fold",
        open_=None if cards else "",
    )
    return join(element("div", *cards, class_="wk-findings") if cards else None, folded if well else None)


def _card(one: Diagnosis) -> Html:
    mark, word = _MARKS[one.level]
    return element(
        "section",
        element("h3", element("span", f"{mark} {word}", class_="wk-finding-level"), f" {_subject(one)}"),
        element("p", code_text(one.what)),
        element("p", element("b", "Why it matters: "), code_text(one.why)) if one.why else None,
        element("p", element("b", "What to do: "), code_text(one.mend)) if one.mend else None,
        class_=f"wk-finding wk-finding-{one.level}",
    )


def _subject(one: Diagnosis) -> str:
    subject = one.subject.replace("_", " ").capitalize().replace(" url", " URL")
    return f"{subject}: {one.about}" if one.about and one.about not in one.what else subject
