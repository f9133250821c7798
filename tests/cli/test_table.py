"""Tables on a narrow terminal: names and numbers stay whole, and nothing is wider than the terminal."""

from __future__ import annotations

from itertools import product

import pytest

from app.cli.table import lay_out

COLUMNS = ["outcome", "check", "window_start", "value", "reason"]
RIGHT = [False, False, False, True, False]
REASON = "beyond the limit in 2 of the last 3 windows; the largest difference is 0.2207"
ROWS = [
    ["breach", "training_serving_skew", "2026-11-25 00:00 UTC", "1.25", REASON],
    ["not_evaluated", "volume", "2026-11-25 00:00 UTC", "-", "learning"],
]


def test_a_pipe_gets_a_line_for_each_row_and_no_blanks_at_its_end() -> None:
    lines = lay_out(COLUMNS, ROWS, RIGHT, None)
    assert lines[0].split() == COLUMNS
    assert lines[1].endswith(f"   1.25  {REASON}")
    assert lines[2].split() == ["not_evaluated", "volume", "2026-11-25", "00:00", "UTC", "-", "learning"]
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_names_and_numbers_stay_whole_within_the_width(width: int) -> None:
    lines = lay_out(COLUMNS, ROWS, RIGHT, width)
    assert max(map(len, lines)) <= width
    for row, cell in product(ROWS, range(4)):
        assert any(row[cell] in line for line in lines)


def test_prose_is_wrapped_beside_the_rest_where_it_has_room() -> None:
    lines = lay_out(COLUMNS, ROWS, RIGHT, 110)
    assert lines[0].split() == ["window"]
    assert lines[1].split() == ["outcome", "check", "start", "value", "reason"]
    column = lines[1].index("reason")
    assert " ".join(line[column:].strip() for line in lines[2:-1]) == REASON


def test_without_room_for_a_table_each_row_takes_several_lines() -> None:
    assert lay_out(COLUMNS, ROWS, RIGHT, 80) == [
        "breach  training_serving_skew  2026-11-25 00:00 UTC",
        "    value 1.25",
        "    beyond the limit in 2 of the last 3 windows; the largest difference is",
        "    0.2207",
        "not_evaluated  volume  2026-11-25 00:00 UTC",
        "    learning",
    ]


def test_headings_stand_below_each_other_where_numbers_need_less_room() -> None:
    columns = ["check", "windows_judged", "expected_false_alarms_per_month"]
    lines = lay_out(columns, [["volume", "30", "0.05"]], [False, True, True], 40)
    assert [line.split() for line in lines] == [
        ["expected"],
        ["false"],
        ["alarms"],
        ["windows", "per"],
        ["check", "judged", "month"],
        ["volume", "30", "0.05"],
    ]
