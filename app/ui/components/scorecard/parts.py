"""The ML Test Score as a table."""

from __future__ import annotations

from app.core.model import Outcome
from app.core.scorecard import Credit, Item, Section
from app.services.scorecards import ModelScorecard
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title

_MARKS = {Credit.AUTOMATED: "● automated", Credit.MANUAL: "◐ manual", Credit.NOT_YET: "◌ not yet"}
_RULE = (
    "One point for a test that runs by itself and tells somebody, half a point for one whose result is on record, none "
    "otherwise (Breck et al., The ML Test Score, 2017)."
)


def section(found: ModelScorecard) -> Html:
    """The score, and both sections of it."""
    card = found.card
    return join(
        element("h1", f"ML Test Score: {card.score:g} of 7", class_="wk-title"),
        element("p", f"How well {found.model}, version {found.version}, is monitored. {_RULE}", class_="wk-lead"),
        element("p", f"As of {wording.moment(found.at)}.", class_="wk-facts"),
        title("Monitoring"),
        _table([item for item in card.items if item.section is Section.MONITORING]),
        title("Infrastructure", "The tests of that section that the data of a monitor can answer; not in the score."),
        _table([item for item in card.items if item.section is Section.INFRASTRUCTURE]),
    )


def _table(items: list[Item]) -> Html:
    rows = [
        (f"{item.number}. {item.test}", f"{item.credit.points:g}", _stands(item), _evidence(item)) for item in items
    ]
    return table(("Test", "Points", "Stands", "Evidence"), rows, numbers={1})


def _stands(item: Item) -> str:
    if item.outcome is Outcome.NOT_EVALUATED:
        return _MARKS[item.credit]
    return f"{_MARKS[item.credit]}, {wording.outcome_text(item.outcome)}"


def _evidence(item: Item) -> Html:
    return join(*(element("div", said) for said in item.evidence))
