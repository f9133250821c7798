"""Whether the same score still means the same, in words and by score."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.core.reliability import Curve
from app.ui import data, theme
from app.ui.components import figures, wording
from app.ui.components.html import element, join, title
from app.ui.components.quality import curves
from app.ui.components.scope import Scope
from app.ui.components.split import Split

CHECK = "concept_drift"
MEANING = (
    "Evidence that the truth no longer follows the score as it did in the reference (a Shiryaev-Roberts e-detector). "
    "It looks at two surpluses of each window: of positives, and of errors. Without drift it passes its limit A once "
    "in A windows at most, however often one looks; it says that the relation changed, not in which direction or why."
)


def errors(chosen: Scope, moment: Split) -> None:
    """The share of wrong predictions by score, before and after."""
    note = "Where the curves part, the same score is worth less (or more) than before. Labelled rows alone count."
    st.html(title("Errors by score, before and after", note))
    found = data.quality.errors(chosen.view.version.id, moment.before, moment.after, chosen.segment)
    if found is None or found.before is None or found.after is None:
        side = "before" if found is not None and found.before is None else "after"
        said = f"Cannot tell: no labelled prediction {side} that moment has a score; choose another one."
        st.html(element("p", said, class_="wk-quiet"))
        return
    said = headline(found.before, found.after, wording.start_of_window(moment.after[0]))
    legend = curves.two_sides("before", "after", found.before, found.after)
    st.html(join(element("p", said, class_="wk-chart-title"), legend))
    drawn = curves.figure([found.before, found.after], ("before", "after"), theme.current(), "wrong")
    figures.show(drawn, key="errors by score", alt=said)


def headline(before: Curve, after: Curve, moment: str) -> str:
    """The group of scores whose error changed most beyond both intervals, in words."""
    apart = (after.lower > before.upper) | (after.upper < before.lower)
    change = np.where(apart & (before.rows > 0) & (after.rows > 0), after.share - before.share, np.nan)
    if not np.isfinite(change).any():
        return "At no score do the errors differ by more than their intervals"
    at = int(np.nanargmax(np.abs(change)))
    was, now = wording.share(float(before.share[at])), wording.share(float(after.share[at]))
    return f"Around a score of {after.score[at]:.2f}, {now} are wrong from {moment} on, {was} before"
