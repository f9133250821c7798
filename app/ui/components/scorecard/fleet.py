"""The scores of all models beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.scorecard import Credit, Item, Section
from app.services.scorecards import ModelScorecard
from app.ui.components import link, wording
from app.ui.components.html import Html, element, join, table, title

_SHAPES = {Credit.AUTOMATED: "●", Credit.MANUAL: "◐", Credit.NOT_YET: "◌"}
_TESTS = 7


def section(cards: Sequence[ModelScorecard]) -> Html:
    """One row a model, the least watched first, with one column a test."""
    if not cards:
        return element("p", "No model has a version yet.", class_="wk-quiet")
    ordered = sorted(cards, key=lambda one: (one.card.score, one.model))
    least = ordered[0]
    said = f"{least.model} is watched least: {least.card.score:g} of {_TESTS}." if len(cards) > 1 else ""
    items = [item for item in least.card.items if item.section is Section.MONITORING]
    key = element("ol", *(element("li", item.test) for item in items), class_="wk-evidence")
    head = ("Model", "Version", "Score", *map(str, range(1, _TESTS + 1)))
    return join(
        element("h1", "ML Test Score of all models", class_="wk-title"),
        element("p", said, class_="wk-lead") if said else None,
        element("p", "● automated, ◐ manual, ◌ not yet; ◆ behind a mark: in breach now.", class_="wk-facts"),
        element("div", table(head, map(_row, ordered), numbers={2}), class_="wk-scores"),
        element("p", f"As of {wording.moment(max(one.at for one in cards))}.", class_="wk-facts"),
        title("The monitoring tests"),
        key,
    )


def _row(one: ModelScorecard) -> Sequence[str]:
    marks = [_mark(item) for item in one.card.items if item.section is Section.MONITORING]
    there = element("a", one.model, href=link.page("scorecard", model=one.model), target="_self")
    return (there, one.version, f"{one.card.score:g}", *marks)


def _mark(item: Item) -> Html:
    breach = " ◆" if item.outcome.value == "breach" else ""
    words = f"{item.number}: {item.credit.value}" + (", in breach" if breach else "")
    return element("span", _SHAPES[item.credit] + breach, role="img", aria_label=words, title=words, class_="wk-fixed")
