"""Many models, a line each: the same number stands in the same place, so that one reads down a column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.core.model import Outcome
from app.services.read_models.fleet import ModelCard
from app.services.read_models.standings import CheckStanding, Standing
from app.ui.components import state, wording
from app.ui.components.fleet import breaches, destination
from app.ui.components.html import Html, element, join, markdown_text
from app.ui.components.sparkline import sparkline
from app.ui.theme import Palette

_COLUMNS = ("Predictions", "Confident", "Corrected", "Quality", "Estimated", "Skewed", "Latency p95", "Stale", "Alerts")
_MOST_TAGS = 2


def show(cards: Sequence[ModelCard], palette: Palette, now: datetime) -> None:
    """One row per model; a click anywhere on it leads to its page."""
    page = st.Page("views/model.py")  # once: Streamlit asks the file system for it
    with st.container(key="fleet-rows", gap=None):
        st.html(_head())
        for one in cards:
            with st.container(key=f"fleet-row-{one.model.id}", gap=None):
                label = f"**{markdown_text(one.model.name)}**"
                st.page_link(page, label=label, query_params=destination.query(one))
                st.html(_row(one, palette, now))


def _head() -> Html:
    names = ["", "State", *_COLUMNS]
    return element("div", *(element("span", name) for name in names), class_="wk-row wk-row-head", aria_hidden="true")


def _row(one: ModelCard, palette: Palette, now: datetime) -> Html:
    """The line beside the name; every number says on its own what it is, for those who do not see its column."""
    return element(
        "div",
        element("span", _about(one), class_="wk-row-about"),
        element(
            "span",
            state.badge(one.standing),
            element("span", breaches.short_text(breaches.names(one.checks)), class_="wk-row-note"),
            element("span", state.since_text(one.since, now) or "", class_="wk-row-note"),
            class_="wk-row-state",
        ),
        _traffic(one, palette),
        _reading(one, "confident_share", "Confident"),
        _reading(one, "correction_rate", "Corrected"),
        _reading(one, "performance", "Quality", palette, named=True),
        _reading(one, "estimated_performance", "Estimated", named=True),
        _skew(one.checks.get("training_serving_skew"), palette),
        _reading(one, "latency", "Latency p95", palette),
        _reading(one, "staleness", "Stale"),
        _cell("Alerts", str(one.open_alerts), breach=one.open_alerts > 0),
        class_=f"wk-row wk-row-{one.standing.value}",
    )


def _about(one: ModelCard) -> str:
    """Whose it is, and the words that it is found by."""
    more = f" +{len(one.model.tags) - _MOST_TAGS}" if len(one.model.tags) > _MOST_TAGS else ""
    tags = " ".join(f"#{tag}" for tag in one.model.tags[:_MOST_TAGS]) + more
    version = f"version {one.version.name}" if one.version else "no version yet"
    return " · ".join(part for part in (one.model.owner, version, tags) if part)


def _traffic(one: ModelCard, palette: Palette) -> Html:
    if one.predictions is None:
        return _cell("Predictions", wording.NO_VALUE, note="none yet")
    volume = one.checks.get("volume")
    return _cell(
        "Predictions",
        wording.count(one.predictions),
        breach=volume is not None and volume.standing is Standing.BREACH,
        below=sparkline(one.traffic, palette, label="predictions per window"),
        note=f"per {one.model.window.value}",
    )


def _reading(one: ModelCard, check: str, title: str, palette: Palette | None = None, *, named: bool = False) -> Html:
    """The newest value of a check, with its trend where there is a palette to draw it in."""
    found = one.readings.get(check)
    if found is None:
        return _cell(title, wording.NO_VALUE, note="not measured")
    measure = wording.subject_title(check, found.subject)
    trend = sparkline(found.trend, palette, limit=found.limit, label=f"{measure} per window") if palette else None
    return _cell(
        title,
        wording.number(check, found.subject, found.value),
        breach=found.outcome is Outcome.BREACH,
        untold=found.outcome is Outcome.NOT_EVALUATED,
        below=trend,
        note=measure if named else "",
        hint=f"{measure}: {found.reason}" if found.reason else measure,
    )


def _skew(check: CheckStanding | None, palette: Palette) -> Html:
    if check is None or check.window_start is None:
        return _cell("Skewed", wording.NO_VALUE, note="not measured" if check is None else "cannot tell", untold=True)
    return _cell(
        "Skewed",
        f"{check.breaches} of {check.judged}",
        breach=check.breaches > 0,
        below=sparkline(check.trend, palette, label="skewed features per window"),
        note="features",
    )


def _cell(
    title: str,
    value: str,
    *,
    breach: bool = False,
    untold: bool = False,
    below: Html | None = None,
    note: str = "",
    hint: str = "",
) -> Html:
    """A number with its mark; its column's name is in sight only where there is no head above it."""
    kind = " wk-breach" if breach else " wk-untold" if untold or value == wording.NO_VALUE else ""
    mark = "◆ " if breach else "◌ " if untold and value != wording.NO_VALUE else ""
    spoken = element("span", "breach " if breach else "no verdict ", class_="wk-spoken") if mark else None
    return element(
        "span",
        element("span", title, class_="wk-cell-title"),
        element(
            "span",
            join(element("span", mark, aria_hidden="true"), spoken) if mark else None,
            value,
            class_=f"wk-cell-value{kind}",
        ),
        below or (element("span", note, class_="wk-row-note") if note else None),
        class_="wk-cell",
        title=hint or None,
    )
