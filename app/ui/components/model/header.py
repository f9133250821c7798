"""What the page of a model says first: how it stands, since when, and what changed."""

from __future__ import annotations

from datetime import datetime

from app.services.read_models.model_view import ModelView
from app.ui.components import headline, state, wording
from app.ui.components.html import Html, element, join


def header(view: ModelView, now: datetime) -> Html:
    """State and headline of a version, and what it is."""
    starts = [judged.since for judged in view.breaches]
    texts = [
        state.since_text(min(starts, default=None), now),
        wording.plural(view.open_alerts, "open alert") if view.open_alerts else None,
    ]
    return join(
        element(
            "div",
            state.badge(view.standing),
            *(element("span", text) for text in texts if text),
            class_="wk-statusline",
        ),
        element("h1", view.model.name, class_="wk-title"),
        element("p", headline.model(view), class_="wk-lead"),
        element("p", " · ".join(_facts(view)), class_="wk-facts"),
    )


def _facts(view: ModelView) -> list[str]:
    model, version, reference = view.model, view.version, view.reference
    facts = [f"version {version.name}, {version.stage.value}", model.task.value, f"windows of one {model.window.value}"]
    if model.owner:
        facts.append(f"owner {model.owner}")
    if reference is None:
        facts.append("no reference")
    else:
        windows = wording.plural(reference.windows, "window")
        facts.append(f"reference of {wording.plural(reference.rows, 'row')} in {windows}")
    if view.newest_window is not None:
        facts.append(f"newest window {wording.start_of_window(view.newest_window)}")
    if view.false_alarms is not None and view.false_alarms.expected is not None:
        facts.append(view.false_alarms.words)
    return [*facts, "times in UTC"]
