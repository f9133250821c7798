"""Rows as a table, or, where a table has no room, one below the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

from rich.cells import cell_len

Row = Sequence[str]

GAP, INDENT = "  ", " " * 4
PROSE = frozenset({"reason", "detail", "error", "removal_reason"})
LEAST_PROSE = 30


def lay_out(columns: Row, rows: Sequence[Row], right: Sequence[bool], width: int | None) -> list[str]:
    """The lines of the table. `right`: which columns are numbers. `width` in cells, None: as wide as it needs.

    Names and numbers are never broken. Where there is too little room, the words of the headings stand below each other
    and a last column of prose is wrapped; where that is not enough, each row takes several lines.
    """
    whole = _grid([columns], rows, right)
    if width is None or _widest(whole) <= width:
        return whole
    headings = _stacked(columns)
    if columns[-1] in PROSE:
        room = width - len(GAP) - _widest(_grid([line[:-1] for line in headings], [row[:-1] for row in rows], right))
        if room >= LEAST_PROSE:
            return _grid(headings, [line for row in rows for line in _wrapped(row, room)], right)
    else:
        narrow = _grid(headings, rows, right)
        if _widest(narrow) <= width:
            return narrow
    return [line for row in rows for line in _record(columns, row, right, width)]


def _grid(headings: Sequence[Row], rows: Sequence[Row], right: Sequence[bool]) -> list[str]:
    lines = [*headings, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return [
        GAP.join(
            " " * (width - cell_len(cell)) + cell if number else cell + " " * (width - cell_len(cell))
            for cell, width, number in zip(line, widths, right, strict=False)
        ).rstrip()
        for line in lines
    ]


def _stacked(columns: Row) -> list[Row]:
    """The headings with one word to a line, the last ones beside each other."""
    words = [column.split("_") for column in columns]
    upwards = zip_longest(*(reversed(each) for each in words), fillvalue="")
    return list(reversed(list(upwards)))


def _wrapped(row: Row, room: int) -> Iterator[Row]:
    first, *others = wrap(row[-1], room) or [""]
    yield [*row[:-1], first]
    for line in others:
        yield [*("" for _ in row[:-1]), line]


def _record(columns: Row, row: Row, right: Sequence[bool], width: int) -> Iterator[str]:
    """What the row is about in the first line; its numbers and its prose below."""
    named = list(zip(columns, row, right, strict=True))
    about = [cell for name, cell, number in named if cell.strip("-") and not number and name not in PROSE]
    numbers = [f"{name} {cell}" for name, cell, number in named if number and cell != "-"]
    prose = [cell for name, cell, _ in named if cell and name in PROSE]
    yield GAP.join(about)
    for text in (", ".join(numbers), *prose):
        yield from wrap(text, width, initial_indent=INDENT, subsequent_indent=INDENT)


def _widest(lines: Sequence[str]) -> int:
    return max(map(cell_len, lines))
