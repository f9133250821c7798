"""The page of single predictions."""

from __future__ import annotations

import math
import time

import streamlit as st

from app.core.errors import WatchkeeperError
from app.services.explorer import Count, Page, Search
from app.ui import data
from app.ui.components import choice, empty, link, scope, wording
from app.ui.components.explorer import detail, download, filters, table
from app.ui.components.html import element, join

SIZES = ("25", "50", "100", "200")
_FOUND, _SEARCH = "explorer found", "explorer search"


def show() -> None:
    """Filters, the page of predictions that they let through, and the one that was opened."""
    chosen = scope.choose(segment=True)
    if chosen is None:
        return
    try:
        search = filters.choose(chosen)
    except WatchkeeperError as error:
        _problem(error)
        return
    _begin_anew(search)
    try:
        page = _find(search, int(choice.asked("size", SIZES, "50")))
    except WatchkeeperError as error:
        _problem(error)
        return
    if not page.rows and chosen.view.newest_window is None and not search.wanted.words():
        empty.no_predictions(chosen.model, chosen.version)
        return
    counted = st.empty()
    opened = st.query_params.get("id")
    _table(chosen, search, page, seen=table.FEW_ROWS_SEEN if opened else table.MOST_ROWS_SEEN)
    with st.container(horizontal=True, vertical_alignment="bottom", key="pages"):
        _controls(page)
        _columns(chosen)
        download.show(search)
    if opened:
        detail.show(chosen.model, opened, st.query_params.get("of"))
    with counted:
        st.html(_headline(search, page, data.explorer.count(search)))


def _problem(error: WatchkeeperError) -> None:
    st.html(element("p", str(error), class_="wk-explorer-problem", role="alert"))
    st.button("Clear the filters", on_click=filters.clear)


def _begin_anew(search: Search) -> None:
    """Another search begins at its newest row; the first of a visit, where the address says."""
    known = st.session_state.get(_SEARCH)
    if known is not None and known != search:
        link.remember(before="", after="")
    st.session_state[_SEARCH] = search


def _find(search: Search, size: int) -> Page:
    """The page, kept for as long as other answers are."""
    before, after = st.query_params.get("before", ""), st.query_params.get("after", "")
    wanted, now = (search, size, before, after), time.monotonic()
    kept = st.session_state.get(_FOUND)
    if kept is not None and kept[0] == wanted and now - kept[1] < data.connection.FRESH.total_seconds():
        return kept[2]  # type: ignore[no-any-return]
    place = st.empty()

    def report(so_far: Page) -> None:
        with place.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{_looked(so_far)} …")
            st.button("Stop", key=f"stop at {so_far.looked}", on_click=_stop, args=(wanted, so_far))

    page = data.explorer.find(search, size, before, "" if before else after, report)
    place.empty()
    st.session_state[_FOUND] = (wanted, now, page)
    return page


def _stop(wanted: tuple[Search, int, str, str], so_far: Page) -> None:
    """What was found until the press is the page, for as long as nothing else is looked for."""
    st.session_state[_FOUND] = (wanted, math.inf, so_far)


def _was_stopped() -> bool:
    return bool(st.session_state[_FOUND][1] == math.inf)


def _looked(page: Page) -> str:
    back = f", back to {wording.moment(page.stopped_at)}" if page.stopped_at else ""
    return f"Looked through {wording.count(page.looked)} predictions{back}"


def _headline(search: Search, page: Page, count: Count | None) -> str:
    said = ", ".join(search.wanted.words())
    if count is None or (not count.complete and not count.found):
        found = "Predictions"
    elif count.complete:
        found = wording.plural(count.found, "prediction")
    else:
        found = f"More than {wording.count(count.found)} predictions"
    until = f" to {wording.moment(search.until)}" if search.until else " on"
    span = f" from {wording.moment(search.since)}{until}" if search.since else ""
    note = None
    if page.stopped_at is not None:
        stopped = "Stopped. " if _was_stopped() else ""
        note = element(
            "p", f"{stopped}{_looked(page)}. There may be more further back.", class_="wk-explorer-note", role="status"
        )
    filtered = element("p", f"Filtered by: {said}", class_="wk-explorer-note") if said else None
    return join(
        element("h1", found, class_="wk-title"),
        element("p", f"Newest first{span}.", class_="wk-explorer-note"),
        filtered,
        note,
    )


def _table(chosen: scope.Scope, search: Search, page: Page, *, seen: int) -> None:
    if not page.rows:
        words = (
            "Nothing fits here."
            if page.newer or page.stopped_at
            else "No prediction fits; widen the range or take a filter away."
        )
        st.html(element("p", words, class_="wk-lead"))
        if search.wanted.words():
            st.button("Clear the filters", on_click=filters.clear)
        return
    key = f"rows {hash((search, st.query_params.get('before'), st.query_params.get('after')))}"
    table.show(chosen.view.model, page.rows, _shown(), versions=len(search.versions) != 1, seen=seen, key=key)


def _shown() -> list[str]:
    """The features that are columns of the table, as the address says."""
    return [one for one in st.query_params.get("show", "").split("\n") if one]


def _columns(chosen: scope.Scope) -> None:
    """Which features are columns of the table."""
    shown = _shown()
    names = [name for name in data.models.features(chosen.view.version.id) if "::" not in name]
    options = list(dict.fromkeys([*names, *shown]))
    if not options:
        return
    with st.popover("Columns", icon=":material/view_column:"):
        picked = st.multiselect("Features in the table", options, default=shown, key="shown features")
    if picked != shown:
        link.remember(show="\n".join(picked))
        st.rerun()


def _controls(page: Page) -> None:
    st.button(
        "Newer",
        icon=":material/chevron_left:",
        disabled=page.newer is None,
        on_click=link.remember,
        kwargs={"after": page.newer or "", "before": ""},
    )
    st.button(
        "Look further back" if page.stopped_at else "Older",
        icon=":material/chevron_right:",
        disabled=page.older is None,
        on_click=link.remember,
        kwargs={"before": page.older or "", "after": ""},
    )
    choice.select("size", "Rows a page", SIZES, "50", width=120)
