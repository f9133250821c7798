"""A form for one route, new or there already, with what it would change before it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import streamlit as st

from app.core.routing import Route, RouteMatch, differences
from app.core.severity import Severity
from app.services.route_preview import Draft
from app.services.routing import as_route
from app.ui import data
from app.ui.components import author
from app.ui.components.channels import route_preview
from app.ui.components.html import element, markdown_text

LONGEST_MINUTES = 60 * 24 * 365
_NEW = 0
_SAID, _ROUND, _SEEN = "what became of a route", "routes that were saved", "the route as it was seen"
_PATTERNS = "In a name, * stands for any characters and ? for one. What is left empty is any."


def show(rules: Sequence[Mapping[str, Any]]) -> None:
    """The form, what it would change, and the buttons."""
    if said := st.session_state.pop(_SAID, ""):
        st.success(said)
    by_id = {int(rule["id"]): rule for rule in rules}
    round_ = st.session_state.get(_ROUND, 0)
    chosen = st.selectbox(
        "Route", [_NEW, *by_id], format_func=lambda one: _words(by_id.get(one)), key=f"route {round_}", width=520
    )
    rule = by_id.get(chosen)
    _warn(rule, round_)
    # What somebody else changed meanwhile draws the form anew: saving what it held before would undo that.
    key = f"of route {chosen}, {round_}, {rule['created_at'] if rule else ''}"
    new = _route(rule or {}, key)
    position = _position(rule, len(rules), f"{key}, {rule and rule['position']} of {len(rules)}")
    draft = Draft(chosen or None, new, position)
    if new.channels:
        route_preview.show(draft)
    else:
        st.html(element("p", "Choose at least one channel to see what changes.", class_="wk-quiet"))
    _buttons(draft, rule, key)


def _warn(rule: Mapping[str, Any] | None, round_: int) -> None:
    """Say what somebody else made of the route while it stood in the form."""
    of = (rule and rule["id"], round_)
    seen_of, seen = st.session_state.get(_SEEN, (of, rule))
    st.session_state[_SEEN] = (of, rule)
    if rule and seen_of == of and (changed := differences(as_route(seen), as_route(rule))):
        said = f"{rule['author']} changed this route meanwhile, and the form shows it as it is now: "
        st.warning(markdown_text(f"{said}{'; '.join(changed)}."))


def _words(rule: Mapping[str, Any] | None) -> str:
    if rule is None:
        return "A new route"
    return f"{rule['position']}: {rule['takes']} to {', '.join(rule['channels'])}"


def _route(rule: Mapping[str, Any], key: str) -> Route:
    """What the fields say; they begin with what the rule is."""
    st.html(element("p", _PATTERNS, class_="wk-facts"))
    match = _match(rule, key)
    there = [one.name for one in data.channels.channels()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        to = _channels("To", "channels", there, rule.get("channels", ()), key)
        repeat = _minutes("Told again every (minutes)", rule.get("repeat"), key)
        after = _minutes("Escalates after (minutes)", rule.get("escalate_after"), key)
        too = _channels("Then to", "nobody else", there, rule.get("escalate_to", ()), key)
    with st.container(horizontal=True):
        digest = st.checkbox("In the digest, not at once", bool(rule.get("digest")), key=f"digest {key}")
        go_on = st.checkbox("Go on to the next routes, too", bool(rule.get("continue")), key=f"go on {key}")
    return Route(match, to, digest=digest, go_on=go_on, repeat=repeat, escalate_after=after, escalate_to=too)


def _match(rule: Mapping[str, Any], key: str) -> RouteMatch:
    models = data.fleet.names()
    owners = sorted({card.model.owner for card in data.fleet.overview() if card.model.owner})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {
            "model": _name("Model", models, rule.get("model"), key),
            "check": _name("Check", sorted(data.checks.check_names()), rule.get("check"), key),
            "owner": _name("Owner", owners, rule.get("owner"), key),
            "segment": _name("Segment", [], rule.get("segment"), key),
        }
        degrees, stood = [one.value for one in Severity], rule.get("severity")
        at = degrees.index(stood) if stood in degrees else None
        severity = st.selectbox("Severity at least", degrees, at, placeholder="any", key=f"severity {key}", width=160)
    given = Severity(severity) if severity else None
    return RouteMatch(project=rule.get("project"), severity=given, **names)


def _name(label: str, known: Sequence[str], stands: str | None, key: str) -> str | None:
    options = [*known, *([stands] if stands and stands not in known else [])]
    at = options.index(stands) if stands is not None else None
    given = st.selectbox(
        label, options, at, placeholder="any", accept_new_options=True, key=f"{label} {key}", width=200
    )
    if given is None or given == stands:  # "" is a pattern, too: that of alerts without such a name
        return given
    return given.strip() or None


def _channels(label: str, nobody: str, there: Sequence[str], named: Sequence[str], key: str) -> tuple[str, ...]:
    """Some of the channels; one that the route names and that is not there any more can be taken away."""
    options = [*there, *(name for name in named if name not in there)]

    def words(name: str) -> str:
        return name if name in there else f"{name} (not there)"

    chosen = st.multiselect(
        label, options, list(named), format_func=words, placeholder=nobody, key=f"{label} {key}", width=260
    )
    return tuple(chosen)


def _minutes(label: str, stands: timedelta | None, key: str) -> timedelta | None:
    value = None if stands is None else max(1, int(stands.total_seconds() // 60))
    longest = max(LONGEST_MINUTES, value or 1)
    given = st.number_input(label, 1, longest, value, placeholder="as usual", key=f"{label} {key}", width=220)
    if given is None or given == value:  # parts of a minute stay where nobody changed it
        return None if given is None else stands
    return timedelta(minutes=int(given))


def _position(rule: Mapping[str, Any] | None, known: int, key: str) -> int | None:
    last = known if rule else known + 1
    stands = int(rule["position"]) if rule else last
    given = int(st.number_input("Position", 1, last, stands, key=f"position {key}", width=160))
    return None if given == stands else given  # where nobody moved it, it stays where others put it


def _buttons(draft: Draft, rule: Mapping[str, Any] | None, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        who = author.ask(width=220)
        if st.button("Save the route" if rule else "Add the route", type="primary", key=f"save {key}"):
            _done(data.channels.save_route(draft, who, rule), "saved" if rule else "added")
        if rule:
            with st.popover("Remove the route"):
                route_preview.show(Draft(draft.identity, None))
                if st.button(f"Remove route {rule['position']}", key=f"remove {key}"):
                    _done(data.channels.remove_route(rule), "removed")


def _done(problem: str, became: str) -> None:
    if problem:
        st.error(markdown_text(f"Nothing is changed: {problem}"))
        return
    st.session_state[_SAID] = f"The route is {became}; what is told from now on goes by it."
    if became == "removed":
        st.session_state[_SAID] = "The route is removed; what is told from now on goes by the others."
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.rerun()
