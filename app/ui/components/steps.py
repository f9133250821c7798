"""The life of something as steps with their times: what is done, what goes on now, and what is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.ui.components.html import Html, element

_MARKS = {"done": "●", "now": "◌", "failed": "◆", "ahead": "○"}
_WORDS = {"done": "done", "now": "now", "failed": "failed", "ahead": "to come"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its `state` is done, now, failed or ahead; `note` its time, or what is said of it."""

    name: str
    state: str
    note: str = ""


def steps(found: Sequence[Step]) -> Html:
    """The steps in their order, side by side where there is room."""
    items = [
        element(
            "li",
            element("span", _MARKS[one.state], class_="wk-step-mark", aria_hidden="true"),
            element("b", one.name),
            element("span", f" ({_WORDS[one.state]})", class_="wk-step-word"),
            element("span", one.note, class_="wk-step-note") if one.note else None,
            class_=f"wk-step wk-step-{one.state}",
        )
        for one in found
    ]
    return element("ol", *items, class_="wk-steps")
