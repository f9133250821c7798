"""One series under its title, wherever a page shows one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.core.distances import DISTANCES
from app.core.model import WindowLength
from app.core.overrides import SET_BY
from app.core.timeline import Event
from app.services.read_models.model_view import ModelView
from app.services.read_models.series import Series
from app.ui import theme
from app.ui.components import figures, headline, markers, wording
from app.ui.components.html import element


def has_values(series: Series) -> bool:
    """Whether there is anything to draw."""
    return bool(np.isfinite(series.values).any())


def chart(series: Series, events: Sequence[Event] = ()) -> None:
    """One series, titled with where it stands; what happened meanwhile stands on its time axis."""
    said, remark, palette = headline.series(series), headline.remark(series), theme.current()
    st.html(element("p", said, class_="wk-chart-title"))
    figure = figures.time_series(series, palette)
    markers.draw(figure, events, palette)
    figures.show(figure, key=f"series {series.check} {series.subject}", alt=said)
    if remark:  # below it, so that charts beside each other stand on one line
        st.html(element("p", remark, class_="wk-facts"))


def learnt_limit(view: ModelView, shown: Sequence[Series]) -> None:
    """How the limits came about, and how often they are wrong."""
    said = limit_text(view, shown)
    if said:
        st.html(element("p", said, class_="wk-facts"))


def limit_text(view: ModelView, shown: Sequence[Series]) -> str:
    """The same in words, for the series of one check; "" where no limit was learnt."""
    rates = [series.expected_rate for series in shown if series.expected_rate is not None]
    if not rates:
        return ""
    expected = f"A new false alert is expected in {wording.rate(max(rates))} of windows."
    if shown[0].check not in figures.LOGARITHMIC:  # those accumulate evidence, against a limit that is not learnt
        expected = (
            f"Limits lie at least 25 % beyond anything seen in {normal_windows(view, shown[0].check)}, "
            "and a breach takes two of the last three windows. " + expected
        )
    return " ".join([expected, *map(_beside_limit, shown)]).strip()


def normal_windows(view: ModelView, check: str) -> str:
    """The windows that the check's limits are learnt from."""
    reference = view.reference
    if reference is None or reference.windows <= 1:
        return "the model's first windows"
    if check not in reference.seasonal:
        return f"the reference's {wording.plural(reference.windows, 'window')}"
    hour = "the same hour of " if view.model.window is WindowLength.HOUR else ""
    return f"the reference's windows of {hour}weekdays, or of weekends, whichever a window belongs to"


def _beside_limit(series: Series) -> str:
    """What a distance cannot see, and who set the limit where somebody did."""
    known = np.flatnonzero(np.isfinite(series.limits))
    if not known.size:
        return ""
    limit, reason = float(series.limits[known[-1]]), series.reasons[known[-1]]
    said = f"Shifts below {limit:.2g} cannot be detected." if series.statistic in DISTANCES else ""
    set_by = reason.partition(SET_BY)
    return " ".join(part for part in (said, f"The {set_by[1]}{set_by[2]}." if set_by[1] else "") if part)
