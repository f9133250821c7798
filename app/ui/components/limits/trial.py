"""Another limit: judged on the past first, then set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app.core.backtest import Episode
from app.core.overrides import Override
from app.services.limit_trials import LimitTrial
from app.services.limits import LimitRow, ModelLimits
from app.ui import data, theme
from app.ui.components import author, figures, markers, wording
from app.ui.components.html import Html, element, join, table, title
from app.ui.components.limits import figure, judging
from app.ui.components.scope import Scope

_EITHER_WAY = {"volume", "confident_share"}
_BIAS = "bias"
MOST_ALERTS = 12
_SAID = "what became of a limit"


def section(of: Scope, found: ModelLimits, check: str, subject: str | None) -> None:
    """A number to try, the alerts that it would have raised, and the way to let it hold."""
    whom = "every subject" if subject is None else wording.subject_title(check, subject)
    st.html(
        title(
            "Try another limit", f"See first which alerts it would have raised for {whom}; nothing is set before that."
        )
    )
    if _SAID in st.session_state:
        st.success(st.session_state.pop(_SAID))
    why_not = data.limits.cannot_be_set(of.view.model, check, subject, of.segment)
    if why_not:
        st.html(element("p", f"This limit cannot be set: {why_not}.", class_="wk-quiet"))
        return
    now = _now(found, check, subject)
    # Each limit has a field of its own, which begins with what holds now.
    key = f"try {of.view.version.id} {check} {subject} {of.segment}"
    stands = None if now is None else float(f"{now:.4g}")
    limit = st.number_input(
        "Limit: the distance from normal" if either_way(check, subject) else "Limit",
        min_value=0.0,
        value=stands,
        format="%.6g",
        key=key,
        width=280,
        help=_unit(check, subject),
    )
    if limit is None:
        st.html(element("p", "Type a number to see which alerts it would have raised.", class_="wk-quiet"))
        return
    if limit == stands and not _is_asked_for(key):
        return
    new = Override(check, subject, of.segment, limit, "the dashboard", "tried", datetime.min.replace(tzinfo=UTC))
    answer = judging.again(
        of, lambda progress: data.limits.trial(of.model, of.version, new, of.since, of.until, progress)
    )
    if answer is None:
        return
    _told(of, answer, limit, check, subject)
    _save(of, check, subject, limit)


def _is_asked_for(key: str) -> bool:
    """Whether the limit that holds now is to be tried as well: to judge all windows again takes seconds."""
    asked = f"{key}, as it stands"
    if not st.session_state.get(asked):
        said = "This is what holds now. Type another number to see which alerts that would have raised."
        st.html(element("p", said, class_="wk-quiet"))
        if st.button("Try it as it stands", key=f"{asked}, button"):
            st.session_state[asked] = True
            st.rerun()
    return bool(st.session_state.get(asked))


def either_way(check: str, subject: str | None) -> bool:
    """Whether both directions are bad: then a limit that is set is the distance from normal."""
    return check in _EITHER_WAY or subject == _BIAS


def _unit(check: str, subject: str | None) -> str:
    unit = "as a share: 0.05 is 5 %" if wording.is_rate(check, subject or "") else "as in the table above"
    return f"In the unit of the statistic, {unit}. It would hold for windows that end from now on."


def _now(found: ModelLimits, check: str, subject: str | None) -> float | None:
    """The limit that holds now, as it would be set."""
    rows: Sequence[LimitRow] = [row for row in found.limits if row.check == check and subject in (None, row.subject)]
    row = next((row for row in rows if row.limit is not None), None)
    if row is None or row.limit is None:
        return None
    return abs(row.limit - (row.normal or 0)) if either_way(check, subject) else max(row.limit, 0.0)


def _told(of: Scope, trial: LimitTrial, limit: float, check: str, subject: str | None) -> None:
    if trial.reason:
        st.html(element("p", f"Nothing could be judged: {trial.reason}.", class_="wk-quiet"))
        return
    st.html(element("p", _verdict(trial, limit), class_="wk-chart-title"))
    shown = _most_measured(trial) if subject is None else subject
    series = [[one for one in side.found if one.subject == shown] for side in (trial.now, trial.tried)]
    drawn = figure.two_limits(check, shown, series[0], series[1], theme.current())
    events = data.timeline.events(of.model, of.since, of.until, markers.KINDS)
    markers.draw(drawn, events, theme.current())
    figures.show(drawn, key=f"trial {check} {shown}", alt=_verdict(trial, limit))
    whom = f"{wording.subject_title(check, shown)}. " if subject is None else ""
    legend = "Solid: the value. Dots: the limit that held. Dashes: the one that is tried. ◆ in breach of it."
    st.html(join(element("p", whom + legend, class_="wk-facts"), markers.legend(events)))
    st.html(_alerts(trial))


def _verdict(trial: LimitTrial, limit: float) -> str:
    """In one line what would be different."""
    before, after = len(trial.now.alerts), len(trial.tried.alerts)
    windows = wording.plural(trial.windows, "window")
    return (
        f"A limit of {limit:g} would have raised {wording.plural(after, 'alert')} in {windows}, the present one "
        f"{wording.count(before)}; {wording.count(len(trial.raised))} did fire"
    )


def _most_measured(trial: LimitTrial) -> str:
    """The subject to draw where the limit is for all: the one with the most alerts, else the first."""
    names = [one.worst.subject for one in trial.tried.alerts] or [one.subject for one in trial.now.found]
    return max(dict.fromkeys(names), key=names.count)


def _alerts(trial: LimitTrial) -> Html | None:
    new, gone = _without(trial.tried.alerts, trial.now.alerts), _without(trial.now.alerts, trial.tried.alerts)
    rows = [
        *_rows("◆ only with the new limit", new),
        *_rows("○ no longer", gone),
        *_rows("● with both", [one for one in trial.tried.alerts if one not in new]),
    ]
    if not rows:
        return element("p", "No alert in that time, with either limit.", class_="wk-quiet")
    head = ("Alert", "What", "From", "Until", "Worst value")
    more = element("p", f"And {len(rows) - MOST_ALERTS} more.", class_="wk-quiet") if len(rows) > MOST_ALERTS else None
    return join(table(head, rows[:MOST_ALERTS], numbers={4}), more)


def _without(some: Sequence[Episode], others: Sequence[Episode]) -> list[Episode]:
    """Those that overlap with none of the others of their subject."""
    return [one for one in some if not any(_overlap(one, other) for other in others)]


def _overlap(one: Episode, other: Episode) -> bool:
    end = datetime.max.replace(tzinfo=UTC)
    same = one.worst.series == other.worst.series
    return same and one.since < (other.until or end) and other.since < (one.until or end)


def _rows(said: str, episodes: Sequence[Episode]) -> list[tuple[str, ...]]:
    return [
        (
            said,
            wording.subject_title(one.worst.check, one.worst.subject),
            wording.start_of_window(one.since),
            wording.start_of_window(one.until) if one.until else "goes on",
            wording.number(one.worst.check, one.worst.subject, one.worst.value),
        )
        for one in episodes
    ]


def _save(of: Scope, check: str, subject: str | None, limit: float) -> None:
    row = st.form(f"save {check} {subject}", border=False).container(horizontal=True, vertical_alignment="bottom")
    with row:
        who = author.ask()
        reason = st.text_input("Reason", placeholder="Why this limit is right", width=420)
        saved = st.form_submit_button(f"Set it to {limit:g}", type="primary")
    if not saved:
        return
    problem = data.limits.set_limit(
        of.model, Override(check, subject, of.segment, limit, who, reason, datetime.now(UTC))
    )
    if problem:
        st.error(problem)
    else:
        st.session_state[_SAID] = f"The limit is {limit:g} for windows that end from now on."
        st.rerun()
