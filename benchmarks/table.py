"""One line of a benchmark, and the table that lines make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """Two figures of one run, in the same unit, and how they compare."""

    what: str
    ours: float
    theirs: float | None
    unit: str
    compared_with: str = ""
    wanted: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.theirs else self.ours / self.theirs


def markdown(title: str, lines: Sequence[Line], circumstances: str = "") -> str:
    """A section with a table, and above it how it was measured."""
    rows = [
        f"## {title}",
        "",
        *([circumstances, ""] if circumstances else []),
        "| what | ours | compared with | theirs | ours / theirs | wanted |",
    ]
    rows.append("|---|---:|---|---:|---:|---|")
    for line in lines:
        theirs = "" if line.theirs is None else f"{_figure(line.theirs)} {line.unit}"
        ratio = "" if line.ratio is None else _figure(line.ratio)
        ours = f"{_figure(line.ours)} {line.unit}"
        rows.append(f"| {line.what} | {ours} | {line.compared_with} | {theirs} | {ratio} | {line.wanted} |")
    return "\n".join(rows) + "\n"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
