"""One series under its title, wherever a page shows one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.services.read_models.model_view import ModelView
from app.services.read_models.series import Series
from app.ui import theme
from app.ui.components import figures, headline, wording
from app.ui.components.html import element


def has_values(series: Series) -> bool:
    """Whether there is anything to draw."""
    return bool(np.isfinite(series.values).any())


def chart(series: Series) -> None:
    """One series, titled with where it stands."""
    said = headline.series(series)
    st.html(element("p", said, class_="wk-chart-title"))
    figures.show(figures.time_series(series, theme.current()), key=f"series {series.check} {series.subject}", alt=said)


def learnt_limit(view: ModelView, shown: Sequence[Series]) -> None:
    """How the limits came about, and how often they are wrong."""
    rates = [series.expected_rate for series in shown if series.expected_rate is not None]
    if not rates:
        return
    expected = f"A false breach is expected in {wording.rate(max(rates))} of windows."
    if shown[0].check not in figures.LOGARITHMIC:  # those accumulate evidence, against a limit that is not learnt
        windows = view.reference.windows if view.reference else 0
        source = f"the reference's {wording.plural(windows, 'window')}" if windows > 1 else "the model's first windows"
        expected = (
            f"Limits lie 25 % beyond anything seen in {source}, and a breach takes two of the last three windows. "
            + expected
        )
    st.html(element("p", expected, class_="wk-facts"))
