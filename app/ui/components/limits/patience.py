"""What holds for the whole model: the budget of false alerts, and after how many windows each check fires."""

from __future__ import annotations

from shlex import quote

import streamlit as st

from app.core.alerting import windows_to_fire
from app.core.budget import MOST_PER_MONTH
from app.services.limits import ModelLimits
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import element, join, title
from app.ui.components.scope import Scope

LONGEST_WAIT = 100


def section(of: Scope, found: ModelLimits, check: str) -> None:
    """What is declared, and a form to change it."""
    model = of.view.model
    after = windows_to_fire(model.fire_after, check)
    name = wording.check_title(check)
    st.html(
        join(
            title("Budget and patience"),
            element(
                "p",
                f"{found.false_alarms.words[:1].upper()}{found.false_alarms.words[1:]}. {name} fires after "
                f"{wording.plural(after, 'window')} in breach.",
            ),
        )
    )
    with st.popover("Change"), st.form("patience", border=False):
        budget = st.number_input(
            "False alerts a month, at most", 0.01, MOST_PER_MONTH, float(model.false_alarms_per_month), format="%.3g"
        )
        windows = st.number_input(f"Windows in breach until {name} fires", 1, LONGEST_WAIT, after)
        command = f"watchkeeper backtest --model {quote(of.model)} --false-alarms 2"
        said = "A larger budget brings learnt limits nearer, from the next window on. What 2 would have raised: "
        st.html(element("p", said, element("code", command), class_="wk-facts"))
        if st.form_submit_button("Save"):
            _save(of, check, float(budget), int(windows), was=after)


def _save(of: Scope, check: str, budget: float, windows: int, *, was: int) -> None:
    changes: dict[str, object] = {"false_alarms_per_month": budget}
    if windows != was:
        changes["fire_after"] = {**of.view.model.fire_after, check: windows}
    problem = data.limits.change_model(of.model, **changes)
    if problem:
        st.error(problem)
    else:
        st.rerun()
