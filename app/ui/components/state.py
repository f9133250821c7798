"""A state as shape, word and colour: each of the three would do alone."""

from __future__ import annotations

from datetime import datetime

from app.services.read_models.standings import Standing
from app.ui.components import wording
from app.ui.components.html import Html, element


def badge(standing: Standing) -> Html:
    """The state in a pill."""
    mark = element("span", wording.state_mark(standing), aria_hidden="true")
    return element("span", mark, wording.state_word(standing), class_=f"wk-state wk-state-{standing.value}")


def since_text(since: datetime | None, now: datetime) -> str | None:
    """Since when the model has stood like that, where it is known."""
    if since is None:
        return None
    return f"since {wording.start_of_window(since)} ({wording.duration(now - since)})"
