"""The page of the scorecard: one model's with all 28 tests of the paper, and all models beside each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.scorecard import BEYOND, Section
from app.ui.components.scorecard import parts
from tests.ui.fleet import HOSTILE
from tests.ui.test_pages import html, opened

Use = Callable[[Path | None], None]


def test_every_test_of_the_paper_is_on_the_page_and_what_cannot_be_seen_is_said_to_be(
    use_database: Use, fleet_template: Path
) -> None:
    use_database(fleet_template)

    shown = html(opened("scorecard", model="churn"))

    beyond = [name for tests in BEYOND.values() for _, name in tests]
    assert all(name.replace("'", "&#x27;") in shown for name in beyond)
    assert shown.count('class="wk-points"') + len(beyond) == 28
    assert "Served data cannot answer them" in shown


def test_the_numbers_of_the_tests_that_are_seen_and_those_that_are_not_fill_each_section() -> None:
    from app.core.scorecard import _TESTS

    seen = {number for one in _TESTS for number in [one.number] if one.section is Section.INFRASTRUCTURE} | {4, 6}
    for section, tests in BEYOND.items():
        numbers = {number for number, _ in tests}
        assert numbers | (seen if section.value == "infrastructure" else set()) == set(range(1, 8))


def test_the_models_stand_beside_each_other_the_least_watched_first(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    shown = html(opened("scorecard", part="fleet"))

    assert "is watched least: 0 of 7." in shown
    rows = shown.split("<tr>")[2:]
    scores = [float(row.split('class="wk-number">')[1].split("<")[0]) for row in rows]
    assert scores == sorted(scores)
    assert len(scores) == 4
    assert HOSTILE not in shown
    assert 'aria-label="3: automated, in breach"' in shown


def test_what_would_bring_a_point_is_said(use_database: Use, fleet_template: Path) -> None:
    use_database(fleet_template)

    assert "To gain: test 1." in html(opened("scorecard", model="arrival-delay"))
    assert parts._next_step([]) == "Every monitoring test runs by itself."
