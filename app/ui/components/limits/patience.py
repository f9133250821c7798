"""What holds for the whole model: the budget of false alerts, and after how many windows each check fires."""

from __future__ import annotations

import streamlit as st

from app.core.alerting import windows_to_fire
from app.core.budget import MOST_PER_MONTH
from app.services.backtest import Backtest, CheckResult, Trial
from app.services.limits import ModelLimits
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title
from app.ui.components.limits import judging
from app.ui.components.scope import Scope

LONGEST_WAIT, LEAST_BUDGET = 100, 0.01
_SAID = "what became of a budget"


def section(of: Scope, found: ModelLimits, check: str) -> None:
    """What is declared, and other numbers to try: the alerts they would have raised, then the way to let them hold."""
    stands = _standing(of, check)
    name = wording.check_title(check)
    expected = f"{found.false_alarms.words[:1].upper()}{found.false_alarms.words[1:]}."
    fires = f"{name} fires after {wording.plural(int(stands[1]), 'window')} in breach."
    st.html(join(title("Budget and patience"), element("p", f"{expected} {fires}")))
    if _SAID in st.session_state:
        st.success(st.session_state.pop(_SAID))
    wanted = _ask(of, check, stands)
    if wanted == stands:
        said = "Type other numbers to see which alerts they would have raised; nothing is set before that."
        st.html(element("p", said, class_="wk-quiet"))
        return
    trial = Trial(false_alarms_per_month=wanted[0], fire_after={check: wanted[1]})
    answer = judging.again(
        of, lambda progress: data.limits.backtests(of.model, of.version, trial, of.since, of.until, progress)
    )
    if answer is None:
        return
    st.html(told(*answer))
    # The button of a trial before must not let this one hold.
    if st.button("Let these hold", type="primary", key=f"let {wanted} hold for {check}"):
        _save(of, check, wanted)


def _standing(of: Scope, check: str) -> tuple[float, int]:
    model = of.view.model
    return float(model.false_alarms_per_month), windows_to_fire(model.fire_after, check)


def _ask(of: Scope, check: str, stands: tuple[float, int]) -> tuple[float, int]:
    """Both numbers; each check of a model has fields of its own, which begin with what holds now, also once somebody
    else has changed that.
    """
    key = f"{of.view.version.id} {check}"
    help_ = "A larger budget brings learnt limits nearer, from the next window on."
    with st.container(horizontal=True, vertical_alignment="bottom"):
        budget = st.number_input(
            "False alerts a month, at most",
            min(LEAST_BUDGET, stands[0]),
            MOST_PER_MONTH,
            stands[0],
            format="%.3g",
            key=f"budget {key} {stands[0]}",
            width=280,
            help=help_,
        )
        said = f"Windows in breach until {wording.check_title(check)} fires"
        windows = st.number_input(said, 1, LONGEST_WAIT, stands[1], key=f"patience {key} {stands[1]}", width=340)
    return float(budget), int(windows)


def told(now: Backtest, tried: Backtest) -> Html:
    """What would be different, check by check."""
    if not tried.windows:
        return element("p", "No window of this range can be judged; choose a longer one.", class_="wk-quiet")
    said = (
        f"With these numbers {wording.plural(tried.alerts, 'alert')} would have been raised in "
        f"{wording.plural(tried.windows, 'window')}, with those that hold {wording.count(now.alerts)}"
    )
    before, after = ({one.check: one for one in side.checks} for side in (now, tried))
    rows = [
        (wording.check_title(check), _alerts(before.get(check)), _alerts(after.get(check), before.get(check)))
        for check in sorted({*before, *after}, key=wording.check_order)
        if any(check not in side or side[check].alerts for side in (before, after))
        or after[check].windows_judged < before[check].windows_judged
    ]
    listed = table(("Check", "Alerts with what holds", "With these"), rows, numbers={1, 2}) if rows else None
    return join(element("p", said, class_="wk-chart-title"), listed)


def _alerts(found: CheckResult | None, before: CheckResult | None = None) -> str:
    """How many; and in how many windows fewer than before the check can tell anything."""
    if found is None:
        return "cannot tell"
    blind = before.windows_judged - found.windows_judged if before else 0
    return wording.count(found.alerts) + (f", cannot tell in {wording.plural(blind, 'window')}" if blind > 0 else "")


def _save(of: Scope, check: str, wanted: tuple[float, int]) -> None:
    stands, (budget, windows) = _standing(of, check), wanted
    changes: dict[str, object] = {"false_alarms_per_month": budget} if budget != stands[0] else {}
    if windows != stands[1]:
        changes["fire_after"] = {**of.view.model.fire_after, check: windows}
    problem = data.limits.change_model(of.model, **changes)
    if problem:
        st.error(problem)
        return
    st.session_state[_SAID] = "The budget and the patience hold from the next window on."
    st.rerun()
