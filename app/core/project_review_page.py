"""The review of a project as one HTML document: no script, nothing from elsewhere, made to be printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from app.core.markup import Html, element, join
from app.core.project_review import Chart, ModelReview, ProjectReview, ReviewedIncident
from app.core.scorecard import Item, Section
from app.core.svg_charts import LINES, Mark, line_chart
from app.core.timeline import Event

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
NOT_SAID = "\u2013"
STYLE = """
@page { size: A4; margin: 18mm 16mm; }
* { box-sizing: border-box; }
body { font: 14px/1.5 "Source Sans 3", "Segoe UI", system-ui, sans-serif; color: #22303a; background: #fff;
  margin: 0 auto; padding: 28px 24px 60px; max-width: 820px; font-variant-numeric: tabular-nums;
  overflow-wrap: break-word; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 22px; margin: 44px 0 4px; padding-top: 10px; border-top: 3px solid #1d6a78; }
h3 { font-size: 16px; margin: 26px 0 6px; }
h4 { font-size: 14px; margin: 14px 0 2px; }
p { margin: 4px 0; } .lead { font-size: 17px; } .quiet { color: #5c6a75; } .wrong { color: #b5401a; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-top: 4px; }
th { text-align: left; font-weight: 500; color: #5c6a75; font-size: 12px; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid #e2ded4; vertical-align: top; }
td.number, th.number { text-align: right; }
th, td.when { white-space: nowrap; }
h2, h4, dd { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 8px 18px; margin: 6px 0; }
dt { color: #5c6a75; font-size: 12px; } dd { margin: 0; }
.figures { display: flex; flex-wrap: wrap; gap: 10px 30px; margin: 10px 0; }
.figures b { display: block; font-size: 22px; }
.chart { width: 100%; height: auto; display: block; } .key { font-size: 12px; color: #5c6a75; }
.incident { border-left: 4px solid #b5401a; padding: 2px 0 2px 14px; margin: 10px 0; }
.incident.over { border-left-color: #b9b3a4; }
ul { margin: 2px 0; padding-left: 18px; }
@media (max-width: 560px) { body { padding: 16px 12px; } .scroll { overflow-x: auto; }
  td.when { white-space: normal; } }
@media print {
  body { padding: 0; max-width: none; font-size: 11px; } h2 { break-before: page; border-top: 0; margin-top: 0; }
  h2.first { break-before: auto; } h3, h4 { break-after: avoid; }
  tr, figure, .incident, .figures, dl { break-inside: avoid; } thead { display: table-header-group; }
  table { font-size: 10px; } .incident, .chart { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def render(review: ProjectReview) -> str:
    """The whole document; every text of the data is escaped."""
    names = [model.name for model in review.models]
    title = f"Review of {names[0]}" if len(names) == 1 else f"Review of {len(names)} models"
    head = join(
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", title),
        element("style", Html(STYLE)),
    )
    body = join(
        element("h1", title),
        element("p", f"{_day(review.since)} to {_day(review.until)}. All times are in UTC.", class_="lead"),
        element("p", f"Made {_moment(review.at)} by Watchkeeper {review.program}.", class_="quiet"),
        _summary(review),
        *(_model(model, review, first=place == 0) for place, model in enumerate(review.models)),
    )
    return "<!doctype html>\n" + element("html", element("head", head), element("body", body), lang="en")


def _summary(review: ProjectReview) -> Html:
    if len(review.models) == 1:
        return Html("")
    rows = [
        (
            model.name,
            model.owner or "nobody",
            str(model.figures.incidents),
            str(model.figures.going_on),
            f"{model.scorecard.score:g} of 7" if model.scorecard else "cannot tell",
        )
        for model in review.models
    ]
    head = ("Model", "Owner", "Incidents", "Going on", "ML Test Score")
    return join(element("h3", "The models"), _table(head, rows, numbers=(2, 3, 4)))


def _model(model: ModelReview, review: ProjectReview, *, first: bool) -> Html:
    parts = (
        ("Goals", _goals(model)),
        ("Versions", _versions(model)),
        ("Quality over time", _quality(model, review)),
        ("Incidents", _incidents(model, review)),
        ("Decisions", _events(model.decisions, "Nobody decided anything that is written down.")),
        ("How well it is watched", _scorecard(model)),
        ("History", _events(model.history, "Nothing is written down.")),
    )
    return join(
        element("h2", model.name, class_="first" if first else None) if len(review.models) > 1 else None,
        element("p", f"{model.task.capitalize()} model; owner: {model.owner or 'nobody is named'}.", class_="quiet"),
        _figures(model),
        *(join(element("h3", name), part) for name, part in parts),
        element("p", model.left_out, class_="quiet") if model.left_out else None,
    )


def _figures(model: ModelReview) -> Html:
    found = model.figures
    share = NOT_SAID if found.in_breach is None else f"{100 * found.in_breach:.0f} %"
    score = f"{model.scorecard.score:g} of 7" if model.scorecard else "cannot tell"
    values = (
        (str(found.incidents), "incident" if found.incidents == 1 else "incidents"),
        (str(found.going_on), "of them going on"),
        (share, "of the time in breach"),
        (str(found.decisions), "decision" if found.decisions == 1 else "decisions"),
        (score, "ML Test Score"),
    )
    return element("div", *(element("span", element("b", value), name) for value, name in values), class_="figures")


def _goals(model: ModelReview) -> Html:
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in model.goals))


def _versions(model: ModelReview) -> Html:
    rows = [
        (one.name, one.stage, one.trained_on, one.runs_on or "not said", f"{one.predictions:,}", one.quality)
        for one in model.versions
    ]
    if not rows:
        return _quiet("There is no version.")
    head = ("Version", "Stage", "Newest training row", "Runs on", "Predictions", "Quality on its own traffic")
    return _table(head, rows, numbers=(4,))


def _quality(model: ModelReview, review: ProjectReview) -> Html:
    marks = [Mark(one.at, one.version) for one in model.takeovers]
    drawn = [_chart(chart, review, marks) for chart in model.charts]
    shown = [one for one in drawn if one is not None]
    return (
        join(*shown) if shown else _quiet("Cannot tell: no window of this time has a quality that could be measured.")
    )


def _chart(chart: Chart, review: ProjectReview, marks: Sequence[Mark]) -> Html | None:
    svg = line_chart(chart.lines, review.since, review.until, marks, chart.title)
    if svg is None:
        return None
    names = [
        element("span", element("b", "— ", style=f"color:{LINES[place % len(LINES)]}"), f"version {line.name}  ")
        for place, line in enumerate(chart.lines)
    ]
    key = "◆ in breach; shaded: normal; dashed upright: a version went live"
    return element("figure", element("h4", chart.title), svg, element("p", *names, key, class_="key"), style="margin:0")


def _incidents(model: ModelReview, review: ProjectReview) -> Html:
    if not model.incidents:
        return _quiet("No alert fired in this time.")
    return join(*(_incident(one, review) for one in model.incidents))


def _incident(one: ReviewedIncident, review: ProjectReview) -> Html:
    found = one.incident
    check = found.check.replace("_", " ").capitalize()
    named = ", ".join(found.whats[:5]) + (f" and {len(found.whats) - 5} more" if len(found.whats) > 5 else "")
    until = f"to {_moment(found.ended)}" if found.ended else "and goes on"
    handled = "; ".join(found.handled) or "nobody took it in hand"
    return element(
        "section",
        element("h4", f"{'○' if found.ended else '◆'} {check}" + (f": {named}" if named else "")),
        element(
            "p",
            f"Version {found.version}, {found.severity}. From {_moment(found.began)} {until}: "
            f"{_span(found.lasted(review.at))}.",
        ),
        element("p", f"What was seen: {found.why}."),
        element("p", f"Who handled it: {handled}."),
        element("p", f"Likely causes: {'; '.join(one.causes)}." if one.causes else "Likely causes: none is known."),
        class_="incident over" if found.ended else "incident",
    )


def _events(events: Sequence[Event], nothing: str) -> Html:
    if not events:
        return _quiet(nothing)
    rows = [(_moment(one.at), one.what, one.author or NOT_SAID, one.why or NOT_SAID) for one in events]
    return _table(("When", "What", "Who", "Why"), rows)


def _scorecard(model: ModelReview) -> Html:
    if model.scorecard is None:
        return _quiet("Cannot tell: there is no version.")
    items = [item for item in model.scorecard.items if item.section is Section.MONITORING]
    rows = [(f"{one.number}. {one.test}", f"{one.credit.points:g}", _stands(one), one.evidence[0]) for one in items]
    said = (
        f"{model.scorecard.score:g} of 7 points of the ML Test Score (Breck et al., 2017): a point for a test that "
        "runs by itself and tells somebody, half a point for one whose result is on record."
    )
    note = element("p", said, class_="quiet")
    return join(note, _table(("Test", "Points", "Stands", "Evidence"), rows, numbers=(1,)))


def _stands(item: Item) -> str:
    return {"breach": "◆\u00a0breach", "ok": "●\u00a0ok"}.get(item.outcome.value, "◌\u00a0cannot\u00a0tell")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> Html:
    def kind(place: int) -> str | None:
        return "number" if place in numbers else "when" if head[place] == "When" else None

    heads = [element("th", text, scope="col", class_=kind(i)) for i, text in enumerate(head)]
    body = [element("tr", *(element("td", text, class_=kind(i)) for i, text in enumerate(row))) for row in rows]
    filled = element("table", element("thead", element("tr", *heads)), element("tbody", *body))
    return element("div", filled, class_="scroll")


def _quiet(text: str) -> Html:
    return element("p", text, class_="quiet")


def _day(time: datetime) -> str:
    return f"{time.day} {time:%b %Y}"


def _moment(time: datetime) -> str:
    return f"{_day(time)}, {time:%H:%M}"


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    if hours < 1:
        return f"{max(1, round(hours * 60))} minutes"
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
