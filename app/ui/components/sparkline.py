"""A trend the size of a word: an inline SVG image, which the browser draws at once and without a script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from urllib.parse import quote

from app.ui.components.html import Html, element
from app.ui.theme import Palette

WIDTH, HEIGHT, MARGIN = 120.0, 26.0, 3.0


def sparkline(
    values: Sequence[float | None], palette: Palette, *, limit: float | None = None, label: str = ""
) -> Html | None:
    """A line through the values, broken where there is none, with the limit as a dashed line; None below two values."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    if limit is not None and low - 2 * (high - low) <= limit <= high + 2 * (high - low):
        low, high = min(low, limit), max(high, limit)
    else:
        limit = None
    lines = [_line(run, stroke=palette.accent, stroke_width=1.7) for run in _runs(values, low, high)]
    if limit is not None:
        y = _y(limit, low, high)
        lines.insert(0, _line([(0.0, y), (WIDTH, y)], stroke=palette.muted, stroke_width=1, stroke_dasharray="3 3"))
    # An image, since Streamlit takes SVG out of HTML.
    svg = element(
        "svg",
        *lines,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
    )
    return element("img", src=f"data:image/svg+xml,{quote(svg)}", alt=label, class_="wk-spark")


def _y(value: float, low: float, high: float) -> float:
    spread = high / 2 - low / 2  # in halves: as a whole it may be larger than the largest number
    return HEIGHT / 2 if not spread else HEIGHT - MARGIN - (value / 2 - low / 2) / spread * (HEIGHT - 2 * MARGIN)


def _runs(values: Sequence[float | None], low: float, high: float) -> list[list[tuple[float, float]]]:
    """The points of each unbroken stretch."""
    step = WIDTH / (len(values) - 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(values):
        if value is None or not math.isfinite(value):
            runs.append([])
        else:
            runs[-1].append((i * step, _y(value, low, high)))
    return [run for run in runs if run]


def _line(points: list[tuple[float, float]], **stroke: str | float) -> Html:
    if len(points) == 1:
        points = [(points[0][0] - 0.5, points[0][1]), (points[0][0] + 0.5, points[0][1])]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", points=path, fill="none", vector_effect="non-scaling-stroke", **stroke)
