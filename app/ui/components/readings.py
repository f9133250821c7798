"""A row's features beside the reference: the unusual ones first, then what tells the most."""

from __future__ import annotations

import json
from collections.abc import Sequence

from app.core.row_comparison import Place, Reading
from app.ui.components import wording
from app.ui.components.html import Html, element

_LONGEST_TEXT = 200


def table(found: Sequence[Reading]) -> Html:
    """Name, value, and where it stands among the reference's values."""
    with_reference = any(one.place is not Place.UNKNOWN for one in found)
    titles = ("Feature", "Value", "Beside the reference", "Usual") if with_reference else ("Feature", "Value")
    head = element("tr", *(element("th", title, scope="col") for title in titles))
    rows = [_row(one, with_reference=with_reference) for one in found]
    body = element("table", element("thead", head), element("tbody", *rows), class_="wk-table wk-readings")
    return element("div", body, class_="wk-scroll", tabindex=0, role="region", aria_label="Features of the row")


def _row(one: Reading, *, with_reference: bool) -> Html:
    strange = element("span", "◆ ", aria_hidden="true") if one.strange else None
    cells = [
        element("th", one.name, scope="row"),
        element("td", element("b", value_text(one.value)), class_="wk-reading"),
    ]
    if with_reference:
        where = element("span", strange, place_text(one), class_="wk-strange" if one.strange else None)
        cells += [
            element("td", _scale(one.below), where, class_="wk-where"),
            element("td", _usual(one), class_="wk-usual"),
        ]
    return element("tr", *cells)


def _scale(below: float | None) -> Html | None:
    """The place of a number among the reference's, from its smallest to its largest."""
    if below is None:
        return None
    tick = element("i", style=f"left:{100 * below:.0f}%")
    return element("span", tick, class_="wk-place", aria_hidden="true")


def place_text(one: Reading) -> str:
    """Where the value stands, in words."""
    if one.place in (Place.BELOW, Place.ABOVE) and one.span:
        return f"{one.place.value} all of the reference ({one.span[one.place is Place.ABOVE]:.4g})"
    if one.place is Place.NEW:
        return "never in the reference"
    if one.place in (Place.MISSING, Place.INVALID):
        return _kind_text("missing" if one.place is Place.MISSING else "not a finite number", one.share)
    if one.below is not None:
        return _side(one.below)
    if one.share is not None:
        return f"as in {_percent(one.share)} of the reference"
    return "" if one.place is Place.UNKNOWN else one.place.value


def _kind_text(what: str, share: float | None) -> str:
    if share is None:
        return what
    return f"{what}, as in {_percent(share)} of the reference" if share else f"{what}, never in the reference"


def _side(below: float) -> str:
    side, beyond = ("higher", below) if below >= 0.5 else ("lower", 1 - below)
    return f"{side} than {_percent(min(beyond, 0.999))}"


def _percent(share: float) -> str:
    """A share that says where in the tail it is; its unit stays on its line."""
    return f"{100 * share:.{int(share > 0.99 or share < 0.01)}f}\u00a0%"


def _usual(one: Reading) -> str:
    if not one.usual:
        return wording.NO_VALUE
    if isinstance(one.usual[0], tuple):
        return ", ".join(f"{name}\u00a0{_percent(share)}" for name, share in one.usual)
    low, high = one.usual
    return f"{wording.short(float(low))} to {wording.short(float(high))}"


def value_text(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return wording.short(value) if abs(value) >= 10_000 else f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
