"""How fast the model answers, over time and version by version."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.core.checks.latency import QUANTILES
from app.services.read_models.speeds import VersionSpeed
from app.ui import data, theme
from app.ui.components import choice, figures, speed_figures, wording
from app.ui.components.html import Html, element, join, table
from app.ui.components.model import check_charts
from app.ui.components.scope import Scope

CHECKS = ("latency",)
PARTS = {"time": "Over time", "versions": "By version, runtime and hardware"}
NOTE = "Each on the requests that it answered itself in this range, which are not the same ones."


def show(scope: Scope) -> None:
    """The quantiles over time, or the versions of the range beside each other."""
    part = choice.buttons("view", "What is shown", list(PARTS), "time", words=PARTS.__getitem__, hidden_label=True)
    if part == "versions":
        _versions(data.models.version_speeds(scope.model, scope.since, scope.until, scope.segment))
    else:
        check_charts.show(scope, CHECKS)


def _versions(found: Sequence[VersionSpeed]) -> None:
    if not found:
        st.html(element("p", "No version answered in this range; choose a longer one.", class_="wk-quiet"))
        return
    timed = [one for one in found if one.timed]
    said = _said(timed)
    st.html(join(element("p", said, class_="wk-chart-title"), element("p", NOTE, class_="wk-question"), _table(found)))
    if timed:
        figures.show(speed_figures.by_version(timed, theme.current()), key="latency by version", alt=said)


def _said(timed: Sequence[VersionSpeed]) -> str:
    if not timed:
        return "No prediction of this range came with a latency"
    newest = timed[-1]
    median = f"{wording.short(newest.quantiles['p50'])} ms"
    if len(timed) == 1:
        return f"Version {newest.version.name} answers half of all requests within {median}"
    before = timed[-2]
    return (
        f"Median latency {median} with version {newest.version.name}, "
        f"{wording.short(before.quantiles['p50'])} ms with version {before.version.name}"
    )


def _table(found: Sequence[VersionSpeed]) -> Html:
    head = (
        "Version",
        "Runs on",
        "Predictions",
        "With a latency",
        "Per second",
        *(f"{name} (ms)" for name in QUANTILES),
    )
    return table(head, [_row(one) for one in found], numbers=range(2, len(head)))


def _row(one: VersionSpeed) -> tuple[str, ...]:
    quantiles = (wording.short(one.quantiles[name]) if one.timed else wording.NO_VALUE for name in QUANTILES)
    counts = (wording.count(one.predictions), wording.count(one.timed), wording.short(one.per_second))
    return (one.version.name, element("span", one.runs_on or "nobody said", class_="wk-fixed"), *counts, *quantiles)
