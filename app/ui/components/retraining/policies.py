"""Which alerts ask for retraining, how often they still may, and whom: with a way to try each target out."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from app.core.delivery import Sent
from app.core.errors import WatchkeeperError
from app.core.presets import preset_of
from app.services.read_models.retraining import PolicyStanding
from app.services.targets import TargetStatus
from app.ui import data
from app.ui.components import empty, wording
from app.ui.components.html import Html, element, join, markdown_text, title

_SAID = "target-said"


def show() -> None:
    """The policies, then the targets."""
    found = data.retraining.policies()
    if not found:
        empty.no_retraining()
    else:
        st.html(
            join(
                title("Policies", "Which alerts of a model ask, and what still holds them back."), *map(_policy, found)
            )
        )
    targets = data.retraining.targets()
    if targets:
        st.html(title("Targets", "Whom requests go to. A test is a real request that says it is one."))
        if said := st.session_state.pop(_SAID, ""):
            st.html(element("p", said, class_="wk-lead", role="status"))
        for target in targets:
            _target(target)


def _policy(one: PolicyStanding) -> Html:
    policy = one.stored.policy
    budget = "no bound" if policy.budget is None else f"{one.left} of {policy.budget} in 30 days"
    cooling = f"until {wording.moment(one.cooling_until)}" if one.cooling_until else "over"
    facts = (
        ("Asks about", ", ".join(wording.check_title(check) for check in policy.checks)),
        ("At least", f"{policy.minimum_severity}, {wording.plural(policy.minimum_new_labels, 'new label')}"),
        ("Left of the budget", budget),
        ("Cool-down", f"{_span(policy.cooldown)}; {cooling}"),
        ("Calendar", policy.calendar.text if policy.calendar else "any time"),
        ("Approval", "somebody has to approve" if policy.ask_first else "not needed"),
        ("A run may take", _span(policy.timeout)),
        ("Trains on", f"the last {_span(policy.training_window)}"),
        ("Asks", one.stored.target.name),
        ("Last asked", wording.moment(one.last) if one.last else "never"),
        ("Under way", one.under_way.replace("_", " ") or "nothing"),
    )
    listed = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element(
        "section", element("h3", one.stored.model), element("dl", *listed, class_="wk-record"), class_="wk-run"
    )


def _target(one: TargetStatus) -> None:
    starts = preset_of(one.preset, {key: str(value) for key, value in one.config.items()}).starts_run
    used = f"named by {', '.join(one.models)}" if one.models else "named by no policy"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.html(join(element("b", one.name), element("span", f" {one.preset}, {used}", class_="wk-since")))
        with st.popover("Test", key=f"popover-{one.name}"):
            sure = True
            if starts:
                sure = st.checkbox("I know that this starts a real run.", key=f"sure-{one.name}")
            if st.button("Send a test", key=f"test-{one.name}", disabled=not sure):
                _test(one.name, may_start=starts and sure)


def _test(name: str, *, may_start: bool) -> None:
    try:
        with st.spinner(f"Waiting for {markdown_text(name)} …"):
            answer = data.retraining.try_target(name, may_start=may_start)
    except WatchkeeperError as error:
        st.session_state[_SAID] = f"◆ Nothing was sent: {error}"
    else:
        took = f"● {name} took the request."
        st.session_state[_SAID] = took if isinstance(answer, Sent) else f"◆ {name} did not take it: {answer.why}"
    st.rerun()


def _span(span: timedelta) -> str:
    return wording.duration(span) if span else "none"
