"""A new silence or maintenance window, with what it would silence at this moment."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import available_timezones

import streamlit as st

from app.core.errors import InvalidError
from app.core.silences import WEEKDAYS, Matcher, Silence, Weekly
from app.services.silences import weekly
from app.ui import data
from app.ui.components import author, urgency, wording
from app.ui.components.alerts import name_of
from app.ui.components.html import element, join, table

DURATIONS = {
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "1 week": timedelta(days=7),
    "4 weeks": timedelta(days=28),
}
ONCE, WEEKLY = "Once", "Every week (maintenance)"
MOST_SHOWN = 12
_SAID = "what became of a silence"


def done(problem: str, said: str) -> None:
    """Show what is wrong, or the page anew with what was done."""
    if problem:
        st.error(problem)
    else:
        st.session_state[_SAID] = said
        st.rerun()


def show(*, opened: bool) -> None:
    """The form; what it would silence is told before it is made."""
    if _SAID in st.session_state:
        st.success(st.session_state.pop(_SAID))
    with st.expander("New silence or maintenance window", expanded=opened):
        matcher = _matcher()
        _preview(matcher)
        once = st.segmented_control("When", [ONCE, WEEKLY], default=ONCE, required=True) == ONCE
        starts, expires, recurrence = _once() if once else _every_week()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            who, comment = author.ask(), st.text_input("Comment", placeholder="Why nobody need be told", width=420)
        ready = matcher != Matcher() and (expires is not None or recurrence is not None)
        if st.button("Make it", type="primary" if ready else "secondary", disabled=not ready):
            _make(matcher, starts, expires, recurrence, who, comment)


def _matcher() -> Matcher:
    """Which alerts are meant: a name that is left empty is any."""
    alerts = data.alerts.alerts(ended=False)
    models = data.fleet.names()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = _name("Model", models)
        check = _name("Check", sorted(data.checks.check_names()))
        subject = _name("Subject", sorted({row["subject"] for row in alerts if row["subject"]}))
        segment = _name("Segment", sorted({row["segment"] for row in alerts if row["segment"]}))
    st.html(
        element(
            "p",
            (
                "Choose a name, or type one of your own, in which * stands for any characters and ? for one. "
                "What is left empty is any."
            ),
            class_="wk-facts",
        )
    )
    return Matcher(model=model, check=check, subject=subject, segment=segment)


def _name(label: str, known: list[str]) -> str | None:
    given = st.selectbox(
        label, known, index=None, placeholder="any", accept_new_options=True, width=230, key=f"silence {label}"
    )
    return given or None


def _preview(matcher: Matcher) -> None:
    if matcher == Matcher():
        st.html(element("p", "Say which alerts are meant; * as the model is all of them.", class_="wk-quiet"))
        return
    meant = data.alerts.meant_by(matcher)
    if not meant:
        st.html(element("p", "No open alert fits this now: it would silence what is to come.", class_="wk-quiet"))
        return
    rows = [
        (
            name_of(row),
            wording.check_title(row["check"]),
            wording.alert_subject(row),
            element("span", urgency.severity_text(row["severity"]), class_="wk-fixed"),
            urgency.status_text(row["status"]),
        )
        for row in meant[:MOST_SHOWN]
    ]
    more = f", of which these are the worst {MOST_SHOWN}" if len(meant) > MOST_SHOWN else ""
    said = f"It would silence {wording.plural(len(meant), 'alert')} now{more}:"
    listed = table(("Model", "Check", "What", "Severity", "State"), rows)
    st.html(join(element("p", element("b", said), class_="wk-what"), listed))


def _once() -> tuple[datetime | None, datetime | None, Weekly | None]:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        lasts = st.selectbox("For how long", list(DURATIONS), index=1, width=160)
        later = st.checkbox("It begins later")
        if not later:
            return None, now + DURATIONS[lasts], None
        day = st.date_input("From (UTC)", now.date(), format="YYYY-MM-DD", width=150)
        at = st.time_input("At (UTC)", time(now.hour, 0), width=120)
    starts = datetime.combine(day, at, tzinfo=UTC)
    return starts, starts + DURATIONS[lasts], None


def _every_week() -> tuple[datetime | None, datetime | None, Weekly | None]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.pills("Days", WEEKDAYS, selection_mode="multi", default=["sun"], format_func=str.capitalize)
        at = st.time_input("At", time(22, 0), width=110)
        hours = st.number_input("Hours", 0.25, 167.0, 2.0, 0.25, width=130)
        zone = st.selectbox("Clocks of", _zones(), _zones().index("UTC"), width=220)
    if not days:
        st.html(element("p", "Choose at least one day.", class_="wk-quiet"))
        return None, None, None
    try:
        return None, None, weekly(",".join(days), f"{at:%H:%M}", timedelta(hours=hours), zone)
    except InvalidError as error:
        st.error(str(error))
        return None, None, None


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


def _make(
    matcher: Matcher,
    starts: datetime | None,
    expires: datetime | None,
    recurrence: Weekly | None,
    who: str,
    comment: str,
) -> None:
    new = Silence(matcher, starts or datetime.now(UTC), expires, who, comment, recurrence)
    done(data.alerts.add_silence(new), f"Nobody is told of alerts with {matcher.words}.")
