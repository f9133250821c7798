"""The ML Test Score, to be read: the score, then the paper's tests by section, each with its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import Outcome
from app.core.scorecard import BEYOND, Credit, Item, PaperSection, Section
from app.services.scorecards import ModelScorecard
from app.ui.components import wording
from app.ui.components.html import Html, code_text, element, join, title

_MARKS = {Credit.AUTOMATED: "● automated", Credit.MANUAL: "◐ manual", Credit.NOT_YET: "◌ not yet"}
_MONITORING = 7
_RULE = (
    "One point for a test that runs by itself and tells somebody, half a point for one whose result is on record, none "
    "otherwise. A test keeps its point while it fails: this says how well a model is watched, not how well it does."
)
_SOURCE = (
    "Breck, Cai, Nielsen, Salib, Sculley: The ML Test Score, IEEE Big Data 2017. The paper has 28 tests in four "
    "sections; the score here is the sum over its seven monitoring tests, which a monitor's own data can answer."
)
_REST = (
    "The rest of the paper's 28 tests are about what happens before serving. Served data cannot answer them; go "
    "through them by hand."
)


def section(found: ModelScorecard) -> Html:
    """The score, and the four sections of the paper."""
    card = found.card
    items = {one: [item for item in card.items if item.section is one] for one in Section}
    of = len(items[Section.INFRASTRUCTURE])
    infrastructure = f"{card.infrastructure:g} of {of} points that a monitor can see; not in the score."
    said = f"How well {found.model}, version {found.version}, is watched. {_next_step(items[Section.MONITORING])}"
    return join(
        element("h1", f"ML Test Score: {card.score:g} of {_MONITORING}", class_="wk-title"),
        _meter(items[Section.MONITORING]),
        element("p", said, class_="wk-lead"),
        element("p", f"{_RULE} As of {wording.moment(found.at)}.", class_="wk-facts"),
        title("Monitoring", f"{card.score:g} of {_MONITORING} points."),
        _tests(items[Section.MONITORING]),
        title("Infrastructure", infrastructure),
        _tests(items[Section.INFRASTRUCTURE]),
        title("Beyond what a monitor sees", _REST),
        *(_beyond(one) for one in BEYOND),
        element("p", _SOURCE, class_="wk-facts"),
    )


def _next_step(items: Sequence[Item]) -> str:
    """What would bring the next point."""
    missing = [item for item in items if item.credit is not Credit.AUTOMATED]
    if not missing:
        return "Every monitoring test runs by itself."
    tests = "test" if len(missing) == 1 else "tests"
    return f"To gain: {tests} {', '.join(str(item.number) for item in missing)}."


def _meter(items: Sequence[Item]) -> Html:
    """One cell a test: full, half or empty."""
    cells = [element("i", class_=f"wk-point wk-point-{_kind(item.credit)}") for item in items]
    said = ", ".join(f"{item.number} {item.credit.value}" for item in items)
    return element("div", *cells, class_="wk-meter", role="img", aria_label=f"Monitoring tests: {said}")


def _kind(credit: Credit) -> str:
    return credit.value.replace(" ", "-")


def _tests(items: Sequence[Item]) -> Html:
    return element("div", *(_test(item) for item in items), class_="wk-tests")


def _test(item: Item) -> Html:
    breach = " wk-test-breach" if item.outcome is Outcome.BREACH else ""
    return element(
        "section",
        element("div", f"{item.credit.points:g}", class_="wk-points", title="points"),
        element(
            "div",
            element("h3", f"{item.number}. {item.test}"),
            element("p", stands(item), class_="wk-stands"),
            element("ul", *(element("li", code_text(said)) for said in item.evidence), class_="wk-evidence"),
        ),
        class_=f"wk-test wk-test-{_kind(item.credit)}{breach}",
    )


def stands(item: Item) -> str:
    """Credit and verdict by shape and word."""
    if item.outcome is Outcome.NOT_EVALUATED:
        return _MARKS[item.credit]
    return f"{_MARKS[item.credit]}, {wording.outcome_text(item.outcome)}"


def _beyond(one: PaperSection) -> Html:
    tests = [element("li", f"{number}. {name}") for number, name in BEYOND[one]]
    head = element("summary", f"{one.value.capitalize()}: {wording.plural(len(tests), 'test')} to go through by hand")
    return element("details", head, element("ul", *tests, class_="wk-evidence"), class_="wk-fold")
