"""What the page of a model says first: is anything wrong, since when, why, what was done, and what should I do."""

from __future__ import annotations

from datetime import datetime

from app.services.read_models.model_view import ModelView
from app.services.read_models.standings import Standing
from app.ui import data
from app.ui.components import headline, link, state, wording
from app.ui.components.html import Html, element, join
from app.ui.components.model import causes, done
from app.ui.components.scope import Scope


def header(scope: Scope, now: datetime) -> Html:
    """State and headline of a version, the answers, and what it is."""
    view = scope.view
    starts = [judged.since for judged in view.breaches]
    texts = [
        state.since_text(min(starts, default=None), now),
        wording.plural(view.open_alerts, "open alert") if view.open_alerts else None,
        f"rows of {scope.segment} alone" if scope.segment else None,
    ]
    return join(
        element(
            "div",
            state.badge(view.standing),
            *(element("span", text) for text in texts if text),
            class_="wk-statusline",
        ),
        element("h1", view.model.name, class_="wk-title"),
        element("p", _said(scope), class_="wk-lead"),
        _answers(scope),
        element("p", " · ".join(_facts(view)), class_="wk-facts"),
    )


def _said(scope: Scope) -> str:
    """The headline, and how much of what it rests on labels is known by now."""
    said, judged = headline.model(scope.view), scope.view.standing in {Standing.BREACH, Standing.OK}
    found = data.models.labels(scope.model, scope.version) if judged and not scope.segment else None
    return f"{said} {headline.labels(found.windows)}".strip() if found is not None else said


def _answers(scope: Scope) -> Html | None:
    """Why, what was done, and what to do: beside each other where there is room."""
    view = scope.view
    if view.newest_window is None:
        return None
    worst = None if scope.segment else causes.to_explain(view.breaches)
    found = data.models.causes(scope.model, scope.version, worst.check, worst.window_start) if worst else None
    parts = [causes.section(found), _answer("What was done", done.section(scope)), _to_do(view)]
    return element("div", *parts, class_="wk-answers")


def _answer(title: str, *said: Html) -> Html:
    return element("div", element("h2", title, class_="wk-answer"), *said)


def _to_do(view: ModelView) -> Html:
    """The advice of the check that matters most, and the way to its runbook."""
    if not view.breaches:
        said = "Nothing: what could be judged is within its limits."
        if view.standing is Standing.BREACH:
            said = "See the open alerts: they are about a part of the rows, or wait for the windows that end them."
        elif view.standing is not Standing.OK:
            said = "Nothing can be judged yet; the headline names what is missing."
        return _answer("What to do", element("p", said))
    check = min((judged.check for judged in view.breaches), key=wording.check_order)
    href = link.page("runbook", check=check, model=view.model.name)
    runbook = element("a", "Runbook", href=href, target="_self")
    advice = element("p", data.checks.advice(check)) if data.checks.advice(check) else element("p")
    return _answer("What to do", advice, element("p", runbook, f" for {wording.check_title(check).lower()}"))


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
