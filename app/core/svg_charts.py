"""Lines over time as SVG, for documents that are read without a script and printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.markup import Html, element

WIDTH, HEIGHT = 720.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 10.0, 24.0
INK, MUTED, GRID, BAND, LINES = "#22303a", "#5c6a75", "#e2ded4", "#d9e7ea", ("#1d6a78", "#8a4fa3", "#23669f", "#7a6a1d")
BREACH = "#b5401a"
TICKS = 4
STEPS = 5
_ROUNDING, _TINY = 1e-9, 1e-290
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True, slots=True)
class Line:
    """A named line of W points, the oldest first; None where there is no value. `low` and `high` bound what is normal.

    `breaches` says which of the points are in breach.
    """

    name: str
    times: Sequence[datetime]
    values: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    breaches: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: a dashed upright line with a letter above it."""

    at: datetime
    letter: str


@dataclass(frozen=True, slots=True)
class _Scale:
    since: datetime
    until: datetime
    low: float
    high: float

    def x(self, at: datetime) -> float:
        share = (at - self.since) / (self.until - self.since)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)


def line_chart(lines: Sequence[Line], since: datetime, until: datetime, marks: Sequence[Mark], alt: str) -> Html | None:
    """The lines over [since, until) with their normal bands, breaches as diamonds; None where there is no value."""
    known = [value for line in lines for value in (*line.values, *line.low, *line.high) if value is not None]
    if not any(value is not None for line in lines for value in line.values):
        return None
    low, high = min(known), max(known)
    room = _room(low, high)
    scale = _Scale(since, until, low - room, high + room)
    drawn = [_band(line, scale) for line in lines]
    drawn += [*_grid(scale), *_days(scale), *(_mark(mark, scale) for mark in marks if since <= mark.at < until)]
    for place, line in enumerate(lines):
        drawn += _line(line, scale, LINES[place % len(LINES)], _DASHES[place % len(_DASHES)])
    return element(
        "svg",
        *drawn,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_label=alt,
        class_="chart",
        xmlns="http://www.w3.org/2000/svg",
    )


def _room(low: float, high: float) -> float:
    """What is left free above and below; values that differ by no more than rounding count as the same."""
    size = max(abs(low), abs(high))
    if high - low >= _ROUNDING * max(size, _TINY):
        return (high - low) * 0.08
    return size * 0.05 if size > _TINY else 0.5


def _band(line: Line, scale: _Scale) -> Html | None:
    edges = [
        (time, low, high)
        for time, low, high in zip(line.times, line.low, line.high, strict=True)
        if low is not None and high is not None
    ]
    if len(edges) < 2:
        return None
    above = [f"{scale.x(time):.1f},{scale.y(high):.1f}" for time, _, high in edges]
    below = [f"{scale.x(time):.1f},{scale.y(low):.1f}" for time, low, _ in reversed(edges)]
    return element("polygon", points=" ".join(above + below), fill=BAND, stroke="none")


def _grid(scale: _Scale) -> list[Html]:
    drawn: list[Html] = []
    step = _nice((scale.high - scale.low) / STEPS)
    for count in range(math.ceil(scale.low / step), math.floor(scale.high / step) + 1):
        value = count * step
        y = f"{scale.y(value):.1f}"
        drawn.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, stroke=GRID, stroke_width=1))
        text = {"font_size": "11", "fill": MUTED, "text_anchor": "end", "dy": "4"}
        drawn.append(element("text", f"{value:.4g}", x=LEFT - 6, y=y, **text))
    return drawn


def _nice(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((many * power for many in (1, 2, 5) if many * power >= step), 10 * power)


def _days(scale: _Scale) -> list[Html]:
    span = (scale.until - scale.since) / TICKS
    times = [scale.since + span * n for n in range(TICKS + 1)]
    anchors = ["start", *["middle"] * (TICKS - 1), "end"]
    return [
        element(
            "text",
            f"{time.day} {time:%b %Y}",
            x=f"{scale.x(time):.1f}",
            y=HEIGHT - 6,
            font_size="11",
            fill=MUTED,
            text_anchor=anchor,
        )
        for time, anchor in zip(times, anchors, strict=True)
    ]


def _mark(mark: Mark, scale: _Scale) -> Html:
    x = f"{scale.x(mark.at):.1f}"
    line = element("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, stroke=MUTED, stroke_width=1, stroke_dasharray="3 3")
    return element("g", line, element("text", mark.letter, x=x, y=TOP, dx="3", dy="8", font_size="11", fill=INK))


def _line(line: Line, scale: _Scale, colour: str, dashes: str) -> list[Html]:
    runs: list[list[str]] = [[]]
    drawn: list[Html] = []
    diamonds: list[Html] = []
    for time, value, breach in zip(line.times, line.values, line.breaches, strict=True):
        if value is None:
            runs.append([])
            continue
        x, y = scale.x(time), scale.y(value)
        runs[-1].append(f"{x:.1f},{y:.1f}")
        if breach:
            shape = f"M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4 -4z"
            diamonds.append(element("path", d=shape, fill=BREACH))
    for points in runs:
        if len(points) == 1:
            x_text, y_text = points[0].split(",")
            drawn.append(element("circle", cx=x_text, cy=y_text, r=1.8, fill=colour))
        elif points:
            dashed = {"stroke_dasharray": dashes} if dashes else {}
            joined = " ".join(points)
            drawn.append(element("polyline", points=joined, fill="none", stroke=colour, stroke_width="1.8", **dashed))
    return drawn + diamonds
