"""What a page is about: a model, one of its versions, a segment of its rows, and a span of windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from app.core.fold import WHOLE
from app.core.model import WindowLength
from app.services.read_models.model_view import ModelView
from app.ui import data
from app.ui.components import choice, empty, wording
from app.ui.components.html import element

RANGES = {"1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days", "365": "1 year"}
USUAL_DAYS = {WindowLength.DAY: "90", WindowLength.HOUR: "7"}
_ALL_ROWS = "All rows"


@dataclass(frozen=True, slots=True)
class Scope:
    """A version, or a segment of its rows, as it stands, and the windows [since, until) of it to look at.

    The segment "" is all rows.
    """

    view: ModelView
    since: datetime
    until: datetime
    segment: str = WHOLE

    @property
    def model(self) -> str:
        return self.view.model.name

    @property
    def version(self) -> str:
        return self.view.version.name

    @property
    def words(self) -> str:
        """The span and its zone."""
        return f"{wording.moment(self.since)} to {wording.moment(self.until)}"


def is_empty() -> bool:
    """Whether there is no model at all, which the page then says in place of everything else."""
    if data.fleet.names():
        return False
    empty.no_models()
    return True


def known_models() -> list[str]:
    """The names of all models; where there is none, or not the one that the address asks for, the page says so."""
    names = data.fleet.names()
    if not names:
        empty.no_models()
        return names
    wanted = st.query_params.get("model")
    if wanted is not None and wanted not in names:
        st.html(element("p", f"There is no model “{wanted}”. Choose one of these:", class_="wk-lead", role="status"))
    return names


def model() -> str | None:
    """The model alone, for pages that are about all of its versions; None, which the page then says, without any."""
    names = known_models()
    return choice.select("model", "Model", names, names[0], width=280) if names else None


def choose(*, span: bool = True, segment: bool = False, versions: bool = True) -> Scope | None:
    """The choices in a row; without `versions` the one that the model is shown by, for pages about all of them.

    None where there is nothing to choose, which the page then says.
    """
    names = known_models()
    if not names:
        return None
    row = st.container(horizontal=True, vertical_alignment="bottom", key="choices")
    with row:
        name = choice.select("model", "Model", names, names[0], width=220)
    newest = data.models.model(name, None)
    if newest is None:
        st.html(element("h1", name, class_="wk-title"))
        empty.no_version(name)
        return None
    with row:
        version = newest.version.name
        if versions:
            version = choice.select("version", "Version", newest.versions, version, width=130, key=f"version of {name}")
        view: ModelView | None = newest
        if not versions:
            view = _up_to_the_newest(newest)
        elif version != newest.version.name:
            view = data.models.model(name, version)
        if view is None:  # it was removed while somebody looked
            st.rerun()
        part = _segment(view) if segment else WHOLE
        if part != WHOLE:
            view = data.models.model(name, version, part) or view
        since, until = _span(view) if span else _windows(view, int(USUAL_DAYS[view.model.window]), None)
    return Scope(view, since, until, part)


def _up_to_the_newest(view: ModelView) -> ModelView:
    """The view with the newest window of any version: after a rollback the one that is shown has none for long."""
    found = data.versions.versions(view.model.name)
    windows = [view.newest_window, *(one.newest_window for one in (found.versions if found else ()))]
    return replace(view, newest_window=max((start for start in windows if start is not None), default=None))


def _segment(view: ModelView) -> str:
    """One of the segments that were judged; nothing to choose where none are declared."""
    if not view.model.segment_by:
        return WHOLE
    found = data.models.segments(view.model.name, view.version.name)
    names = ["", *sorted(one.segment for one in found.segments)] if found else [""]
    key = f"segment of {view.version.id}"
    return choice.select("segment", "Rows", names, "", words=lambda name: name or _ALL_ROWS, width=180, key=key)


def _span(view: ModelView) -> tuple[datetime, datetime]:
    length = view.model.window
    names = [days for days in RANGES if days != "1" or length is WindowLength.HOUR]
    days = choice.buttons("days", "Range", names, USUAL_DAYS[length], joined=True, words=RANGES.__getitem__)
    return _windows(view, int(days), _last_day(view))


def _last_day(view: ModelView) -> date | None:
    """The last day to look at, where somebody wants to see an earlier time than the newest."""
    if view.newest_window is None:
        return None
    return choice.day("until", "Up to (UTC)", view.newest_window.date(), key=f"until of {view.version.id}")


def _windows(view: ModelView, days: int, last: date | None) -> tuple[datetime, datetime]:
    """[since, until) of whole windows; up to the end of `last`, or of the newest window."""
    length = view.model.window
    if last is not None:
        until = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    else:
        until = (view.newest_window or length.start_of(datetime.now(UTC))) + length.delta
    return until - timedelta(days=days), until
