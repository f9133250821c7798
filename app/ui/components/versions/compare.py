"""Two versions side by side: what differs stands in sight, what is the same is folded away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import streamlit as st

from app.core.environments import Difference, compared
from app.core.model import WindowLength
from app.services.read_models.version_records import VersionRecord
from app.services.read_models.versions import ModelVersions, VersionRow
from app.ui import data
from app.ui.components import choice, wording
from app.ui.components.html import Html, element, join, title

SPAN = {WindowLength.DAY: timedelta(days=365), WindowLength.HOUR: timedelta(days=30)}
NONE = "not said"


def show(found: ModelVersions) -> None:
    """The two that the address or the person asks for; at first the live one beside the one before it."""
    names = [one.name for one in found.versions]
    if len(names) < 2:
        st.html(element("p", "There is only one version yet: nothing to compare.", class_="wk-quiet"))
        return
    live = found.live[0] if found.live else names[0]
    other = found.fallback if found.fallback and found.fallback != live else next(n for n in names if n != live)
    with st.container(horizontal=True, key="choices"):
        before = choice.select("before", "Version", names, other, width=200, key=f"before of {found.model}")
        after = choice.select("after", "Beside version", names, live, width=200, key=f"after of {found.model}")
    by_name = {one.name: one for one in found.versions}
    st.html(section(by_name[before], by_name[after]))
    st.html(join(title("How good each was", _NOTE), _quality(found, before, after)))


_NOTE = "Each on the requests that it answered itself, which are not the same ones."


def section(before: VersionRow, after: VersionRow) -> Html:
    """Everything that is known of the two, what differs first."""
    everything = [*_records(before, after), *compared(before.record, after.record)]
    differ = [one for one in everything if one.before != one.after]
    same = [one for one in everything if one.before == one.after and one.before]
    verb = "differs" if len(differ) == 1 else "differ"
    said = f"{wording.plural(len(differ), 'thing')} {verb} between {before.name} and {after.name}."
    if not differ:
        said = f"Nothing that is known differs between {before.name} and {after.name}."
    folded = element(
        "details",
        element("summary", f"{wording.plural(len(same), 'thing')} the same"),
        _beside(("What", "Both"), [(_name(one.field), one.before) for one in same]),
        class_="wk-fold",
    )
    rows = [(_name(one.field), one.before or NONE, one.after or NONE) for one in differ]
    shown = _beside(("What", before.name, after.name), rows)
    return join(element("p", said, class_="wk-lead"), shown if differ else None, folded if same else None)


def _records(before: VersionRow, after: VersionRow) -> Iterator[Difference]:
    for field, was, now in zip(_FIELDS, _dates(before), _dates(after), strict=True):
        yield Difference(field, was, now)


_FIELDS = ("stage", "newest_training_row", "deployed", "registered", "training_set", "reference")


def _dates(one: VersionRow) -> tuple[str, ...]:
    times = (one.record.newest_training_row, one.record.deployed_at, one.record.created_at)
    said = [wording.moment(time) if time else "" for time in times]
    reference = f"{wording.count(one.reference_rows)} rows" if one.reference_rows else ""
    return (one.stage.value, *said, one.record.training_set[:16], reference)


def _name(field: str) -> str:
    return field.replace("_", " ").capitalize() if not field.startswith("dependency ") else field


def _beside(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    heads = [element("th", text, scope="col") for text in head]
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", text) for text in row[1:])) for row in rows
    ]
    return element(
        "table", element("thead", element("tr", *heads)), element("tbody", *body), class_="wk-table wk-beside"
    )


def _quality(found: ModelVersions, before: str, after: str) -> Html:
    windows = [one.newest_window for one in found.versions if one.newest_window]
    view = data.models.model(found.model, None)
    if not windows or view is None:
        return element("p", "No window has been counted yet.", class_="wk-quiet")
    length = view.model.window
    until = max(windows) + length.delta
    records = data.models.version_records(found.model, until - SPAN[length], until)
    by_name = {one.version: one for one in records}
    rows = [
        (what, *(words(by_name[name]) if name in by_name else NONE for name in (before, after)))
        for what, words in _ASPECTS.items()
    ]
    note = f"From {wording.start_of_window(until - SPAN[length])} on."
    return join(_beside(("What", before, after), rows), element("p", note, class_="wk-facts"))


def _measured(one: VersionRecord) -> str:
    if one.quality is None:
        return "cannot tell: too few labels"
    return (
        f"{wording.subject_title('performance', one.measure)} {wording.number('performance', one.measure, one.quality)}"
    )


_ASPECTS: dict[str, Callable[[VersionRecord], str]] = {
    "Quality": _measured,
    "Predictions": lambda one: wording.count(one.predictions),
    "With a label": lambda one: f"{wording.count(one.labelled)} ({wording.share(one.labelled / one.predictions)})",
    "Answered": lambda one: f"{wording.start_of_window(one.first)} to {wording.start_of_window(one.last)}",
}
