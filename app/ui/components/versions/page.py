"""The page of versions: where each stands, how two of them differ, and the drills that prove the way back."""

from __future__ import annotations

import streamlit as st

from app.ui import data
from app.ui.components import choice, empty, scope
from app.ui.components.html import element, join
from app.ui.components.versions import compare, drills, promote, tables

PARTS = {"versions": "Versions", "compare": "What differs", "drills": "Drills"}


def show() -> None:
    """The versions of the model that the address or the person asks for."""
    model = scope.model()
    if model is None:
        return
    found = data.versions.versions(model)
    if found is None or not found.versions:
        empty.no_version(model)
        return
    live = "No version is live."
    if found.live:
        live = f"Live now: version{'s' if len(found.live) > 1 else ''} {', '.join(found.live)}."
    st.html(join(element("h1", f"Versions of {found.model}", class_="wk-title"), element("p", live, class_="wk-lead")))
    part = choice.buttons(
        "part", "Part", list(PARTS), "versions", joined=True, words=PARTS.__getitem__, hidden_label=True
    )
    if part == "compare":
        compare.show(found)
    elif part == "drills":
        drills.show(found)
    else:
        st.html(tables.section(found))
        promote.show(found)
        st.html(join(tables.records(found), tables.history(found)))
