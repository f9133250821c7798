"""The page of benchmarks: a section is renewed by itself, and says how it was measured."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import INTRODUCTION, PAGE, TITLES, renewed
from benchmarks.table import Line, markdown

SECTION = markdown(TITLES["evaluate"], [Line("judging", 0.1, 5.0, "s", "what is promised", "<= 1")], "Run today.")


def test_a_new_section_takes_its_place_and_the_others_stay() -> None:
    page = renewed(
        renewed("# Old title\n", TITLES["skew"], "## A window in memory\n\nold\n"), TITLES["evaluate"], SECTION
    )
    assert page == f"{INTRODUCTION}{SECTION}\n## A window in memory\n\nold\n"
    again = renewed(page, TITLES["skew"], "## A window in memory\n\nnew\n")
    assert again == page.replace("\nold\n", "\nnew\n")


def test_a_section_says_how_it_was_measured_above_its_table() -> None:
    assert SECTION.splitlines()[:3] == ["## From profiles to verdicts", "", "Run today."]
    assert SECTION.splitlines()[-1] == "| judging | 0.1 s | what is promised | 5 s | 0.02 | <= 1 |"


@pytest.mark.parametrize("title", TITLES.values())
def test_the_page_has_every_benchmark_and_when_it_was_run(title: str) -> None:
    section = PAGE.read_text().split(f"## {title}\n\n")[1]
    assert section.startswith("Run on ")
