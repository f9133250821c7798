"""Do labels still come?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, BoolArray, Case, Series
from app.core.distances import enough_rows
from app.core.judgement import SHARE, Harm, Readings, Rule, judge, learn, normal_windows, too_few
from app.core.label_delay import SETTLED
from app.core.labels import labelled, provisional, settling_time
from app.core.model import Measurement, Task, Window
from app.core.profile import FloatArray, OutcomeCounts

NEVER = "no prediction has a label yet: send ground truth, or audits of a random sample, as corrections"
SILENCE = "labels stopped: not one in this window, where every window had some before"


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """Share of predictions with a ground-truth or audit label, in windows whose label delay has passed: the declared
    one, and the measured one where labels come later.

    Normal is what the model's own first labelled windows in production had. More labels than ever are no alarm; a
    window without any, where every window had some, is a breach at once.
    """

    name: ClassVar[str] = "label_coverage"
    question: ClassVar[str] = "Do labels still come?"
    advice: ClassVar[str] = (
        "See whether the source of the labels still sends, and its ids still match; quality cannot be told without."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    floor: float = 0.05
    """Share of predictions by which the coverage may always fall."""

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        settling = settling_time(case.early, case.model, case.now)
        windows = normal_windows(case, lambda series: _usual(series, case.now - settling), production=True)
        usual, values = _share(windows.series.outcomes), _share(case.outcomes)
        never = not len(windows.series) and not labelled(case.outcomes).any()
        waiting = [
            provisional(case, at) or _unsettled(window, settling, case.now) or (NEVER if never else "")
            for at, window in enumerate(case.windows)
        ]
        readings = Readings(
            self.name,
            "labelled_share",
            [""],
            values=values,
            why_not=lambda window, _subject: waiting[window] or too_few("predictions", case.rows[window]),
            rows=case.rows.astype(np.float64)[:, None],
            withheld=np.array([bool(reason) for reason in waiting])[:, None],
        )
        silent = (values == 0) & bool(len(usual) and usual.min() > 0)
        rule = Rule(self.floor, Harm.LOWER, span=SHARE, silent=silent, silence=SILENCE)
        yield from judge(case, readings, learn(windows, usual, windows.series.outcomes.rows[:, None]), rule)


def _share(outcomes: OutcomeCounts) -> FloatArray:
    """[W, 1] NaN where a window is too small to tell."""
    share = labelled(outcomes) / np.maximum(outcomes.rows, 1)
    return np.where(enough_rows(outcomes.rows), share, np.nan)[:, None]


def _unsettled(window: Window, settling: timedelta, now: datetime) -> str:
    """Why a window whose declared delay has passed must wait; "" where it need not."""
    due = window.end + settling
    if due <= now:
        return ""
    return f"labels come later than declared: {SETTLED:.0%} of a window's are usually in by {due:%Y-%m-%d %H:%M} UTC"


def _usual(series: Series, ended_by: datetime) -> BoolArray:
    """[W] the windows from the first to the last with labels, if these had their time to come.

    Those between without any count too: where labels come once a week, a day without is no news. What lies before the
    first is a model that nobody labelled yet; what follows the last must not become normal.
    """
    at = np.flatnonzero(labelled(series.outcomes))
    place = np.arange(len(series))
    spanned = (place >= at[0]) & (place <= at[-1]) if at.size else np.zeros(len(series), np.bool_)
    ended = np.array([window.end <= ended_by for window in series.windows], dtype=np.bool_)
    return np.asarray(spanned & ended & enough_rows(series.outcomes.rows))


PLUGIN = LabelCoverage()
