"""The page of limits: what holds for each check and subject, how it came about, and the way to another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.services.limits import LimitRow, ModelLimits
from app.ui import data
from app.ui.components import charts, choice, empty, scope, wording
from app.ui.components.html import Html, element, join, table, title
from app.ui.components.limits import patience, set_by, trial
from app.ui.components.scope import Scope

EVERY = "(every subject)"


def show() -> None:
    """What holds in all, one check of it, another limit, and what people have set."""
    if scope.is_empty():
        return
    st.html(element("h1", "Limits", class_="wk-title"))
    of = scope.choose(segment=True)
    if of is None:
        return
    found = data.limits.model_limits(of.model, of.version, of.segment)
    if found is None or not found.limits:
        empty.no_limits()
        return
    people = data.limits.set_by_people(of.model)
    standing = [row for row in people if row["removed_at"] is None]
    st.html(_lead(found, standing))
    by_check = _by_check(found)
    with st.container(horizontal=True, vertical_alignment="bottom", key="limit-of"):
        names = sorted(by_check, key=wording.check_order)
        check = choice.select("check", "Check", names, names[0], words=wording.check_title, width=320)
        rows = by_check[check]
        subjects = [row.subject for row in rows]
        options = subjects if len(subjects) == 1 else [*subjects, EVERY]
        key = f"subject of {check}"
        subject = choice.select(
            "subject", "Subject", options, options[0], words=lambda name: _subject(check, name), key=key
        )
    st.html(_limits(of, check, rows, standing))
    trial.section(of, found, check, None if subject == EVERY else subject)
    patience.section(of, found, check)
    set_by.section(of, people)


def _by_check(found: ModelLimits) -> dict[str, list[LimitRow]]:
    rows: dict[str, list[LimitRow]] = {}
    for row in found.limits:
        rows.setdefault(row.check, []).append(row)
    return rows


def _subject(check: str, subject: str) -> str:
    return "Every subject" if subject == EVERY else wording.subject_title(check, subject)


def _lead(found: ModelLimits, standing: Sequence[Mapping[str, Any]]) -> Html:
    expected = found.false_alarms
    if expected.expected is None:
        said = "How many false alerts to expect is not known yet"
    else:
        said = f"{expected.expected:.2g} false alerts a month are expected, of a budget of {expected.budget:g}"
    people = f"{wording.plural(len(standing), 'limit')} set by people" if standing else "all limits are learnt"
    when = f"As of the window of {wording.start_of_window(found.window_start)}. " if found.window_start else ""
    return join(
        element("p", f"{said}; {people}.", class_="wk-lead"),
        element("p", f"{when}{found.seasons[:1].upper()}{found.seasons[1:]}.", class_="wk-facts"),
    )


def _limits(of: Scope, check: str, rows: Sequence[LimitRow], standing: Sequence[Mapping[str, Any]]) -> Html:
    origins = [_origin(row, standing) for row in rows]
    listed = [
        (
            wording.subject_title(check, row.subject),
            *(wording.number(check, row.subject, value) for value in (row.limit, row.normal)),
            wording.NO_VALUE if row.false_alarms_per_month is None else f"{row.false_alarms_per_month:.2g}",
            element("span", origin, class_="wk-words"),
        )
        for row, origin in zip(rows, origins, strict=True)
    ]
    head = ("What", "Limit now", "Normal", "False alerts a month", "How it came about")
    asked = data.checks.question(check)
    learnt = f"Learnt limits are those of {charts.normal_windows(of.view, check)}."
    return join(
        title(wording.check_title(check), asked),
        element("div", table(head, listed, numbers={1, 2, 3}), class_="wk-tall"),
        element("p", learnt, class_="wk-facts") if any(origin.startswith("learnt") for origin in origins) else None,
    )


def _origin(row: LimitRow, standing: Sequence[Mapping[str, Any]]) -> str:
    """Who set it, or whether it is learnt."""
    mine = [one for one in standing if (one["check"], one["segment"]) == (row.check, row.segment)]
    for one in sorted(mine, key=lambda one: one["subject"] is None):
        if one["subject"] in (None, row.subject):
            return f"set by {one['author']}: {one['reason']}"
    if row.limit is None:
        return row.state or "there is no limit yet"
    if row.false_alarms_per_month is None:
        return "fixed: it is not learnt"
    if wording.is_rate(row.check, row.subject) and row.normal is not None and row.limit <= 0 < row.normal:
        return "learnt, and no possible value is below it: windows vary too much"
    return "learnt"
