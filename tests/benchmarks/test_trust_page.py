"""The page of the trust benchmark: its figures by hand from a few records, and docs/trust.md in its form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.simulation import Change, World
from benchmarks.trials import Begun, Cell, Gap, Record
from benchmarks.trust_page import BUDGET, CHECKS, INTRODUCTION, READING, Results, page

PAGE = Path(__file__).parents[2] / "docs" / "trust.md"
QUIET = Cell("days of lag .5", World())


def quiet(*alerts: Begun) -> Record:
    """A trial of 60 days, two months, in which two checks judged."""
    return Record(0, 60, alerts=list(alerts), judged={"volume": 30, "data_drift": 60}, open=6)


def results(*records: Record, power: Record | None = None, change: Change | None = None) -> Results:
    """Two trials without change unless others are given, and one of each other kind."""
    changed = Cell("shift", World(), change or Change(shift=1.0, start=20))
    found = power or quiet(Begun("data_drift", 22, ["normal_000"]))
    gap = Gap(error=0.02, bias=-0.01, unmoved=0.05, realised=0.03)
    return {
        "quiet": [(QUIET, records or [quiet(), quiet()])],
        "power": [(changed, [found])],
        "estimates": [(changed, [Record(0, 60, gaps={"accuracy": gap})])],
        "evidently": [(changed, [Record(0, 2, drifted=[3, 0], columns=21, datasets=1)])],
    }


def table(title: str, text: str) -> dict[str, list[str]]:
    """The rows of a section's table, by their first cell."""
    section = text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows}


def test_alerts_are_counted_by_month_and_each_checks_by_the_months_in_which_it_judges() -> None:
    alerts = [Begun("volume", 40, [""]), Begun("data_drift", 3, ["normal_000", "count_004"])]
    text = page(results(quiet(*alerts), quiet()))
    whole = table("False alarms without drift", text)["days of lag .5"]
    assert whole[3] == "4"  # model-months
    assert whole[4].startswith("0.50 (")
    assert whole[5] == "10.0%"
    by_check = table("False alarms by check", text)
    assert by_check["volume"][0].startswith("0.50 (")  # one in two months
    assert by_check["data_drift"][0].startswith("0.25 (")


def test_the_verdict_says_what_holds_and_names_what_does_not() -> None:
    assert "held in 1 of 1 settings." in page(results())
    assert "neighbours: held." in page(results())
    loud = quiet(*(Begun("volume", day, [""]) for day in (31, 35, 39)))
    text = page(results(loud))
    assert (
        f"held in 0 of 1 settings. Above it: days of lag .5, binary, 20 features, 60 reference days: {3 / 2:.2f}"
        in text
    )
    assert "not held. Above it: volume, days of lag .5: 3.00 (" in text
    assert f"Each of the {CHECKS} checks" in text
    assert BUDGET == 1


@pytest.mark.parametrize(
    ("day", "subjects", "found"),
    [
        (22, ["normal_000"], "100%, 2 d"),
        (20, ["normal_000", "count_004"], "100%, 0 d"),
        (22, ["count_004"], None),  # about a feature that did not move
        (19, ["normal_000"], None),  # before the change
        (34, ["normal_000"], None),  # too late
    ],
)
def test_a_change_is_found_by_an_alert_about_it_within_two_weeks(
    day: int, subjects: list[str], found: str | None
) -> None:
    rows = table("Power and delay", page(results(power=quiet(Begun("data_drift", day, subjects)))))
    assert rows["what changes"] == (["models", "data_drift"] if found else ["models"])
    assert rows["shift"] == (["1", found] if found else ["1"])


def test_docs_trust_md_is_what_the_benchmark_writes() -> None:
    text, form = PAGE.read_text(), page(results())
    assert text.startswith(INTRODUCTION)
    assert text.endswith(READING)
    assert re.findall("^## .*", text, re.MULTILINE) == re.findall("^## .*", form, re.MULTILINE)
    for title in ("False alarms without drift", "Error of the estimates without labels"):
        assert next(iter(table(title, text).items())) == next(iter(table(title, form).items()))
