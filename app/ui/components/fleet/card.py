"""One model of the fleet, with room for all of its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from textwrap import shorten

import streamlit as st

from app.core.model import Outcome, Task
from app.services.read_models.fleet import ModelCard, Reading
from app.services.read_models.standings import CheckStanding, Standing
from app.ui.components import state, wording
from app.ui.components.fleet import breaches, destination
from app.ui.components.html import Html, element, join, markdown_text
from app.ui.components.sparkline import sparkline
from app.ui.theme import Palette

_LABELS = {
    "performance": "{}, realised",
    "estimated_performance": "{}, estimated",
    "confident_share": "Confident",
    "correction_rate": "Corrected",
    "staleness": "{}",
    "latency": "{}",
}
MOST_LETTERS = 80
"""Of a reason on a tile; the whole of it is on the model's page."""


def show(card: ModelCard, palette: Palette, now: datetime) -> None:
    """Draw the card; its name leads to the model's page."""
    with st.container(border=True, key=f"card-{card.model.id}", gap=None):
        label = f"**{markdown_text(card.model.name)}**"
        st.page_link("views/model.py", label=label, query_params=destination.query(card))
        body = element("dl", *_tiles(card, palette), class_="wk-tiles")
        if card.standing is Standing.NO_DATA:
            body = element("p", "No predictions have been counted yet; its page says how to send them.")
        wrong = breaches.text(card.checks)
        said = element("p", element("b", "In breach: "), wrong, class_="wk-what") if wrong else None
        st.html(join(_status_line(card, now), said, body))


def _status_line(card: ModelCard, now: datetime) -> Html:
    """State, since when, and which model this is."""
    facts = [
        state.since_text(card.since, now),
        wording.plural(card.open_alerts, "open alert") if card.open_alerts else None,
        f"version {card.version.name}" if card.version else "no version yet",
        card.model.task.value,
        f"owner {card.model.owner}" if card.model.owner else None,
        " ".join(f"#{tag}" for tag in card.model.tags) or None,
        f"newest window {wording.start_of_window(card.newest_window)}" if card.newest_window else None,
    ]
    texts = [element("span", fact) for fact in facts if fact]
    return element("div", state.badge(card.standing), *texts, class_="wk-statusline")


def _tiles(card: ModelCard, palette: Palette) -> Iterator[Html]:
    """The numbers, each with the limit that it is held against."""
    volume = card.checks.get("volume")
    yield _tile(
        "Predictions",
        wording.NO_VALUE if card.predictions is None else wording.count(card.predictions),
        note=f"in the newest {card.model.window.value}" if card.predictions is not None else "none yet",
        breach=bool(volume and volume.breaches),
        trend=sparkline(card.traffic, palette, label="predictions per window"),
    )
    usual = {
        "performance": "rmse" if card.model.task is Task.REGRESSION else "accuracy",
        "staleness": "training_data",
        "latency": "p95",
    }
    usual["estimated_performance"] = usual["performance"]
    for check, label in _LABELS.items():
        if check == "confident_share" and card.model.task is Task.REGRESSION:
            continue  # a number has no probability that could be high
        if check == "staleness":
            yield _skew_tile(card.checks.get("training_serving_skew"), palette)
        reading = card.readings.get(check)
        subject = reading.subject if reading else usual.get(check, "")
        title = label.format(wording.subject_title(check, subject))
        yield _reading_tile(check, title, reading, palette) if reading else _unmeasured(title)


def _reading_tile(check: str, title: str, reading: Reading, palette: Palette) -> Html:
    untold = reading.outcome is Outcome.NOT_EVALUATED
    limit = "" if reading.limit is None else f"limit {wording.number(check, reading.subject, reading.limit)}"
    return _tile(
        title,
        wording.number(check, reading.subject, reading.value),
        note=_brief(reading.reason) if untold else limit,
        breach=reading.outcome is Outcome.BREACH,
        untold=untold,
        trend=sparkline(reading.trend, palette, limit=reading.limit, label=f"{title} per window"),
    )


def _brief(reason: str) -> str:
    """Its beginning; that nothing can be told is said by the mark above it."""
    return shorten(reason.partition(";")[0].removeprefix("cannot tell: "), MOST_LETTERS, placeholder=" …")


def _skew_tile(check: CheckStanding | None, palette: Palette) -> Html:
    title = "Skewed features"
    if check is None:
        return _unmeasured(title)
    if check.window_start is None:
        return _tile(title, wording.NO_VALUE, note="cannot tell yet", untold=True)
    note = f"of {check.judged}" + (f", {check.cannot_tell} cannot tell" if check.cannot_tell else "")
    trend = sparkline(check.trend, palette, label="skewed features per window")
    return _tile(title, str(check.breaches), note=note, breach=check.breaches > 0, trend=trend)


def _unmeasured(title: str) -> Html:
    return _tile(title, wording.NO_VALUE, note="not measured", untold=True)


def _tile(
    title: str, value: str, *, note: str = "", breach: bool = False, untold: bool = False, trend: Html | None = None
) -> Html:
    kind = "wk-value wk-breach" if breach else "wk-value wk-untold" if untold else "wk-value"
    mark = (
        element("span", "◆ ", title="breach")
        if breach
        else element("span", "◌ ", title="no verdict")
        if untold
        else None
    )
    return element(
        "div",
        element("dt", title),
        element("dd", element("div", mark, value, class_=kind), element("div", note, class_="wk-note"), trend),
        class_="wk-tile",
    )
